"""Which entries of a journal could not be read, and which of those were erased: one byte for each entry, no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["Unread"]

_READ, _WITHHELD, _ERASED = range(3)


@dataclass(slots=True)
class _Run:
    """Entries that follow each other from the index `start` on, a byte for each."""

    start: int
    kinds: bytearray = field(default_factory=bytearray)


class Unread:
    """Remembers of every entry, in order, whether it was read; an erasure tells of some that they no longer can be."""

    def __init__(self) -> None:
        self._runs = [_Run(0)]

    def add(self, *, read: bool) -> None:
        """The next entry of the journal was read, or could not be."""
        self._runs[-1].kinds.append(_READ if read else _WITHHELD)

    def skip(self, count: int) -> None:
        """The next `count` entries of the journal are lost; however many those are, nothing is remembered of them."""
        if not count:
            return
        last = self._runs[-1]
        self._runs.append(_Run(last.start + len(last.kinds) + count))

    def erase(self, ranges: Iterable[tuple[int, int]]) -> None:
        """An entry of the journal tells that the openings of these, both ends included, were erased.

        All of them come before that entry: nothing is erased before it is written.
        """
        for first, last in ranges:
            for run in self._runs:
                begin, end = max(0, first - run.start), max(0, last + 1 - run.start)
                part = run.kinds[begin:end]
                run.kinds[begin:end] = part.replace(bytes((_WITHHELD,)), bytes((_ERASED,)))

    @property
    def erased(self) -> int:
        """How many could not be read because their openings were erased."""
        return sum(run.kinds.count(_ERASED) for run in self._runs)

    @property
    def withheld(self) -> int:
        """How many could not be read for any other reason, those that are lost not counted."""
        return sum(run.kinds.count(_WITHHELD) for run in self._runs)

    @property
    def lost(self) -> list[tuple[int, int]]:
        """Runs of entries that are lost, the first and the last of each."""
        runs = zip(self._runs, self._runs[1:], strict=False)
        return [(before.start + len(before.kinds), after.start - 1) for before, after in runs]

    def ranges(self) -> Iterator[tuple[int, int, bool]]:
        """Runs of entries that could not be read: the first, the last, and whether they were erased; ascending."""
        for run in self._runs:
            yield from _ranges(run)


def _ranges(run: _Run) -> Iterator[tuple[int, int, bool]]:
    start, kinds = 0, run.kinds
    while start < len(kinds):
        kind, end = kinds[start], start + 1
        while end < len(kinds) and kinds[end] == kind:
            end += 1
        if kind != _READ:
            yield run.start + start, run.start + end - 1, kind == _ERASED
        start = end
