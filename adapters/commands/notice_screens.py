"""How notices, papers and alternatives look on a terminal, in the reader's language, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from adapters.commands.program import TERMINAL, print_json, word
from adapters.commands.screens import SHORT, Names
from adapters.dossier import Dossier
from adapters.store.records import Attachment, LoggedNotice
from consent.vocabulary import DOCUMENT_TYPES, KEPT_GROUNDS, SECTIONS, label
from keys.documents import format_time

__all__ = [
    "attachment_json",
    "attachment_line",
    "case_json",
    "case_lines",
    "notice_json",
    "notice_line",
    "show_notices",
]


def show_notices(found: Sequence[LoggedNotice], names: Names, *, none: str, as_json: bool) -> None:
    """Print notices, one a line after the referral it is about; `none` is the key of what to say without any."""
    if as_json:
        print_json([notice_json(notice) for notice in found])
        return
    for notice in found:
        TERMINAL.show(f"{notice.header.ref[:SHORT]} | {notice_line(notice, names)}")
    if not found:
        TERMINAL.say(none)


def notice_line(notice: LoggedNotice, names: Names) -> str:
    """One notice in one line: when, what happened, what was answered."""
    told, language = notice.header.notice, TERMINAL.language
    parts = [names.moment(notice.receipt.at), word(f"notice.{told.kind}.title")]
    if told.answer is not None:
        parts.append(word(f"withdrawal.{told.answer}"))
    if told.ground is not None:
        known = KEPT_GROUNDS.get(told.ground)
        parts.append(label(known, language) if known else told.ground)
    if notice.answer is not None and notice.answered_at is not None:
        what = word(f"notice.answer.{notice.answer}")
        parts.append(word("cli.notices.answered", what=what, moment=names.moment(notice.answered_at)))
    return " | ".join(parts)


def case_lines(dossier: Dossier, names: Names) -> Iterator[str]:
    """What happened to a referral besides its steps: notices and what to do next, papers, who else may be asked."""
    language = TERMINAL.language
    if dossier.referral.erased_at is not None:
        yield word("cli.show.erased", moment=names.moment(dossier.referral.erased_at))
    if dossier.attachments:
        yield ""
        yield word("cli.attachments.title")
        yield from (f"  {attachment_line(item)}" for item in dossier.attachments)
    if dossier.left:
        yield word("cli.show.left", count=len(dossier.left))
    if dossier.notices:
        yield ""
        yield word("cli.notices.title")
    for notice in dossier.notices:
        yield f"  {notice_line(notice, names)}"
        if notice.answer is None and _asks_for_something(notice, dossier):
            yield "    " + word(f"notice.{notice.header.notice.kind}.remedy")
    if dossier.alternatives:
        yield ""
        yield word("cli.show.alternatives")
    for other in dossier.alternatives:
        sections = ", ".join(label(SECTIONS[code], language) for code in other.sections)
        yield "  " + word("cli.show.alternative", who=names.of(other.recipient), sections=sections)


def attachment_line(attachment: Attachment) -> str:
    """One paper in one line: what it is, its name, its size, whether it is here."""
    kind = label(DOCUMENT_TYPES[attachment.kind], TERMINAL.language)
    state = word(f"cli.attachments.states.{attachment.state}")
    kilobytes = max(1, round(attachment.size / 1024))
    return word("cli.attachments.line", kind=kind, name=attachment.name or "–", size=kilobytes, state=state)


def notice_json(notice: LoggedNotice) -> dict[str, Any]:
    """One notice for another program."""
    told = notice.header.notice.model_dump(mode="json", exclude_none=True)
    answered = {"answered": notice.answer, "answered_at": format_time(notice.answered_at)} if notice.answered_at else {}
    return {"ref": notice.header.ref, "at": format_time(notice.receipt.at), **told, **answered}


def attachment_json(attachment: Attachment) -> dict[str, Any]:
    """One paper for another program, without its bytes."""
    members = {
        "envelope": attachment.envelope,
        "type": attachment.kind,
        "name": attachment.name,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "state": attachment.state,
    }
    return {name: value for name, value in members.items() if value is not None}


def case_json(dossier: Dossier) -> dict[str, Any]:
    """As `case_lines`, for another program."""
    members: dict[str, Any] = {
        "notices": [notice_json(notice) for notice in dossier.notices],
        "attachments": [attachment_json(item) for item in dossier.attachments],
        "alternatives": [{"to": item.recipient, "sections": list(item.sections)} for item in dossier.alternatives],
        "undelivered": list(dossier.undelivered),
        "left_leaks": [{"place": item.place, "kind": item.kind, "reason": item.reason} for item in dossier.left],
    }
    if dossier.referral.erased_at is not None:
        members["erased_at"] = format_time(dossier.referral.erased_at)
    return members


def _asks_for_something(notice: LoggedNotice, dossier: Dossier) -> bool:
    """Whether there is something to do about a notice: an end that we caused or that others answer asks for nothing."""
    kind, received = notice.header.notice.kind, dossier.referral.direction == "received"
    if kind == "consent-ended":
        return received
    return bool(dossier.undelivered) if kind == "non-delivery" else kind in {"emergency-unreviewed", "timer"}
