"""Plays `passerelle-keys` in this process, as a person at a keyboard would."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer
from typer.testing import CliRunner

from keys.cli import TERMINAL, app
from keys.identity import RootKey
from keys.rootfile import HeldRoot, write_root
from keys.terminal import Terminal
from tests.keys.builders import DAY, NOW, PASSPHRASE, root

LOCALES = {"fr": "fr_CA.UTF-8", "en": "en_CA.UTF-8"}


@dataclass(frozen=True)
class Played:
    """What the program printed, and how it left."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything that was printed."""
        return self.out + self.err


def play(
    *arguments: object,
    typed: str = "",
    language: Literal["fr", "en"] = "en",
    terminal: Terminal = TERMINAL,
    program: typer.Typer = app,
) -> Played:
    """Run a program with these arguments while `typed` is typed, in the language of a locale."""
    environment = {"LC_ALL": LOCALES[language]}
    with CliRunner().isolation(input=typed, env=environment) as (out, err, _):
        code = terminal.run(program, [str(argument) for argument in arguments])
        typer.echo("", nl=False)
        return Played(code, out.getvalue().decode(), err.getvalue().decode())


def root_file(folder: Path, key: RootKey | None = None) -> Path:
    """A root file of the invented organisation."""
    path = folder / "root.keys"
    write_root(path, PASSPHRASE, HeldRoot(key or root(), NOW, NOW + 3000 * DAY))
    return path


def passphrase_file(folder: Path, passphrase: str = PASSPHRASE) -> Path:
    """A private file that holds the passphrase."""
    path = folder / "passphrase"
    path.write_text(passphrase + "\n")
    path.chmod(0o600)
    return path


def written(path: Path, content: object) -> Path:
    """A file of JSON, or of bytes as they are."""
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
