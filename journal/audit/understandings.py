"""The registers of agreements and of processing, as the parties signed them.

RGPD art. 30: purposes, categories of persons and of data, recipients, transfers, retention and measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from consent.agreement import Agreement
from consent.articles import Article
from journal.audit.names import Names, coded
from journal.audit.program import word
from journal.audit.tables import Column, Row, Table, time_column
from journal.entries import Entry
from keys.documents import Address, format_time

__all__ = ["Understandings"]


@dataclass(slots=True)
class _Version:
    ref: str
    sha256: str | None
    state: str = "signing"
    times: dict[str, str] = field(default_factory=dict)
    signed: list[Address] = field(default_factory=list)


class Understandings:
    """Follows every version of every agreement; its text is read where the bundle shows it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._versions: dict[str, _Version] = {}
        state = Column("state", lambda code: word(f"audit.agreement.{code}"))
        self.agreements: Final = Table(
            "agreements",
            (
                Column("agreement"),
                state,
                time_column("proposed"),
                time_column("in-force"),
                time_column("suspended"),
                time_column("ended"),
                Column("signed", names.of),
                Column("parties", names.of),
                time_column("not-before"),
                time_column("not-after"),
                Column("impact-assessment"),
                Column("approved"),
                Column("shown"),
                Column("sha256"),
            ),
        )
        self.processing: Final = _processing(state, names)

    def follow(self, entry: Entry) -> None:
        """An `agreement.*` entry."""
        ref = entry.agreement or "–"
        version = self._versions.setdefault(ref, _Version(ref, entry.agreement_sha256))
        kind = entry.type.partition(".")[2]
        if kind == "signed":
            version.signed.append(entry.from_ or entry.actor)
            return
        version.times[kind] = format_time(entry.time)
        if kind != "proposed":
            version.state = kind
        if kind == "in-force" and version.sha256 is not None:
            self._names.agreement(version.sha256)

    def agreement_rows(self) -> Iterator[Row]:
        """Every version, in the order in which they were proposed."""
        for version in self._versions.values():
            document = self._document(version)
            told: Row = {} if document is None else _of_document(document)
            yield {
                "agreement": version.ref,
                "state": version.state,
                **{kind: version.times.get(kind) for kind in ("proposed", "in-force", "suspended", "ended")},
                "signed": tuple(version.signed),
                "shown": document is not None,
                "sha256": version.sha256,
                **told,
            }

    def processing_rows(self) -> Iterator[Row]:
        """Every article of every version that ever governed."""
        for version in self._versions.values():
            if "in-force" not in version.times:
                continue
            document = self._document(version)
            about: Row = {"agreement": version.ref, "state": version.state, "shown": document is not None}
            if document is None:
                yield about
                continue
            for article in document.articles:
                yield {**about, **_of_article(document, article)}

    def _document(self, version: _Version) -> Agreement | None:
        return self._names.text(version.sha256) if version.sha256 else None


def _processing(state: Column, names: Names) -> Table:
    """The register of processing, whose columns the law lists."""

    def party(name: str) -> str:
        """A party by its name, or everybody who holds a role."""
        return names.of(name) if "@" in name else coded("role", name)

    return Table(
        "processing",
        (
            Column("agreement"),
            Column("article"),
            state,
            Column("controllers", party),
            Column("purposes", _coder("purpose")),
            Column("persons-concerned", lambda _: word("audit.persons-referred")),
            Column("sections", _coder("section")),
            Column("recipients", party),
            Column("jurisdictions", _coder("jurisdiction")),
            Column("bases", lambda code: word(f"authority.{code}")),
            Column("envelope-days"),
            Column("copy-days"),
            Column("evidence-days"),
            Column("security", lambda _: word("audit.measures-sealed")),
            Column("shown"),
        ),
    )


def _coder(kind: str) -> Callable[[str], str]:
    return lambda code: coded(kind, code)


def _of_document(document: Agreement) -> Row:
    return {
        "parties": tuple(party.address for party in document.parties),
        "not-before": format_time(document.not_before),
        "not-after": format_time(document.not_after),
        "impact-assessment": document.impact_assessment.reference,
        "approved": document.impact_assessment.approved_on,
    }


def _of_article(document: Agreement, article: Article) -> Row:
    receiving = {
        party.jurisdiction
        for party in document.parties
        if party.address in article.to or any(role in article.to for role in party.roles)
    }
    return {
        "article": article.no,
        "controllers": article.from_,
        "purposes": article.purposes,
        "persons-concerned": "referred",
        "sections": article.sections,
        "recipients": article.to,
        "jurisdictions": tuple(sorted(receiving)),
        "bases": article.authorities,
        "envelope-days": document.retention.envelope_days,
        "copy-days": document.retention.copy_days,
        "evidence-days": document.retention.evidence_days,
        "security": "sealed",
    }
