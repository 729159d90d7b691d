"""Finds the provider that PROVIDER names, and loads that one plugin and no other."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import pluggy

from pipeline import hookspecs
from pipeline.errors import InputError, PipelineError, clean
from pipeline.provider import Provider


def available() -> list[EntryPoint]:
    """The entry points of all installed providers, by name; none is imported."""
    return sorted(entry_points(group=hookspecs.GROUP), key=lambda point: point.name)


def provider(name: str) -> Provider:
    """The provider of that name. Raises InputError where it is missing, ambiguous or broken."""
    find(name)
    return _load(name)


def find(name: str) -> None:
    """Raise InputError unless exactly one plugin has that name; nothing is imported."""
    points = [point for point in available() if point.name == name]
    if not points:
        names = ", ".join(point.name for point in available()) or "none; run `make install`"
        raise InputError(f"no provider {clean(name, 64)!r} is installed; PROVIDER may be: {names}")
    if len({point.value for point in points}) > 1:
        homes = ", ".join(point.value for point in points)
        raise InputError(f"{len(points)} plugins call themselves {name!r} ({homes}); uninstall all but one")


def _load(name: str) -> Provider:
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    try:
        manager.load_setuptools_entrypoints(hookspecs.GROUP, name=name)
        manager.check_pending()
        found = manager.hook.batch_provider(name=name)
    except PipelineError:
        raise
    except Exception as error:  # a stranger's code: whatever it raises is about that plugin
        raise InputError(f"provider {name!r} does not load: {type(error).__name__}: {clean(error)}") from error
    if not isinstance(found, Provider):
        raise InputError(f"provider {name!r} gave {type(found).__name__}, not a pipeline.provider.Provider")
    return found
