"""The parties of an agreement, and its articles: who may pass which sections to whom, for which purposes.

PROTOCOL §3; `consent.agreement` holds the document they stand in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from consent.delays import AnswerDelay
from consent.identifiers import ArticleNumber
from consent.vocabulary import (
    PRIORITIES,
    ROLES,
    AuthorityKind,
    Jurisdiction,
    PriorityCode,
    PurposeCode,
    RoleCode,
    SectionCode,
)
from keys.documents import ADDRESS_PATTERN, Address, Document, Listing, fault

__all__ = ["Article", "Fingerprint", "Name", "Party", "PartyOrRole", "TimeZone"]

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{26}$")]
"""Of a root, as it is typed when an agreement is signed (PROTOCOL §2)."""
_Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""What people call something, such as an organisation or a document."""


def _address_or_role(value: str) -> str:
    if "@" not in value and value not in ROLES:
        raise fault("unknown-code")
    return value


def _delay(value: str) -> str:
    try:
        AnswerDelay.parse(value)
    except ValueError:
        raise fault("wrong-form") from None
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fault("unknown-code") from None
    return value


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_time_zone)]
"""A time zone by its IANA name, such as `America/Toronto`."""
PartyOrRole = Annotated[
    str,
    StringConstraints(pattern=rf"({ADDRESS_PATTERN})|(^[a-z0-9-]{{1,40}}$)"),
    AfterValidator(_address_or_role),
]
"""An address of one party, or a role that several parties hold."""


class Party(Document):
    """One organisation of the agreement; the fingerprint pins its root (PROTOCOL §2)."""

    address: Address
    legal_name: Name
    root_fingerprint: Fingerprint
    roles: Listing[RoleCode] = Field(min_length=1, max_length=8)
    jurisdiction: Jurisdiction


class Article(Document):
    """One permission: these senders may pass these sections to these recipients for these purposes."""

    no: ArticleNumber
    purposes: Listing[PurposeCode] = Field(min_length=1)
    sections: Listing[SectionCode] = Field(min_length=1)
    from_: Listing[PartyOrRole] = Field(alias="from", min_length=1)
    to: Listing[PartyOrRole] = Field(min_length=1)
    authorities: Listing[AuthorityKind] = Field(min_length=1)
    clear: Listing[Literal["need", "territory"]] = ()
    answer_delays: dict[PriorityCode, Annotated[str, AfterValidator(_delay)]] = Field(default_factory=dict)
    """Within which delay the recipient promises an answer, by priority, such as `1 hour` or `5 business days`."""
    emergency: bool = False
    text_fr: _Text
    text_en: _Text

    def answer_due(self, priority: str, at: datetime, time_zone: str) -> datetime:
        """By when a referral of this priority, deposited at `at`, is to be answered."""
        written = self.answer_delays.get(priority)
        delay = AnswerDelay.parse(written) if written else PRIORITIES[priority].default_answer_delay
        return delay.after(at, ZoneInfo(time_zone))

    def covers_direction(self, sender: Party, recipient: Party) -> bool:
        """Whether the article lets `sender` write to `recipient`, each named by address or by a role it holds."""
        return _named(sender, self.from_) and _named(recipient, self.to)


def _named(party: Party, names: tuple[str, ...]) -> bool:
    return party.address in names or any(role in names for role in party.roles)
