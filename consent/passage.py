"""What a decision is about, and what it answers: values that any program can make, keep and compare.

ARCHITECTURE §2. A refusal is a value because it has to be told and journalled; a grant carries its evidence and is
the key to the next door.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from consent.agreement import Article, RegisteredAgreement
from consent.envelope import Header, MessageHeader, NoticeHeader, ReferralHeader, SealedHeader
from consent.identifiers import agreement_id_of
from consent.lifecycle import ReferralState
from consent.statement import Grant, RegisteredStatement
from consent.transitions import Actor
from keys.documents import Address

__all__ = ["Case", "Gate", "Granted", "OpenReferral", "Passage", "Refused"]

Gate = Literal["deposit", "pickup"]
"""Where the question is asked: when a sender brings an envelope, or when its recipient fetches it."""


@dataclass(frozen=True, slots=True)
class OpenReferral:
    """A referral the broker knows: its two parties, what it rests on, and where it stands.

    `agreement` is an agreement's id or `id@version`: which agreement counts, the version does not.
    """

    ref: str
    requester: Address
    owner: Address
    agreement: str
    statement: str
    purpose: str
    state: ReferralState
    re_referred: bool = False
    """True once another referral says that it is part of this one."""

    def role_of(self, address: Address) -> Actor | None:
        """Which side of this referral an organisation is, if any."""
        if address == self.requester:
            return "requester"
        return "owner" if address == self.owner else None


@dataclass(frozen=True, slots=True)
class Passage:
    """One envelope at one gate, with what the broker knows of its ends and of the referral it is about.

    `referral` is None when its `ref` is new; `part_of` is the referral that the header's `part_of` names, if it is
    known. `inactive` lists those of the two ends that are suspended or unknown.
    """

    gate: Gate
    header: Header
    referral: OpenReferral | None = None
    inactive: Collection[Address] = ()
    part_of: OpenReferral | None = None


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


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a rule may look at; nothing else exists for it, not even a clock."""

    passage: Passage
    scopes: Collection[str]
    agreement: RegisteredAgreement | None
    statement: RegisteredStatement | None
    at: datetime

    @property
    def header(self) -> Header:
        """The header under decision."""
        return self.passage.header

    @property
    def article(self) -> Article | None:
        """The article the header invokes, as the agreement at hand words it; its terms are told to parties only."""
        if self.agreement is None or self.agreement.document.party(self.header.from_) is None:
            return None
        return self.agreement.document.article(self.header.article)

    @property
    def referral(self) -> OpenReferral | None:
        """The referral the header is about, if both of its ends are the header's own: nobody else learns of it."""
        referral, header = self.passage.referral, self.header
        if referral is None or referral.ref != header.ref:
            return None
        if isinstance(header, ReferralHeader):
            ours = (header.from_, header.to) == (referral.requester, referral.owner)
        elif isinstance(header, NoticeHeader):
            ours = referral.role_of(header.to) is not None
        else:
            ours = {header.from_, header.to} == {referral.requester, referral.owner}
        return referral if ours else None

    @property
    def agreed_in_referral(self) -> bool:
        """Whether the header invokes the agreement that the referral rests on."""
        referral = self.referral
        return referral is not None and agreement_id_of(referral.agreement) == agreement_id_of(self.header.agreement)

    @property
    def consent(self) -> RegisteredStatement | None:
        """The statement the header cites, if the sender may cite it: unknown and not-yours are one (PROTOCOL §3).

        A referral may cite only what its sender issued, a message only what its referral rests on.
        """
        header, statement = self.header, self.statement
        if statement is None or not isinstance(header, SealedHeader):
            return None
        if statement.document.id != header.authority.statement:
            return None
        if isinstance(header, ReferralHeader):
            return statement if statement.document.issuer == header.from_ else None
        referral = self.referral
        return statement if referral is not None and referral.statement == statement.document.id else None

    @property
    def purpose(self) -> str | None:
        """What the data are sent for: as the referral says, which its messages follow."""
        if isinstance(self.header, ReferralHeader):
            return self.header.purpose
        return self.referral.purpose if self.referral else None

    @property
    def answers(self) -> bool:
        """Whether this is a message of the owner back to the requester."""
        return isinstance(self.header, MessageHeader) and bool(
            self.referral and self.referral.owner == self.header.from_
        )
