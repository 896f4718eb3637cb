"""The broker itself: begin, migrate, check, serve, and tell partners what to pin."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable

import typer

from gateway.app import create_app
from gateway.broker import Broker
from gateway.commands.examining import show_examination
from gateway.commands.journal import unsettled
from gateway.commands.program import (
    TERMINAL,
    SettingsFile,
    app,
    check_schema,
    check_server_of,
    now,
    open_keys,
    opened_broker,
    passphrase,
    word,
)
from gateway.founding import found_broker
from gateway.logs import configure_logs
from gateway.rotation import is_old
from gateway.sequencer.witnesses import ALARMING, ask_all
from gateway.serving import listen, serve
from gateway.settings import Settings, load_settings, unknown_variables
from gateway.store.engines import is_postgresql
from gateway.store.migration import migrate, schema_state
from gateway.store.roles import changes_journal, check_rights
from gateway.store.store import Store
from gateway.wellknown import pin_code, pins
from journal.shards import FIRST
from keys.errors import PasserelleError, about
from keys.terminal import REFUSED

__all__: list[str] = []
_SOON = 3.0
"""Seconds that serving waits at its start for what public witnesses say; the log tells of those that take longer."""


@app.command("init", help=word("cli.init.help"))
def init(settings_file: SettingsFile = None) -> None:
    """Make the tables, the keys and the journal of a new broker."""
    settings = load_settings(settings_file)
    secret = passphrase(settings, twice=True)
    store = _private_store(settings)
    try:
        with about(settings.database_place):
            check_server_of(store)
            migrate(store)  # so that what keeps the tables from being made is told with the name of the database
        keys = found_broker(settings.broker, store, settings.keystore, secret, origin=settings.origin, at=now())
    finally:
        store.close()
    origin = keys.signer(FIRST).origin
    TERMINAL.say("cli.founded", territory=settings.territory, keystore=settings.keystore, origin=origin)


@app.command("migrate", help=word("cli.migrate.help"))
def migrate_database(settings_file: SettingsFile = None) -> None:
    """Bring the database to the form of this release."""
    settings = load_settings(settings_file)
    store = _private_store(settings)
    try:
        with about(settings.database_place):
            check_server_of(store)
            before = schema_state(store)
            migrate(store)
    finally:
        store.close()
    TERMINAL.say("cli.already-migrated" if before == "current" else "cli.migrated")


@app.command("check", help=word("cli.check.help"))
def check(settings_file: SettingsFile = None) -> None:
    """Show the settings without secrets, and try everything that `serve` needs; each fault is told."""
    settings = load_settings(settings_file)
    for name, value in settings.shown():
        TERMINAL.show(f"{name:<17} {value}")
    unknown = unknown_variables(os.environ)
    for name in unknown:
        TERMINAL.complain(word("cli.unknown-variable", name=name))
    with about(settings.database_place):
        store = Store(settings.database_url, watch_clock=True)
    try:
        is_current = _succeeds(lambda: _check_schema(settings, store))
        is_whole = is_current and _succeeds(lambda: _check_journal(settings, store))
    finally:
        store.close()
    if unknown or not is_whole:
        raise typer.Exit(REFUSED)
    TERMINAL.say("cli.all-well")


@app.command("serve", help=word("cli.serve.help"))
def serve_broker(settings_file: SettingsFile = None) -> None:
    """Serve until stopped; nothing is migrated or created."""
    settings = load_settings(settings_file)
    with opened_broker(settings) as broker:
        _check_rights(settings, broker.store)
        listening = listen(settings.host, settings.port)
        configure_logs(settings.log_level)
        _tell_state(broker)
        TERMINAL.say("cli.serving", url=settings.public_url, host=settings.host, port=listening.getsockname()[1])
        serve(create_app(broker), listening, stop_seconds=settings.stop_seconds)


@app.command("pins", help=word("cli.pins.help"))
def show_pins(settings_file: SettingsFile = None) -> None:
    """Print what partners pin, and the short code that both ends read aloud."""
    with opened_broker(load_settings(settings_file)) as broker:
        document = pins(broker)
        code = pin_code(broker)
    TERMINAL.show(json.dumps(document, indent=2))
    typer.echo(word("cli.pin-code", code=code), err=True)  # apart, so that the document can go to a file


def _tell_state(broker: Broker) -> None:
    """What keeps the journal from growing, or will, before the first call is answered."""
    if unsettled(broker.store):
        TERMINAL.complain(word("cli.journal-group.contradicted"))
    show_examination(broker.settings, broker.store, TERMINAL.complain)
    if is_old(broker.store, now()):
        TERMINAL.complain(word("cli.journal-group.old-shard"))
    for name, error in _refusals(broker, _SOON).items():
        if error.code in ALARMING:
            TERMINAL.complain(f"{name}: {TERMINAL.explain(error)}")


def _refusals(broker: Broker, seconds: float | None = None) -> dict[str, PasserelleError]:
    """What public witnesses say who do not cosign the newest checkpoint, asked now; nothing when it takes too long."""

    async def asked() -> dict[str, PasserelleError]:
        return await asyncio.wait_for(ask_all(broker), seconds)

    try:
        return asyncio.run(asked()) if broker.settings.witnesses else {}
    except TimeoutError:
        return {}


def _private_store(settings: Settings) -> Store:
    """The database, made readable by its owner only when it is not there yet: it says who refers to whom."""
    path = settings.database_path
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    with about(settings.database_place):
        return Store(settings.database_url)


def _check_schema(settings: Settings, store: Store) -> None:
    with about(settings.database_place):
        check_schema(settings, store)
    TERMINAL.say("cli.schema-current")
    if _check_rights(settings, store):
        TERMINAL.say("cli.serves-as-owner")


def _check_rights(settings: Settings, store: Store) -> bool:
    """Return only if the database's role may do what serving needs; True when it may even change the journal."""
    if not is_postgresql(store.engine):
        return False
    with about(settings.database_place), store.connected() as connection:
        check_rights(connection)
        return changes_journal(connection)


def _check_journal(settings: Settings, store: Store) -> None:
    keys = open_keys(settings, store)
    with store.reading() as tx:
        head = tx.journal.head()
        published = tx.tiles.newest_size()
    TERMINAL.say("cli.keystore-opens")
    TERMINAL.say("cli.journal", origin=keys.signer(head.shard).origin, size=head.size, published=published)
    if is_old(store, now()):
        TERMINAL.say("cli.journal-group.old-shard")
    _check_witnesses(Broker(settings.broker, store, keys, now))


def _check_witnesses(broker: Broker) -> None:
    """How far each public witness has come, and what it says when it is asked now.

    Raises `StoppedError` while a restored backup is examined, which is told; `ContradictedError` where another journal
    of ours is known, and `WitnessError` for a witness that saw one; of one that is only out of reach it is told.
    """
    show_examination(broker.settings, broker.store, TERMINAL.complain)
    with broker.store.reading() as tx:
        tx.journal.require_open()
        tx.journal.require_uncontradicted()
        for witness in broker.settings.witnesses:
            size = tx.cosignatures.last_of(witness.vkey.name, witness.vkey.key_id.hex())
            TERMINAL.say("cli.witness", name=witness.vkey.name, size=size)
    refused = _refusals(broker)
    for name, error in refused.items():
        TERMINAL.complain(f"{name}: {TERMINAL.explain(error)}")
    for error in refused.values():
        if error.code in ALARMING:
            raise error


def _succeeds(step: Callable[[], None]) -> bool:
    try:
        step()
    except PasserelleError as error:
        TERMINAL.complain(TERMINAL.explain(error))
        return False
    return True
