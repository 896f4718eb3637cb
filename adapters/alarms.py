"""What must not happen and did, kept for a person to look at, with the file that proves it to anybody.

PROTOCOL §7. An alarm is raised once about one thing, however often it is seen, until a person closes it; what goes on
is raised anew then. Whoever lies about the journal again and again fills no disk with it: of one kind there is one open
alarm about the journal as a whole, and so many about entries of it. The evidence lies in a folder beside the database;
that none could be gathered, or written, never silences the alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from adapters.growth import JournalAlarmError, JournalSource
from adapters.journal_tree import tree_of
from adapters.lineage import Seen
from adapters.office import Office
from adapters.store.records import Alarm
from journal.contradictions import contradiction, read_signed
from journal.evidence import Evidence, contradictory
from journal.notes import parse_note
from journal.publication import root_at
from journal.shards import Shard
from journal.tree import inclusion_proof
from keys.errors import FileError, MalformedError, PasserelleError
from keys.files import write_new

__all__ = ["AT_MOST", "FOLDER", "JOURNAL", "Gather", "compose_evidence", "evidence_of", "raise_alarm"]

FOLDER: Final = "evidence"
"""The folder of evidence, in the folder of the data."""
JOURNAL: Final = "journal"
"""What an alarm is about that concerns the journal as a whole, and neither an entry nor a state of it."""
AT_MOST: Final = 20
"""Open alarms of one kind about entries of the journal; whoever has so many needs no other to act."""
_ENTRY: Final = f"{JOURNAL}#"
Gather = Callable[[], Evidence | None]
"""Puts the evidence together; it may ask the gateway, and anything may be missing."""


def raise_alarm(office: Office, folder: Path, code: str, subject: str, gather: Gather | None = None) -> None:
    """Keep an alarm about the journal, and its evidence as a file of mode 0600 in `folder`; raises `StoreError` only.

    Nothing is gathered for an open alarm whose evidence is kept already; one too many about an entry is left out.
    """
    is_entry = subject.startswith(_ENTRY)
    with office.store.transaction() as tx:
        alike = [each for each in tx.traffic.open_alarms(code, JOURNAL) if each.subject.startswith(_ENTRY) == is_entry]
    before = next((each for each in alike if not is_entry or each.subject == subject), None)
    if before is None and len(alike) >= AT_MOST:
        return
    if before is not None and (before.evidence is not None or gather is None):
        return
    name = None
    if gather is not None:
        with suppress(PasserelleError):
            name = _written(folder, gather())
    with office.store.transaction() as tx:
        tx.traffic.raise_alarm(Alarm(office.now(), code, before.subject if before else subject, name))


def evidence_of(office: Office, source: JournalSource, alarm: JournalAlarmError) -> Evidence | None:
    """What proves a contradiction of the journal to anybody; None where nothing does.

    Raises what reading the journal raises, and `MalformedError` (evidence-incomplete).
    """
    seen = office.book.seen()
    if alarm.note is None or (seen is None and alarm.index is None):
        return None
    if alarm.code == "foreign-key-statement" and alarm.index is not None:
        return _foreign_key(office, source, alarm.shard, alarm.note, alarm.index)
    if seen is None or alarm.shard != seen.shard:
        return None
    met = read_signed(alarm.note, seen.shard.vkeys)
    for note in (seen.first or seen.note, seen.note):
        told = contradiction(read_signed(note, seen.shard.vkeys), met)
        if told is not None:
            return contradictory(told.kind, told.remembered, told.met, at=office.now(), by=office.address)
    if alarm.code == "journal-forked":
        return _fork(office, source, seen, alarm.note)
    # A smaller journal, signed before ours, proves nothing by itself; a later look may meet what does.
    return None


def compose_evidence(office: Office, kind: str, note: bytes, **shown: Any) -> Evidence:  # noqa: ANN401 - its members
    """A file of evidence of ours about one checkpoint; raises `MalformedError` as `parse_note` does."""
    origin = parse_note(note).checkpoint.origin
    members = {"v": 1, "kind": kind, "origin": origin, "notes": (note,), "at": office.now(), "by": office.address}
    return Evidence.model_validate(members | shown)


def _foreign_key(office: Office, source: JournalSource, shard: Shard, note: bytes, index: int) -> Evidence:
    tree, position = tree_of(source, shard, parse_note(note).checkpoint), shard.position(index)
    proof = tuple(inclusion_proof(position, tree.size, tree))
    return compose_evidence(office, "foreign-key", note, index=index, leaf=tree.leaf(position), proof=proof)


def _fork(office: Office, source: JournalSource, seen: Seen, met: bytes) -> Evidence | None:
    """Two sizes, one of which does not begin with the other; None when it does, and only the pages were wrong."""
    one, other = seen.checkpoint, parse_note(met).checkpoint
    smaller, larger = sorted((one, other), key=lambda checkpoint: checkpoint.size)
    if not smaller.size:
        raise MalformedError("evidence-incomplete")
    tree = tree_of(source, seen.shard, larger)
    if root_at(tree, smaller.size) == smaller.root:
        return None
    return contradictory("fork", seen.note, met, at=office.now(), by=office.address, later=tree)


def _written(folder: Path, evidence: Evidence | None) -> str | None:
    if evidence is None:
        return None
    path = folder / evidence.file_name
    try:
        write_new(path, evidence.encode(), private=True)
    except FileError:
        if not path.is_file():
            raise
    return evidence.file_name
