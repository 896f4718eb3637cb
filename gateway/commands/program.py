"""What the commands of `passerelle-gateway` share: the program, its settings, and the broker they open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.broker import Broker
from gateway.broker_keys import BrokerKeys
from gateway.settings import DEFAULT_FILE, FILE_VARIABLE, Settings, SettingsError
from gateway.store.engines import is_postgresql
from gateway.store.journal import Instance, NotInitialisedError
from gateway.store.migration import SchemaError, require_current
from gateway.store.server import check_clock, check_server
from gateway.store.store import Store
from journal.notes import open_note
from keys.errors import ForgedError, KeystoreError, MalformedError, about
from keys.keystore import Keystore
from keys.terminal import Terminal

__all__ = [
    "TERMINAL",
    "SettingsFile",
    "app",
    "check_schema",
    "check_server_of",
    "keys_in",
    "now",
    "open_keys",
    "open_keystore",
    "opened_broker",
    "opened_store",
    "passphrase",
    "word",
]

TERMINAL = Terminal("passerelle-gateway", "gateway", "consent", "journal")
word = TERMINAL.word
app = TERMINAL.app("cli.help")

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar=word("cli.metavar.file"),
        help=word("cli.settings", default=DEFAULT_FILE, variable=FILE_VARIABLE),
        envvar=FILE_VARIABLE,
    ),
]


def now() -> datetime:
    """The clock of this machine."""
    return datetime.now(tz=UTC)


def passphrase(settings: Settings, *, twice: bool = False) -> str:
    """The keystore's passphrase: a secret, the first line of a private file, or typed unseen."""
    if settings.passphrase is not None:
        return settings.passphrase.get_secret_value()
    if settings.passphrase_file is None:
        return TERMINAL.passphrase(None, twice=twice)
    with about(settings.passphrase_file):
        return TERMINAL.passphrase(settings.passphrase_file)


@contextmanager
def opened_store(settings: Settings, *, erasing: bool = False) -> Iterator[Store]:
    """The database, of this program's form, by the account that may erase where `erasing` is asked for.

    Raises `DriverError`, `StoreUnavailableError`, `ServerError` and `SchemaError`.
    """
    with about(settings.database_place):
        url = settings.eraser_database_url if erasing else settings.database_url
        store = Store(url, watch_clock=True)
    try:
        with about(settings.database_place):
            check_schema(settings, store)
        yield store
    finally:
        store.close()


def check_schema(settings: Settings, store: Store) -> None:
    """Return only if the database is of this program's form; else `SchemaError`. No file is made."""
    if settings.database_path is not None and not settings.database_path.exists():
        raise SchemaError("schema-empty")  # to connect would make the file
    check_server_of(store)
    require_current(store)


def check_server_of(store: Store) -> None:
    """Return only if the server of a database can be relied on, and is as late as this machine; else `ServerError`."""
    if is_postgresql(store.engine):
        with store.connected() as connection:
            check_server(connection)
            check_clock(connection, now())


@contextmanager
def opened_broker(settings: Settings) -> Iterator[Broker]:
    """The broker with its keys; raises as `opened_store` and `open_keys` do."""
    with opened_store(settings) as store:
        yield Broker(settings.broker, store, open_keys(settings, store), now)


def open_keys(settings: Settings, store: Store) -> BrokerKeys:
    """The keys of the broker whose database this is.

    Raises `NotInitialisedError` (journal-missing), `SettingsError` (settings-of-another), `FileError`, and
    `KeystoreError`, also for the keys of another broker (keystore-of-another): they did not sign this journal.
    """
    _instance(settings, store)
    return keys_in(settings, store, open_keystore(settings))


def open_keystore(settings: Settings) -> Keystore:
    """The keystore of the settings; raises as `Keystore.open` does."""
    with about(settings.keystore):
        return Keystore.open(settings.keystore, passphrase(settings))


def keys_in(settings: Settings, store: Store, keystore: Keystore) -> BrokerKeys:
    """The keys of the broker whose database this is, out of an opened keystore.

    Raises as `open_keys` does, and `StoppedError` (journal-keys-missing) without those of the newest shard.
    """
    instance = _instance(settings, store)
    with about(settings.keystore):
        keys = BrokerKeys.from_stored(keystore.keys, settings.broker.address, instance.origin)
        with store.reading() as tx:
            newest, head = tx.tiles.newest_checkpoint(), tx.journal.head()
        try:
            open_note(newest.note if newest else b"", keys.signer(head.shard).vkeys)
        except (ForgedError, MalformedError):
            raise KeystoreError("keystore-of-another") from None
    return keys


def _instance(settings: Settings, store: Store) -> Instance:
    """Which broker the database belongs to, which must be the one of the settings."""
    with store.reading() as tx:
        instance = tx.journal.instance()
    if instance is None:
        raise NotInitialisedError("journal-missing")
    if instance.territory != settings.territory:
        raise SettingsError("settings-of-another", "/territory")
    if instance.origin != settings.origin:
        raise SettingsError("settings-of-another", "/public_url")
    return instance
