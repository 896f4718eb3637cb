"""What the database gives and takes: values without any tie to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from consent.agreement import Agreement, AgreementState
from consent.envelope import EventHeader, NoticeHeader, ReferralHeader
from consent.statement import ConsentStatement
from keys.documents import Address

__all__ = [
    "Alarm",
    "Content",
    "Direction",
    "HeldAgreement",
    "HeldStatement",
    "Kind",
    "LoggedStep",
    "Receipt",
    "Received",
    "Referral",
    "Shipment",
    "ShipmentState",
]

Direction = Literal["sent", "received"]
Kind = Literal["envelope", "statement", "ack", "key", "agreement-signature"]
"""What a shipment is, which decides where at the broker it goes."""
ShipmentState = Literal["pending", "done", "refused"]


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


@dataclass(frozen=True, slots=True)
class Referral:
    """One referral as this partner knows it; `status` is a copy of what the steps in the journal lead to."""

    ref: str
    direction: Direction
    peer: Address
    header: ReferralHeader
    at: datetime
    deposited_at: datetime | None = None
    respond_by: datetime | None = None
    status: str = "draft"
    business_status: str | None = None
    answer_by: datetime | None = None
    problem: str | None = None


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
    """One step of a referral, with its moment and place in the journal."""

    header: StepHeader
    receipt: Receipt
    wire: bytes


@dataclass(frozen=True, slots=True)
class HeldStatement:
    """A consent statement of ours in its newest version; `registered` once the broker gave its receipt."""

    document: ConsentStatement
    sha256: str
    registered: bool


@dataclass(frozen=True, slots=True)
class HeldAgreement:
    """An agreement as we hold it; `signers` are the parties whose signature we verified ourselves."""

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
    """Something that must not happen and did: its slug, and the id it is about."""

    at: datetime
    code: str
    subject: str
