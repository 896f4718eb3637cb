"""The broker's receipts as partners collected them: each says what stands where in the journal, and by when.

PROTOCOL §6 and §7: a receipt whose leaf is not in the tree once its promise is over, or is another one, is evidence
against the broker, and anybody who has the broker's pinned keys can check it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from journal.contradictions import Signed
from journal.entries import MAX_LEAF, Entry, check_year
from journal.publication import Publication
from journal.shards import Shard
from keys import strictjson
from keys.documents import Base64Url, Document, Time, Version, validate
from keys.errors import ForgedError, MalformedError
from keys.identity import Verifier
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.strictjson import MAX_INTEGER

__all__ = ["RECEIPT_KIND", "Breach", "Ended", "Judged", "Promised", "ReceiptsHonoured", "judge_beyond", "read_receipt"]

RECEIPT_KIND: Final = "receipt"
_MAX_PROMISE: Final = 24 * 3600
"""Seconds of the longest promise that a receipt may make."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
"""The number of a shard, however large: one that no journal reaches was promised all the same."""


class _Promise(Document):
    v: Version
    by: str
    origin: Annotated[str, Field(min_length=1, max_length=255)]
    index: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    leaf: Annotated[Base64Url, Field(min_length=1, max_length=MAX_LEAF)]
    time: Time
    promise: Annotated[int, Field(ge=0, le=_MAX_PROMISE)]


@dataclass(frozen=True, slots=True)
class Promised:
    """What one receipt of the moment `at` promises: this leaf at this index of this journal, signed for by `due`.

    `place` says where the receipt was found; `wire` is the receipt itself, as evidence.
    """

    origin: str
    index: int
    leaf: bytes
    at: datetime
    due: datetime
    place: str
    wire: bytes


@dataclass(frozen=True, slots=True)
class Breach:
    """A receipt that was not honoured: another leaf stands at its index, or none did when its promise was over.

    Of the second kind, `seen` is the place, among the checkpoints of the journal in order, of one that was signed
    after `due` and does not cover the index; None for the newest.
    """

    kind: Literal["other-leaf", "late"]
    promised: Promised
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """That a shard has ended: what it has is before the index `end`.

    If the rest was lost when a backup was restored, it was journalled before the moment `lost_by`, None otherwise.
    """

    end: int
    lost_by: datetime | None = None

    def explains(self, promised: Promised) -> bool:
        """Whether what a receipt promises was lost, if only before anybody saw it signed.

        Nothing is that the broker promised when the journal had gone on already.
        """
        return self.lost_by is not None and promised.index >= self.end and promised.at < self.lost_by


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of receipts: how many there are, not due yet, of lost entries, and those that were broken."""

    count: int
    pending: int
    lost: int
    breaches: tuple[Breach, ...]


def read_receipt(data: bytes, verifier: Verifier, place: str) -> Promised:
    """Read a receipt as DSSE and verify it with the broker's pinned key for receipts.

    Only its promise is read, which every kind of receipt makes in the same words. Raises `MalformedError` with every
    fault of those (time-out-of-range for a time without an end), and `ForgedError` (wrong-signers, bad-signature).
    """
    signed = SignedDocument.parse(data, RECEIPT_KIND)
    signed.verify((verifier,))
    value: Any = strictjson.loads(signed.payload, limit=MAX_DOCUMENT)
    if not isinstance(value, dict):
        raise MalformedError("wrong-type")
    read = validate(_Promise, {name: value[name] for name in _Promise.model_fields if name in value})
    check_year(read.time, "/time")
    if read.by != verifier.kid.partition("#")[0]:
        raise ForgedError("wrong-signers", "/by")
    due = read.time + timedelta(seconds=read.promise)
    return Promised(read.origin, read.index, read.leaf, read.time, due, place, data)


def judge_beyond(last: Shard, newest: Signed, receipts: Iterable[Promised]) -> Judged:
    """What became of receipts that name a shard after the `last` one of the same journal, whose checkpoint is `newest`.

    There is no such shard: whatever was due in it before `newest` was signed is in no checkpoint of the journal.
    """
    names = f"{last.origin.rpartition('/')[0]}/"
    ours = [
        each
        for each in receipts
        if each.origin.startswith(names)
        and _NUMBER.fullmatch(number := each.origin.removeprefix(names))
        and int(number) > last.number
        and each.origin != last.origin
    ]
    breaches = tuple(Breach("late", each) for each in ours if each.due < newest.at)
    return Judged(len(ours), len(ours) - len(breaches), 0, breaches)


class ReceiptsHonoured:
    """Holds receipts, about 2 kB each, against the leaves of one shard as they pass in order."""

    def __init__(self, shard: Shard, receipts: Iterable[Promised]) -> None:
        """Take the receipts that name this shard; others are for the other shards, or of another journal."""
        self._shard = shard
        self._ours = sorted((each for each in receipts if each.origin == shard.origin), key=attrgetter("index"))
        self._next = bisect_left(self._ours, shard.start, key=attrgetter("index"))
        # Whatever was promised before the shard began can never stand in it.
        self._breaches = [Breach("late", each) for each in self._ours[: self._next]]
        self._first = self._next

    @property
    def count(self) -> int:
        """How many receipts of this shard there are."""
        return len(self._ours)

    def take(self, index: int, leaf: bytes, _entry: Entry | None) -> None:
        """The leaf that stands at `index`, verified against the tree."""
        while self._next < len(self._ours) and self._ours[self._next].index == index:
            promised = self._ours[self._next]
            if promised.leaf != leaf:
                self._breaches.append(Breach("other-leaf", promised))
            self._next += 1

    def judge(self, newest: Signed, publication: Publication | None, ended: Ended | None) -> Judged:
        """After the last leaf: what became of the receipts, as the newest checkpoint of the shard shows.

        `ended` tells how the shard ended, if it did.
        """
        breaches = [*self._breaches, *(self._late(publication) if publication else ())]
        pending = lost = 0
        for promised in self._ours[self._next :]:
            if ended is not None and ended.explains(promised):
                lost += 1
            elif ended is None and promised.due >= newest.at:
                pending += 1
            else:
                breaches.append(Breach("late", promised))
        return Judged(len(self._ours), pending, lost, tuple(breaches))

    def _late(self, publication: Publication) -> Iterator[Breach]:
        """Those that are in the tree, but were not when they should have been."""
        for promised in self._ours[self._first : self._next]:
            # The last checkpoint that does not cover it: one that was signed when it was due proves the breach.
            position = bisect_right(publication.sizes, self._shard.position(promised.index)) - 1
            if position >= 0 and publication.seconds[position] > promised.due.timestamp():
                yield Breach("late", promised, position)
