"""What the database gives and takes: values without any tie to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from consent.agreement import Agreement, AgreementState
from consent.envelope import Event, EventHeader, MessageHeader, NoticeHeader, ReferralHeader
from consent.statement import ConsentStatement
from keys.documents import Address

__all__ = [
    "Alarm",
    "Attachment",
    "AttachmentState",
    "Content",
    "Direction",
    "HeldAgreement",
    "HeldJustification",
    "HeldStatement",
    "Kind",
    "LeftLeak",
    "LoggedNotice",
    "LoggedStep",
    "Receipt",
    "Received",
    "Referral",
    "Shipment",
    "ShipmentState",
]

Direction = Literal["sent", "received"]
Kind = Literal[
    "envelope",
    "statement",
    "ack",
    "key",
    "agreement-signature",
    "attachment",
    "withdrawal-answer",
    "mismatch",
    "emergency-review",
]
"""What a shipment is, which decides where at the broker it goes."""
ShipmentState = Literal["pending", "done", "refused", "dropped"]
"""A shipment that was refused for good stays until a person tries it again or drops it."""
AttachmentState = Literal["held", "wanted", "missing", "refused"]
"""A paper is here; or still at the broker; or it is there no more; or it is not what its sender announced."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the broker answered to a shipment: the bytes to keep, and the moment and place in the journal."""

    document: bytes
    at: datetime
    index: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """Exact bytes on their way to the broker; they are never made anew, only sent again.

    `lane` groups what must arrive in order (a referral's `ref`, a statement's id); `after` is the item of another
    lane that has to be answered first.
    """

    item: str
    kind: Kind
    lane: str
    body: bytes
    next_try: datetime
    after: str | None = None
    attempts: int = 0
    state: ShipmentState = "pending"
    problem: str | None = None
    receipt: bytes | None = None
    """The broker's receipt, once it took the shipment and gave one."""
    again: bool = False
    """Whether the broker took it before, and lost it with a backup."""


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral as this partner knows it; `status` is a copy of what the steps in the journal lead to.

    `place` is where in the journal the envelope of `header` stands: what happened before concerns one that it
    replaces. Since `erased_at` nothing of what was said is here any more.
    """

    ref: str
    direction: Direction
    peer: Address
    header: ReferralHeader
    at: datetime
    deposited_at: datetime | None = None
    place: int | None = None
    respond_by: datetime | None = None
    status: str = "draft"
    business_status: str | None = None
    answer_by: datetime | None = None
    problem: str | None = None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The sections of one envelope in clear, each as the JSON object that was sealed."""

    envelope: str
    ref: str
    author: Address
    at: datetime
    sections: dict[str, dict[str, object]]


StepHeader: TypeAlias = EventHeader | NoticeHeader


@dataclass(frozen=True, slots=True)
class LoggedStep:
    """One step of a referral, with its moment and place in the journal; a notice that takes no step is none."""

    header: StepHeader
    receipt: Receipt
    wire: bytes

    @property
    def event(self) -> Event:
        """The step itself."""
        if self.header.event is None:
            raise AssertionError  # only what takes a step is logged as one
        return self.header.event


@dataclass(frozen=True, slots=True)
class LoggedNotice:
    """What the broker told by itself, with its moment and place in the journal, and how we answered, if we did."""

    header: NoticeHeader
    receipt: Receipt
    wire: bytes
    answer: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Attachment:
    """A paper of one envelope, under the digest of its sealed bytes: its kind, its name, its bytes once it is here."""

    envelope: str
    sealed_sha256: str
    ref: str
    number: int
    kind: str
    name: str | None
    size: int
    sha256: str
    state: AttachmentState
    next_try: datetime
    key: bytes | None = None
    data: bytes | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class HeldJustification:
    """Why another organisation declared an emergency, as it told us who audit."""

    header: MessageHeader
    sender: Address
    at: datetime
    sections: dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class LeftLeak:
    """A text that a person sent although the leak check found something in it: where, what kind, and why."""

    place: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class HeldStatement:
    """A consent statement of ours in its newest version; `registered` once the broker gave its receipt."""

    document: ConsentStatement
    sha256: str
    registered: bool


@dataclass(frozen=True, slots=True)
class HeldAgreement:
    """An agreement as we hold it; `signers` are the parties that it binds by a signature we verified ourselves.

    Their own, or one of an earlier version that still stands under it (`consent.accession`).
    """

    document: Agreement
    sha256: str
    payload: bytes
    state: AgreementState
    signers: frozenset[Address]


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a leased envelope: which bytes it was, what we answered, and the signed answer."""

    envelope: str
    payload_sha256: str
    at: datetime
    result: Literal["stored", "refused"]
    code: str | None
    wire: bytes
    receipt: bytes
    ack: bytes


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that must not happen and did: its slug, the id it is about, and the file that proves it, if any.

    `number` is its own once it is kept; since `closed_at` a person has dealt with it.
    """

    at: datetime
    code: str
    subject: str
    evidence: str | None = None
    number: int = 0
    closed_at: datetime | None = None
