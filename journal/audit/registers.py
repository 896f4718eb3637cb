"""Makes the registers that the law asks for out of a bundle, in one pass: nothing is in them that is not in it.

PRODUCT §8. What was erased or not given to the reader has a table of its own, so that nobody takes a register for whole
that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from consent.incident import FIELDS, shown
from journal.audit.communications import Communications
from journal.audit.incidents import Line, Lines
from journal.audit.names import Names
from journal.audit.program import TERMINAL
from journal.audit.reading import Reading
from journal.audit.sentences import Sentences
from journal.audit.tables import Column, Form, Row, Table, Writer, time_column, writers
from journal.audit.understandings import Understandings
from journal.audit.urgencies import Urgencies
from journal.bundle import Bundle
from journal.entries import Entry
from journal.succession import Leg
from keys.documents import format_time

__all__ = ["Made", "make_registers"]

_TYPES: Final = (
    "envelope.accepted",
    "envelope.released",
    "emergency.declared",
    "emergency.reviewed",
    "incident.opened",
    "incident.escalated",
    "admin.change",
    "agreement.",
)
"""The entries that registers are made of."""
_NOT_SHOWN: Final = Table(
    "not-shown",
    (
        Column("first"),
        Column("last"),
        Column("why", lambda code: TERMINAL.word(f"audit.why.{code}")),
        Column("erasure"),
        time_column("time"),
        Column("by"),
        Column("erasure-ground"),
    ),
)


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: how many rows each register has, and how much of the journal was not shown."""

    rows: Mapping[str, int]
    withheld: int
    erased: int
    lost: int


def make_registers(
    bundle: Bundle,
    legs: Sequence[Leg],
    folder: Path,
    form: Form,
    *,
    until: datetime | None,
    progress: Callable[[int, int], object] | None = None,
) -> Made:
    """Write every register of a bundle, of all its shards `legs`, into files of their own in `folder`.

    `until` is the moment at which emergencies are looked at, the latest that the bundle tells by default. Raises
    `FileError` (file-exists, file-unwritable) and what reading a bundle raises; then no file stays.
    """
    collected = _Collected(bundle)
    reading = Reading(legs)
    about = {"origin": legs[-1].checkpoint.origin, "size": legs[-1].end}
    with writers(collected.tables, folder, form, about) as written:
        for entry in reading.entries(_TYPES, progress):
            collected.take(entry, written["communications"])
        collected.finish(written, until)
        _tell_not_shown(reading, written["not-shown"])
    rows = {name: writer.count for name, writer in written.items()}
    unread = reading.unread
    return Made(rows, unread.withheld, unread.erased, sum(last - first + 1 for first, last in unread.lost))


class _Collected:
    """Everything that has to be remembered until the last entry."""

    def __init__(self, bundle: Bundle) -> None:
        names = Names(bundle)
        self._communications = Communications(names, Sentences(bundle, names))
        self._urgencies = Urgencies(names)
        self._understandings = Understandings(names)
        self._incidents = Lines()
        self._latest: datetime | None = None
        self.tables: Final = (
            self._communications.table,
            _incidents_table(names),
            self._urgencies.table,
            self._understandings.agreements,
            self._understandings.processing,
            _NOT_SHOWN,
        )

    def take(self, entry: Entry, communications: Writer) -> None:
        """One entry; a handing-out becomes a row at once."""
        self._latest = max(self._latest or entry.time, entry.time)
        if entry.type == "envelope.accepted":
            self._communications.accept(entry)
            self._urgencies.accept(entry)
        elif entry.type == "envelope.released":
            communications.add(self._communications.row(entry))
        elif entry.type == "incident.opened":
            sections = self._urgencies.sections(entry.envelope)
            self._incidents.open(entry, self._communications.accepted_at(entry.envelope), sections)
        elif entry.type == "admin.change":
            self._incidents.change(entry)
        elif entry.type.startswith("agreement."):
            self._understandings.follow(entry)
        elif entry.type in {"emergency.declared", "emergency.reviewed", "incident.escalated"}:
            self._urgencies.follow(entry)

    def finish(self, written: Mapping[str, Writer], until: datetime | None) -> None:
        """Write what is known only at the end."""
        told = [moment for moment in (until, self._latest) if moment]
        for name, rows in (
            ("incidents", map(_incident_row, self._incidents.all())),
            ("emergencies", self._urgencies.rows(max(told, default=None))),
            ("agreements", self._understandings.agreement_rows()),
            ("processing", self._understandings.processing_rows()),
        ):
            for row in rows:
                written[name].add(row)


def _incidents_table(names: Names) -> Table:
    """The eight fields of the regulation in their order, between where the line stands and what became of it."""
    coded = {"information", "circumstances", "risk", "notices", "measures"}

    def field(name: str) -> Column:
        say = (lambda value: shown(name, value, TERMINAL.language)) if name in coded else str
        return Column(name, say)

    about = (
        Column("index"),
        time_column("time"),
        Column("incident"),
        Column("reporter", names.of),
        Column("about", names.of),
    )
    ends = (time_column("completed"), Column("uncertain"), Column("ref"), Column("envelope"))
    return Table("incidents", (*about, *(field(name) for name in FIELDS), *ends))


def _incident_row(line: Line) -> Row:
    entry = line.entry
    return {
        "index": entry.index,
        "time": format_time(entry.time),
        "incident": line.identifier,
        "reporter": entry.actor,
        "about": entry.to,
        **line.incident.model_dump(exclude_none=True),
        "completed": format_time(line.changed) if line.changed else None,
        "uncertain": line.uncertain,
        "ref": entry.ref,
        "envelope": entry.envelope,
    }


def _tell_not_shown(reading: Reading, writer: Writer) -> None:
    """What the registers cannot hold: what was erased, by whose order, and what was not given to this reader."""
    for entry, erasure in reading.erasures:
        why = "ordered" if erasure.ordered else "erased"
        told: Row = {"why": why, "erasure": entry.index, "time": format_time(entry.time), "by": erasure.by}
        for first, last in erasure.ranges:
            writer.add({**told, "first": first, "last": last, "erasure-ground": erasure.ground})
    for first, last, erased in reading.unread.ranges():
        if not erased:
            writer.add({"first": first, "last": last, "why": "withheld"})
    for first, last in reading.unread.lost:
        writer.add({"first": first, "last": last, "why": "lost"})
