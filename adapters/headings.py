"""Writes the clear part of each envelope this partner sends: to whom, under which agreement and consent, until when.

PROTOCOL §4. Ids are random, and everything else follows from the referral and the papers it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from adapters.office import Office
from adapters.referral import ReferralFile
from adapters.routes import Route
from adapters.sections import form_of
from adapters.store.records import HeldAgreement, HeldStatement, Referral
from consent.envelope import MAX_LIFE, Event, EventHeader, MessageHeader, ReferralHeader
from keys.documents import format_time, new_id, validate

__all__ = ["Draft", "event_header", "message_header", "referral_header", "renewed"]

Draft = tuple[Office, datetime, str | None]
"""Who writes, when, and under which pseudonym when it is not the usual one."""


def referral_header(draft: Draft, file: ReferralFile, way: Route, statement: HeldStatement) -> ReferralHeader:
    """The header of a new referral, the first envelope under a fresh reference."""
    office, at, author = draft
    members = _envelope((office, at, author or file.author), file.to, way.agreement)
    document = statement.document
    members |= {
        "typ": "referral",
        "ref": new_id("ref"),
        "seq": 0,
        "article": way.article.no,
        "authority": {"statement": document.id, "version": document.version, "sha256": statement.sha256},
        "slots": _slots(file.sections.present()),
    }
    clear = {"part_of", "service", "purpose", "priority", "need", "respond_by"}
    members |= file.model_dump(mode="json", include=clear, exclude_none=True)
    return validate(ReferralHeader, members)


def event_header(draft: Draft, referral: Referral, agreement: HeldAgreement, seq: int, event: Event) -> EventHeader:
    """The header of a step of a referral; it is the whole envelope."""
    members = _about(draft, referral, agreement, seq)
    told = event.model_dump(mode="json", exclude_none=True)
    return validate(EventHeader, members | {"typ": "event", "event": told})


def message_header(
    draft: Draft, referral: Referral, agreement: HeldAgreement, seq: int, sections: Iterable[str]
) -> MessageHeader:
    """The header of a sealed message to the other party of a referral, under the consent the referral rests on."""
    members = _about(draft, referral, agreement, seq)
    authority = referral.header.authority.model_dump(mode="json")
    return validate(MessageHeader, members | {"typ": "message", "authority": authority, "slots": _slots(sections)})


def renewed(
    draft: Draft, header: ReferralHeader | MessageHeader, agreement: HeldAgreement, seq: int
) -> ReferralHeader | MessageHeader:
    """The header of an envelope that takes the place of one that the broker never took: the same, but its own."""
    office, at, _ = draft
    fresh = _envelope((office, at, header.author), header.to, agreement)
    members = header.model_dump(mode="json", exclude_none=True, by_alias=True)
    return validate(type(header), members | fresh | {"seq": seq})


def _about(draft: Draft, referral: Referral, agreement: HeldAgreement, seq: int) -> dict[str, Any]:
    """The members every later envelope about a referral has."""
    members = _envelope(draft, referral.peer, agreement)
    return members | {"ref": referral.ref, "seq": seq, "article": referral.header.article}


def _envelope(draft: Draft, to: str, agreement: HeldAgreement) -> dict[str, Any]:
    """The members every envelope has; it waits at the broker no longer than the agreement allows."""
    office, at, author = draft
    life = min(MAX_LIFE, timedelta(days=agreement.document.retention.envelope_days))
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


def _slots(sections: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"sid": f"s{number}", "section": section, "schema": form_of(section)}
        for number, section in enumerate(sections, start=1)
    ]
