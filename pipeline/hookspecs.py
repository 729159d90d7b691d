"""The one hook of the project. A plugin module implements it and is named by an entry point.

# setup.cfg of a plugin
[options.entry_points]
transcript_batch.providers =
    acme = batch_acme

# batch_acme.py
@hookimpl
def batch_provider():
    return Acme()

A module that serves several names, each with an entry point of its own, takes the name as an argument.
"""

import pluggy

from pipeline.provider import Provider

NAMESPACE = "transcript_batch"
GROUP = "transcript_batch.providers"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec(firstresult=True)
def batch_provider(name: str) -> Provider | None:
    """Return the provider of that name. Called once a command; it touches no network and reads no key yet."""


@hookspec
def batch_provider_names() -> list[str]:
    """The names that the plugin serves besides those of its entry points, for the table of providers."""
