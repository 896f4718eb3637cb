"""After a backup was restored: say so before serving, see what witnesses showed, and go on with or without loss."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer

from gateway.broker import Broker
from gateway.commands.examining import show_witnessed
from gateway.commands.journal import app, unsettled
from gateway.commands.program import TERMINAL, SettingsFile, keys_in, now, open_keystore, opened_store, word
from gateway.commands.rotation import alone_with, current_number, finish_interrupted, keep_only, make_next, show_shard
from gateway.restores import begin_restore, restart, resume, witnessed
from gateway.settings import Settings, load_settings
from gateway.store.store import Store
from keys.keystore import Keystore

__all__: list[str] = []

Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar=word("cli.metavar.name"), help=word("cli.journal-group.without")),
]


@app.command("restored", help=word("cli.journal-group.restored"))
def restored(settings_file: SettingsFile = None) -> None:
    """Say that this database is a restored backup: nothing is decided until witnesses have shown what they saw."""
    settings = load_settings(settings_file)
    with opened_store(settings) as store:
        keys_in(settings, store, open_keystore(settings))
        with store.transaction() as tx:
            begin_restore(tx, now())
            found = witnessed(settings.broker, tx, now())
    TERMINAL.say("cli.journal-group.restored-waits")
    show_witnessed(found)


@app.command("resume", help=word("cli.journal-group.resume"))
def resume_journal(without: Without = None, settings_file: SettingsFile = None) -> None:
    """Go on as before, without the witnesses named, when nobody has shown more than the backup holds."""
    settings = load_settings(settings_file)
    with opened_store(settings) as store:
        broker = Broker(settings.broker, store, keys_in(settings, store, open_keystore(settings)), now)
        with store.reading() as tx:
            show_witnessed(witnessed(settings.broker, tx, now()))
        with store.transaction() as tx:
            resume(broker, tx, without or (), tx.journal.lock(now()))
        left = unsettled(store)
    TERMINAL.say("cli.journal-group.resumed")
    if left:
        TERMINAL.complain(word("cli.journal-group.contradicted"))


@app.command("restart", help=word("cli.journal-group.restart"))
def restart_journal(
    without: Without = None,
    yes: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--yes", help=word("cli.journal-group.yes"))
    ] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Go on in a new shard, after the largest checkpoint shown; what the backup does not hold is lost."""
    settings = load_settings(settings_file)
    with opened_store(settings) as store:
        opened = open_keystore(settings)
        keys_in(settings, store, opened)
        with alone_with(settings, opened) as keystore:
            if finish_interrupted(settings, keystore, store):
                return
        with store.reading() as tx:
            found = witnessed(settings.broker, tx, now())
        show_witnessed(found)
        if found.lost:
            TERMINAL.say("cli.journal-group.lost", first=found.size, last=found.lost[-1].size - 1)
        if found.saw_more and not yes and not TERMINAL.confirm("cli.journal-group.restart-sure"):
            raise typer.Abort
        # While the question waited, somebody else may have restarted or rotated it.
        with alone_with(settings, opened) as keystore:
            made = _restart(settings, store, keystore, without or ())
    TERMINAL.say("cli.journal-group.restarted")
    if made:
        TERMINAL.complain(word("cli.journal-group.restart-processes"))


def _restart(settings: Settings, store: Store, keystore: Keystore, without: Collection[str]) -> bool:
    """Begin the new shard, tell it, and put the keystore in order; whether the keys had to be made first."""
    with store.reading() as tx:
        witnessed(settings.broker, tx, now())  # no key is made where no restore waits for its end
    made = make_next(settings, keystore, current_number(store), now())
    broker = Broker(settings.broker, store, keys_in(settings, store, keystore), now)
    with store.transaction() as tx:
        shard = restart(broker, tx, without, now())
    keep_only(settings, keystore, shard.number, now())
    show_shard(broker, shard)
    return made
