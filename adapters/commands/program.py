"""What the commands of `passerelle-adapter` share: the program, its settings, the adapter, and how answers are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer

from adapters.assembly import assemble
from adapters.leak_check import LeakFoundError
from adapters.leaks import Leak, suggestion
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.problems import GatewayProblemError, explain
from adapters.settings import DEFAULT_FILE, FILE_VARIABLE, Settings
from adapters.store.records import Shipment
from consent.passage import Refused
from keys.errors import Fault, PasserelleError, about
from keys.terminal import Terminal

__all__ = [
    "TERMINAL",
    "AsJson",
    "Reference",
    "RefusedHereError",
    "SettingsFile",
    "app",
    "opened",
    "passphrase",
    "print_json",
    "tell_queued",
    "tell_shipped",
    "word",
]


class RefusedHereError(PasserelleError):
    """A rule is against what was asked, found before anything left this machine; `rule` is its number, if any."""

    def __init__(self, refused: Refused) -> None:
        """Tell the refusal as any other error is told."""
        super().__init__(refused.because, refused.pointer)
        self.rule: Final = refused.rule


class _PartnerTerminal(Terminal):
    """As `Terminal`, and able to tell the gateway's refusals in the gateway's own words."""

    def explain(self, error: PasserelleError) -> str:
        """An error in the reader's words, with the rule that refused."""
        if isinstance(error, GatewayProblemError):
            return explain(error, self.language)
        told = super().explain(error)
        if isinstance(error, LeakFoundError):
            told += "".join(f"\n  {self._leak(*found)}" for found in zip(error.leaks, error.faults, strict=True))
        if isinstance(error, RefusedHereError) and error.rule:
            told += f"\n  {error.rule} – {self.word(f'rule.{error.rule}')}"
        return told

    def _leak(self, leak: Leak, fault: Fault) -> str:
        """One leak: where it is, what kind it is, what to do instead; never the words that were found."""
        place = self.word("cli.leak.line", line=fault.line, place=leak.place) if fault.line else leak.place
        what = self.word(f"leak.{leak.kind}.title")
        return self.word("cli.leak.found", place=place, what=what, instead=suggestion(leak, self.language))


TERMINAL: Final = _PartnerTerminal("passerelle-adapter", "adapters", "journal", "consent")
word = TERMINAL.word
app = TERMINAL.app("cli.help")

SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar=word("cli.metavar.file"),
        help=word("cli.settings", default=DEFAULT_FILE, variable=FILE_VARIABLE),
        envvar=FILE_VARIABLE,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help=word("cli.json"))]
Reference = Annotated[str, typer.Argument(metavar=word("cli.metavar.ref"), help=word("cli.ref"))]


def passphrase(settings: Settings, *, twice: bool = False) -> str:
    """The keystore's passphrase: a secret, the first line of a private file, or typed unseen."""
    with about(settings.passphrase_file or settings.keystore):
        kept = settings.kept_passphrase()
    return TERMINAL.passphrase(None, twice=twice) if kept is None else kept


@contextmanager
def opened(settings: Settings) -> Iterator[Adapter]:
    """The adapter of these settings, closed at the end; raises as `assemble` does."""
    with httpx2.Client() as http:
        adapter = assemble(settings, passphrase(settings), http, language=TERMINAL.language)
        try:
            yield adapter
        finally:
            adapter.office.store.close()


def print_json(value: object) -> None:
    """Print a JSON value for another program; control characters are escaped by JSON itself."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def tell_queued(adapter: Adapter, answer: Queued | Refused, *, as_json: bool) -> None:
    """Try to send what was put in the outbox, and tell what became of it; raises `RefusedHereError`."""
    if isinstance(answer, Refused):
        raise RefusedHereError(answer)
    flushed = adapter.outbox.flush()
    code = None if answer.ended_here else dict(flushed.refused).get(answer.envelope)
    if code is not None:
        raise RefusedHereError(Refused(code))
    left = answer.envelope in flushed.accepted
    if as_json:
        told: dict[str, Any] = {"ref": answer.ref, "envelope": answer.envelope, "sent": left}
        print_json(told)
    elif answer.ended_here:
        TERMINAL.say("cli.ended-here", ref=answer.ref)
    elif left:
        TERMINAL.say("cli.sent", ref=answer.ref)
    elif answer.envelope in dict(flushed.held):
        TERMINAL.say("cli.held", ref=answer.ref, missing=", ".join(dict(flushed.held)[answer.envelope]))
    else:
        TERMINAL.say("cli.queued", ref=answer.ref, why=_why(flushed.stopped))


def tell_shipped(adapter: Adapter, answer: Shipment | Refused, *, as_json: bool) -> None:
    """As `tell_queued`, for something that is no envelope."""
    if isinstance(answer, Refused):
        raise RefusedHereError(answer)
    flushed = adapter.outbox.flush()
    code = dict(flushed.refused).get(answer.item)
    if code is not None:
        raise RefusedHereError(Refused(code))
    left = answer.item in flushed.accepted
    if as_json:
        print_json({"item": answer.item, "sent": left})
    else:
        TERMINAL.say("cli.shipped" if left else "cli.shipped-later")


def _why(code: str | None) -> str:
    title = TERMINAL.words.find(f"error.{code}.title", TERMINAL.language) if code else None
    return title or word("cli.waits-its-turn")
