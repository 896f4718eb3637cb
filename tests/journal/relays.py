"""The shards of a ledger: where each begins, what stands between two of them, and the files that a bundle has of each.

A ledger lists the entries of all shards, lost ones included; which shard an entry is of follows from the entries that
close, open and restart one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from journal.bundle import ShardFiles
from journal.entries import Opening, clear_leaf, commitment_leaf
from journal.notes import Checkpoint, JournalSigner
from journal.pins import PinnedShard, Pins
from journal.shards import CLOSED, HAND_OVER, OPENED, RESTARTED, Shard, announce, commit, first_shard, next_origin
from keys import strictjson
from keys.documents import b64url
from tests.builders import AT
from tests.journal.builders import ORIGIN, Files, journal_signer

if TYPE_CHECKING:
    from tests.journal.ledgers import Ledger, Written

START = AT - timedelta(hours=1)
"""When the journal begins; its entries follow each other by a second."""


@dataclass(frozen=True)
class Reach:
    """One shard of a ledger: its entries are those from `start` to before `end`; the broker still holds `held`."""

    shard: Shard
    end: int
    held: int

    @property
    def start(self) -> int:
        """The index of its first entry."""
        return self.shard.start


@cache
def shard_keys(number: int) -> JournalSigner:
    """The keys of a shard."""
    origin = ORIGIN if number == 1 else f"{ORIGIN.rpartition('/')[0]}/{number}"
    return journal_signer(origin)


def journal_keys() -> JournalSigner:
    """The keys of the first shard, which the auditor pins."""
    return shard_keys(1)


def salt(index: int) -> bytes:
    """The salt of a commitment: each has its own."""
    return index.to_bytes(32, "big")


def legs(entries: Sequence[Written]) -> list[Reach]:
    """The shards of these entries."""
    made: list[Reach] = []
    shard = first_shard(journal_keys().vkeys)
    for index, entry in enumerate(entries):
        if index and entry.members.get("type") == HAND_OVER and entry.members.get("state") in {OPENED, RESTARTED}:
            held = index - shard.start if entry.held is None else entry.held
            made.append(Reach(shard, index, held))
            number = shard.number + 1
            shard = Shard(number, next_origin(shard), shard_keys(number).vkeys, index)
    return [*made, Reach(shard, len(entries), len(entries) - shard.start)]


def encoded(entries: Sequence[Written]) -> list[bytes]:
    """The exact bytes of the entries, with the documents of those between shards."""
    reaches, texts = legs(entries), list[bytes]()
    for index, entry in enumerate(entries):
        members = entry.members | {"index": index}
        if entry.members.get("type") == HAND_OVER and "document" not in members:
            reach = next(each for each in reaches if each.start <= index < each.end)
            document = _document(entry, reach, reaches, entries[:index], texts)
            members |= {} if document is None else {"document": b64url(document)}
        texts.append(strictjson.dumps(members) if entry.raw is None else entry.raw)
    return texts


def _document(
    entry: Written, reach: Reach, reaches: Sequence[Reach], entries: Sequence[Written], texts: Sequence[bytes]
) -> bytes | None:
    if entry.members.get("state") == CLOSED:
        return announce(reach.shard, shard_keys(reach.shard.number + 1).vkeys)
    if reach.shard.number == 1:
        return None
    before = reaches[reach.shard.number - 2]
    leaves = _leaves(entries[before.start : before.end], texts[before.start : before.end], before.start)
    return commit(reach.shard.number, note_of(before, leaves, len(leaves)), held_of(before, leaves, entry.held))


def held_of(reach: Reach, leaves: list[bytes], held: int | None) -> Checkpoint | None:
    """The tree that a backup with so many leaves of a shard still shows; None for a shard that was announced."""
    return None if held is None else Checkpoint(reach.shard.origin, held, Files(leaves).root(held))


def _leaves(entries: Sequence[Written], texts: Sequence[bytes], start: int) -> list[bytes]:
    return [
        clear_leaf(data) if entry.clear else commitment_leaf(Opening(data, salt(index)))
        for index, (entry, data) in enumerate(zip(entries, texts, strict=True), start=start)
    ]


_NOTES: dict[tuple[str, int, bytes], bytes] = {}


def note_of(reach: Reach, leaves: list[bytes], size: int, signer: JournalSigner | None = None) -> bytes:
    """A checkpoint of the first `size` leaves of a shard, signed after its last entry; always the same note."""
    keys = signer or shard_keys(reach.shard.number)
    checkpoint = Checkpoint(reach.shard.origin, size, Files(leaves).root(size))
    at = START + timedelta(seconds=reach.start + size)
    if signer is not None:
        return keys.sign(checkpoint, at)
    key = (checkpoint.origin, size, checkpoint.root)
    if key not in _NOTES:
        _NOTES[key] = keys.sign(checkpoint, at)
    return _NOTES[key]


def shard_files(ledger: Ledger, signer: JournalSigner | None = None, *, lost: bool = False) -> dict[int, ShardFiles]:
    """What the broker's bundle holds of each shard; with `lost`, also what the broker lost and a reader still has."""
    leaves, openings = ledger.leaves(), ledger.openings()
    made = {}
    for reach in legs(ledger.entries):
        count = reach.end - reach.start if lost else reach.held
        ours = leaves[reach.start : reach.start + count]
        files = Files(ours)
        keys = signer if reach.shard.number == 1 else None
        sizes = [*range(10, count, 10), count]
        archived = [note_of(reach, ours, size, keys) for size in sizes]
        shown = [(index, each) for index, each in openings if reach.start <= index < reach.start + count]
        vkeys = (keys or shard_keys(reach.shard.number)).vkeys
        made[reach.shard.number] = ShardFiles(
            reach.shard.number, vkeys, archived[-1], sorted(files.items()), shown, archived
        )
    return made


def restarts(ledger: Ledger) -> tuple[PinnedShard, ...]:
    """The shards of a ledger as pins list them, if it was restarted: nobody else leads there."""
    listed = [PinnedShard(each.shard, ledger.entries[each.start].held is not None) for each in legs(ledger.entries)[1:]]
    return tuple(listed) if any(each.restarted for each in listed) else ()


def pins_of(ledger: Ledger) -> Pins:
    """What an auditor pinned of the journal of a ledger."""
    return Pins(first_shard(journal_keys().vkeys), restarts(ledger))
