"""How consents look on a terminal, in the reader's language, and as JSON for another program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapters.commands.program import TERMINAL, word
from adapters.commands.screens import Names
from adapters.consent_desk import Shown
from consent.answers import Circumstances, Restriction
from consent.essentials import CONSENT_RULES
from consent.statement import ConsentStatement
from consent.validity import Verdict
from consent.vocabulary import PURPOSES, SECTIONS, label
from keys.documents import format_time

__all__ = ["record_json", "record_lines", "verdict_json", "verdict_lines"]


def verdict_lines(verdict: Verdict, circumstances: Circumstances, names: Names) -> Iterator[str]:
    """What one question came to for one recipient, then each reason against it with its article."""
    language = TERMINAL.language
    what, who = label(PURPOSES[verdict.item.purpose], language), names.of(verdict.recipient)
    yield word("cli.consent.line", what=what, who=who, state=word(f"consent-state.{verdict.standing}"))
    if verdict.sections:
        sections = ", ".join(label(SECTIONS[code], language) for code in verdict.sections)
        yield word("cli.consent.sections", sections=sections)
    for code in verdict.reasons:
        rule = CONSENT_RULES.get((code, _jurisdiction(verdict, circumstances)))
        title = word(f"error.{code}.title")
        if rule is None:
            yield word("cli.consent.reason", reason=title)
        elif rule.reviewed_by is None:
            yield word("cli.consent.reason-not-reviewed", reason=title, article=rule.article(language))
        else:
            yield word(
                "cli.consent.reason-reviewed",
                reason=title,
                article=rule.article(language),
                reviewer=rule.reviewed_by,
            )


def record_lines(shown: Shown, names: Names) -> Iterator[str]:
    """One record in full: its questions, its restrictions, what is registered, what a renewal asks."""
    yield shown.record.header.record_id
    for verdict in shown.verdicts:
        yield from verdict_lines(verdict, shown.record.circumstances, names)
    for notice in shown.record.restrictions:
        yield _restriction_line(notice, names)
    for statement in shown.statements:
        state = word(f"consent-state.{statement.state}")
        until = names.moment(statement.not_after)
        yield word("cli.consent.statement", id=statement.id, version=statement.version, state=state, until=until)
    purposes = {item.pid: item.purpose for item in shown.record.processing.purposes}
    for pid, recipient in shown.ask:
        what = label(PURPOSES[purposes[pid]], TERMINAL.language)
        yield word("cli.consent.ask", pid=pid, what=what, who=names.of(recipient))


def verdict_json(verdict: Verdict, circumstances: Circumstances) -> dict[str, Any]:
    """What one question came to, for another program."""
    return {
        "pid": verdict.item.pid,
        "purpose": verdict.item.purpose,
        "recipient": verdict.recipient,
        "standing": verdict.standing,
        "reasons": [_reason_json(code, _jurisdiction(verdict, circumstances)) for code in verdict.reasons],
        "sections": list(verdict.sections),
    }


def record_json(shown: Shown) -> dict[str, Any]:
    """One record for another program."""
    return {
        "consent": shown.record.header.record_id,
        "questions": [verdict_json(each, shown.record.circumstances) for each in shown.verdicts],
        "restrictions": [each.model_dump(mode="json", exclude_none=True) for each in shown.record.restrictions],
        "statements": [_statement_json(each) for each in shown.statements],
        "renewal_asks": [{"pid": pid, "recipient": recipient} for pid, recipient in shown.ask],
    }


def _jurisdiction(verdict: Verdict, circumstances: Circumstances) -> str:
    sitting = verdict.event.sitting if verdict.event else None
    return (sitting.circumstances if sitting else circumstances).jurisdiction


def _reason_json(code: str, jurisdiction: str) -> dict[str, str]:
    rule = CONSENT_RULES.get((code, jurisdiction))
    if rule is None:
        return {"code": code}
    reviewed = {"reviewed_by": rule.reviewed_by} if rule.reviewed_by else {}
    return {"code": code, "article": rule.article(TERMINAL.language)} | reviewed


def _statement_json(statement: ConsentStatement) -> dict[str, Any]:
    return {
        "id": statement.id,
        "version": statement.version,
        "state": statement.state,
        "not_after": format_time(statement.not_after),
        "grants": len(statement.grants),
    }


def _restriction_line(notice: Restriction, names: Names) -> str:
    language = TERMINAL.language
    said = word(
        "receipt.kept-back",
        sections=", ".join(label(SECTIONS[code], language) for code in notice.sections or ())
        or word("receipt.every-section"),
        purposes=", ".join(label(PURPOSES[code], language) for code in notice.purposes or ())
        or word("receipt.every-purpose"),
        names=", ".join(names.of(address) for address in notice.recipients or ()) or word("receipt.every-recipient"),
    )
    return (
        said if notice.until is None else f"{said} – {word('receipt.until', moment=names.moment(notice.until)).strip()}"
    )
