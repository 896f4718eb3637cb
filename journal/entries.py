"""What the journal remembers about each act: who did what and when, never who the person is.

PROTOCOL §7. An entry is one JSON document whose exact bytes are kept. It enters the tree as a *leaf* in one
of two forms: a salted commitment (33 bytes that reveal nothing until the entry and its salt, the *opening*,
are shown) or the entry in clear, which is mandatory for keys and agreements because everybody must be able to
check those.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from consent.headers import Justification
from consent.identifiers import AgreementRef, EnvelopeId, ReferralId, StatementId
from keys.documents import Address, Base64Url, Document, Listing, Sha256, Time, Version, parse
from keys.errors import ForgedError, MalformedError
from keys.strictjson import MAX_INTEGER

__all__ = [
    "CLEAR",
    "COMMITMENT",
    "ENTRY_TYPES",
    "MAX_ENTRY",
    "MAX_LEAF",
    "SALT_SIZE",
    "ClearLeaf",
    "CommitmentLeaf",
    "Entry",
    "EntryType",
    "Opening",
    "check_year",
    "clear_leaf",
    "commitment_leaf",
    "must_be_clear",
    "open_leaf",
    "read_entry",
    "read_leaf",
]

COMMITMENT: Final = b"\x01"
"""First byte of a leaf that holds a salted commitment to an entry."""
CLEAR: Final = b"\x02"
"""First byte of a leaf that holds the entry itself."""
MAX_LEAF: Final = 0xFFFF
"""Bytes of the largest leaf: an entry bundle writes each length on 16 bits (C2SP tlog-tiles)."""
_YEARS: Final = range(2000, 9000)
"""The years an entry may speak of: no period added to them leaves the calendar."""
MAX_ENTRY: Final = MAX_LEAF - 1
"""Bytes of the largest entry, in either form, so that any entry fits a clear leaf."""
SALT_SIZE: Final = 32
"""Bytes of the random salt of a commitment."""
_COMMITMENT_SIZE: Final = 1 + 32
_DOMAIN: Final = b"passerelle/leaf/1\x00"

EntryType = Literal[
    "agreement.proposed",
    "agreement.signed",
    "agreement.in-force",
    "agreement.suspended",
    "agreement.ended",
    "key.published",
    "key.revoked",
    "client.registered",
    "client.suspended",
    "client.scopes",
    "consent.registered",
    "consent.withdrawn",
    "consent.expired",
    "consent.answered",
    "envelope.accepted",
    "envelope.refused",
    "envelope.released",
    "envelope.acknowledged",
    "envelope.expired",
    "envelope.destroyed",
    "task.transition",
    "emergency.declared",
    "emergency.reviewed",
    "incident.opened",
    "incident.escalated",
    "audit.read",
    "admin.change",
    "stats.published",
    "erasure",
    "journal.rotated",
]
"""The closed list of acts that the journal records (PROTOCOL §7)."""
ENTRY_TYPES: Final[tuple[str, ...]] = get_args(EntryType)

# Every text of an entry is a code or an identifier: no form admits a sentence, hence none admits a person's
# name.
_Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
_Territory = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
_KeyId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}@[a-z0-9-]{1,63}#[a-z0-9-]{1,32}-[0-9a-f]{32}$")]
_Transition = Annotated[str, StringConstraints(pattern=r"^T[0-9]{2}$")]


class Entry(Document):
    """One act, in the members of PROTOCOL §7; those that do not concern it are absent.

    `index` counts the entries from 0 through all shards (see `journal.shards`), `time` the moment of the decision,
    `actor` the organisation that acted. `agreement` is `id@version`, `version` that of the consent statement,
    `document` the bytes of a DSSE document (a key statement, which is journalled whole) or of whatever else the entry
    carries.
    An entry about a key must carry its document, one about an agreement its digest: `MalformedError`
    (missing-field) otherwise.
    """

    v: Version
    index: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    time: Time
    type: EntryType
    actor: Address
    from_: Annotated[Address | None, Field(alias="from")] = None
    to: Address | None = None
    ref: ReferralId | None = None
    part_of: ReferralId | None = None
    replaces: EnvelopeId | None = None
    envelope: EnvelopeId | None = None
    payload_sha256: Sha256 | None = None
    signer_kid: _KeyId | None = None
    seal_kid: _KeyId | None = None
    agreement: AgreementRef | None = None
    agreement_sha256: Sha256 | None = None
    article: _Code | None = None
    statement: StatementId | None = None
    version: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None
    statement_sha256: Sha256 | None = None
    state: _Code | None = None
    expires: Time | None = None
    purpose: _Code | None = None
    sections: Annotated[Listing[_Code], Field(max_length=64)] | None = None
    need: _Code | None = None
    territory: _Territory | None = None
    transition: _Transition | None = None
    reason: _Code | None = None
    rule: _Code | None = None
    justification: Justification | None = None
    document: Base64Url | None = None

    @model_validator(mode="after")
    def _says_what_it_is_about(self) -> Self:
        # Ours rather than pydantic's error, because only ours can name the place of a member that is absent.
        if self.type.startswith("agreement.") and self.agreement_sha256 is None:
            raise MalformedError("missing-field", "/agreement_sha256")
        if self.type.startswith("key.") and not self.document:
            raise MalformedError("missing-field", "/document")
        return self


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """What shows that a commitment is to an entry: the entry's exact bytes and the 32-byte salt.

    Raises `MalformedError` (wrong-salt, too-large). It never prints itself: an entry says who refers to whom.
    """

    entry: bytes
    salt: bytes

    def __post_init__(self) -> None:
        if len(self.salt) != SALT_SIZE:
            raise MalformedError("wrong-salt")
        if len(self.entry) > MAX_ENTRY:
            raise MalformedError("too-large")


@dataclass(frozen=True, slots=True)
class CommitmentLeaf:
    """A leaf that hides its entry behind a 32-byte digest."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class ClearLeaf:
    """A leaf that shows its entry: the exact bytes, and what they say."""

    data: bytes
    entry: Entry


