# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""The papers of a referral: which there are, and saving them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.commands.notice_screens import attachment_json, attachment_line
from adapters.commands.program import TERMINAL, AsJson, Reference, SettingsFile, opened, print_json, word
from adapters.papers import save_papers
from adapters.settings import load_settings
from keys.errors import about

__all__ = ["app"]

app = TERMINAL.app("cli.attachments.help")


@app.command("list", help=word("cli.attachments.list"))
def list_all(ref: Reference, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Every paper of a referral."""
    with opened(load_settings(settings_file)) as adapter:
        found = adapter.show(adapter.resolve(ref)).attachments
    if as_json:
        print_json([attachment_json(item) for item in found])
        return
    for item in found:
        TERMINAL.show(attachment_line(item))
    if not found:
        TERMINAL.say("cli.attachments.none")


@app.command("save", help=word("cli.attachments.save"))
def save(
    ref: Reference,
    folder: Annotated[Path, typer.Argument(metavar=word("cli.metavar.folder"), help=word("cli.attachments.folder"))],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Write the papers of a referral into a folder, readable by their owner only; nothing is written over."""
    with opened(load_settings(settings_file)) as adapter:
        adapter.papers.work()
        found = adapter.show(adapter.resolve(ref)).attachments
    with about(folder):
        written = save_papers(found, folder)
    if as_json:
        print_json([str(path) for path in written])
        return
    for path in written:
        TERMINAL.say("cli.attachments.saved", path=path)
    if not written:
        TERMINAL.say("cli.attachments.none")
