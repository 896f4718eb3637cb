"""What the gateway's answers contain: a form for each, read strictly, and the values that callers are given.

PROTOCOL §6. Forms (`…Body`) are what is on the wire; the frozen values beside them were checked and may be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from adapters.receipts import VerifiedReceipt
from consent.agreement import AgreementState
from consent.identifiers import AgreementRef, EnvelopeId, StatementId
from consent.vocabulary import Jurisdiction
from journal.entries import Opening
from keys.documents import Address, Base64Url, Document, Listing, Sha256, Time, Version
from keys.signing import SignedDocument
from keys.strictjson import MAX_INTEGER

__all__ = [
    "AgreementFile",
    "AgreementListing",
    "ArchivedCheckpoint",
    "ConsentBody",
    "Delivery",
    "EventDelivery",
    "EventPage",
    "JournalOpening",
    "OpeningPage",
    "Organisation",
]

Index = Annotated[int, Field(ge=0, le=MAX_INTEGER)]
Members = dict[str, Any]
"""A JSON object that another reader looks into."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A leased envelope, unopened, and the receipt its sender got: the bytes are the receipt's."""

    wire: bytes
    receipt: VerifiedReceipt


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """An event or notice for us, its signature not checked yet; `cursor` is its place in our stream."""

    cursor: int
    wire: bytes
    receipt: VerifiedReceipt


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events in order, and the cursor to ask for those that follow."""

    events: tuple[EventDelivery, ...]
    next: int


@dataclass(frozen=True, slots=True)
class JournalOpening:
    """What opens the commitment at `index`, to be compared with the leaf that stands there."""

    index: int
    opening: Opening


@dataclass(frozen=True, slots=True)
class ArchivedCheckpoint:
    """One archived checkpoint: its size, the moment it was published, and its note, not verified yet."""

    size: int
    time: datetime
    note: bytes


@dataclass(frozen=True, slots=True)
class OpeningPage:
    """Some openings in order, and the cursor to ask for those that follow."""

    openings: tuple[JournalOpening, ...]
    next: int


@dataclass(frozen=True, slots=True)
class AgreementFile:
    """An agreement as the gateway holds it: exact bytes, their digest, its state, and signatures yet to verify."""

    payload: bytes
    sha256: str
    state: AgreementState
    signatures: tuple[SignedDocument, ...]


class Organisation(Document):
    """What the gateway says of an organisation; the fingerprint to rely on is the one in the agreement."""

    v: Version
    address: Address
    legal_name: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    jurisdiction: Jurisdiction
    active: bool
    root_fingerprint: Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{26}$")]


class AgreementListing(Document):
    """One of the caller's agreements: `id@version`, the digest of its bytes, its state."""

    agreement: AgreementRef
    sha256: Sha256
    state: AgreementState


class LeasedBody(Document):
    """One item of an answer to a lease."""

    envelope: Members
    receipt: Members


class EventBody(Document):
    """One item of a page of events."""

    cursor: Index
    envelope: Members
    receipt: Members


class EventPageBody(Document):
    """The answer of `GET /v1/events`."""

    events: Listing[EventBody] = Field(max_length=10_000)
    next: Index


class AckBody(Document):
    """The answer to an acknowledgement."""

    v: Version
    envelope: EnvelopeId
    index: Index


class ConsentBody(Document):
    """How a consent of ours stands at the gateway; `ended` and `index` are those of its end."""

    v: Version
    statement: StatementId
    version: int
    sha256: Sha256
    state: Annotated[str, StringConstraints(max_length=32)]
    not_after: Time
    ended: Time | None = None
    index: Index | None = None


class KeyBody(Document):
    """The answer to a key statement."""

    v: Version
    org: Address
    seq: Index
    index: Index
    time: Time


class AgreementsBody(Document):
    """The caller's agreements."""

    agreements: Listing[AgreementListing] = Field(max_length=10_000)


class AgreementBody(Document):
    """One agreement with the signatures gathered so far."""

    v: Version
    payload: Base64Url
    sha256: Sha256
    state: AgreementState
    signatures: Listing[Members] = Field(max_length=500)


class MissingBody(Document):
    """Who has still to sign."""

    v: Version
    missing: Listing[Address] = Field(max_length=500)


class ServicesBody(Document):
    """Services found; `count` may be larger than what one answer lists."""

    services: Listing[Members] = Field(max_length=10_000)
    count: Index


class OpeningBody(Document):
    """One opening of the journal."""

    index: Index
    entry: Base64Url
    salt: Base64Url


class OpeningPageBody(Document):
    """The answer of `GET /v1/journal/openings`."""

    openings: Listing[OpeningBody] = Field(max_length=10_000)
    next: Index


class ArchivedBody(Document):
    """One archived checkpoint."""

    size: Index
    time: Time
    note: Base64Url


class CheckpointPageBody(Document):
    """The answer of `GET /v1/journal/checkpoints`."""

    checkpoints: Listing[ArchivedBody] = Field(max_length=1000)
    next: Index


class CosignedBody(Document):
    """The answer to a cosignature that was brought."""

    v: Version
    size: Index
    time: Time


class AttachmentBody(Document):
    """The answer to a paper that was brought."""

    v: Version
    envelope: EnvelopeId
    sha256: Sha256
    size: Index
    until: Time


class AnsweredBody(Document):
    """The answer to a recipient's word after a consent ended."""

    v: Version
    statement: StatementId
    answer: Literal["deleted", "kept"]
    index: Index
