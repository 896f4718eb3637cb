"""The journal: the file for auditors. Alarms and erasing have modules of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gateway.audit_bundles import export_bundle, require_fresh
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_broker, word
from gateway.settings import load_settings
from gateway.store.store import Store
from keys.errors import FileError, about

__all__ = ["app", "new_file", "unsettled"]

app = TERMINAL.app("cli.journal-group.help")
_PRIVATE = 0o600


@app.command("export", help=word("cli.journal-group.export"))
def export(
    out: Annotated[Path, typer.Argument(metavar=word("cli.metavar.out"), help=word("cli.journal-group.out"))],
    really: Annotated[  # noqa: FBT002 - an option of a command line
        bool, typer.Option("--really", help=word("cli.journal-group.really"))
    ] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Write the bundle for auditors up to a checkpoint signed now; the reading is journalled."""
    with opened_broker(load_settings(settings_file)) as broker:
        if not really:
            require_fresh(broker, now())
        if unsettled(broker.store):
            TERMINAL.complain(word("cli.journal-group.exported-contradicted"))
        with about(out), new_file(out) as file:
            checkpoint = export_bundle(broker, file, now())
    TERMINAL.say("cli.journal-group.exported", out=out, size=checkpoint.size)


def unsettled(store: Store) -> bool:
    """Whether somebody has shown another journal of this gateway, and nobody has settled it.

    While a restored backup is examined that tells what it lacks, and nothing is settled.
    """
    with store.reading() as tx:
        head = tx.journal.head()
    return head.contradicted and head.restored is None


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that was not there, readable by its owner only because it tells who refers to whom; whole or gone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except FileExistsError:
        raise FileError("file-exists") from None
    except OSError:
        raise FileError("file-unwritable") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FileError("file-unwritable") from None
        raise
