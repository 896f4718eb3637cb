"""Whether what an auditor was shown before is still shown: nothing is hidden that a journal once told.

PROTOCOL §7 *Erasure*: an opening that was shown once may only go away by an erasure that the journal tells of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from journal.entries import Entry, Opening, open_leaf
from journal.erasures import read_erasure
from keys.errors import ForgedError, PasserelleError

__all__ = ["OpeningsContinued"]


class OpeningsContinued:
    """Walks along the openings that were shown before, while the leaves of the new journal pass in order.

    What it remembers grows with the runs of openings that are gone, which are the erasures.
    """

    def __init__(self, before: Iterator[tuple[int, Opening]]) -> None:
        """Take the openings of the earlier bundle, ascending by index."""
        self._before = before
        self._shown = next(before, None)
        self._gone: list[tuple[int, int]] = []
        self._erased: list[tuple[int, int]] = []
        self.lost = 0
        """How many were shown of entries that the gateway lost when a backup was restored."""

    def take(self, index: int, leaf: bytes, entry: Entry | None) -> None:
        """The leaf at `index` and what the new bundle shows of it; raises what the earlier openings raise.

        An opening that never was this leaf's is a fault of the earlier bundle: `ForgedError` (wrong-opening).
        """
        if entry is not None and entry.type == "erasure":
            with suppress(PasserelleError):  # what is wrong with it is told where it was journalled
                self._erased += read_erasure(entry.document or b"").ranges
        while self._shown is not None and self._shown[0] < index:
            self.lost += 1  # the journal was restarted after that entry
            self._shown = next(self._before, None)
        if self._shown is None or self._shown[0] != index:
            return
        opening = self._shown[1]
        self._shown = next(self._before, None)
        if entry is None and _opens(leaf, opening, index):
            self._lose(index)

    def missing(self) -> tuple[list[tuple[int, int]], int]:
        """After the last leaf: the runs of openings that are gone without an erasure, and how many were erased."""
        erased = sorted(self._erased)
        unexplained: list[tuple[int, int]] = []
        total = sum(last - first + 1 for first, last in self._gone)
        for first, last in self._gone:
            unexplained += _outside(first, last, erased)
        return unexplained, total - sum(last - first + 1 for first, last in unexplained)

    def _lose(self, index: int) -> None:
        if self._gone and self._gone[-1][1] == index - 1:
            self._gone[-1] = (self._gone[-1][0], index)
        else:
            self._gone.append((index, index))


def _outside(first: int, last: int, erased: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of a run that no erasure covers; erasures ascend by their first index."""
    for start, end in erased:
        if start > last:
            break
        if end >= first:
            if start > first:
                yield first, start - 1
            first = max(first, end + 1)
    if first <= last:
        yield first, last


def _opens(leaf: bytes, opening: Opening, index: int) -> bool:
    """Whether this opening shows an entry; one that could never be read is not missed."""
    try:
        open_leaf(leaf, opening, index)
    except ForgedError as error:
        if error.code == "wrong-opening":
            raise
        return False
    except PasserelleError:
        return False
    return True
