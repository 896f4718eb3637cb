"""Adds to a mirror what others were shown: openings, and the agreements and consents that the journal names.

The gateway gives anybody the tiles, and openings only to the parties. Whoever has some exports them, and the mirror
takes those that open a leaf of its own. Of a document it takes a copy whose signatures hold, and a better copy later.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from consent.statement import STATEMENT_KIND
from journal.archive import lines_of
from journal.bundle import Bundle
from journal.entries import CLEAR, Entry, Opening, commitment_leaf, read_entry
from journal.growing import GrownShard
from journal.layout import OPENINGS, agreement_name, encode_opening, read_opening, statement_name
from journal.mirror import Mirror
from journal.papers import Papers
from journal.shards import folder
from journal.tiles import WIDTH, TileReader
from keys.errors import MalformedError, PasserelleError, about

__all__ = ["Enriched", "Openings", "enrich"]

Openings = Iterable[tuple[int, Opening]]
"""Openings by index, ascending."""
Tell = Callable[[int, int], object]
_NAMED: Final = re.compile(rb'"(agreement|statement)_sha256":"([0-9a-f]{64})"')
"""How an entry names a document."""
_FOLLOWED: Final = re.compile(rb'"type":"(key|agreement|consent)\.')
"""Entries that are read whatever they name: keys are published there, and documents signed."""
_EFFECTIVE: Final = frozenset({"agreement.in-force", "consent.registered", "consent.withdrawn"})
"""Entries where an audit holds every signature of a document against the keys of that moment."""
_Offers = Iterator[tuple[int, Iterator[tuple[int, bool, Opening]]]]
_NO_MORE: Final[tuple[int, Iterator[tuple[int, bool, Opening]]]] = (-1, iter(()))


@dataclass(slots=True)
class Enriched:
    """How many openings and documents were added, and how many openings were left because they open no leaf."""

    openings: int = 0
    documents: int = 0
    left: int = 0


def enrich(
    mirror: Mirror,
    shards: Sequence[GrownShard],
    openings: Sequence[Openings],
    bundles: Sequence[Bundle],
    tell: Tell | None = None,
) -> Enriched:
    """Merge `openings`, and those of `bundles` with the documents that entries name, into a mirror of these shards.

    Raises `MalformedError` (openings-out-of-order, and what reading a file raises) and `ForgedError` for tiles that do
    not hold; then the openings of the shard concerned, and of those after it, stay as they were.
    """
    others = [_ascending(each) for each in (*openings, *map(_all_openings, bundles))]
    merging = _Merging(mirror, bundles, _offers(_own_openings(mirror, shards), others), tell)
    for each in shards:
        mirror.shard(each.shard.number).put(OPENINGS, merging.lines(each))
    return merging.finish()


def _own_openings(mirror: Mirror, shards: Sequence[GrownShard]) -> Openings:
    names = (folder(each.shard.number) + OPENINGS for each in shards)
    return _ascending(read_opening(line) for name in names for _, line in lines_of(mirror, name))


def _all_openings(bundle: Bundle) -> Openings:
    part: Bundle | None = bundle
    while part is not None:
        yield from part.openings()
        part = bundle.shard(part.number + 1)


def _offers(own: Openings, others: Sequence[Openings]) -> _Offers:
    """Everybody's openings by index, the mirror's own first; whether each is new."""
    ours = ((index, False, opening) for index, opening in own)
    theirs = [((index, True, opening) for index, opening in each) for each in others]
    return groupby(heapq.merge(ours, *theirs, key=itemgetter(0, 1)), key=itemgetter(0))


class _Merging:
    """Walks along the leaves with everybody's openings, and keeps for each leaf the first that opens it."""

    def __init__(self, mirror: Mirror, bundles: Sequence[Bundle], offers: _Offers, tell: Tell | None) -> None:
        self._mirror = mirror
        self._bundles = bundles
        self._tell = tell
        self._offers = offers
        self._next = next(offers, _NO_MORE)
        self._own = Bundle(mirror)
        self._papers = Papers()
        self._looked: set[bytes] = set()
        self._brought: set[str] = set()
        self._done = Enriched()

    def lines(self, each: GrownShard) -> Iterator[bytes]:
        """The lines of the merged openings of one shard; shards come in order."""
        for index, leaf in self._leaves(each):
            if leaf.startswith(CLEAR):
                self._documents(index, leaf[len(CLEAR) :])
            while self._next[0] != -1 and self._next[0] < index:
                self._done.left += sum(1 for _ in self._next[1])  # of entries that were lost before this shard
                self._next = next(self._offers, _NO_MORE)
            if index == self._next[0]:
                chosen = self._chosen(index, leaf, self._next[1])
                if chosen is not None:
                    yield encode_opening(index, chosen)
                self._next = next(self._offers, _NO_MORE)

    def finish(self) -> Enriched:
        """What was added, once every shard was gone through."""
        self._done.left += sum(1 for _ in self._next[1]) + sum(1 for _, each in self._offers for _ in each)
        return self._done

    def _leaves(self, each: GrownShard) -> Iterator[tuple[int, bytes]]:
        shard, checkpoint = each.shard, each.newest.checkpoint
        reader = TileReader(self._mirror.shard(shard.number).read, checkpoint.size, checkpoint.root)
        for first in range(0, checkpoint.size, WIDTH):
            yield from enumerate(reader.leaves(first // WIDTH), start=shard.index(first))
            if self._tell is not None:
                self._tell(min(first + WIDTH, checkpoint.size), checkpoint.size)

    def _chosen(self, index: int, leaf: bytes, offered: Iterable[tuple[int, bool, Opening]]) -> Opening | None:
        """The first opening offered that opens a leaf; the documents its entry names are taken with it."""
        chosen = None
        for _, new, opening in offered:
            if chosen is None and commitment_leaf(opening) == leaf:
                chosen = opening
                self._done.openings += new
                self._documents(index, opening.entry)
            elif chosen is None:
                self._done.left += 1
        return chosen

    def _documents(self, index: int, text: bytes) -> None:
        """Take the documents that an entry names; a later entry may show that a copy is genuine, or another one is."""
        named = _NAMED.findall(text)
        if not _FOLLOWED.search(text) and all(digest in self._looked for _, digest in named):
            return
        try:
            entry = read_entry(text, index)
        except PasserelleError:
            return  # what is wrong with it is for an audit to tell
        self._papers.follow(entry)
        for kind, digest in named:
            self._looked.add(digest)
            self._bring(entry, digest.decode("ascii"), is_agreement=kind == b"agreement")

    def _bring(self, entry: Entry, sha256: str, *, is_agreement: bool) -> None:
        """Take the copy of a document that most have signed, of those whose signatures hold.

        The copy that the mirror has gives way only where the document takes effect: there every true signature holds.
        """
        name = agreement_name(sha256) if is_agreement else statement_name(sha256)
        own = self._own.agreement(sha256) if is_agreement else self._own.statement(sha256, STATEMENT_KIND)
        if own is not None and entry.type not in _EFFECTIVE:
            return
        best, most = None, self._papers.worth(entry, own)
        for bundle in self._bundles:
            found = bundle.agreement(sha256) if is_agreement else bundle.statement(sha256, STATEMENT_KIND)
            worth = self._papers.worth(entry, found)
            if found is not None and worth > most:
                best, most = found, worth
        if best is not None:
            self._mirror.put(name, (best.encode(),))
            self._brought.add(name)
            self._done.documents = len(self._brought)


def _ascending(openings: Openings) -> Iterator[tuple[int, Opening]]:
    last = -1
    for index, opening in openings:
        if index <= last:
            with about(OPENINGS):
                raise MalformedError("openings-out-of-order")
        last = index
        yield index, opening
