"""Keeps what convicts a journal: a file of evidence for each contradiction, broken receipt and late checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from journal.audit.verification import Question, Verification
from journal.bundle import Bundle, open_bundle
from journal.evidence import Evidence, contradictory
from journal.tiles import TileReader
from journal.tree import inclusion_proof
from keys.errors import FileError, MalformedError
from keys.files import write_new

__all__ = ["MAX_FILES", "keep_evidence", "write_evidence"]

MAX_FILES: Final = 20
"""Files of evidence written at most: one convicts."""
BY: Final = "passerelle-audit"


def keep_evidence(question: Question, found: Verification, folder: Path, at: datetime) -> list[str]:
    """Write what was found to `folder`, at most `MAX_FILES` files; returns their paths.

    Raises `FileError` (file-unwritable), and what `open_bundle` raises.
    """
    breaches = found.honoured.breaches if found.honoured else ()
    if not (found.contradictions or breaches or found.late):
        return []
    with open_bundle(question.path) as bundle:
        reader = TileReader(bundle.tile, found.newest.checkpoint.size, found.newest.checkpoint.root)
        made = _all_evidence(bundle, reader, found, at)
        return [write_evidence(folder, each) for each in islice(made, MAX_FILES)]


def write_evidence(folder: Path, evidence: Evidence) -> str:
    """Write a file of evidence under its own name and return its path; one that is there already is left as it is."""
    path = folder / evidence.file_name
    try:
        write_new(path, evidence.encode(), private=True)
    except FileError as error:
        if error.code != "file-exists":
            raise
    return str(path)


def _all_evidence(bundle: Bundle, reader: TileReader, found: Verification, at: datetime) -> Iterator[Evidence]:
    for each in found.contradictions:
        # Of a tree without leaves there is nothing to show; the two notes are in the archive all the same.
        with suppress(MalformedError):
            yield contradictory(each.kind, each.first.note, each.second.note, at=at, by=BY, later=reader)
    for breach in found.honoured.breaches if found.honoured else ():
        note, index = found.newest.note, breach.promised.index
        shown: dict[str, object] = {}
        if breach.kind == "other-leaf":
            shown = {"leaf": reader.leaf(index), "proof": tuple(inclusion_proof(index, reader.size, reader))}
        elif breach.seen is not None:
            note = next(islice(bundle.checkpoints(), breach.seen, None))
        about = {"kind": "unhonoured-receipt", "origin": found.newest.checkpoint.origin, "notes": (note,)}
        yield Evidence.model_validate({"v": 1, **about, "at": at, "by": BY, "receipt": breach.promised.wire, **shown})
    yield from _late(bundle, reader, found, at)


def _late(bundle: Bundle, reader: TileReader, found: Verification, at: datetime) -> Iterator[Evidence]:
    """One file for each checkpoint that lacks an entry which should have been in it: the first entry that it lacks."""
    first = {each.without: each.index for each in reversed(found.late) if each.without is not None}
    chosen = dict(islice(sorted(first.items()), MAX_FILES))
    wanted = frozenset(chosen.values())
    openings = {index: opening for index, opening in bundle.openings() if index in wanted} if chosen else {}
    without = {place: note for place, note in enumerate(bundle.checkpoints()) if place in chosen} if chosen else {}
    for place, index in chosen.items():
        opening = openings.get(index)
        shown = {"entry": opening.entry, "salt": opening.salt} if opening else {}
        told = {"kind": "late", "origin": found.newest.checkpoint.origin, "notes": (without[place], found.newest.note)}
        stands = {
            "index": index,
            "leaf": reader.leaf(index),
            "proof": tuple(inclusion_proof(index, reader.size, reader)),
        }
        yield Evidence.model_validate({"v": 1, **told, "at": at, "by": BY, **stands, **shown})
