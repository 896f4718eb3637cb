"""What a decision is about, and what it answers: values that any program can make, keep and compare.

ARCHITECTURE §2. A refusal is a value because it has to be told and journalled; a grant carries its evidence and is
the key to the next door.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from consent.agreement import Article, RegisteredAgreement
from consent.envelope import Emergency, Header, MessageHeader, NoticeHeader, ReferralHeader, SealedHeader
from consent.identifiers import agreement_id_of
from consent.lifecycle import ReferralState
from consent.statement import Grant, RegisteredStatement
from consent.transitions import Actor
from keys.documents import Address

__all__ = ["Case", "DeclaredEmergency", "Gate", "Granted", "KnownEnvelope", "OpenReferral", "Passage", "Refused"]

Gate = Literal["deposit", "pickup"]
"""Where the question is asked: when a sender brings an envelope, or when its recipient fetches it."""


@dataclass(frozen=True, slots=True)
class DeclaredEmergency:
    """The emergency that a referral rests on, as it was declared: its messages declare the same, while it lasts.

    `justification_sha256` is the payload digest of the message to the auditors; `worker` is None where nobody tells.
    """

    ground: str
    justification_sha256: str
    at: datetime
    """When the broker accepted the referral that declared it."""
    worker: str | None = None
    not_justified: bool = False
    """True once a second person found that it was not justified."""


@dataclass(frozen=True, slots=True)
class OpenReferral:
    """A referral the broker knows: its two parties, what it rests on, and where it stands.

    `agreement` is an agreement's id or `id@version`: which agreement counts, the version does not. It rests on a
    `statement`, or else on a declared emergency, which is known by the envelope that justifies it.
    """

    ref: str
    requester: Address
    owner: Address
    agreement: str
    statement: str | None
    purpose: str
    state: ReferralState
    re_referred: bool = False
    """True once another referral says that it is part of this one."""
    justification: str | None = None
    """Of an emergency: the id of the message to the auditors."""
    article: str = "1"
    """The article of the agreement that it was sent under."""
    emergency: DeclaredEmergency | None = None
    """What was declared for it, where it rests on an emergency and a message under that emergency is decided."""

    def role_of(self, address: Address) -> Actor | None:
        """Which side of this referral an organisation is, if any."""
        if address == self.requester:
            return "requester"
        return "owner" if address == self.owner else None


@dataclass(frozen=True, slots=True)
class KnownEnvelope:
    """A sealed envelope that the broker accepted before, as far as a later one may refer to it.

    `stored` is True once its recipient said that it holds it; `replaced` once another envelope took its place;
    `leased` while its recipient has it in its hands and may still say so.
    """

    id: str
    kind: str
    ref: str
    sender: Address
    recipient: Address
    payload_sha256: str
    stored: bool = False
    replaced: bool = False
    leased: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """One envelope at one gate, with what the broker knows of its ends and of the referral it is about.

    `referral` is None when its `ref` is new; `part_of` is the referral that the header's `part_of` names, if it is
    known; `justification` and `replaces` are the envelopes that the header names so. `inactive` lists those of the
    two ends that are suspended or unknown; `worker_barred` tells that the sender's worker may declare no emergency.
    `also_told` are those whom a notice may tell of the referral although they are no party of it: the auditors of an
    emergency that nobody reviewed.
    """

    gate: Gate
    header: Header
    referral: OpenReferral | None = None
    inactive: Collection[Address] = ()
    part_of: OpenReferral | None = None
    justification: KnownEnvelope | None = None
    replaces: KnownEnvelope | None = None
    worker_barred: bool = False
    also_told: Collection[Address] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and why: one word that is the problem's slug, the journal's outcome and the label's key."""

    because: str
    rule: str = ""
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """Yes, with its evidence; it opens the next door for this passage and for nothing else."""

    passage: Passage
    at: datetime
    rules: tuple[str, ...]
    article: Article | None = None
    grant: Grant | None = None
    next_state: ReferralState | None = None
    """Where the referral stands once this is done; None when it does not move."""
    agreement: RegisteredAgreement | None = None
    statement: RegisteredStatement | None = None


@dataclass(frozen=True)
class Case:
    """Everything a rule may look at; nothing else exists for it, not even a clock.

    A dozen rules ask for the same parts of it, so what is found once is kept.
    """

    passage: Passage
    scopes: Collection[str]
    agreement: RegisteredAgreement | None
    statement: RegisteredStatement | None
    at: datetime

    @property
    def header(self) -> Header:
        """The header under decision."""
        return self.passage.header

    @cached_property
    def article(self) -> Article | None:
        """The article the header invokes, as the agreement at hand words it; its terms are told to parties only."""
        if self.agreement is None or self.agreement.document.party(self.header.from_) is None:
            return None
        return self.agreement.document.article(self.header.article)

    @cached_property
    def referral(self) -> OpenReferral | None:
        """The referral the header is about, if both of its ends are the header's own: nobody else learns of it."""
        referral, header = self.passage.referral, self.header
        if referral is None or referral.ref != header.ref:
            return None
        if isinstance(header, ReferralHeader):
            ours = (header.from_, header.to) == (referral.requester, referral.owner)
        elif isinstance(header, NoticeHeader):
            ours = referral.role_of(header.to) is not None or header.to in self.passage.also_told
        else:
            ours = {header.from_, header.to} == {referral.requester, referral.owner}
        return referral if ours else None

    @property
    def agreed_in_referral(self) -> bool:
        """Whether the header invokes the agreement that the referral rests on."""
        referral = self.referral
        return referral is not None and agreement_id_of(referral.agreement) == agreement_id_of(self.header.agreement)

    @cached_property
    def consent(self) -> RegisteredStatement | None:
        """The statement the header cites, if the sender may cite it: unknown and not-yours are one (PROTOCOL §3).

        A referral may cite only what its sender issued, a message only what its referral rests on.
        """
        header, statement = self.header, self.statement
        if statement is None or not isinstance(header, SealedHeader) or header.authority is None:
            return None
        if statement.document.id != header.authority.statement:
            return None
        if isinstance(header, ReferralHeader):
            return statement if statement.document.issuer == header.from_ else None
        referral = self.referral
        return statement if referral is not None and referral.statement == statement.document.id else None

    @property
    def emergency(self) -> Emergency | None:
        """The emergency that the header declares, if it does."""
        return self.header.emergency if isinstance(self.header, SealedHeader) else None

    @cached_property
    def authority(self) -> str | None:
        """The kind of legal basis the header rests on (PRODUCT §4); None when the statement may not be cited."""
        if self.emergency is not None:
            return "emergency"
        return self.consent.document.authority.kind if self.consent else None

    @property
    def purpose(self) -> str | None:
        """What the data are sent for: as the referral says, which its messages follow."""
        if isinstance(self.header, ReferralHeader):
            return self.header.purpose
        return self.referral.purpose if self.referral else None

    @cached_property
    def answers(self) -> bool:
        """Whether this is a message of the owner back to the requester."""
        return isinstance(self.header, MessageHeader) and bool(
            self.referral and self.referral.owner == self.header.from_
        )
