"""Every program ends with a sentence and a code, whatever happens inside, in the reader's language."""

import io
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from keys.errors import Fault, KeystoreError, MalformedError, about
from keys.terminal import DONE, INTERRUPTED, REFUSED, UNEXPECTED, USAGE, Terminal, printable
from tests.keys.ceremony import Played, play

TERMINAL = Terminal("passerelle-test", "keys")
PROGRAM = TERMINAL.app("cli.help")
CANARY = "Personne-Fictive"
Language = Literal["fr", "en"]


@PROGRAM.command("fail", help="x")
def fail(kind: Annotated[str, typer.Argument(metavar="KIND")], times: int = 1) -> None:
    """Fail in the way asked for."""
    if kind == "refused":
        with about("outer"), about("inner\x1b[2J"):
            raise MalformedError("too-long", faults=(Fault("too-long", "/a", 2, 3),) * times)
    if kind == "unforeseen":
        raise RuntimeError(CANARY)
    if kind == "interrupted":
        raise KeyboardInterrupt
    if kind == "left":
        raise typer.Exit(7)
    typer.prompt("?")


@PROGRAM.command("passphrase", help="x")
def passphrase(file: Path | None = None, *, twice: bool = False) -> None:
    """Ask for a passphrase and show only its length."""
    TERMINAL.show(str(len(TERMINAL.passphrase(file, twice=twice))))


@PROGRAM.command("confirm", help="x")
def confirm() -> None:
    """Ask for a yes."""
    TERMINAL.show(str(TERMINAL.confirm("cli.confirm-sign")))


def _play(*arguments: str, typed: str = "", language: Language = "en") -> Played:
    return play(*arguments, typed=typed, language=language, terminal=TERMINAL, program=PROGRAM)


@pytest.mark.parametrize(("language", "colon"), [("fr", "\u00a0: "), ("en", ": ")])
def test_a_refusal_is_explained_with_its_file_and_place(language: Language, colon: str) -> None:
    """Exit code 1; the documents it is about from the outside in, what, remedy, and every place."""
    played = _play("fail", "refused", "--times", "2", language=language)
    title = TERMINAL.words("error.too-long.title", language)
    remedy = TERMINAL.words("error.too-long.remedy", language)
    first, *places = played.err.splitlines()
    assert played.code == REFUSED
    assert first == f"passerelle-test: outer{colon}inner\\u001b[2J{colon}{title} {remedy}"
    assert len(places) == 2
    assert all(title in place and "/a" in place for place in places)
    assert played.out == ""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_an_unforeseen_fault_shows_neither_stack_nor_value(language: Language) -> None:
    """Exit code 70, one sentence with the kind of fault, and nothing of what the program held."""
    played = _play("fail", "unforeseen", language=language)
    assert played.code == UNEXPECTED
    assert "RuntimeError" in played.err
    assert "Traceback" not in played.all
    assert CANARY not in played.all
    assert len(played.err.splitlines()) == 1


def test_interruptions_and_early_ends_have_their_codes() -> None:
    """Ctrl-C and an end of input are 130, and a code that a command chose is kept."""
    assert _play("fail", "interrupted").code == INTERRUPTED
    assert _play("fail", "left").code == 7
    played = _play("fail", "asks")
    assert played.code == INTERRUPTED
    assert TERMINAL.words("terminal.stopped", "en") in played.err


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("arguments", "key", "name"),
    [
        (("fail",), "missing", "KIND"),
        (("fail", "x", "--times", CANARY), "bad-value", "--times"),
        (("fail", "x", "--nothing"), "no-such-option", "--nothing"),
        (("fail", "x", "y"), "not-understood", ""),
        (("nothing",), "not-understood", ""),
    ],
)
def test_a_wrong_command_is_explained_in_the_language_of_the_reader(
    language: Language, arguments: tuple[str, ...], key: str, name: str
) -> None:
    """Exit code 2, what is wrong, and which help to read; no value is repeated."""
    played = _play(*arguments, language=language)
    assert played.code == USAGE
    assert TERMINAL.words(f"terminal.{key}", language, name=name) in played.err
    assert "--help" in played.err
    assert CANARY not in played.all


@pytest.mark.parametrize("arguments", [(), ("--help",), ("fail", "--help")])
@pytest.mark.parametrize(("language", "usage"), [("fr", "Utilisation\u00a0:"), ("en", "Usage:")])
def test_help_is_in_the_language_of_the_reader(arguments: tuple[str, ...], language: Language, usage: str) -> None:
    """Headings and the help option are translated, and asking for help is no fault."""
    played = _play(*arguments, language=language)
    assert played.code == (DONE if arguments else USAGE)
    assert played.all.startswith(usage)
    assert TERMINAL.words("help.this", language) in played.all
    other: Language = "fr" if language == "en" else "en"
    assert TERMINAL.words("help.this", other) not in played.all


@pytest.mark.parametrize(
    ("language", "typed", "expected"),
    [
        ("en", "y", True),
        ("en", "YES", True),
        ("en", "o", False),
        ("en", "n", False),
        ("en", "", False),
        ("fr", "o", True),
        ("fr", " Oui ", True),
        ("fr", "y", False),
        ("fr", "non", False),
    ],
)
def test_only_yes_means_yes(language: Language, typed: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Anything but the words for yes in the reader's language, an empty line too, is no."""
    assert _play("confirm", typed=f"{typed}\n", language=language).out.splitlines()[-1] == str(expected)


def test_a_passphrase_is_asked_unseen_and_twice_when_new(tmp_path: Path) -> None:
    """What is typed is never shown; two different ones are refused; a file is not asked about."""
    assert _play("passphrase", typed=f"{CANARY}\n").out.splitlines()[-1] == "16"
    twice = _play("passphrase", "--twice", typed=f"{CANARY}\n{CANARY}\n")
    assert twice.code == DONE
    differ = _play("passphrase", "--twice", typed=f"{CANARY}\nother\n")
    assert differ.code == REFUSED
    assert CANARY not in twice.all + differ.all
    file = tmp_path / "passphrase"
    file.write_text("abc\n")
    file.chmod(0o600)
    assert _play("passphrase", "--file", str(file)).out == "3\n"


def test_what_comes_from_outside_commands_no_terminal() -> None:
    """Escape sequences, changes of direction and invisible characters are shown, French spaces are kept."""
    assert printable("a\x1b[2Jb\x9bc\u202ed\u200be\ttab\nline") == (
        "a\\u001b[2Jb\\u009bc\\u202ed\\u200be\\u0009tab\\u000aline"
    )
    assert printable("L’été\u00a0: 1\u202f000") == "L’été\u00a0: 1\u202f000"
    assert TERMINAL.word("terminal.missing", name="\x1b") == "\\u001b" + TERMINAL.words(
        "terminal.missing", "en", name=""
    )


def test_an_old_terminal_stops_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A character that the terminal's own encoding lacks is replaced, not an error."""
    monkeypatch.setenv("LC_ALL", "fr_CA.ISO8859-1")
    old = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", old)
    monkeypatch.setattr(sys, "stderr", old)
    assert TERMINAL.run(PROGRAM, ["--help"]) == DONE


def test_words_are_those_of_the_packages_named() -> None:
    """A key of another package is found when it was named, and an unknown one is a fault of ours."""
    with pytest.raises(KeyError):
        TERMINAL.word("cli.nothing")
    error = KeystoreError("wrong-passphrase")
    assert TERMINAL.words("error.wrong-passphrase.title", TERMINAL.language) in TERMINAL.explain(error)
