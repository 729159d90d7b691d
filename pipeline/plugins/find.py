"""Finds the provider that PROVIDER names, and loads that one plugin and no other."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import pluggy

from pipeline import hookspecs
from pipeline.errors import InputError, PipelineError, clean
from pipeline.provider import Provider

TABLE = "custom"  # the entry point that is asked for names which are none: its table may have a row


def available() -> list[EntryPoint]:
    """The entry points of all installed providers, by name; none is imported."""
    return sorted(entry_points(group=hookspecs.GROUP), key=lambda point: point.name)


def provider(name: str) -> Provider:
    """The provider of that name. Raises InputError where it is missing, ambiguous or broken."""
    points = [point for point in available() if point.name == name]
    if len({point.value for point in points}) > 1:
        homes = ", ".join(point.value for point in points)
        raise InputError(f"{len(points)} plugins call themselves {name!r} ({homes}); uninstall all but one")
    if found := _load(name, name if points else TABLE):
        return found
    raise InputError(f"no provider {clean(name, 64)!r} is installed; `make providers` lists those that are")


def own() -> list[str]:
    """Names of the user's own, which are rows of the table and no entry points. Raises InputError."""
    found: list[list[str]] = _manager(TABLE).hook.batch_provider_names()
    return sorted(name for names in found for name in names)


def _manager(point: str) -> pluggy.PluginManager:
    """With the one plugin behind an entry point."""
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    manager.load_setuptools_entrypoints(hookspecs.GROUP, name=point)
    manager.check_pending()
    return manager


def _load(name: str, point: str) -> Provider | None:
    """What the plugin behind an entry point gives for a name."""
    try:
        found = _manager(point).hook.batch_provider(name=name)
    except PipelineError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises is about that plugin
        raise InputError(f"provider {name!r} does not load: {type(error).__name__}: {clean(error)}") from error
    if found is None and point == TABLE:
        return None
    if not isinstance(found, Provider):
        raise InputError(f"provider {name!r} gave {type(found).__name__}, not a pipeline.provider.Provider")
    return found
