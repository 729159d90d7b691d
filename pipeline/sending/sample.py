"""A few transcripts, of all lengths."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import chain, count, islice

Groups = dict[str, list[tuple[int, bytes]]]  # of each transcript, the bytes and keys of its requests


def chosen(groups: Groups, pending: Set[bytes], size: int) -> tuple[set[bytes], set[str]]:
    """The keys of a sample of so many transcripts, and their stems: those of which something was sent count first,
    then all lengths are taken in turn. Each has all its requests.

    The same batch has the same sample, and a larger one holds a smaller one.
    """
    sizes = sorted((sum(size for size, _ in group), tuple(key for _, key in group)) for group in groups.values())
    several = list(dict.fromkeys(keys for _, keys in sizes))
    begun = {keys for keys in several if not pending >= set(keys)}
    fresh = (several[at] for at in spread(len(several)) if several[at] not in begun)
    inside = set(chain(*begun, *islice(fresh, max(size - len(begun), 0))))
    return inside, {name for name, group in groups.items() if all(key in inside for _, key in group)}


def spread(total: int) -> Iterator[int]:
    """All numbers below `total`, from the middle out: half, quarters, eighths, … (van der Corput's sequence)."""
    seen: set[int] = set()
    for step in count(1):
        if len(seen) == total:
            return
        at = int(int(f"{step:b}"[::-1], 2) / (1 << step.bit_length()) * total)
        if at not in seen:
            seen.add(at)
            yield at
