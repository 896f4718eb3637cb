"""How the programs talk with the person at the keyboard: in French or English, safely, without a stack trace.

Every program of this product is a `typer` application run by a `Terminal`: refusals are explained from the
catalogues, whatever came from a document is printed without the power to command the screen, and codes are the same.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.main import get_command

from keys.errors import KeystoreError, PasserelleError
from keys.helpscreen import HelpfulApp
from keys.keystore import read_passphrase
from keys.words import Language, Words, language_of_environment

__all__ = ["DONE", "INTERRUPTED", "REFUSED", "UNEXPECTED", "USAGE", "Terminal", "printable"]

DONE = 0
REFUSED = 1
USAGE = 2
UNEXPECTED = 70
"""EX_SOFTWARE of sysexits: a fault of ours, to be reported."""
INTERRUPTED = 130
_SPACES_OF_FRENCH = "\u00a0\u202f"
_USAGE_ERRORS = {
    "MissingParameter": "terminal.missing",
    "NoSuchOption": "terminal.no-such-option",
    "BadParameter": "terminal.bad-value",
}


def printable(text: str) -> str:
    r"""One line of text that shows every character and obeys none: an escape sequence becomes `\u001b`."""
    return "".join(
        character if character.isprintable() or character in _SPACES_OF_FRENCH else f"\\u{ord(character):04x}"
        for character in text
    )


class Terminal:
    """One program's side of the conversation; `Terminal("passerelle-keys", "keys")` reads the words of `keys`."""

    def __init__(self, program: str, *packages: str) -> None:
        """Name the program, and the packages whose words it uses (those of `keys` come last, by themselves)."""
        self.program = program
        self.words = Words(*packages, "keys")

    @property
    def language(self) -> Language:
        """The reader's language, by the environment."""
        return language_of_environment()

    def word(self, key: str, **parameters: object) -> str:
        """A sentence in the reader's language, its parameters made printable; `KeyError` for an unknown key."""
        shown = {name: printable(str(value)) for name, value in parameters.items()}
        return self.words(key, self.language, **shown)

    def app(self, key: str) -> typer.Typer:
        """A program, or a group of commands, presented by the sentence under `key`; `run` starts the program."""
        return HelpfulApp(help=self.word(key))

    def say(self, key: str, **parameters: object) -> None:
        """Print a sentence on standard output."""
        typer.echo(self.word(key, **parameters))

    def show(self, text: str) -> None:
        """Print lines that came from outside, each made printable."""
        typer.echo("\n".join(printable(line) for line in text.split("\n")))

    def complain(self, text: str) -> None:
        """Print lines on standard error, after the name of the program."""
        typer.echo(f"{self.program}: {text}", err=True)

    def confirm(self, key: str, **parameters: object) -> bool:
        """Ask a question; true only for the words that mean yes in the reader's language."""
        answer = typer.prompt(self.word(key, **parameters), default="", show_default=False, prompt_suffix=" ", err=True)
        return str(answer).strip().casefold() in self.word("terminal.yes").split()

    def passphrase(self, file: Path | None, *, twice: bool = False) -> str:
        """The passphrase of a private `file`, or as typed unseen, `twice` when it is new.

        Raises `KeystoreError` (passphrases-differ) and what `read_passphrase` raises.
        """
        if file is not None:
            return read_passphrase(file)
        typed = self._ask_unseen("terminal.passphrase")
        if twice and self._ask_unseen("terminal.passphrase-again") != typed:
            raise KeystoreError("passphrases-differ")
        return typed

    def _ask_unseen(self, key: str) -> str:
        return str(typer.prompt(self.word(key), hide_input=True, prompt_suffix=" ", err=True))

    def run(self, app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
        """Run a program (on `sys.argv` by default) and return its exit code; every error is explained, none escapes.

        0 done; 1 refused, the reasons on standard error; 2 not understood; 70 a fault of ours; 130 interrupted.
        """
        _accept_any_character()
        try:
            answer = get_command(app).main(args=arguments, prog_name=self.program, standalone_mode=False)
        except PasserelleError as error:
            self.complain(self.explain(error))
            return REFUSED
        except typer.Abort:
            self.complain(self.word("terminal.stopped"))
            return INTERRUPTED
        except typer.TyperException as error:
            self._explain_usage(error)
            return USAGE
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets a sentence and not our stack
            self.complain(self.word("terminal.unexpected", kind=type(error).__name__))
            return UNEXPECTED
        return answer if isinstance(answer, int) else DONE

    def explain(self, error: PasserelleError) -> str:
        """An error in the reader's words, after the files and documents that were noted on it by `about`."""
        explained = self.words.explain(error, self.language)
        for note in getattr(error, "__notes__", ()):
            explained = self.words("terminal.about", self.language, what=printable(note), explained=explained)
        return explained

    def _explain_usage(self, error: typer.TyperException) -> None:
        kind = type(error).__name__
        if kind == "NoArgsIsHelpError":
            typer.echo(error.format_message(), err=True)
            return
        key = _USAGE_ERRORS.get(kind, "terminal.not-understood")
        command = getattr(getattr(error, "ctx", None), "command_path", self.program)
        self.complain(f"{self.word(key, name=_misused(error))} {self.word('terminal.see-help', command=command)}")


def _misused(error: typer.TyperException) -> str:
    """The option or argument that a usage error is about."""
    parameter = getattr(error, "param", None)
    if parameter is None:
        return str(getattr(error, "option_name", ""))
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar)


def _accept_any_character() -> None:
    # An apostrophe that an old terminal cannot show must not stop the program that prints it.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
