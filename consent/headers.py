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
    GroundCode,
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
    "Emergency",
    "Event",
    "EventHeader",
    "Header",
    "Justification",
    "MessageHeader",
    "Notice",
    "NoticeHeader",
    "NoticeKind",
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

MAX_TOLD_AT_ONCE = 100
"""Envelopes that one notice names; more take another notice."""
NoticeKind = Literal[
    "non-delivery", "consent-ended", "timer", "withdrawal-answered", "emergency-unreviewed", "incident"
]
"""Why the broker writes: something will not be delivered; a consent ended after delivery; a time ran out; a recipient
answered a withdrawal; nobody reviewed an emergency; an incident was opened."""

SlotId = Annotated[str, StringConstraints(pattern=r"^s[1-9][0-9]?$")]
"""The place of a section in an envelope: s1, s2, …"""


class AuthorityRef(Document):
    """Which consent statement allows this, in which version; the recipient never receives the statement."""

    statement: StatementId
    version: int = Field(ge=1, le=999_999)
    sha256: Sha256


class Justification(Document):
    """The sealed message to the auditors that says why nobody could be asked: its id and its payload digest."""

    envelope: EnvelopeId
    sha256: Sha256


class Emergency(Document):
    """A declared emergency, in place of a consent: a legal act with an author, never a flag (PRODUCT §4).

    `directive` names the organisation's own rule that was applied; `worker` is the stable pseudonym of who declares
    it. `justification` is absent only from the message that is the justification itself.
    """

    ground: GroundCode
    directive: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
    worker: Author
    justification: Justification | None = None


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
        # Only kinds of which a rule asks what they replace (R40); a justification that was lost is sent as another one.
        justifies = isinstance(self, MessageHeader) and self.justifies
        if self.replaces is not None and (justifies or not isinstance(self, SealedHeader)):
            raise fault_at("unexpected-member", "replaces")
        return self


class SealedHeader(_Header):
    """A header under which sections are sealed, and what they rest on: a statement, or a declared emergency."""

    authority: AuthorityRef | None = None
    emergency: Emergency | None = None
    slots: Listing[SlotHeader] = Field(min_length=1, max_length=MAX_SLOTS)

    @model_validator(mode="after")
    def _rests_on_one_thing(self) -> Self:
        if self.authority is None and self.emergency is None:
            raise fault_at("missing-field", "authority")
        if self.authority is not None and self.emergency is not None:
            raise fault_at("unexpected-member", "emergency")
        return self

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

    @model_validator(mode="after")
    def _is_justified(self) -> Self:
        if self.emergency is not None and self.emergency.justification is None:
            raise fault_at("missing-field", "emergency", "justification")
        return self


class MessageHeader(SealedHeader):
    """The clear part of a sealed message: between the parties of a referral, or to the auditors of an emergency."""

    typ: Literal["message"]

    @property
    def justifies(self) -> bool:
        """Whether this is the justification of an emergency, which comes before the referral it is about."""
        return self.emergency is not None and self.emergency.justification is None


class EventHeader(_Header):
    """A step of the state machine, told by a party."""

    typ: Literal["event"]
    event: Event


class Notice(Document):
    """What a notice is about, besides the step it may tell of.

    `statement`, `version` and `envelopes` name the consent that ended and what was sent under it; `copy_of` is the
    notice that took the step which this one repeats to the other end; `answer` and `ground` are a recipient's word
    after a withdrawal.
    """

    kind: NoticeKind
    statement: StatementId | None = None
    version: int | None = Field(default=None, ge=1, le=999_999)
    envelopes: Listing[EnvelopeId] | None = Field(default=None, min_length=1, max_length=MAX_TOLD_AT_ONCE)
    copy_of: EnvelopeId | None = None
    answer: Literal["deleted", "kept"] | None = None
    ground: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")] | None = None


class NoticeHeader(_Header):
    """Something the broker says by itself (PROTOCOL §4): an end, a deadline, an answer that came."""

    typ: Literal["notice"]
    notice: Notice
    event: Event | None = None


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
