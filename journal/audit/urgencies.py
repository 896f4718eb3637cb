"""The register of emergencies: who declared which, on what ground, for whom it was justified, and who looked again.

PRODUCT §4 (*Emergency*); the articles of law are those of `consent/tables/emergency_rules.csv`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from consent.emergency_review import REVIEW_KIND, REVIEW_WITHIN, EmergencyReview
from consent.headers import ReferralHeader, read_header
from journal.audit.names import Names, coded, emergency_law, law_words
from journal.audit.program import TERMINAL, word
from journal.audit.tables import Column, Row, Table, time_column
from journal.entries import Entry
from keys.documents import format_time, parse
from keys.errors import PasserelleError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["Urgencies"]


@dataclass(slots=True)
class _Declared:
    entry: Entry
    auditors: str | None
    directive: str | None = None
    worker: str | None = None
    verdict: str | None = None
    reviewer: str | None = None
    reviewed: datetime | None = None
    escalated: datetime | None = None
    escalations: int = 0


class Urgencies:
    """Follows every declared emergency to its end."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._justified: dict[str, str | None] = {}
        self._declared: dict[str | None, _Declared] = {}
        self.table: Final = Table(
            "emergencies",
            (
                Column("index"),
                time_column("time"),
                Column("from", names.of),
                Column("to", names.of),
                Column("ground", lambda code: coded("ground", code)),
                Column("law", law_words),
                Column("directive"),
                Column("worker"),
                Column("purpose", lambda code: coded("purpose", code)),
                Column("sections", lambda code: coded("section", code)),
                Column("justified"),
                Column("auditors", names.of),
                Column("state", lambda code: word(f"audit.emergency.{code}")),
                time_column("reviewed"),
                Column("reviewer"),
                Column("verdict", _verdict),
                time_column("escalated"),
                Column("escalations"),
                Column("ref"),
                Column("envelope"),
            ),
        )

    def accept(self, entry: Entry) -> None:
        """Remember of an `envelope.accepted` that it told the auditors why."""
        if entry.envelope is not None and entry.statement is None and entry.justification is None and entry.reason:
            self._justified[entry.envelope] = entry.to

    def follow(self, entry: Entry) -> None:
        """An `emergency.declared`, `emergency.reviewed` or `incident.escalated`."""
        if entry.type == "emergency.declared":
            self._declare(entry)
            return
        declared = self._declared.get(entry.envelope)
        if declared is None:
            return
        if entry.type == "incident.escalated":
            declared.escalated = declared.escalated or entry.time
            declared.escalations += 1
        else:
            declared.reviewed, declared.verdict = entry.time, entry.state
            declared.reviewer = _reviewer(entry)

    def sections(self, envelope: str | None) -> tuple[str, ...]:
        """What left without consent under the emergency that an envelope declared."""
        declared = self._declared.get(envelope)
        return () if declared is None else declared.entry.sections or ()

    def rows(self, until: datetime | None) -> Iterator[Row]:
        """Every emergency, in the order in which they were declared, as it stands at `until`."""
        for declared in self._declared.values():
            entry = declared.entry
            rule = self._names.emergency_rule(entry.from_, entry.reason)
            yield {
                "index": entry.index,
                "time": format_time(entry.time),
                "from": entry.from_,
                "to": entry.to,
                "ground": entry.reason,
                "law": emergency_law(rule),
                "directive": declared.directive,
                "worker": declared.worker,
                "purpose": entry.purpose,
                "sections": entry.sections,
                "justified": declared.auditors is not None,
                "auditors": declared.auditors,
                "state": _state(declared, until),
                "reviewed": format_time(declared.reviewed) if declared.reviewed else None,
                "reviewer": declared.reviewer,
                "verdict": declared.verdict,
                "escalated": format_time(declared.escalated) if declared.escalated else None,
                "escalations": declared.escalations,
                "ref": entry.ref,
                "envelope": entry.envelope,
            }

    def _declare(self, entry: Entry) -> None:
        named = entry.justification.envelope if entry.justification else ""
        declared = _Declared(entry, self._justified.get(named))
        try:
            header = read_header(entry.document or b"", pointer="")
        except PasserelleError:
            header = None  # what is wrong with it is for `verify` to say
        if isinstance(header, ReferralHeader) and header.emergency is not None:
            declared.directive, declared.worker = header.emergency.directive, header.emergency.worker
        self._declared.setdefault(entry.envelope, declared)


def _state(declared: _Declared, until: datetime | None) -> Literal["reviewed", "escalated", "open", "overdue"]:
    if declared.reviewed is not None:
        return "reviewed"
    if declared.escalated is not None:
        return "escalated"
    over = until is not None and until - declared.entry.time > REVIEW_WITHIN
    return "overdue" if over else "open"


def _verdict(code: str) -> str:
    return TERMINAL.words.find(f"audit.verdicts.{code}", TERMINAL.language) or code


def _reviewer(entry: Entry) -> str | None:
    try:
        signed = SignedDocument.parse(entry.document or b"", REVIEW_KIND)
        return parse(EmergencyReview, signed.payload, limit=MAX_DOCUMENT).reviewer
    except PasserelleError:
        return None  # as above
