"""What the journal tells of incidents: their eight fields as they were opened, and what was completed since.

PRODUCT §8; Québec, Regulation respecting confidentiality incidents (chapter A-2.1, r. 3.1), sections 7 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from consent.emergency_review import REVIEW_KIND
from consent.incident import FIELDS, Incident, IncidentId, completed, known_terms, of_emergency, of_mismatch
from consent.mismatch import MISMATCH_KIND, Mismatch
from consent.terms import label
from journal.audit.program import TERMINAL
from journal.entries import MAX_ENTRY, Entry
from keys.documents import Document, Version, parse
from keys.errors import PasserelleError
from keys.signing import MAX_DOCUMENT, SignedDocument, media_type

__all__ = ["COMPLETED", "Changes", "Line", "Lines", "changes_in", "circumstances"]

COMPLETED = "incident-completed"
"""The state of an `admin.change` that completes an incident."""


class _Changes(Document):
    v: Version
    incident: IncidentId
    changed: dict[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What the operator set in an incident: fields by name, an empty text taking one out."""

    incident: str
    changed: Mapping[str, str]

    @property
    def fields(self) -> list[str]:
        """The names of the fields that were set, in the order of the regulation."""
        return [name for name in FIELDS if name in self.changed]


@dataclass(slots=True)
class Line:
    """One line of the register: where it was opened, and its fields as they are known at the end."""

    entry: Entry
    identifier: str | None
    incident: Incident
    changed: datetime | None = None
    """When it was completed last."""
    uncertain: bool = False
    """True where a change names an incident that may be this one or another about the same envelope."""


def circumstances(code: str | None) -> str:
    """The circumstances of an incident in words."""
    term = known_terms("circumstances").get(code or "")
    return label(term, TERMINAL.language) if term else code or "–"


def changes_in(entry: Entry) -> Changes | None:
    """What an `admin.change` completed of an incident; None when it changed something else, or cannot be read."""
    if entry.state != COMPLETED:
        return None
    try:
        read = parse(_Changes, entry.document or b"", limit=MAX_ENTRY)
    except PasserelleError:
        return None
    return Changes(read.incident, read.changed)


class Lines:
    """The lines of the register of incidents, by envelope."""

    def __init__(self) -> None:
        self._about: dict[str | None, list[Line]] = {}
        self._all: list[Line] = []

    def open(self, entry: Entry, occurred: datetime | None, sections: tuple[str, ...]) -> None:
        """An `incident.opened`: `occurred` is when its envelope was accepted, `sections` are what left without consent.

        As the register itself is, it is filled in with what is known.
        """
        identifier = entry.state if (entry.state or "").startswith("inc_") else None
        line = Line(entry, identifier, _opened(entry, occurred, sections))
        self._about.setdefault(entry.envelope, []).append(line)
        self._all.append(line)

    def change(self, entry: Entry) -> None:
        """An `admin.change`: fields of the incident that it names, or of the only one about its envelope."""
        changes = changes_in(entry)
        if changes is None:
            return
        about = self._about.get(entry.envelope, [])
        named = [line for line in about if line.identifier == changes.incident]
        unnamed = [line for line in about if line.identifier is None]
        if not named and len(unnamed) > 1:
            for line in unnamed:
                line.uncertain = True
            return
        for line in named or unnamed:
            line.identifier = changes.incident
            line.changed = entry.time
            line.incident = _completed(line.incident, changes)

    def all(self) -> list[Line]:
        """Every line, in the order in which they were opened."""
        return self._all


def _opened(entry: Entry, occurred: datetime | None, sections: tuple[str, ...]) -> Incident:
    document = entry.document or b""
    at = occurred or entry.time
    try:
        if media_type(REVIEW_KIND).encode() in document:
            made = of_emergency(sections or tuple(entry.sections or ()), at, entry.time)
        else:
            signed = SignedDocument.parse(document, MISMATCH_KIND)
            report = parse(Mismatch, signed.payload, limit=MAX_DOCUMENT)
            made = of_mismatch(report.kind, report.section, at, entry.time)
    except PasserelleError:
        return Incident()  # what is wrong with it is for `verify` to say
    # Nobody guesses when it happened: without the acceptance the field stays empty.
    return made if occurred else made.model_copy(update={"occurred": None})


def _completed(incident: Incident, changes: Changes) -> Incident:
    try:
        return completed(incident, changes.changed)
    except PasserelleError:
        return incident  # as above
