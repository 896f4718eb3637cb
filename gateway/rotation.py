"""Closes the shard of the journal that grows and opens the next one, under keys that were made for it.

PROTOCOL §7: shards roll, so that no key signs for longer than it is sure to be kept safe. One transaction does all of
it: nobody ever sees a shard that is closed without the one that it announces.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.broker import Broker
from gateway.sequencer.integration import integrate
from gateway.shards import current_shard
from gateway.store.store import Store
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.shards import CLOSED, HAND_OVER, OPENED, Shard, announce, commit, next_origin

__all__ = ["SHARD_LIFE", "is_old", "publish_all", "rotate"]

SHARD_LIFE = timedelta(days=366)
"""After how long the operator is told that it is time for the next shard."""


def is_old(store: Store, at: datetime) -> bool:
    """Whether the shard that grows has grown for longer than it should."""
    with store.reading() as tx:
        return tx.shards.all()[-1].opened < at - SHARD_LIFE


def rotate(broker: Broker, tx: Transaction, now: datetime) -> Shard:
    """Close the shard that grows, publish its end, open the next one and publish its beginning; returns the new one.

    Raises `ContradictedError`, `StoppedError` (journal-restored; journal-keys-missing without the keys of both) and
    what `integrate` raises.
    """
    tx.journal.require_uncontradicted()
    tx.journal.require_open()
    closing = current_shard(broker.keys, tx)
    vkeys = broker.keys.signer(closing.number + 1).vkeys
    at = tx.journal.lock(now)
    newest = tx.tiles.newest_checkpoint()
    if newest is not None:
        at = max(at, newest.time)  # another process, whose clock is ahead, may have signed last
    who = {"type": HAND_OVER, "actor": broker.settings.address}
    tx.journal.append(at, **who, state=CLOSED, document=announce(closing, vkeys))
    final = _published(broker, tx, at)
    opened = Shard(closing.number + 1, next_origin(closing), vkeys, final.size)
    tx.shards.learn(closing)
    tx.shards.put(opened, at, final.note)
    tx.journal.begin_shard(opened, at)
    tx.journal.append(at, **who, state=OPENED, document=commit(opened.number, final.note))
    _published(broker, tx, at)
    return opened


def publish_all(broker: Broker, now: datetime) -> None:
    """Publish whatever the journal holds; raises as `integrate` does."""
    with broker.store.transaction() as tx:
        integrate(tx, broker.keys.signer, now)


def _published(broker: Broker, tx: Transaction, at: datetime) -> PublishedCheckpoint:
    """The checkpoint of everything that the journal holds, published within this transaction."""
    integrate(tx, broker.keys.signer, at)
    newest = tx.tiles.newest_checkpoint()
    if newest is None or newest.size != tx.journal.head().size:
        raise AssertionError  # a journal that may grow is published to its end
    return newest