def check_year(moment: datetime, pointer: str) -> None:
    """Refuse a moment to which not every period can be added; raises `MalformedError` (time-out-of-range)."""
    if moment.year not in _YEARS:
        raise MalformedError("time-out-of-range", pointer)


def must_be_clear(entry_type: str) -> bool:
    """Whether entries of this type may only enter in clear: keys, agreements, hand-overs of shards (PROTOCOL §7)."""
    return entry_type.startswith(("key.", "agreement.", "journal."))


def commitment_leaf(opening: Opening) -> bytes:
    """The 33-byte leaf 0x01 ‖ SHA-256("passerelle/leaf/1" NUL salt ‖ entry) of PROTOCOL §7."""
    return COMMITMENT + hashlib.sha256(_DOMAIN + opening.salt + opening.entry).digest()


def clear_leaf(entry: bytes) -> bytes:
    """The leaf 0x02 ‖ entry of PROTOCOL §7; raises `MalformedError` (too-large)."""
    if len(entry) > MAX_ENTRY:
        raise MalformedError("too-large")
    return CLEAR + entry


def read_entry(data: bytes, index: int) -> Entry:
    """Read the entry that stands at `index`.

    Raises `MalformedError` with every fault, and `ForgedError` (wrong-index) when the entry was written for
    another place: moving an entry would move a withdrawal after the release it forbids.
    """
    entry = parse(Entry, data, limit=MAX_ENTRY)
    if entry.index != index:
        raise ForgedError("wrong-index", "/index")
    return entry


def read_leaf(leaf: bytes, index: int) -> CommitmentLeaf | ClearLeaf:
    """Read the leaf that stands at `index`; a clear one is read whole.

    Raises `MalformedError` (too-large, unknown-leaf, wrong-leaf-size, or the entry's faults) and
    `ForgedError` (wrong-index).
    """
    if len(leaf) > MAX_LEAF:
        raise MalformedError("too-large")
    form, content = leaf[:1], leaf[1:]
    if form == CLEAR:
        return ClearLeaf(content, read_entry(content, index))
    if form != COMMITMENT:
        raise MalformedError("unknown-leaf")
    if len(leaf) != _COMMITMENT_SIZE:
        raise MalformedError("wrong-leaf-size")
    return CommitmentLeaf(content)


def open_leaf(leaf: bytes, opening: Opening, index: int) -> Entry:
    """Check that `opening` is what the commitment leaf at `index` hides, and read the entry.

    Raises `MalformedError` as `read_leaf` and `read_entry` do or when the leaf hides nothing
    (leaf-already-clear), and `ForgedError` (wrong-opening, must-be-clear, wrong-index). The comparison takes
    the same time whatever the digests: salts are secrets of the parties.
    """
    read = read_leaf(leaf, index)
    if isinstance(read, ClearLeaf):
        raise MalformedError("leaf-already-clear")
    if not hmac.compare_digest(leaf, commitment_leaf(opening)):
        raise ForgedError("wrong-opening")
    entry = read_entry(opening.entry, index)
    if must_be_clear(entry.type):
        raise ForgedError("must-be-clear", "/type")
    return entry
