# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""The journal as this partner sees it: where it stands, a proof to keep, what to hand on to an auditor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import httpx2
import typer

from adapters.commands.program import TERMINAL, AsJson, SettingsFile, opened, print_json, word
from adapters.commands.program import app as program
from adapters.journal_papers import export_openings, export_receipts, fetch_proof
from adapters.pins import fetch_pins
from adapters.settings import load_settings
from adapters.standing import AgreementStanding, JournalStanding, read_standing
from journal.shards import FIRST
from keys.documents import format_time
from keys.errors import about
from keys.files import write_new

__all__ = ["app", "receipts", "witness_line"]

app = TERMINAL.app("cli.journal.help")
Out = Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.journal.out"))]


@app.command("status", help=word("cli.journal.status"))
def status(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Size and time, who confirmed it, and the alarms; works without the gateway."""
    with opened(load_settings(settings_file)) as adapter:
        found = read_standing(adapter.office)
    if as_json:
        print_json(_as_json(found))
        return
    if found.seen is None:
        TERMINAL.say("cli.journal.unread")
    else:
        TERMINAL.say("cli.journal.read", size=found.seen.size, at=format_time(found.seen.at))
    TERMINAL.show(witness_line(found))
    for each in found.agreements:
        TERMINAL.show(_agreement_line(each))
    if not found.agreements:
        TERMINAL.say("cli.journal.no-quorum")
    TERMINAL.say("cli.journal.alarms" if found.alarms else "cli.journal.no-alarms", count=len(found.alarms))


@app.command("proof", help=word("cli.journal.proof"))
def proof(
    which: Annotated[str, typer.Argument(metavar=word("cli.metavar.entry"), help=word("cli.journal.which"))],
    out: Annotated[Path, typer.Option("--out", metavar=word("cli.metavar.file"), help=word("cli.journal.out"))],
    settings_file: SettingsFile = None,
) -> None:
    """Fetch the proof of an entry, verify it, and write it."""
    with opened(load_settings(settings_file)) as adapter:
        data, size = fetch_proof(adapter.office, adapter.client, which)
    with about(out):
        write_new(out, data)
    TERMINAL.say("cli.journal.proven", out=out, size=size)


@app.command("accept-restart", help=word("cli.journal.accept"))
def accept(
    code: Annotated[str, typer.Argument(metavar=word("cli.metavar.code"), help=word("cli.journal.code"))],
    settings_file: SettingsFile = None,
) -> None:
    """Go on with a journal that was restarted after a restore, once its operator read the code aloud."""
    settings = load_settings(settings_file)
    with httpx2.Client() as http:
        announced = fetch_pins(http, settings.gateway)
    with opened(settings) as adapter:
        lost = adapter.accept_restart(announced, code)
    if not lost:
        TERMINAL.say("cli.journal.restarted-whole")
        return
    TERMINAL.say("cli.journal.restarted", first=lost.start, last=lost.stop - 1, count=len(lost))


@app.command("openings", help=word("cli.journal.openings"))
def openings(out: Out, settings_file: SettingsFile = None) -> None:
    """Write what opens the entries that we may read, for `passerelle-audit fetch --openings`."""
    with opened(load_settings(settings_file)) as adapter, about(out):
        done = export_openings(adapter.office, adapter.client, out)
    TERMINAL.say("cli.journal.opened", out=out, openings=done.openings, documents=done.documents)


@program.command("receipts", help=word("cli.receipts.help"))
def receipts(out: Out, settings_file: SettingsFile = None) -> None:
    """Write every receipt that we hold, one a line, for `passerelle-audit verify --receipts`."""
    with opened(load_settings(settings_file)) as adapter, about(out):
        count = export_receipts(adapter.office, out)
    TERMINAL.say("cli.receipts.done", out=out, count=count)


def witness_line(found: JournalStanding) -> str:
    """What we did as a witness, in a sentence."""
    if not found.witness:
        return word("cli.journal.no-witness")
    if found.cosigned is None:
        return word("cli.journal.witness-idle")
    return word("cli.journal.witnessed" if found.cosigned.sent else "cli.journal.unsent", size=found.signed_for)


def _agreement_line(each: AgreementStanding) -> str:
    told = each.confirmation
    missing = ", ".join(told.missing)
    if each.signed_at is None or not told.confirmed:
        return word("cli.journal.unconfirmed", ref=each.ref, threshold=each.threshold, missing=missing)
    seen_by = ", ".join(told.seen_by)
    return word("cli.journal.confirmed", ref=each.ref, size=each.size, at=format_time(each.signed_at), seen_by=seen_by)


def _as_json(found: JournalStanding) -> dict[str, object]:
    cosigned = found.cosigned
    return {
        "shard": found.seen.shard.number if found.seen else FIRST,
        "size": found.seen.size if found.seen else 0,
        "signed_at": format_time(found.seen.at) if found.seen else None,
        "witness": found.witness,
        "cosigned": found.signed_for,
        "sent": cosigned.sent if cosigned else False,
        "agreements": [
            {
                "agreement": each.ref,
                "threshold": each.threshold,
                "confirmed": each.confirmation.confirmed,
                "size": each.size,
                "seen_by": list(each.confirmation.seen_by),
                "missing": list(each.confirmation.missing),
            }
            for each in found.agreements
        ],
        "alarms": len(found.alarms),
    }
