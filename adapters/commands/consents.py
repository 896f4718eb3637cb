# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""Consents at the keyboard: record what a person answers, take back, restrict, renew; taking back is one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from adapters.commands.consent_screens import record_json, record_lines, verdict_json, verdict_lines
from adapters.commands.days import end_of_day
from adapters.commands.program import (
    TERMINAL,
    AsJson,
    RefusedHereError,
    SettingsFile,
    opened,
    print_json,
    word,
)
from adapters.commands.screens import Names
from adapters.consent_changes import Change, Ended, NewAnswers, RestrictionNotice, Withdrawal, read_answers
from adapters.consents import MAX_CONSENT_FILE, Recorded, read_consent
from adapters.partner import Adapter
from adapters.settings import load_settings
from consent.answering import Answering
from consent.passage import Refused
from keys.documents import format_time, validate
from keys.errors import about
from keys.files import read_file

__all__ = ["app"]

app = TERMINAL.app("cli.consent.help")
_CODE: Final = word("cli.metavar.code")
_FILE: Final = word("cli.metavar.file")

Record = Annotated[str, typer.Argument(metavar=word("cli.metavar.record"), help=word("cli.consent.record-name"))]
ConsentPath = Annotated[Path, typer.Argument(metavar=_FILE, help=word("cli.consent.file"))]
AnswersPath = Annotated[Path, typer.Argument(metavar=_FILE, help=word("cli.consent.answers-file"))]
Purposes = Annotated[list[str] | None, typer.Option("--purpose", metavar=_CODE, help=word("cli.consent.purpose"))]
Recipients = Annotated[
    list[str] | None,
    typer.Option("--recipient", metavar=word("cli.metavar.address"), help=word("cli.consent.recipient")),
]


