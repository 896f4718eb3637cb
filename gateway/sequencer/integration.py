"""Integrates new leaves into the tree and publishes a checkpoint, in one transaction: both or neither.

PROTOCOL §7: within a second of the entry when there is something new; and once an hour when there is not, so that
readers can tell a quiet journal from a dead one. Start, restart and crash take this same path.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.sequencer.published import tree
from gateway.store.heads import Head
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.notes import Checkpoint, JournalSigner, open_note
from journal.shards import FIRST
from journal.tiles import TileReader, new_tiles
from journal.tree import Frontier, leaf_hash
from keys.errors import ForgedError

__all__ = ["integrate", "publish"]

BATCH = 4096
"""Leaves read at a time: however many wait, no more than their hashes are held together."""
QUIET = timedelta(hours=1)


def integrate(tx: Transaction, signers: Callable[[int], JournalSigner], now: datetime) -> None:
    """Publish every leaf that is not yet in the tree of the shard that grows, under one checkpoint.

    `signers` gives what signs a shard, as `BrokerKeys.signer` does, and raises as that does. Raises `ForgedError`
    (wrong-root, and what `open_note` raises) or `MalformedError` (missing-tile) when the tiles, the edge or the leaves
    no longer fit the last checkpoint: nothing is signed then.
    """
    at = tx.journal.lock(now)
    head = tx.journal.head()
    if head.contradicted or head.restored is not None:
        # Somebody holds another past that we signed, or may hold one: to sign more of this one would make it worse.
        return
    publish(tx, signers, at)


def publish(tx: Transaction, signers: Callable[[int], JournalSigner], at: datetime) -> None:
    """The same under the lock of the journal's end, at a moment that nothing in the journal is after; raises likewise.

    Whoever calls this knows that this is the past to sign.
    """
    head, newest = tx.journal.head(), tx.tiles.newest_checkpoint()
    if newest is not None:
        # Another process, whose clock is ahead, may have signed last: a smaller tree that was signed later than a
        # larger one would convict us of having set the journal back.
        at = max(at, newest.time)
    if newest and newest.size == head.size and at < newest.time + QUIET:
        return
    signer = signers(head.shard)
    frontier, read = _tree(tx, head, newest, signer)
    begun = head.start + frontier.size
    # All of them, however long nothing was signed: a checkpoint that is signed now and lacks an entry of two minutes
    # ago would convict us of having published that one too late.
    starts = range(begun, head.size, BATCH)
    hashes = [leaf_hash(leaf) for first in starts for leaf in tx.journal.leaves(first, min(head.size, first + BATCH))]
    if len(hashes) != head.size - begun:
        raise ForgedError("wrong-root")
    tx.tiles.put(head.shard, new_tiles(frontier.size, hashes, read))
    for hashed in hashes:
        frontier.append(hashed)
    note = signer.sign(Checkpoint(signer.origin, frontier.size, frontier.root()), at)
    tx.tiles.put_checkpoint(head.start, frontier, note, at)


def _tree(
    tx: Transaction, head: Head, newest: PublishedCheckpoint | None, signer: JournalSigner
) -> tuple[Frontier, TileReader]:
    """The tree of the shard that grows, as it was last signed: its edge and its tiles, checked against that signature.

    Two checkpoints of which one does not continue the other would be the end of the journal, so neither the rows
    nor the edge are believed.
    """
    if newest is None or (head.shard > FIRST and newest.size <= head.start):
        return Frontier(), TileReader(_no_tile, 0, Frontier().root())
    signed = open_note(newest.note, signer.vkeys).checkpoint
    frontier = Frontier(newest.size - head.start, newest.peaks)
    if (frontier.size, frontier.root()) != (signed.size, signed.root):
        raise ForgedError("wrong-root")
    return frontier, tree(tx, head.shard, signed.size, signed.root)


def _no_tile(_path: str) -> None:
    """What an empty tree has under any path."""
