"""The offline auditor, `passerelle-audit`: verifies a bundle with pinned keys, and says what it could not verify.

It needs no network, no gateway and no account. 0: verified; 1: broken promises, or a bundle that is not to be relied
on; 2: the question was not understood, and nothing was verified.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from journal.bundle import Bundle
from journal.invariants.findings import Violation
from journal.pins import MAX_PINS, read_pins, read_vkeys
from journal.replay import verify
from journal.report import CHECKED, MAX_LISTED, NOT_CHECKED, AuditReport
from journal.vkeys import Vkey
from keys.documents import format_time
from keys.errors import FileError, MalformedError, PasserelleError, about
from keys.files import read_file
from keys.terminal import REFUSED, USAGE, Terminal

TERMINAL = Terminal("passerelle-audit", "journal", "consent")
_word = TERMINAL.word
app = TERMINAL.app("audit.help")

Tell = Callable[[int, int], object]


@app.callback(help=_word("audit.help"))
def audit() -> None:
    """Group the commands, so that `verify` is one by name even while it is the only one."""


@app.command("verify", help=_word("audit.verify.help"))
def verify_bundle(
    bundle: Annotated[Path, typer.Argument(metavar=_word("audit.metavar.bundle"), help=_word("audit.bundle"))],
    vkey: Annotated[
        list[str] | None, typer.Option("--vkey", metavar=_word("audit.metavar.key"), help=_word("audit.vkey"))
    ] = None,
    pins: Annotated[
        Path | None, typer.Option("--pins", metavar=_word("audit.metavar.file"), help=_word("audit.pins"))
    ] = None,
    complete: Annotated[bool, typer.Option("--complete", help=_word("audit.complete"))] = False,  # noqa: FBT002 - an option of a command line
    as_json: Annotated[bool, typer.Option("--json", help=_word("audit.json"))] = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Verify, tell the result in words or as JSON, and leave with the code that says the same."""
    try:
        vkeys = _pinned(vkey or [], pins)
    except PasserelleError as error:
        TERMINAL.complain(TERMINAL.explain(error))
        raise typer.Exit(USAGE) from None
    try:
        with about(bundle), Bundle.open(bundle) as opened, _progress(quiet=as_json) as tell:
            report = verify(opened, vkeys, progress=tell)
    except FileError as error:
        TERMINAL.complain(TERMINAL.explain(error))
        raise typer.Exit(USAGE) from None
    except PasserelleError as error:
        if not as_json:
            TERMINAL.say("audit.not-reliable")
            raise
        typer.echo(json.dumps({"v": 1, "verified": False, "error": error.code, "pointer": error.pointer}))
        raise typer.Exit(REFUSED) from None
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        _tell(report)
    if not report.holds or (complete and not report.complete):
        raise typer.Exit(REFUSED)


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(TERMINAL.run(app))


def _pinned(vkeys: list[str], pins: Path | None) -> tuple[Vkey, ...]:
    """The keys to verify with, from exactly one of the two options."""
    if bool(vkeys) == (pins is not None):
        raise MalformedError("which-keys")
    if pins is None:
        return read_vkeys(vkeys)
    with about(pins):
        return read_pins(read_file(pins, limit=MAX_PINS))


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Tell | None]:
    """A bar on the screen, where there is one; files and other programs get none."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(_word("audit.progress"), total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _tell(report: AuditReport) -> None:
    checkpoint, counted = report.checkpoint, report.counted
    at = format_time(report.signed_at) if report.signed_at else _word("audit.unknown-time")
    TERMINAL.say("audit.journal", origin=checkpoint.origin, size=checkpoint.size, at=at)
    TERMINAL.say("audit.read", clear=counted.clear, opened=counted.opened)
    subjects = {name: getattr(counted, name) for name in ("chains", "agreements", "consents", "referrals", "envelopes")}
    TERMINAL.say("audit.subjects", **subjects)
    if counted.unread:
        TERMINAL.say("audit.unread", count=counted.unread)
    TERMINAL.show("")
    for promise in CHECKED:
        found = report.broken.get(promise, 0)
        result = _word("audit.broken", count=found) if found else _word("audit.kept")
        TERMINAL.say("audit.promise", result=result, promise=_promise(promise))
    TERMINAL.say("audit.not-checked", promises=", ".join(NOT_CHECKED))
    _tell_findings(report)
    TERMINAL.show("")
    verdict = "refused" if not report.holds else "verified" if report.complete else "verified-in-part"
    TERMINAL.say(f"audit.verdict.{verdict}")


def _tell_findings(report: AuditReport) -> None:
    for code, count in sorted(report.unjudged.items()):
        TERMINAL.say("audit.unjudged-entries", count=count, why=_word(f"audit.unjudged.{code}"))
    if report.violations:
        TERMINAL.show("")
    for violation in report.violations:
        TERMINAL.say("audit.violation", **_violation(violation))
    if sum(report.broken.values()) > len(report.violations):
        TERMINAL.say("audit.more", count=MAX_LISTED)


def _violation(violation: Violation) -> dict[str, object]:
    promise = "" if violation.invariant not in CHECKED[1:] else f"{violation.invariant}, "
    place = f"{violation.pointer} " if violation.pointer else ""
    what = _word(f"error.{violation.code}.title")
    return {"index": violation.index, "promise": promise, "place": place, "what": what}


def _promise(number: str) -> str:
    return _word(f"audit.promises.{number}")
