"""The register of communications: each time something was handed out, to whom, what of, what for and on which ground.

PRODUCT §8: Québec, LRSSS s. 265 (nature, recipient, purpose and justification), P-39.1 s. 18.1 and A-2.1 s. 59.1 for
what went without consent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from journal.audit.names import Names, coded, emergency_law, law_words, sharing_rule
from journal.audit.program import word
from journal.audit.sentences import Sentences
from journal.audit.tables import Column, Row, Table, time_column
from journal.entries import Entry
from journal.invariants.acceptances import FIRST_STEP
from journal.invariants.keychains import said_by_broker
from keys.documents import format_time

__all__ = ["Communications"]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the acceptance of an envelope tells, as far as the register asks for it."""

    at: datetime
    kind: str
    sections: tuple[str, ...]
    ground: str | None
    article: str | None


@dataclass(frozen=True, slots=True)
class _Referral:
    requester: str | None
    purpose: str | None


class Communications:
    """Makes one row of each handing-out; about a fifth of a kilobyte is remembered of each envelope."""

    def __init__(self, names: Names, sentences: Sentences) -> None:
        self._names = names
        self._sentences = sentences
        self._sent: dict[str | None, _Sent] = {}
        self._referrals: dict[str | None, _Referral] = {}
        self.table: Final = Table(
            "communications",
            (
                Column("index"),
                time_column("time"),
                Column("from", names.of),
                Column("to", names.of),
                Column("what", lambda code: word(f"audit.what.{code}")),
                Column("sections", lambda code: coded("section", code)),
                Column("purpose", lambda code: coded("purpose", code)),
                Column("basis", _basis_words),
                Column("ground", lambda code: coded("ground", code)),
                Column("law", law_words),
                Column("statement"),
                Column("version"),
                Column("agreement"),
                Column("article"),
                Column("ref"),
                Column("envelope"),
            ),
        )

    def accept(self, entry: Entry) -> None:
        """Remember of an `envelope.accepted` what a handing-out will be about."""
        if said_by_broker(entry):
            return
        urgent = entry.statement is None
        begins = entry.transition == FIRST_STEP
        if begins and entry.ref is not None:
            self._referrals.setdefault(entry.ref, _Referral(entry.from_, entry.purpose))
        justifies = urgent and not begins and entry.justification is None
        referral = self._referrals.get(entry.ref)
        answers = referral is not None and entry.to == referral.requester
        kind = "referral" if begins else "justification" if justifies else "answer" if answers else "message"
        self._sent[entry.envelope] = _Sent(
            entry.time, kind, entry.sections or (), entry.reason if urgent else None, entry.article
        )

    def accepted_at(self, envelope: str | None) -> datetime | None:
        """When an envelope was accepted, as far as that is shown."""
        sent = self._sent.get(envelope)
        return None if sent is None else sent.at

    def row(self, entry: Entry) -> Row:
        """The row of an `envelope.released`; what the bundle does not show of it is left out."""
        sent = self._sent.get(entry.envelope)
        paper = entry.state == "attachment"
        referral = self._referrals.get(entry.ref)
        shown: Row = {}
        if sent is not None:
            shown = {
                "sections": ("documents",) if paper else sent.sections,
                "ground": sent.ground,
                "article": sent.article,
            }
        return {
            "index": entry.index,
            "time": format_time(entry.time),
            "from": entry.from_,
            "to": entry.to,
            "what": "attachment" if paper else sent.kind if sent else None,
            "purpose": referral.purpose if referral else None,
            **self._basis(entry, sent, referral),
            "statement": entry.statement,
            "version": entry.version,
            "agreement": entry.agreement,
            "ref": entry.ref,
            "envelope": entry.envelope,
            **shown,
        }

    def _basis(self, entry: Entry, sent: _Sent | None, referral: _Referral | None) -> Row:
        """On which legal basis, and under which article of law where one alone allows it."""
        if entry.statement is not None:
            document = self._sentences.statement(entry.statement_sha256)
            if document is None:
                return {}
            rule = sharing_rule(document.authority)
            return {"basis": document.authority.kind, "law": rule.code if rule else None}
        if sent is None or sent.ground is None:
            return {}
        declared = self._names.emergency_rule(referral.requester if referral else entry.from_, sent.ground)
        return {"basis": "emergency", "law": emergency_law(declared)}


def _basis_words(code: str) -> str:
    return word(f"authority.{code}")
