"""The first day of a broker: its keys, its journal, and the first checkpoint that it signs.

PROTOCOL §7: a journal is created on request and never silently, because a second one would be a second history.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from gateway.broker import BrokerSettings
from gateway.broker_keys import BrokerKeys, new_broker_keys
from gateway.sequencer.integration import integrate
from gateway.store.journal import NotInitialisedError
from gateway.store.migration import migrate
from gateway.store.store import Store
from journal.shards import FIRST, first_shard
from keys.errors import about
from keys.keystore import Keystore

__all__ = ["found_broker"]


def found_broker(
    settings: BrokerSettings, store: Store, keystore: Path, passphrase: str, *, origin: str, at: datetime
) -> BrokerKeys:
    """Make the tables, the keystore and the journal of a new broker; returns its keys.

    Raises `NotInitialisedError` (journal-exists), `FileError` (file-exists and others), `KeystoreError`
    (passphrase-too-short) and `StoreUnavailableError`; the keystore is taken away again when the journal fails.
    """
    migrate(store)
    with store.reading() as tx:
        if tx.journal.instance() is not None:
            raise NotInitialisedError("journal-exists")
    with about(keystore):
        stored = Keystore.create(keystore, passphrase, new_broker_keys(settings.address, at)).keys
    try:
        keys = BrokerKeys.from_stored(stored, settings.address, origin)
        with store.transaction() as tx:
            tx.journal.create(settings.territory, origin, at)
            tx.shards.learn(first_shard(keys.signer(FIRST).vkeys))
            integrate(tx, keys.signer, at)
    except BaseException:
        keystore.unlink()  # keys that no journal knows would only mislead
        raise
    return keys
