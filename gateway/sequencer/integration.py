"""Integrates new leaves into the tree and publishes a checkpoint, in one transaction: both or neither.

PROTOCOL §7: within a second of the entry when there is something new; and once an hour when there is not, so that
readers can tell a quiet journal from a dead one. Start, restart and crash take this same path.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.sequencer.published import tree
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.notes import Checkpoint, JournalSigner, open_note
from journal.tiles import TileReader, new_tiles
from journal.tree import Frontier, leaf_hash
from keys.errors import ForgedError

__all__ = ["integrate"]

BATCH = 4096
"""Leaves integrated at a time, so that no request waits long behind a large catch-up."""
QUIET = timedelta(hours=1)


def integrate(tx: Transaction, signer: JournalSigner, now: datetime) -> bool:
    """Publish the leaves that are not yet in the tree; True when more are left.

    Raises `ForgedError` (wrong-root, and what `open_note` raises) or `MalformedError` (missing-tile) when the tiles,
    the edge or the leaves no longer fit the last checkpoint: nothing is signed then.
    """
    at = tx.journal.lock(now)
    if tx.journal.head().contradicted:
        # Somebody holds another past that we signed: to sign more of this one would only make it worse.
        return False
    newest = tx.tiles.newest_checkpoint()
    if newest is not None:
        # Another process, whose clock is ahead, may have signed last: a smaller tree that was signed later than a
        # larger one would convict us of having set the journal back.
        at = max(at, newest.time)
    head = tx.journal.head()
    if newest and newest.size == head.size and at < newest.time + QUIET:
        return False
    frontier, read = _tree(tx, newest, signer)
    end = min(head.size, frontier.size + BATCH)
    hashes = [leaf_hash(leaf) for leaf in tx.journal.leaves(frontier.size, end)]
    if len(hashes) != end - frontier.size:
        raise ForgedError("wrong-root")
    tx.tiles.put(new_tiles(frontier.size, hashes, read))
    for hashed in hashes:
        frontier.append(hashed)
    note = signer.sign(Checkpoint(signer.origin, frontier.size, frontier.root()), at)
    tx.tiles.put_checkpoint(frontier, note, at)
    return end < head.size


def _tree(tx: Transaction, newest: PublishedCheckpoint | None, signer: JournalSigner) -> tuple[Frontier, TileReader]:
    """The tree as it was last signed: the edge it grows from, and its tiles, both checked against that signature.

    Two checkpoints of which one does not continue the other would be the end of the journal, so neither the rows
    nor the edge are believed.
    """
    if newest is None:
        return Frontier(), TileReader(_no_tile, 0, Frontier().root())
    signed = open_note(newest.note, signer.vkeys).checkpoint
    frontier = Frontier(newest.size, newest.peaks)
    if (frontier.size, frontier.root()) != (signed.size, signed.root):
        raise ForgedError("wrong-root")
    return frontier, tree(tx, signed.size, signed.root)


def _no_tile(_path: str) -> None:
    """What an empty tree has under any path."""
