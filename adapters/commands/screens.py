"""How referrals look on a terminal, in the reader's language, and as JSON for another program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from adapters.commands.program import TERMINAL, word
from adapters.dossier import Dossier
from adapters.events import role_in
from adapters.rendering import section_lines
from adapters.store.records import HeldAgreement, Referral
from consent.envelope import Event
from consent.terms import Term
from consent.transitions import TRANSITIONS
from consent.vocabulary import (
    ASKED_FOR,
    BECAME,
    CHANNELS,
    GROUNDS,
    HELPED,
    NEEDS,
    OUTCOMES,
    PRIORITIES,
    PURPOSES,
    REASONS,
    label,
)
from keys.documents import format_time

__all__ = ["SHORT", "Names", "dossier_json", "dossier_lines", "referral_json", "referral_line", "service_lines"]

SHORT: Final = 12
"""Characters of a reference shown in lists; enough to type back."""


class Names:
    """Organisations by the names people know, and times as clocks show them where the agreement lives."""

    def __init__(self, agreements: list[HeldAgreement]) -> None:
        """Read names and time zone from the agreements, the newest version first."""
        parties = [party for agreement in agreements for party in agreement.document.parties]
        self._names = {party.address: party.legal_name for party in reversed(parties)}
        self._zone = ZoneInfo(agreements[0].document.time_zone if agreements else "UTC")

    def of(self, address: str) -> str:
        """An organisation's name, or its address when no agreement names it."""
        return self._names.get(address, address)

    def moment(self, at: datetime) -> str:
        """A day and an hour in words."""
        local = at.astimezone(self._zone)
        return word(
            "receipt.moment",
            day=word("receipt.first-day") if local.day == 1 else local.day,
            month=word(f"month.{local.month}"),
            year=local.year,
            hour=local.hour,
            minute=f"{local.minute:02d}",
        )


def referral_line(referral: Referral, names: Names) -> str:
    """One referral in one line: reference, direction, partner, purpose, priority, where it stands, by when."""
    language = TERMINAL.language
    parts = [
        referral.ref[:SHORT],
        word(f"cli.direction.{referral.direction}"),
        names.of(referral.peer),
        label(PURPOSES[referral.header.purpose], language),
        label(PRIORITIES[referral.header.priority], language),
        _standing(referral.status, referral.business_status),
    ]
    if referral.answer_by is not None:
        parts.append(word("cli.answer-by", moment=names.moment(referral.answer_by)))
    if referral.problem is not None:
        parts.append(word("cli.problem", what=_title(referral.problem)))
    return " | ".join(parts)


def dossier_lines(dossier: Dossier, names: Names) -> Iterator[str]:
    """One referral in full, line by line; what came from outside is made printable by whoever prints it."""
    language = TERMINAL.language
    yield from _heading(dossier, names)
    for content in dossier.contents:
        yield ""
        yield word("cli.said-by", who=names.of(content.author), moment=names.moment(content.at))
        for code, section in content.sections.items():
            yield from (f"  {line}" for line in section_lines(code, section, language))
    if dossier.steps:
        yield ""
        yield word("cli.steps")
    for step in dossier.steps:
        event = step.event
        parts = [names.moment(step.receipt.at), names.of(step.header.from_)]
        parts.append(label(TRANSITIONS[event.transition], language))
        parts += [label(REASONS[event.reason], language)] if event.reason else []
        parts += [label(OUTCOMES[event.outcome], language)] if event.outcome else []
        yield "  " + " | ".join([*parts, *_details(event)])
    if dossier.waiting:
        yield word("cli.waiting", count=len(dossier.waiting))
    if dossier.possible:
        choices = ", ".join(label(TRANSITIONS[code], language) for code in dossier.possible)
        yield word("cli.possible", choices=choices)


def _heading(dossier: Dossier, names: Names) -> Iterator[str]:
    """Which referral it is, on what it rests if on no consent, what is needed, and when it is looked at again."""
    referral, language = dossier.referral, TERMINAL.language
    yield referral.ref
    yield referral_line(referral, names)
    declared = referral.header.emergency
    if declared is not None:
        ground = label(GROUNDS[declared.ground], language)
        yield word("cli.emergency", ground=ground, directive=declared.directive)
    if referral.header.need:
        yield word("cli.need", what=label(NEEDS[referral.header.need], language))
    if dossier.state.review_by is not None:
        yield word("cli.review-by", moment=names.moment(dossier.state.review_by))


def _details(event: Event) -> Iterator[str]:
    """What a step says besides its reason and outcome, in words."""
    language = TERMINAL.language
    if event.asked:
        yield word("cli.asked", what=", ".join(label(ASKED_FOR[code], language) for code in event.asked))
    codes: tuple[tuple[str | None, Mapping[str, Term]], ...] = (
        (event.channel, CHANNELS),
        (event.became, BECAME),
        (event.helped, HELPED),
    )
    for code, terms in codes:
        if code is not None:
            yield label(terms[code], language)


def service_lines(service: Mapping[str, Any]) -> Iterator[str]:
    """One service found, in a few lines: its id, name and organisation, whether it is open, how to refer."""
    found = service.get("service", service)
    yield f"{found.get('id', '')} | {found.get('name', '')} | {found.get('organisation_name') or ''}"
    if isinstance(service.get("open_now"), bool):
        yield "  " + word("cli.services.open" if service["open_now"] else "cli.services.closed")
    if found.get("partner"):
        yield "  " + word("cli.services.partner", address=found["partner"])


def referral_json(referral: Referral) -> dict[str, Any]:
    """One referral for another program, without what it says."""
    header = referral.header
    members = {
        "ref": referral.ref,
        "direction": referral.direction,
        "peer": referral.peer,
        "purpose": header.purpose,
        "priority": header.priority,
        "need": header.need,
        "service": header.service,
        "part_of": header.part_of,
        "status": referral.status,
        "business_status": referral.business_status,
        "sent_at": format_time(referral.at),
        "answer_by": format_time(referral.answer_by) if referral.answer_by else None,
        "problem": referral.problem,
    }
    return {name: value for name, value in members.items() if value is not None}


def dossier_json(dossier: Dossier) -> dict[str, Any]:
    """One referral for another program, with everything it says and every step."""
    return referral_json(dossier.referral) | {
        "role": role_in(dossier.referral),
        "contents": [
            {"from": content.author, "at": format_time(content.at), "sections": content.sections}
            for content in dossier.contents
        ],
        "steps": [
            {
                "at": format_time(step.receipt.at),
                "index": step.receipt.index,
                "from": step.header.from_,
                **step.event.model_dump(mode="json", exclude_none=True),
            }
            for step in dossier.steps
        ],
        "waiting": len(dossier.waiting),
        "possible": list(dossier.possible),
    }


def _standing(status: str, business_status: str | None) -> str:
    said = word(f"status.{status}")
    return f"{said} ({word(f'business-status.{business_status}')})" if business_status else said


def _title(code: str) -> str:
    return TERMINAL.words.find(f"error.{code}.title", TERMINAL.language) or code
