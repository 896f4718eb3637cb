"""What a journal and a public witness say to each other, byte for byte.

C2SP tlog-witness, the call `add-checkpoint`: the journal sends a checkpoint and a proof that it continues the last one
that the witness signed; the witness answers with its signatures, or with the size of the last one, or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from journal.cosignatures import NoteSignature, parse_signatures
from journal.notes import MAX_NOTE
from journal.tree import HASH_SIZE, MAX_SIZE
from keys.errors import MalformedError
from keys.vkeys import b64, from_b64

__all__ = [
    "ADD_CHECKPOINT",
    "MAX_ANSWER",
    "MAX_PROOF_LINES",
    "SIZE_TYPE",
    "AddCheckpoint",
    "Behind",
    "Cosigned",
    "Declined",
    "hash_lines",
    "parse_answer",
    "parse_hash_lines",
]

ADD_CHECKPOINT: Final = "/add-checkpoint"
"""The path of the call, below a witness's submission prefix."""
SIZE_TYPE: Final = "text/x.tlog.size"
"""The content type of the answer 409 that tells a size."""
MAX_PROOF_LINES: Final = 63
"""Hashes of the longest consistency proof that a request may carry."""
MAX_ANSWER: Final = MAX_NOTE
"""Bytes of the largest answer that is read."""
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_OK: Final = 200
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the witness is believed to have signed last, the proof from there, and the note.

    Raises `MalformedError`: no-such-size, too-many-hashes, wrong-hash-size.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.old_size <= MAX_SIZE:
            raise MalformedError("no-such-size")
        if len(self.proof) > MAX_PROOF_LINES:
            raise MalformedError("too-many-hashes")
        if any(len(each) != HASH_SIZE for each in self.proof):
            raise MalformedError("wrong-hash-size")

    def encode(self) -> bytes:
        """The body of the request."""
        return f"old {self.old_size}\n{hash_lines(self.proof)}\n".encode() + self.note


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness signed: its signature lines, none of which is verified yet."""

    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """The witness signed another size last: ask again with the proof from there."""

    size: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The witness refused, for the reason that this slug of an error names; asking the same again is of no use."""

    code: str


_REFUSALS: Final[Mapping[int, Declined]] = MappingProxyType(
    {
        400: Declined("witness-calls-it-malformed"),
        403: Declined("witness-trusts-no-signature"),
        404: Declined("witness-knows-no-such-journal"),
        409: Declined("witness-saw-another-root"),
        422: Declined("witness-refuses-the-proof"),
    }
)


def parse_answer(status: int, content_type: str, body: bytes) -> Cosigned | Behind | Declined:
    """Read what a witness answered, by its HTTP status, content type and body.

    Raises `MalformedError`: too-large, wrong-witness-answer for anything that the protocol does not know.
    """
    if len(body) > MAX_ANSWER:
        raise MalformedError("too-large")
    if status == _CONFLICT and content_type.partition(";")[0].strip().lower() == SIZE_TYPE:
        return Behind(_told_size(body))
    if status in _REFUSALS:
        return _REFUSALS[status]
    if status != _OK:
        raise MalformedError("wrong-witness-answer")
    try:
        return Cosigned(parse_signatures(body.decode("utf-8")))
    except (UnicodeDecodeError, MalformedError):
        raise MalformedError("wrong-witness-answer") from None


def hash_lines(hashes: Sequence[bytes]) -> str:
    """One line of base64 for each hash, as C2SP writes proofs."""
    return "".join(f"{b64(each)}\n" for each in hashes)


def parse_hash_lines(lines: Sequence[str], *, limit: int) -> tuple[bytes, ...]:
    """Read the lines of a proof, newlines removed; raises `MalformedError` (too-many-hashes, wrong-hash-line)."""
    if len(lines) > limit:
        raise MalformedError("too-many-hashes")
    return tuple(_hash(line) for line in lines)


def _hash(line: str) -> bytes:
    read = from_b64(line)
    if read is None or len(read) != HASH_SIZE:
        raise MalformedError("wrong-hash-line")
    return read


def _told_size(body: bytes) -> int:
    text = body.decode("ascii", "replace")
    size = _size(text.removesuffix("\n"))
    if size is None or not text.endswith("\n"):
        raise MalformedError("wrong-witness-answer")
    return size


def _size(text: str) -> int | None:
    """A size in decimal without leading zeroes; None for any other spelling, and for one that no tree can have."""
    return int(text) if _SIZE.fullmatch(text) and int(text) <= MAX_SIZE else None
