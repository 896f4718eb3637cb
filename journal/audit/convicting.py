"""Keeps what convicts a journal: a file of evidence for each contradiction, broken receipt and late checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final

from journal.audit.verification import Question, Verification
from journal.bundle import open_bundle
from journal.evidence import Evidence, contradictory
from journal.receipts import Breach
from journal.shards import RESTART_BLUR, announced_by
from journal.succession import SignedLeg, end_of, follow
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
        legs = follow(bundle, question.pins)
        made = (each for leg, after in zip_longest(legs, legs[1:]) for each in _of_shard(leg, after, found, at))
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


def _of_shard(leg: SignedLeg, after: SignedLeg | None, found: Verification, at: datetime) -> Iterator[Evidence]:
    """What convicts one shard of the journal, which the shard `after` follows."""
    for each in found.contradictions:
        if each.first.checkpoint.origin == leg.shard.origin:
            # Of a tree without leaves there is nothing to show; the two notes are in the archive all the same.
            with suppress(MalformedError):
                earlier, later = (signed.note for signed in each.in_time)
                yield contradictory(each.kind, earlier, later, at=at, by=BY, later=leg.reader)
    for breach in found.honoured.breaches if found.honoured else ():
        if breach.promised.origin == leg.shard.origin:
            yield _unhonoured(leg, after, breach, at)
    yield from _late(leg, found, at)


def _unhonoured(leg: SignedLeg, after: SignedLeg | None, breach: Breach, at: datetime) -> Evidence:
    if breach.kind == "late" and after is not None and _left(after, breach):
        return _broken(after, after.newest.note, breach, at, _standing(after.reader, 0))
    reader, index, note = leg.reader, breach.promised.index, leg.newest.note
    shown: dict[str, object] = {}
    if breach.kind == "other-leaf":
        shown = _standing(reader, leg.shard.position(index))
    elif breach.seen is not None:
        note = next(islice(leg.bundle.checkpoints(), breach.seen, None))
    elif (last := end_of(reader, leg.shard)) is not None and announced_by(last, leg.shard) is not None:
        shown = _standing(reader, reader.size - 1)  # nothing can follow the entry that closed a shard
    return _broken(leg, note, breach, at, shown)


def _left(after: SignedLeg, breach: Breach) -> bool:
    """Whether the journal had gone on in a restarted shard when the broker promised something in the one before."""
    return after.restart is not None and breach.promised.at >= after.restart.at + RESTART_BLUR


def _broken(leg: SignedLeg, note: bytes, breach: Breach, at: datetime, shown: dict[str, object]) -> Evidence:
    about = {"kind": "unhonoured-receipt", "origin": leg.shard.origin, "notes": (note,)}
    return Evidence.model_validate({"v": 1, **about, "at": at, "by": BY, "receipt": breach.promised.wire, **shown})


def _standing(reader: TileReader, position: int) -> dict[str, object]:
    """A leaf, and the proof that it stands there."""
    return {"leaf": reader.leaf(position), "proof": tuple(inclusion_proof(position, reader.size, reader))}


def _late(leg: SignedLeg, found: Verification, at: datetime) -> Iterator[Evidence]:
    """One file for each checkpoint that lacks an entry which should have been in it: the first entry that it lacks."""
    ours = [each for each in found.late if leg.start <= each.index < leg.end]
    first = {each.without: each.index for each in reversed(ours) if each.without is not None}
    chosen = dict(islice(sorted(first.items()), MAX_FILES))
    wanted = frozenset(chosen.values())
    openings = {index: opening for index, opening in leg.bundle.openings() if index in wanted} if chosen else {}
    without = {place: note for place, note in enumerate(leg.bundle.checkpoints()) if place in chosen} if chosen else {}
    for place, index in chosen.items():
        opening = openings.get(index)
        shown = {"entry": opening.entry, "salt": opening.salt} if opening else {}
        told = {"kind": "late", "origin": leg.shard.origin, "notes": (without[place], leg.newest.note)}
        stands = {"index": index, **_standing(leg.reader, leg.shard.position(index))}
        yield Evidence.model_validate({"v": 1, **told, "at": at, "by": BY, **stands, **shown})
