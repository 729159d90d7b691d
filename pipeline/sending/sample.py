"""A few transcripts, of all lengths."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import chain, count, islice

# Of each transcript, the bytes and keys of its requests as the batch has them, and their keys as they are sent.
Groups = dict[str, list[tuple[int, bytes, bytes]]]


def chosen(groups: Groups, sent: Set[str], size: int) -> tuple[set[bytes], set[str]]:
    """The keys of a sample of so many transcripts, and their stems: those of which something was `sent` first, then
    all lengths are taken in turn. Each has all its requests.

    The same batch has the same sample, and a larger one holds a smaller one.
    """
    asks = {name: tuple(key for _, key, _ in group) for name, group in groups.items()}
    sizes = sorted((sum(size for size, _, _ in group), asks[name]) for name, group in groups.items())
    several = list(dict.fromkeys(keys for _, keys in sizes))
    begun = {asks[name] for name in groups.keys() & sent}
    fresh = (several[at] for at in spread(len(several)) if several[at] not in begun)
    inside = set(chain(*begun, *islice(fresh, max(size - len(begun), 0))))
    names = {name for name, keys in asks.items() if inside.issuperset(keys)}
    return {now for name in names for _, _, now in groups[name]}, names


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
