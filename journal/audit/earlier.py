"""What an auditor verified before, held against what is shown now: no past may change between two audits."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from journal.bundle import Bundle
from journal.contradictions import Contradiction, Signed, contradiction, open_signed
from journal.entries import Opening
from journal.notes import MAX_NOTE, parse_note
from journal.pins import Pins
from journal.publication import root_at
from journal.shards import Restart, Shard
from journal.succession import SignedLeg, follow
from journal.tiles import TileReader
from keys.errors import ForgedError, MalformedError, about
from keys.files import read_file

__all__ = ["Earlier", "EarlierShard", "compare", "earlier_state"]


@dataclass(frozen=True, slots=True)
class EarlierShard:
    """The newest checkpoint that was seen of a shard; `reader` reads its tree, where more than the note was kept."""

    shard: Shard
    newest: Signed
    reader: TileReader | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier state: the shards that it had, and the openings that it showed."""

    legs: tuple[EarlierShard, ...]
    openings: Iterator[tuple[int, Opening]]

    @property
    def size(self) -> int:
        """How many entries the journal had, through all shards."""
        return self.legs[-1].shard.end(self.legs[-1].newest.checkpoint)


@contextmanager
def earlier_state(path: Path, pins: Pins, legs: Sequence[SignedLeg]) -> Iterator[Earlier]:
    """The shards of an earlier bundle or mirror with its openings; of a checkpoint kept alone, without any.

    A checkpoint alone is of one of the shards `legs` that are shown now. Raises as `open_bundle`, `follow` and
    `open_signed` do; errors name the path.
    """
    with about(path):
        if path.is_file() and not zipfile.is_zipfile(path):
            note = read_file(path, limit=MAX_NOTE)
            origin = parse_note(note).checkpoint.origin
            shard = next((leg.shard for leg in legs if leg.shard.origin == origin), legs[0].shard)
            yield Earlier((EarlierShard(shard, open_signed(note, shard.vkeys), None),), iter(()))
            return
        with Bundle.open(path) as bundle:
            known = follow(bundle, pins)
            openings = chain.from_iterable(leg.bundle.openings() for leg in known)
            yield Earlier(tuple(EarlierShard(leg.shard, leg.newest, leg.reader) for leg in known), openings)


def compare(before: Sequence[EarlierShard], legs: Sequence[SignedLeg]) -> list[Contradiction]:
    """How what is shown now contradicts an earlier state, in the first shard that does.

    Raises `MalformedError` (since-is-newer) for an earlier state that goes further, and `ForgedError`
    (hand-over-broken) when the journal was restarted from less than the earlier state has.
    """
    for earlier in before:
        number = earlier.shard.number
        leg = next((each for each in legs if each.number == number), None)
        if leg is None:
            raise MalformedError("since-is-newer")
        after = next((each for each in legs if each.number == number + 1), None)
        found = _against(earlier, leg, after.restart if after else None)
        if found is not None:
            return [found]
    return []


def _against(before: EarlierShard, leg: SignedLeg, restart: Restart | None) -> Contradiction | None:
    """How the new checkpoint of a shard contradicts the earlier one, by themselves or by the larger tree."""
    found = contradiction(before.newest, leg.newest)
    if found is not None:
        return found
    if before.newest.checkpoint.size > leg.checkpoint.size:
        if restart is None:
            raise MalformedError("since-is-newer")
        return _restarted(before, leg, restart)
    same = root_at(leg.reader, before.newest.checkpoint.size) == before.newest.checkpoint.root
    return None if same else Contradiction("fork", before.newest, leg.newest)


def _restarted(before: EarlierShard, leg: SignedLeg, restart: Restart) -> Contradiction | None:
    """The same where the gateway lost some of what the earlier state has: what it still has must be its beginning."""
    known, committed = before.newest.checkpoint, restart.checkpoint
    if known.size > committed.size:
        raise ForgedError("hand-over-broken")
    if known.size == committed.size and known.root != committed.root:
        return Contradiction("fork", before.newest, open_signed(restart.note, leg.shard.vkeys))
    if before.reader is not None and root_at(before.reader, leg.checkpoint.size) != leg.checkpoint.root:
        return Contradiction("fork", leg.newest, before.newest)
    return None
