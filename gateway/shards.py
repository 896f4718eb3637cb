"""The shards of this broker's journal, with the keys by which anybody checks them.

PROTOCOL §7: shards roll. Entries count through all of them; a tree, its checkpoints and its tiles count the entries
of their own shard.
"""

from __future__ import annotations

from gateway.broker_keys import BrokerKeys
from gateway.store.shards import KeptShard
from gateway.store.transaction import Transaction
from journal.shards import Shard
from keys.strictjson import MAX_INTEGER

__all__ = ["all_shards", "current_origin", "current_shard", "last_size", "shard_at", "shard_of"]


def all_shards(keys: BrokerKeys, tx: Transaction) -> list[Shard]:
    """Every shard, the first one first; the last one grows. Raises `StoppedError` as `BrokerKeys.signer` does."""
    return [shard_of(keys, kept) for kept in tx.shards.all()]


def shard_of(keys: BrokerKeys, kept: KeptShard) -> Shard:
    """A shard that the database has; of one that an earlier release began the keystore has the keys."""
    return Shard(kept.number, kept.origin, kept.vkeys or keys.signer(kept.number).vkeys, kept.start)


def current_shard(keys: BrokerKeys, tx: Transaction) -> Shard:
    """The shard that grows."""
    return all_shards(keys, tx)[-1]


def current_origin(keys: BrokerKeys, tx: Transaction) -> str:
    """The name of the shard that grows, for what was just appended to it; raises as `BrokerKeys.signer` does."""
    return keys.signer(tx.journal.head().shard).origin


def shard_at(shards: list[Shard], index: int) -> Shard:
    """The shard in which the entry `index` stands, or would stand."""
    return next(shard for shard in reversed(shards) if shard.start <= index)


def last_size(shards: list[Shard], shard: Shard) -> int:
    """The largest number of entries, all shards counted, that an archived checkpoint of a shard may have."""
    return next((each.start for each in shards if each.number == shard.number + 1), MAX_INTEGER)
