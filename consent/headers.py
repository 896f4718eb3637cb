"""The clear part of an envelope: who writes to whom, under which agreement and consent, and which sections follow.

PROTOCOL §4. Everything here is read by the broker and stands in the journal; nothing here tells who the person is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from consent.coherence import fault_at, refuse_duplicates
from consent.identifiers import (
    AgreementRef,
    ArticleNumber,
    Author,
    EnvelopeId,
    ReferralId,
    ServiceId,
    StatementId,
)
from consent.transitions import TransitionCode
from consent.vocabulary import (
    ASKED_FOR,
    AskedCode,
    BecameCode,
    ChannelCode,
    HelpedCode,
    NeedCode,
    OutcomeCode,
    PriorityCode,
    PurposeCode,
    ReasonCode,
    SectionCode,
)
from keys import strictjson
from keys.documents import Address, Document, Listing, Sha256, Time, Version, encode, validate
from keys.errors import Fault, MalformedError

__all__ = [
    "MAX_HEADER",
    "MAX_LIFE",
    "MAX_SLOTS",
    "AuthorityRef",
    "Event",
    "EventHeader",
    "Header",
    "MessageHeader",
    "NoticeHeader",
    "ReferralHeader",
    "SealedHeader",
    "SlotHeader",
    "SlotId",
    "protect",
    "read_header",
    "read_inner",
]

MAX_HEADER = 8 * 1024
"""Bytes of the decoded header (PROTOCOL §0)."""
MAX_LIFE = timedelta(days=14)
"""The longest an envelope waits at the broker (PROTOCOL §4)."""
MAX_SLOTS = 16
"""Sections in one envelope."""

SlotId = Annotated[str, StringConstraints(pattern=r"^s[1-9][0-9]?$")]
"""The place of a section in an envelope: s1, s2, …"""


class AuthorityRef(Document):
    """Which consent statement allows this, in which version; the recipient never receives the statement."""

    statement: StatementId
    version: int = Field(ge=1, le=999_999)
    sha256: Sha256


class SlotHeader(Document):
    """One section by name: where it is, what it is, and the version of its form."""

    sid: SlotId
    section: SectionCode
    form: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,40}/[1-9][0-9]{0,2}$")] = Field(alias="schema")


class Event(Document):
    """One step of the state machine; which members it needs follows from the transition."""

    transition: TransitionCode
    reason: ReasonCode | None = None
    review_by: Time | None = None
    outcome: OutcomeCode | None = None
    channel: ChannelCode | None = None
    asked: Listing[AskedCode] | None = Field(default=None, min_length=1, max_length=len(ASKED_FOR))
    became: BecameCode | None = None
    helped: HelpedCode | None = None

    @model_validator(mode="after")
    def _asks_once(self) -> Self:
        refuse_duplicates(self.asked or (), "asked")
        return self


class _Header(Document):
    v: Version
    suite: Literal["PQ1"]
    id: EnvelopeId
    ref: ReferralId
    part_of: ReferralId | None = None
    replaces: EnvelopeId | None = None
    seq: int = Field(ge=0, le=strictjson.MAX_INTEGER)
    from_: Address = Field(alias="from")
    to: Address
    iat: Time
    exp: Time
    author: Author
    agreement: AgreementRef
    agreement_sha256: Sha256
    article: ArticleNumber

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if not timedelta(0) < self.exp - self.iat <= MAX_LIFE:
            raise fault_at("envelope-life", "exp")
        if self.from_ == self.to:
            raise fault_at("sent-to-oneself", "to")
        return self


class SealedHeader(_Header):
    """A header under which sections are sealed, and the consent they rest on."""

    authority: AuthorityRef
    slots: Listing[SlotHeader] = Field(min_length=1, max_length=MAX_SLOTS)

    @model_validator(mode="after")
    def _slots_are_in_order(self) -> Self:
        for position, slot in enumerate(self.slots):
            if slot.sid != f"s{position + 1}":
                raise fault_at("slots-out-of-order", "slots", position, "sid")
            if slot.form.partition("/")[0] != slot.section:
                raise fault_at("schema-of-another-section", "slots", position, "schema")
        refuse_duplicates((slot.section for slot in self.slots), "slots", member="section")
        return self


class ReferralHeader(SealedHeader):
    """The clear part of a referral."""

    typ: Literal["referral"]
    service: ServiceId | None = None
    purpose: PurposeCode
    priority: PriorityCode
    need: NeedCode | None = None
    territory: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")] | None = None
    respond_by: Time | None = None


class MessageHeader(SealedHeader):
    """The clear part of a sealed message between the two parties of a referral."""

    typ: Literal["message"]


class EventHeader(_Header):
    """A step of the state machine, told by a party."""

    typ: Literal["event"]
    event: Event


class NoticeHeader(_Header):
    """Something the broker says by itself."""

    typ: Literal["notice"]
    event: Event


Header: TypeAlias = ReferralHeader | MessageHeader | EventHeader | NoticeHeader
"""The four kinds of PROTOCOL §4."""
_HEADERS: Mapping[str, type[Header]] = {
    "referral": ReferralHeader,
    "message": MessageHeader,
    "event": EventHeader,
    "notice": NoticeHeader,
}


def read_header(data: bytes, *, pointer: str = "/payload/protected") -> Header:
    """Read the decoded `protected` bytes, standing at `pointer`; the kind of header follows from `typ`.

    Raises `MalformedError` with every fault and its place.
    """
    value = read_inner(data, limit=MAX_HEADER, pointer=pointer)
    kind = value.get("typ") if isinstance(value, dict) else None
    model = _HEADERS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise MalformedError("unknown-code", f"{pointer}/typ")
    return validate(model, value, pointer=pointer)


def read_inner(data: bytes, *, limit: int, pointer: str) -> object:
    """Read JSON that travels encoded inside other JSON; faults are told below `pointer`, where people can find it."""
    try:
        return strictjson.loads(data, limit=limit)
    except MalformedError as error:
        # A line and column of the decoded text would point nowhere in the file that somebody looks at.
        inside = tuple(Fault(item.code, pointer + item.pointer) for item in error.faults)
        raise MalformedError(error.code, faults=inside) from None


def protect(header: Header) -> bytes:
    """The exact header bytes; their base64url text is what sealing binds to."""
    return encode(header)