@app.command("record", help=word("cli.consent.record"))
def record(file: ConsentPath, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Keep what a person answered, register what may pass, and write the receipt."""
    with about(file):
        asked = read_consent(read_file(file, limit=MAX_CONSENT_FILE))
    with opened(load_settings(settings_file)) as adapter, about(file):
        recorded, receipts = adapter.record_consent(asked)
        _tell(adapter, (recorded,), receipts, as_json=as_json)


@app.command("check", help=word("cli.consent.check"))
def check(file: ConsentPath, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Tell what each answer of a file would come to, and every reason why it has no effect; nothing is kept."""
    with about(file):
        asked = read_consent(read_file(file, limit=MAX_CONSENT_FILE))
    with opened(load_settings(settings_file)) as adapter, about(file):
        found, names = adapter.consents.check(asked), Names(adapter.agreements())
    if as_json:
        print_json([verdict_json(each, asked.circumstances) for each in found])
        return
    for each in found:
        TERMINAL.show("\n".join(verdict_lines(each, asked.circumstances, names)))


@app.command("show", help=word("cli.consent.show"))
def show(record_name: Record, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """One record as it stands: each question, what was registered, what a renewal would ask."""
    with opened(load_settings(settings_file)) as adapter:
        shown, names = adapter.consents.show(adapter.consents.resolve(record_name)), Names(adapter.agreements())
    if as_json:
        print_json(record_json(shown))
    else:
        TERMINAL.show("\n".join(record_lines(shown, names)))


@app.command("withdraw", help=word("cli.consent.withdraw"))
def withdraw(
    record_name: Record,
    purpose: Purposes = None,
    recipient: Recipients = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Take back what a person agreed to, all of it or what is named; no reason is asked."""
    _change(record_name, Withdrawal(tuple(purpose or ()), tuple(recipient or ())), settings_file, as_json=as_json)


@app.command("restrict", help=word("cli.consent.restrict"))
def restrict(
    person: Annotated[str, typer.Argument(metavar=word("cli.metavar.person"), help=word("cli.consent.person"))],
    section: Annotated[
        list[str] | None, typer.Option("--section", metavar=_CODE, help=word("cli.consent.section"))
    ] = None,
    purpose: Purposes = None,
    recipient: Recipients = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar=word("cli.metavar.day"), help=word("cli.consent.until"))
    ] = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Keep something of a person back, whatever they agree to, in every consent of theirs."""
    with opened(load_settings(settings_file)) as adapter:
        lists = {"sections": section, "purposes": purpose, "recipients": recipient}
        members: dict[str, Any] = {name: listed for name, listed in lists.items() if listed}
        if until is not None:
            members["until"] = format_time(end_of_day(until, adapter))
        notice = validate(RestrictionNotice, members | {"person": person})
        changed, receipts = adapter.consents.restrict(notice)
        if not as_json:
            TERMINAL.say("cli.consent.restricted", count=len(changed))
        _tell(adapter, changed, receipts, as_json=as_json)


@app.command("answer", help=word("cli.consent.answer"))
def answer(record_name: Record, file: AnswersPath, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Keep the answers to questions that were left open."""
    _answers(record_name, file, "answer", settings_file, as_json=as_json)


@app.command("renew", help=word("cli.consent.renew"))
def renew(record_name: Record, file: AnswersPath, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Keep what a person agrees to again; `show` tells what there is to ask."""
    _answers(record_name, file, "renew", settings_file, as_json=as_json)


@app.command("revoke", help=word("cli.consent.revoke"))
def revoke(record_name: Record, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """End the consents of a record because the organisation no longer relies on them."""
    _change(record_name, Ended("organisation"), settings_file, as_json=as_json)


@app.command("invalidate", help=word("cli.consent.invalidate"))
def invalidate(record_name: Record, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """End the consents of a record because an authority said that they have no effect."""
    _change(record_name, Ended("authority"), settings_file, as_json=as_json)


@app.command("withdraw-code", help=word("cli.consent.withdraw-code"))
def withdraw_code(
    code: Annotated[str, typer.Argument(metavar=word("cli.metavar.withdrawal-code"), help=word("cli.consent.code"))],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Take back a consent by the code that a person says, whichever partner collected it."""
    with opened(load_settings(settings_file)) as adapter:
        moment, names = adapter.client.withdraw_by_code(code), Names(adapter.agreements())
    if as_json:
        print_json({"withdrawn_at": format_time(moment)})
    else:
        TERMINAL.say("cli.consent.withdrawn", moment=names.moment(moment))


def _answers(record_name: str, path: Path, how: Answering, settings_file: Path | None, *, as_json: bool) -> None:
    with about(path):
        file = read_answers(read_file(path, limit=MAX_CONSENT_FILE))
    with about(path):
        _change(record_name, NewAnswers(how, file), settings_file, as_json=as_json)


def _change(record_name: str, change: Change, settings_file: Path | None, *, as_json: bool) -> None:
    with opened(load_settings(settings_file)) as adapter:
        changed, receipts = adapter.consents.change(adapter.consents.resolve(record_name), change)
        _tell(adapter, (changed,), receipts, as_json=as_json)


def _tell(adapter: Adapter, changed: tuple[Recorded, ...], receipts: tuple[Path, ...], *, as_json: bool) -> None:
    """Try to send what was put in the outbox, and tell what became of it; raises `RefusedHereError`."""
    flushed = adapter.outbox.flush()
    items = {f"{statement.id}@{statement.version}" for each in changed for statement in each.statements}
    left = items <= set(flushed.accepted)
    records = [each.record_id for each in changed]
    if as_json:
        named = {"consent": records[0]} if len(records) == 1 else {"consents": records}
        print_json(named | {"receipts": [str(path) for path in receipts], "registered": left})
    else:
        for record_id in records:
            TERMINAL.say("cli.consent.kept", record=record_id)
        for path in receipts:
            TERMINAL.say("cli.consent.receipt", path=path)
        if not left:
            TERMINAL.say("cli.consent.later")
    for item, code in flushed.refused:
        if item in items:
            raise RefusedHereError(Refused(code))
