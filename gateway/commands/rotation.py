"""The command that closes the journal's shard and opens the next, and what becomes of the keys in the keystore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from gateway.audit_bundles import require_fresh
from gateway.broker import Broker
from gateway.broker_keys import held_shards, key_names, new_shard_keys
from gateway.commands.journal import app
from gateway.commands.program import TERMINAL, SettingsFile, keys_in, now, open_keystore, opened_store, word
from gateway.rotation import publish_all, rotate
from gateway.settings import Settings, load_settings
from gateway.store.store import Store
from gateway.wellknown import pin_code
from journal.shards import Shard
from keys.errors import about
from keys.files import one_at_a_time
from keys.keystore import Keystore

__all__ = ["alone_with", "current_number", "finish_interrupted", "keep_only", "make_next", "show_shard"]


@app.command("rotate", help=word("cli.journal-group.rotate"))
def rotate_journal(settings_file: SettingsFile = None) -> None:
    """Close the shard that grows and open the next one; the private keys of the closed one are destroyed."""
    settings = load_settings(settings_file)
    with opened_store(settings) as store, alone_with(settings, open_keystore(settings)) as keystore:
        require_fresh(_broker(settings, store, keystore), now())
        if finish_interrupted(settings, keystore, store):
            return
        were_there = not make_next(settings, keystore, current_number(store), now())
        broker = _broker(settings, store, keystore)
        publish_all(broker, now())
        with store.transaction() as tx:
            shard = rotate(broker, tx, now())
        keep_only(settings, keystore, shard.number, now())
        show_shard(broker, shard)
    if not were_there:
        TERMINAL.complain(word("cli.journal-group.restart-processes"))


@contextmanager
def alone_with(settings: Settings, opened: Keystore) -> Iterator[Keystore]:
    """The keystore as it is now, which no other command that makes or destroys keys of a shard changes meanwhile.

    Raises `FileError` (file-in-use) and as `Keystore.reopened` does.
    """
    with ExitStack() as held:
        with about(settings.keystore):
            held.enter_context(one_at_a_time(settings.keystore))
            keystore = opened.reopened()
        yield keystore


def finish_interrupted(settings: Settings, keystore: Keystore, store: Store) -> bool:
    """Put the keystore in order when a shard was begun and the program stopped before this; True then, and it is told.

    Whoever runs the same command again would else begin a second shard.
    """
    current = current_number(store)
    if all(number >= current for number in held_shards(keystore.keys)):
        return False
    keep_only(settings, keystore, current, now())
    TERMINAL.say("cli.journal-group.rotation-finished")
    return True


def current_number(store: Store) -> int:
    """The number of the shard that grows."""
    with store.reading() as tx:
        return tx.journal.head().shard


def make_next(settings: Settings, keystore: Keystore, current: int, at: datetime) -> bool:
    """Make the keys of the shard after `current` unless they are there; True when they were made."""
    if current + 1 in held_shards(keystore.keys):
        return False
    keystore.keys |= new_shard_keys(settings.broker.address, current + 1, at)
    with about(settings.keystore):
        keystore.save()
    return True


def keep_only(settings: Settings, keystore: Keystore, current: int, at: datetime) -> None:
    """Destroy the private keys of the shards before `current`, and make those of the one after it."""
    for number in held_shards(keystore.keys):
        if number < current:
            for name in key_names(number):
                del keystore.keys[name]
    if not make_next(settings, keystore, current, at):
        with about(settings.keystore):
            keystore.save()


def show_shard(broker: Broker, shard: Shard) -> None:
    """What the operator has to tell others of a new shard: public witnesses its keys, partners the code."""
    TERMINAL.say("cli.journal-group.rotated", number=shard.number, origin=shard.origin, start=shard.start)
    for vkey in shard.vkeys:
        TERMINAL.show(str(vkey))
    TERMINAL.say("cli.journal-group.tell-witnesses")
    TERMINAL.say("cli.pin-code", code=pin_code(broker))


def _broker(settings: Settings, store: Store, keystore: Keystore) -> Broker:
    return Broker(settings.broker, store, keys_in(settings, store, keystore), now)
