"""The command that takes away for good what the journal says under one consent."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.commands.journal import app
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_store, word
from gateway.erasure import Erased, Order, erasable, erase_consent
from gateway.settings import load_settings
from gateway.store.engines import is_postgresql
from gateway.store.openings import EMPTYING

__all__: list[str] = []


@app.command("erase", help=word("cli.journal-group.erase"))
def erase(
    statement: Annotated[
        str, typer.Option("--statement", metavar=word("cli.metavar.consent"), help=word("cli.journal-group.statement"))
    ],
    ground: Annotated[
        str, typer.Option("--ground", metavar=word("cli.metavar.code"), help=word("cli.journal-group.ground"))
    ],
    by: Annotated[str, typer.Option("--by", metavar=word("cli.metavar.code"), help=word("cli.journal-group.by"))],
    ordered: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--ordered", help=word("cli.journal-group.ordered"))
    ] = False,
    yes: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--yes", help=word("cli.journal-group.yes"))
    ] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Take away for good what the journal says under one consent that is over."""
    settings = load_settings(settings_file)
    order = Order(by, ground, by_law=ordered)
    with opened_store(settings, erasing=True) as store:
        found = erasable(store, statement, order, now())
        count = len(found.indices)
        _warn(found)
        if count and not yes and not TERMINAL.confirm("cli.journal-group.sure", count=count):
            raise typer.Abort
        indices = erase_consent(settings.broker, store, statement, order, now())
        # Even when nothing is left: the program that erased may have been stopped before it came to this.
        emptied = store.empty_log()
        by_hand = is_postgresql(store.engine)
    TERMINAL.say("cli.journal-group.erased" if indices else "cli.journal-group.nothing", count=len(indices))
    if not emptied:
        TERMINAL.complain(word("cli.journal-group.log-busy"))
    if by_hand:
        TERMINAL.say("cli.journal-group.vacuum", statement=EMPTYING)


def _warn(found: Erased) -> None:
    """What an order overrides; without one the erasure would have been refused."""
    for incident in found.incidents:
        TERMINAL.complain(word("cli.journal-group.incident-open", incident=incident))
    if found.contradicted:
        TERMINAL.complain(word("cli.journal-group.in-dispute"))
