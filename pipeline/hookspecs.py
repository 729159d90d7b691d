"""The one hook of the project. A plugin module implements it and is named by an entry point.

# setup.cfg of a plugin
[options.entry_points]
transcript_batch.providers =
    acme = batch_acme

# batch_acme.py
@hookimpl
def batch_provider():
    return Acme()
"""

import pluggy

from pipeline.provider import Provider

NAMESPACE = "transcript_batch"
GROUP = "transcript_batch.providers"

hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


@hookspec(firstresult=True)
def batch_provider() -> Provider:
    """Return the provider. Called once per command; it must not touch the network or read a key yet."""
