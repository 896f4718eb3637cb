"""Reads the entries of a bundle that a story or a register is made of, each one checked against the journal's tree.

What is told of a bundle is told of the journal only once its signatures hold: with the auditor's keys they are checked
here as well, without them the reader is told that nobody did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from journal.bundle import Bundle
from journal.entries import CLEAR, ClearLeaf, Entry, Opening, commitment_leaf, open_leaf, read_leaf
from journal.erasures import Erasure, read_erasure
from journal.invariants.two_people import TwoPeople, broker_of
from journal.pins import Pins
from journal.succession import Leg, follow, follow_unchecked
from journal.tiles import WIDTH
from journal.unread import Unread
from keys.errors import PasserelleError

__all__ = ["Reading", "legs_of"]

_ERASURE: Final = "erasure"


def legs_of(bundle: Bundle, pins: Pins | None) -> tuple[Leg, ...]:
    """The shards of a bundle; their signatures are checked, and their times told, if there are keys to do so.

    Raises as `follow` does.
    """
    return follow_unchecked(bundle) if pins is None else follow(bundle, pins)


class Reading:
    """One pass over the entries of a bundle; once it is over, `unread` and `erasures` tell what it did not show."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        self._legs = legs
        self.unread = Unread()
        self._two_people = TwoPeople(broker_of(legs[0].checkpoint.origin), self.unread)
        self.erasures: list[tuple[Entry, Erasure]] = []
        """The erasures that are shown, each with what its entry carries."""

    def entries(self, texts: Collection[str], progress: Callable[[int, int], object] | None = None) -> Iterator[Entry]:
        """The entries that hold one of `texts`, in order; to be gone through once, to its end.

        Every leaf is checked against the tree, and every opening against its leaf; what opens no leaf, and what is no
        entry, is taken for an entry that is not shown. Raises what `Bundle.leaves` raises.
        """
        # Nothing that is written with an escape passes unread because it was looked for as plain text.
        wanted = re.compile("|".join(map(re.escape, (*texts, _ERASURE, "\\"))).encode())
        for index, leaf, opening in self._leaves():
            if progress is not None and index % WIDTH == 0:
                progress(index, self._legs[-1].end)
            data = _said(leaf, opening)
            sought = data is not None and wanted.search(data) is not None
            entry = _read(index, leaf, opening) if sought else None
            if entry is not None:
                self._follow_erasure(entry)
            self.unread.add(read=data is not None and (entry is not None or not sought))
            if entry is not None:
                yield entry

    def _leaves(self) -> Iterator[tuple[int, bytes, Opening | None]]:
        """Every leaf that is shown, those of entries that are lost to the gateway included."""
        end = 0
        for leg in self._legs:
            self.unread.skip(leg.start - end)
            yield from leg.leaves()
            end = leg.end

    def _follow_erasure(self, entry: Entry) -> None:
        if entry.type == _ERASURE and not list(self._two_people.examine(entry)):
            self.erasures.append((entry, read_erasure(entry.document or b"")))


def _said(leaf: bytes, opening: Opening | None) -> bytes | None:
    """The text of an entry; None when it is not shown.

    An opening is held against its leaf whatever it says: another text in its place would leave out what the leaf tells.
    """
    if leaf.startswith(CLEAR):
        return leaf[len(CLEAR) :]
    return opening.entry if opening is not None and commitment_leaf(opening) == leaf else None


def _read(index: int, leaf: bytes, opening: Opening | None) -> Entry | None:
    try:
        read = read_leaf(leaf, index)
        if isinstance(read, ClearLeaf):
            return read.entry
        return None if opening is None else open_leaf(leaf, opening, index)
    except PasserelleError:
        return None
