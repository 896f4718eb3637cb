"""Two checkpoints that one journal signed and that cannot both be honest: together they convict whoever signed them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from journal.checkpoints import Checkpoint
from journal.notes import open_note, parse_note
from keys.errors import ForgedError, MalformedError
from keys.vkeys import Vkey

__all__ = ["Contradiction", "Signed", "contradiction", "open_signed", "read_signed"]


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that the journal signed with both its keys: the note as published, and the moment it states."""

    note: bytes
    checkpoint: Checkpoint
    at: datetime


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two checkpoints that the journal signed and that cannot both be honest.

    A *fork*: the larger tree does not begin with the smaller. A *rollback*: the smaller one was signed later. `first`
    was seen first, and `second` contradicts it; `journal.evidence` keeps both as a file for anybody to verify.
    """

    kind: Literal["fork", "rollback"]
    first: Signed
    second: Signed

    @property
    def remembered(self) -> bytes:
        """The note that was seen first."""
        return self.first.note

    @property
    def met(self) -> bytes:
        """The note that contradicts it."""
        return self.second.note

    @property
    def in_time(self) -> tuple[Signed, Signed]:
        """Both in the order in which they were signed: of a rollback, the larger one first."""
        earlier, later = sorted((self.first, self.second), key=lambda signed: signed.at)
        return earlier, later


def read_signed(note: bytes, vkeys: Collection[Vkey]) -> Signed:
    """Verify a note with the journal's own two keys.

    Raises what `open_note` raises, and `MalformedError` (checkpoint-without-time when the lasting signature states no
    moment: then nobody could tell whether the journal went back).
    """
    opened = open_note(note, vkeys)
    if opened.signed_at is None:
        raise MalformedError("checkpoint-without-time")
    return Signed(note, opened.checkpoint, opened.signed_at)


def open_signed(note: bytes, vkeys: Collection[Vkey]) -> Signed:
    """The same for a note that has to be of the journal whose keys are `vkeys`; raises `ForgedError` (wrong-origin)."""
    if parse_note(note).checkpoint.origin not in {vkey.name for vkey in vkeys}:
        raise ForgedError("wrong-origin")
    return read_signed(note, vkeys)


def contradiction(first: Signed, second: Signed) -> Contradiction | None:
    """How two checkpoints contradict each other by themselves, whatever the tree; None if they do not.

    Moments are those of the journal's ML-DSA-44 signatures, to the second; two of the same second tell no order. Raises
    `MalformedError` (wrong-origin for checkpoints of two journals).
    """
    one, other = first.checkpoint, second.checkpoint
    if one.origin != other.origin:
        raise MalformedError("wrong-origin")
    if one.size == other.size:
        return None if one.root == other.root else Contradiction("fork", first, second)
    smaller, larger = (first, second) if one.size < other.size else (second, first)
    return Contradiction("rollback", first, second) if smaller.at > larger.at else None
