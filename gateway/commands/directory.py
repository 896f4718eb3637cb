"""The directory of services: put another one in the place of the one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.program import TERMINAL, SettingsFile, now, opened_store, word
from gateway.directory.hsds import MAX_BYTES, DirectoryImport, read_hsds
from gateway.settings import load_settings
from keys.errors import about
from keys.files import read_file
from keys.terminal import REFUSED

__all__ = ["app"]

app = TERMINAL.app("cli.directory.help")


@app.command("import", help=word("cli.directory.import"))
def import_file(
    file: Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.directory.file"))],
    accept_partial: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--accept-partial", help=word("cli.directory.accept-partial"))
    ] = False,
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar=word("cli.metavar.zone"), help=word("cli.directory.time-zone"))
    ] = "UTC",
    settings_file: SettingsFile = None,
) -> None:
    """Replace the directory by the services of a file; each one that is left out is told, with its place."""
    settings = load_settings(settings_file)
    with about(file):
        read = read_hsds(read_file(file, limit=MAX_BYTES), zone=time_zone)
    for problem in read.problems:
        TERMINAL.complain(problem.sentence(TERMINAL.words, TERMINAL.language))
    if read.problems and not accept_partial:
        TERMINAL.complain(word("cli.directory.nothing", **_counts(read)))
        raise typer.Exit(REFUSED)
    with opened_store(settings) as store, store.transaction() as tx:
        tx.services.replace(read.services, tx.journal.lock(now()))
    TERMINAL.say("cli.directory.imported", **_counts(read))


def _counts(read: DirectoryImport) -> dict[str, object]:
    return {"good": len(read.services), "bad": len(read.problems)}
