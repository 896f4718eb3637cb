"""The alarms of witnesses: what they showed, written down as evidence, and how a false one is settled."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.alarms import check_not_restored, settle_alarm
from gateway.commands.examining import show_examination
from gateway.commands.journal import app, new_file
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_store, word
from gateway.settings import load_settings
from gateway.store.contradictions import Contradiction
from keys.documents import format_time, parse_time
from keys.errors import MalformedError, about

__all__: list[str] = []


@app.command("alarms", help=word("cli.journal-group.alarms"))
def alarms(
    notes: Annotated[
        Path | None,
        typer.Option("--notes", metavar=word("cli.metavar.folder"), help=word("cli.journal-group.notes")),
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """One checkpoint a line that this gateway signed and that its journal does not hold; then what follows from it."""
    settings = load_settings(settings_file)
    with opened_store(settings) as store:
        with store.reading() as tx:
            found = tx.contradictions.all()
            stopped = tx.journal.head().contradicted
        _show(found, notes)
        if not show_examination(settings.broker, store):
            TERMINAL.say("cli.journal-group.contradicted" if stopped else "cli.journal-group.no-alarm")


def _show(found: list[Contradiction], notes: Path | None) -> None:
    """One alarm a line, numbered as `settle` wants it; its checkpoint goes to a file of the folder `notes`."""
    for number, each in enumerate(found, start=1):
        state = word("cli.journal-group.settled" if each.settled else "cli.journal-group.unsettled")
        TERMINAL.show(
            "  ".join((str(number), str(each.size), each.root.hex(), format_time(each.at), each.reported_by, state))
        )
        if notes is not None:
            _write(notes / f"checkpoint-{each.size}-{each.root.hex()[:16]}.note", each.note)


@app.command("settle", help=word("cli.journal-group.settle"))
def settle(
    alarm: Annotated[
        int, typer.Option("--alarm", metavar=word("cli.metavar.number"), help=word("cli.journal-group.alarm"))
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar=word("cli.metavar.code"), help=word("cli.journal-group.reason"))
    ],
    begin: Annotated[
        str | None, typer.Option("--from", metavar=word("cli.metavar.moment"), help=word("cli.journal-group.copy-from"))
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--until", metavar=word("cli.metavar.moment"), help=word("cli.journal-group.copy-until")),
    ] = None,
    yes: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--yes", help=word("cli.journal-group.yes"))
    ] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Settle a false alarm, which a copy of this database raised that signed; the journal says so."""
    settings = load_settings(settings_file)
    copied = _copied(begin, end)
    with opened_store(settings) as store:
        with store.reading() as tx:
            check_not_restored(tx)
        if not yes and not TERMINAL.confirm("cli.journal-group.settle-sure"):
            raise typer.Abort
        with store.transaction() as tx:
            at = tx.journal.lock(now())
            found, passes = settle_alarm(settings.broker, tx, alarm, reason, at, copied=copied)
    TERMINAL.say("cli.journal-group.settled-one", size=found.size)
    TERMINAL.say("cli.journal-group.passes-again" if passes else "cli.journal-group.contradicted")


def _copied(begin: str | None, end: str | None) -> tuple[datetime, datetime] | None:
    """The time in which a copy signed, both ends given or none; raises `MalformedError` (bad-time)."""
    if begin is None and end is None:
        return None
    try:
        return parse_time(begin or ""), parse_time(end or "")
    except ValueError:
        raise MalformedError("bad-time") from None


def _write(path: Path, note: bytes) -> None:
    """Write evidence down, unless it is there already; another file of that name is left alone."""
    with about(path):
        if path.is_file() and path.read_bytes() == note:
            return
        with new_file(path) as file:
            file.write(note)
