"""The broker's receipts as partners collected them: each says what stands where in the journal, and by when.

PROTOCOL §6 and §7: a receipt whose leaf is not in the tree once its promise is over, or is another one, is evidence
against the broker, and anybody who has the broker's pinned keys can check it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from journal.entries import MAX_LEAF, Entry, check_year
from journal.publication import Publication, Signed
from keys import strictjson
from keys.documents import Base64Url, Document, Time, Version, validate
from keys.errors import ForgedError, MalformedError
from keys.identity import Verifier
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.strictjson import MAX_INTEGER

__all__ = ["RECEIPT_KIND", "Breach", "Promised", "ReceiptsHonoured", "read_receipt"]

RECEIPT_KIND: Final = "receipt"
_MAX_PROMISE: Final = 24 * 3600
"""Seconds of the longest promise that a receipt may make."""


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
    """What one receipt promises: this leaf at this index of this journal, in a checkpoint signed by `due`.

    `place` says where the receipt was found; `wire` is the receipt itself, as evidence.
    """

    origin: str
    index: int
    leaf: bytes
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
    return Promised(read.origin, read.index, read.leaf, read.time + timedelta(seconds=read.promise), place, data)


class ReceiptsHonoured:
    """Holds receipts, about 2 kB each, against the leaves of a journal as they pass in order."""

    def __init__(self, origin: str, receipts: Iterable[Promised]) -> None:
        """Take the receipts of the journal `origin`; those of another journal, or another shard, are counted apart."""
        taken = list(receipts)
        self._ours = sorted((each for each in taken if each.origin == origin), key=lambda promised: promised.index)
        self.foreign = len(taken) - len(self._ours)
        self._next = 0
        self._breaches: list[Breach] = []

    @property
    def count(self) -> int:
        """How many receipts of this journal there are."""
        return len(self._ours)

    def take(self, index: int, leaf: bytes, _entry: Entry | None) -> None:
        """The leaf that stands at `index`, verified against the tree."""
        while self._next < len(self._ours) and self._ours[self._next].index == index:
            promised = self._ours[self._next]
            if promised.leaf != leaf:
                self._breaches.append(Breach("other-leaf", promised))
            self._next += 1

    def breaches(self, newest: Signed, publication: Publication | None) -> tuple[list[Breach], int]:
        """After the last leaf: the receipts that were not honoured, and how many are not due yet."""
        late = [*self._late(publication)] if publication else []
        waiting = self._ours[self._next :]
        late += [Breach("late", each) for each in waiting if each.due < newest.at]
        return [*self._breaches, *late], sum(each.due >= newest.at for each in waiting)

    def _late(self, publication: Publication) -> Iterator[Breach]:
        """Those that are in the tree, but were not when they should have been."""
        for promised in self._ours[: self._next]:
            # The last checkpoint that does not cover it: one that was signed when it was due proves the breach.
            position = bisect_right(publication.sizes, promised.index) - 1
            if position >= 0 and publication.seconds[position] > promised.due.timestamp():
                yield Breach("late", promised, position)
