"""A journal of several shards: how the tests close one and open the next, and how anybody follows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.audit_bundles import export_bundle
from gateway.rotation import rotate
from journal.audit.verification import Question, Verification
from journal.audit.verifying import verify_bundle
from journal.checkpoints import Checkpoint
from journal.entries import read_leaf
from journal.notes import open_note
from journal.shards import Shard, announced_by, check_opening, first_shard, folder, succeed
from journal.tiles import TileReader
from tests.gateway.first_day import broker_keys
from tests.gateway.world import World

__all__ = ["Read", "exported", "follow", "read_shard", "rotated"]

VKEYS = broker_keys().signer(1).vkeys


@dataclass(frozen=True)
class Read:
    """A shard as anybody reads it: its newest checkpoint, the note, and its leaves, verified."""

    shard: Shard
    checkpoint: Checkpoint
    note: bytes
    leaves: list[bytes]


def rotated(world: World) -> Shard:
    """Close the shard that grows and open the next one."""
    shard: Shard = world.act(lambda tx, at: rotate(world.broker, tx, at))
    return shard


def read_shard(world: World, shard: Shard) -> Read:
    """Read one shard over the network and verify every leaf of it."""
    base = f"/v1/journal/{folder(shard.number)}"
    note = world.client.get(f"{base}checkpoint").content
    checkpoint = open_note(note, shard.vkeys).checkpoint
    assert checkpoint.origin == shard.origin

    def tile(path: str) -> bytes | None:
        answer = world.client.get(base + path)
        return answer.content if answer.status_code == 200 else None

    reader = TileReader(tile, checkpoint.size, checkpoint.root)
    bundles = range(-(-checkpoint.size // 256))
    return Read(shard, checkpoint, note, [leaf for number in bundles for leaf in reader.leaves(number)])


def follow(world: World) -> list[Read]:
    """Every shard, from the first one's pinned keys by what the journal itself says."""
    found = [read_shard(world, first_shard(VKEYS))]
    while True:
        before = found[-1]
        last = read_leaf(before.leaves[-1], before.shard.index(before.checkpoint.size - 1))
        following = announced_by(last.entry, before.shard) if hasattr(last, "entry") else None
        if following is None:
            return found
        read = read_shard(world, succeed(before.shard, before.checkpoint, following))
        opening = read_leaf(read.leaves[0], read.shard.start)
        check_opening(opening.entry, read.shard, before.shard, before.checkpoint)  # type: ignore[union-attr]  # a hand-over is in clear
        found.append(read)


def exported(world: World, path: Path) -> Verification:
    """What an auditor finds in the bundle of everything so far."""
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    return verify_bundle(Question(path, VKEYS))
