"""Writes the clear part of each envelope this partner sends: to whom, under which agreement and consent, until when.

PROTOCOL §4. Ids are random, and everything else follows from the referral and the papers it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.office import Office
from adapters.referral import ReferralFile
from adapters.routes import Route
from adapters.sections import form_of
from adapters.store.records import HeldAgreement, HeldStatement, Referral
from consent.envelope import (
    MAX_LIFE,
    AuthorityRef,
    Emergency,
    Event,
    EventHeader,
    Header,
    MessageHeader,
    ReferralHeader,
    SealedHeader,
)
from consent.vocabulary import EMERGENCY_RULES
from keys.documents import Address, Document, format_time, new_id, validate

__all__ = [
    "Basis",
    "Draft",
    "emergency_life",
    "event_header",
    "justification_header",
    "message_header",
    "referral_header",
    "renewed",
]

SHORTEST_LIFE: Final = timedelta(hours=24)
"""How long an emergency waits where no law says how long; the decision refuses it there anyway."""
Draft = tuple[Office, datetime, str | None]
"""Who writes, when, and under which pseudonym when it is not the usual one."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a new referral rests on: its reference, the member of the header that says so, and its longest life."""

    ref: str
    members: Mapping[str, Any]
    longest: timedelta = MAX_LIFE

    @staticmethod
    def of_consent(statement: HeldStatement) -> Basis:
        """A consent in its newest version, under a fresh reference."""
        cited = {"statement": statement.document.id, "version": statement.document.version, "sha256": statement.sha256}
        return Basis(new_id("ref"), {"authority": cited})

    @staticmethod
    def of_emergency(ref: str, emergency: Emergency, longest: timedelta) -> Basis:
        """A declared emergency whose justification went before under the same reference."""
        return Basis(ref, _named("emergency", emergency), longest)


def referral_header(draft: Draft, file: ReferralFile, way: Route, rests_on: Basis, seq: int) -> ReferralHeader:
    """The header of a new referral, the first envelope under its reference but for a justification."""
    members = _envelope(draft, file.to, way.agreement, longest=rests_on.longest)
    members |= rests_on.members
    members |= {
        "typ": "referral",
        "ref": rests_on.ref,
        "seq": seq,
        "article": way.article.no,
        "slots": _slots(file.sections.codes()),
    }
    clear = {"part_of", "service", "purpose", "priority", "need", "respond_by"}
    members |= file.model_dump(mode="json", include=clear, exclude_none=True)
    return validate(ReferralHeader, members)


def justification_header(draft: Draft, emergency: Emergency, way: Route, auditor: Address, ref: str) -> MessageHeader:
    """The header of the message that tells the auditors why nobody could be asked; it comes before the referral."""
    members = _envelope(draft, auditor, way.agreement)
    declared = emergency.model_dump(mode="json", exclude_none=True)
    members |= {"ref": ref, "seq": 0, "article": way.article.no, "emergency": declared}
    return validate(MessageHeader, members | {"typ": "message", "slots": _slots(("justification",))})


def event_header(draft: Draft, referral: Referral, agreement: HeldAgreement, seq: int, event: Event) -> EventHeader:
    """The header of a step of a referral; it is the whole envelope."""
    members = _about(draft, referral, agreement, seq)
    told = event.model_dump(mode="json", exclude_none=True)
    return validate(EventHeader, members | {"typ": "event", "event": told})


def message_header(
    draft: Draft,
    referral: Referral,
    agreement: HeldAgreement,
    seq: int,
    sections: Iterable[str],
    cited: AuthorityRef | None,
) -> MessageHeader:
    """The header of a sealed message to the other party of a referral, under what the referral rests on.

    `cited` is the consent in the version we know; an emergency is the one that the referral declared.
    """
    emergency = referral.header.emergency
    requester = referral.header.from_
    longest = emergency_life(agreement, requester, emergency.ground) if emergency else MAX_LIFE
    members = _about(draft, referral, agreement, seq, longest=longest)
    members |= _named("authority", cited) if emergency is None else _named("emergency", emergency)
    return validate(MessageHeader, members | {"typ": "message", "slots": _slots(sections)})


def renewed(
    draft: Draft, header: Header, agreement: HeldAgreement, seq: int, changes: Mapping[str, Any] | None = None
) -> Header:
    """The header of an envelope that takes the place of another: the same, but its own id, times and `seq`.

    `changes` are members that change besides, as `replaces` where the broker had taken the other one; None takes one
    away.
    """
    office, at, _ = draft
    longest = header.exp - header.iat if isinstance(header, SealedHeader) and header.emergency else MAX_LIFE
    fresh = _envelope((office, at, header.author), header.to, agreement, longest=longest)
    members = header.model_dump(mode="json", exclude_none=True, by_alias=True)
    members |= fresh | {"seq": seq} | dict(changes or {})
    return validate(type(header), {name: value for name, value in members.items() if value is not None})


def emergency_life(agreement: HeldAgreement, requester: Address, ground: str) -> timedelta:
    """How long an envelope of an emergency may wait at most, as the law where the requester is has it."""
    party = agreement.document.party(requester)
    rule = EMERGENCY_RULES.get((ground, party.jurisdiction)) if party else None
    return timedelta(hours=rule.max_hours) if rule else SHORTEST_LIFE


def _about(
    draft: Draft, referral: Referral, agreement: HeldAgreement, seq: int, *, longest: timedelta = MAX_LIFE
) -> dict[str, Any]:
    """The members every later envelope about a referral has."""
    members = _envelope(draft, referral.peer, agreement, longest=longest)
    return members | {"ref": referral.ref, "seq": seq, "article": referral.header.article}


def _envelope(draft: Draft, to: str, agreement: HeldAgreement, *, longest: timedelta = MAX_LIFE) -> dict[str, Any]:
    """The members every envelope has; it waits at the broker no longer than the agreement and the law allow."""
    office, at, author = draft
    life = min(MAX_LIFE, longest, timedelta(days=agreement.document.retention.envelope_days))
    return {
        "v": 1,
        "suite": "PQ1",
        "id": new_id("env"),
        "from": office.address,
        "to": to,
        "iat": format_time(at),
        "exp": format_time(at + life),
        "author": author or office.author,
        "agreement": agreement.document.ref,
        "agreement_sha256": agreement.sha256,
    }


def _named(member: str, document: Document | None) -> dict[str, Any]:
    return {} if document is None else {member: document.model_dump(mode="json", exclude_none=True)}


def _slots(sections: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"sid": f"s{number}", "section": section, "schema": form_of(section)}
        for number, section in enumerate(sections, start=1)
    ]
