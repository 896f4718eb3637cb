"""What the commands of `passerelle-audit` have in common: words, the keys they are given, the bar that moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from journal.pins import MAX_PINS, Pins, pinned_receipts, read_pins, read_vkeys
from journal.shards import first_shard
from keys.errors import FileError, MalformedError, PasserelleError, about
from keys.files import read_file
from keys.identity import Verifier
from keys.terminal import REFUSED, USAGE, Terminal

__all__ = [
    "TERMINAL",
    "AsJson",
    "BundlePath",
    "EvidenceFolder",
    "Pinned",
    "PinsOption",
    "Tell",
    "VkeyOption",
    "answering",
    "app",
    "bars",
    "pinned",
    "understood",
    "word",
]

TERMINAL = Terminal("passerelle-audit", "journal", "consent")
word = TERMINAL.word
app = TERMINAL.app("audit.help")

_QUESTIONS = frozenset(
    {"since-is-newer", "agreement-unknown", "not-a-journal-url", "fetch-needs-extra", "second-process-ended"}
)
"""What is wrong with a question, or this machine too small for it, although only the bundle or the gateway shows it."""

Tell: TypeAlias = Callable[[int, int], object]
"""Told how many of how many are done."""
BundlePath: TypeAlias = Annotated[Path, typer.Argument(metavar=word("audit.metavar.bundle"), help=word("audit.bundle"))]
VkeyOption: TypeAlias = Annotated[
    list[str] | None, typer.Option("--vkey", metavar=word("audit.metavar.key"), help=word("audit.vkey"))
]
PinsOption: TypeAlias = Annotated[
    Path | None, typer.Option("--pins", metavar=word("audit.metavar.file"), help=word("audit.pins"))
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help=word("audit.json"))]
EvidenceFolder: TypeAlias = Annotated[
    Path, typer.Option("--evidence", metavar=word("audit.metavar.folder"), help=word("audit.evidence"))
]


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the auditor trusts: the journal's first shard, later ones that are listed, and the file they came from."""

    journal: Pins
    file: Path | None

    @property
    def receipts(self) -> Verifier:
        """The broker's key for receipts; raises `MalformedError` (receipts-key-missing) when only --vkey was given."""
        if self.file is None:
            raise MalformedError("receipts-key-missing")
        with about(self.file):
            return pinned_receipts(read_file(self.file, limit=MAX_PINS))


def pinned(vkeys: Sequence[str] | None, pins: Path | None) -> Pinned:
    """The keys to verify with, from exactly one of the two options.

    By hand only the two keys of the first shard are given: a journal that goes on leads to its others.

    Raises `MalformedError` (which-keys) and what `read_vkeys`, `read_pins` and `read_file` raise.
    """
    if bool(vkeys) == (pins is not None):
        raise MalformedError("which-keys")
    if pins is None:
        return Pinned(Pins(first_shard(read_vkeys(vkeys or ()))), None)
    with about(pins):
        return Pinned(read_pins(read_file(pins, limit=MAX_PINS)), pins)


@contextmanager
def understood() -> Iterator[None]:
    """Whatever is raised inside is about the question: it is explained, and the answer is the code of usage, 2."""
    try:
        yield
    except PasserelleError as error:
        TERMINAL.complain(TERMINAL.explain(error))
        raise typer.Exit(USAGE) from None


@contextmanager
def answering(unreliable: str, *, as_json: bool) -> Iterator[None]:
    """Whatever is raised inside is about what was to be verified: it is told, in words or as JSON, with the code 1.

    A file that cannot be read at all is a wrong question (2). `unreliable` names the sentence that says the verdict.
    """
    try:
        yield
    except PasserelleError as error:
        if isinstance(error, FileError) or error.code in _QUESTIONS:
            TERMINAL.complain(TERMINAL.explain(error))
            raise typer.Exit(USAGE) from None
        if not as_json:
            TERMINAL.say(unreliable)
            raise
        typer.echo(json.dumps({"v": 1, "verified": False, "error": error.code, "pointer": error.pointer}))
        raise typer.Exit(REFUSED) from None


@contextmanager
def bars(*, quiet: bool) -> Iterator[Callable[[str], Tell | None]]:
    """What begins a bar on the screen, by the key of its name; files and other programs get none."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _key: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:

        def begin(key: str) -> Tell:
            task = bar.add_task(word(key), total=None)
            return lambda done, size: bar.update(task, completed=done, total=size)

        yield begin
