"""One file that convicts: what a journal signed, beside what it signed or promised otherwise, for anybody to verify.

PROTOCOL §7. Whoever finds that a journal was changed, or that a promise was broken, keeps this file and shows it. It
holds the signed texts themselves and the hashes that tie them together, so that nobody has to believe its author;
`journal.convictions` verifies it with the journal's pinned keys and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from consent.coherence import fault_at
from journal.entries import MAX_ENTRY, MAX_LEAF, SALT_SIZE
from journal.notes import MAX_NOTE, parse_note
from journal.publication import root_at
from journal.tiles import TileReader
from journal.tree import HASH_SIZE, MAX_SIZE, consistency_proof
from journal.witness_calls import MAX_PROOF_LINES
from keys.documents import Base64Url, Document, Listing, Time, Version, encode, parse, sha256_hex
from keys.errors import MalformedError

__all__ = ["EVIDENCE_KINDS", "MAX_EVIDENCE", "Evidence", "EvidenceKind", "contradictory", "read_evidence"]

MAX_EVIDENCE: Final = 2 * 1024 * 1024
"""Bytes of the largest file of evidence: two notes with all their witnesses, an entry, a receipt, in base64url."""
_MAX_RECEIPT: Final = 2 * MAX_LEAF + 16 * 1024
_TWO: Final = 2

EvidenceKind = Literal["fork", "rollback", "late", "unhonoured-receipt", "foreign-key", "silence"]
"""A *fork*: two pasts of one journal. A *rollback*: a smaller journal signed later than a larger one. *late*: an entry
that a checkpoint lacks which was signed when the entry should have been in one. *unhonoured-receipt*: the same for what
a receipt promised, or another entry in its place. *foreign-key*: a key statement in the author's name that the author
did not make. *silence*: no checkpoint newer than this one could be had. Of the last two the author's word is a part."""
EVIDENCE_KINDS: Final[tuple[str, ...]] = get_args(EvidenceKind)

_Hash = Annotated[Base64Url, Field(min_length=HASH_SIZE, max_length=HASH_SIZE)]
_OPTIONAL: Final = ("root", "index", "leaf", "proof", "entry", "salt", "receipt")
_Place: Final = frozenset({"index", "leaf", "proof"})
_NEEDED: Final[Mapping[str, tuple[int, frozenset[str]]]] = MappingProxyType(
    {
        "fork": (2, frozenset()),
        "rollback": (2, frozenset()),
        "late": (2, _Place),
        "unhonoured-receipt": (1, frozenset({"receipt"})),
        "foreign-key": (1, _Place),
        "silence": (1, frozenset()),
    }
)
"""By kind: how many notes it takes, and the members without which it says nothing."""
_TOGETHER: Final[Mapping[str, tuple[frozenset[str], ...]]] = MappingProxyType(
    {
        "fork": (frozenset({"root", "proof"}),),
        "late": (frozenset({"entry", "salt"}),),
        "unhonoured-receipt": (frozenset({"leaf", "proof"}),),
    }
)
"""By kind: members that it may have besides, all of a set or none."""


class Evidence(Document):
    """The file, as JSON with exact bytes in base64url.

    `notes` are signed checkpoints of `origin` in the order in which the kind tells of them: what was seen first before
    what contradicts it, the checkpoint that lacks an entry before the one that holds it. `at` is when it was found and
    `by` who found it. Of a fork between two sizes, `root` is what the larger tree has for the size of the smaller one,
    and `proof` shows so. Elsewhere `proof` shows that `leaf` stands at `index`; `entry` and `salt` open that leaf.
    `receipt` is the broker's, as it was received.
    """

    v: Version
    kind: EvidenceKind
    origin: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    notes: Annotated[Listing[Annotated[Base64Url, Field(max_length=MAX_NOTE)]], Field(min_length=1, max_length=2)]
    at: Time
    by: Annotated[str, StringConstraints(pattern=r"^[^\s+\x00-\x1f]{1,255}$")]
    root: _Hash | None = None
    index: Annotated[int, Field(ge=0, le=MAX_SIZE)] | None = None
    leaf: Annotated[Base64Url, Field(min_length=1, max_length=MAX_LEAF)] | None = None
    proof: Annotated[Listing[_Hash], Field(max_length=MAX_PROOF_LINES)] | None = None
    entry: Annotated[Base64Url, Field(max_length=MAX_ENTRY)] | None = None
    salt: Annotated[Base64Url, Field(min_length=SALT_SIZE, max_length=SALT_SIZE)] | None = None
    receipt: Annotated[Base64Url, Field(max_length=_MAX_RECEIPT)] | None = None

    @model_validator(mode="after")
    def _holds_what_its_kind_needs(self) -> Self:
        count, needed = _NEEDED[self.kind]
        if len(self.notes) != count:
            raise fault_at("too-short" if len(self.notes) < count else "too-long", "notes")
        given = {name for name in _OPTIONAL if getattr(self, name) is not None}
        needed = needed.union(*(together for together in _TOGETHER.get(self.kind, ()) if given & together))
        for name in _OPTIONAL:
            if name in needed - given:
                raise fault_at("missing-field", name)
            if name in given - needed:
                raise fault_at("unknown-field", name)
        return self

    def encode(self) -> bytes:
        """The file's bytes."""
        return encode(self) + b"\n"

    @property
    def file_name(self) -> str:
        """What to call the file: its kind and a part of its digest, so that the same evidence is kept once."""
        return f"{self.kind}-{sha256_hex(encode(self))[:16]}.json"


def read_evidence(data: bytes) -> Evidence:
    """Read a file of evidence, without verifying it; raises `MalformedError` with every fault and its place."""
    return parse(Evidence, data, limit=MAX_EVIDENCE)


def contradictory(
    kind: Literal["fork", "rollback"],
    first: bytes,
    second: bytes,
    *,
    at: datetime,
    by: str,
    later: TileReader | None = None,
) -> Evidence:
    """The evidence that two notes of one journal contradict each other.

    `first` was seen before `second`. Of a fork between two sizes the notes alone show nothing: `later` reads the tree
    of the larger one, from which comes what convicts. Raises `MalformedError` as `parse_note` does, and for a fork
    between two sizes whose larger tree cannot be read (evidence-incomplete); and what `later` raises.
    """
    one, other = parse_note(first).checkpoint, parse_note(second).checkpoint
    shown: dict[str, object] = {}
    if kind == "fork" and one.size != other.size:
        old, new = sorted((one.size, other.size))
        if later is None or old == 0:
            raise MalformedError("evidence-incomplete")
        shown = {"root": root_at(later, old), "proof": tuple(consistency_proof(old, new, later))}
    return Evidence.model_validate(
        {"v": 1, "kind": kind, "origin": one.origin, "notes": (first, second), "at": at, "by": by, **shown}
    )
