# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""Consents that ended after we were handed something under them: what there is to answer, and answering it."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from adapters.commands.notice_screens import show_notices
from adapters.commands.program import (
    TERMINAL,
    AsJson,
    Reference,
    RefusedHereError,
    SettingsFile,
    opened,
    print_json,
    word,
)
from adapters.commands.screens import Names
from adapters.settings import load_settings
from consent.passage import Refused
from consent.withdrawal_answer import Answer

__all__ = ["app"]

app = TERMINAL.app("cli.withdrawals.help")


@app.command("list", help=word("cli.withdrawals.list"))
def list_all(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """What there is to answer, the oldest first."""
    with opened(load_settings(settings_file)) as adapter:
        found, names = adapter.withdrawals(), Names(adapter.agreements())
    show_notices(found, names, none="cli.withdrawals.none", as_json=as_json)


@app.command("answer", help=word("cli.withdrawals.answer"))
def answer(
    ref: Reference,
    said: Annotated[Answer, typer.Argument(metavar="|".join(get_args(Answer)), help=word("cli.withdrawals.said"))],
    ground: Annotated[
        str | None, typer.Option("--ground", metavar=word("cli.metavar.code"), help=word("cli.withdrawals.ground"))
    ] = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Delete what we were handed, or keep it on a ground, and say so."""
    with opened(load_settings(settings_file)) as adapter:
        items = adapter.answer_withdrawal(adapter.resolve(ref), said, ground)
        if isinstance(items, Refused):
            raise RefusedHereError(items)
        flushed = adapter.outbox.flush()
    refused = dict(flushed.refused)
    for item in items:
        if item in refused:
            raise RefusedHereError(Refused(refused[item]))
    left = set(items) <= set(flushed.accepted)
    if as_json:
        print_json({"items": list(items), "sent": left})
        return
    TERMINAL.say(f"cli.withdrawals.{said}")
    TERMINAL.say("cli.shipped" if left else "cli.shipped-later")
