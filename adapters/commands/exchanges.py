# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""What is asked and given before an answer: information, papers, tries to reach the person, a slip put right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.commands.files import AuthorName, leaks_at, read_added
from adapters.commands.program import AsJson, Reference, SettingsFile, app, opened, tell_queued, word
from adapters.settings import load_settings
from keys.errors import about

__all__ = ["ask", "attempt", "correct", "provide"]

_CODE = word("cli.metavar.code")


@app.command("ask", help=word("cli.ask.help"))
def ask(
    ref: Reference,
    codes: Annotated[list[str], typer.Argument(metavar=_CODE, help=word("cli.ask.codes"))],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Ask the sender for more before answering; the time to answer stands still meanwhile."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.ask(adapter.resolve(ref), codes), as_json=as_json)


@app.command("provide", help=word("cli.provide.help"))
def provide(
    ref: Reference,
    file: Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.provide.file"))],
    author: AuthorName = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Give what was asked for, sealed, under the consent that covers it."""
    sections, overrides, papers, data = read_added(file)
    with opened(load_settings(settings_file)) as adapter, about(file), leaks_at(data):
        found = adapter.resolve(ref)
        given = adapter.provide(found, sections, papers=papers, overrides=overrides, author=author)
        tell_queued(adapter, given, as_json=as_json)


@app.command("attempt", help=word("cli.attempt.help"))
def attempt(
    ref: Reference,
    channel: Annotated[str, typer.Option("--channel", metavar=_CODE, help=word("cli.attempt.channel"))],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Tell that somebody tried to reach the person, and how."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.attempt(adapter.resolve(ref), channel), as_json=as_json)


@app.command("correct", help=word("cli.correct.help"))
def correct(ref: Reference, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Undo a refusal that was a slip."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.correct(adapter.resolve(ref)), as_json=as_json)
