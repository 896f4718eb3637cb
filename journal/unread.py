"""Which entries of a journal could not be read, and which of those were erased: one byte for each entry, no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Unread"]

_READ, _WITHHELD, _ERASED = range(3)


class Unread:
    """Remembers of every entry, in order, whether it was read; an erasure tells of some that they no longer can be."""

    def __init__(self) -> None:
        self._kinds = bytearray()

    def add(self, *, read: bool) -> None:
        """The next entry of the journal was read, or could not be."""
        self._kinds.append(_READ if read else _WITHHELD)

    def erase(self, ranges: Iterable[tuple[int, int]]) -> None:
        """An entry of the journal tells that the openings of these, both ends included, were erased.

        All of them come before that entry: nothing is erased before it is written.
        """
        for first, last in ranges:
            part = self._kinds[first : last + 1]
            self._kinds[first : last + 1] = part.replace(bytes((_WITHHELD,)), bytes((_ERASED,)))

    @property
    def erased(self) -> int:
        """How many could not be read because their openings were erased."""
        return self._kinds.count(_ERASED)

    @property
    def withheld(self) -> int:
        """How many could not be read for any other reason."""
        return self._kinds.count(_WITHHELD)

    def ranges(self) -> Iterator[tuple[int, int, bool]]:
        """Runs of entries that could not be read: the first, the last, and whether they were erased; ascending."""
        start = 0
        kinds = self._kinds
        while start < len(kinds):
            kind, end = kinds[start], start + 1
            while end < len(kinds) and kinds[end] == kind:
                end += 1
            if kind != _READ:
                yield start, end - 1, kind == _ERASED
            start = end
