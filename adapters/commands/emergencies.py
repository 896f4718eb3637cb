# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""Declared emergencies: ours, to be reviewed by a second person, and those of others that we audit."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from adapters.commands.program import (
    TERMINAL,
    AsJson,
    SettingsFile,
    opened,
    print_json,
    tell_shipped,
    word,
)
from adapters.commands.screens import SHORT, Names
from adapters.emergencies import OwnEmergency
from adapters.settings import load_settings
from adapters.store.records import HeldJustification
from consent.emergency_review import REVIEW_WITHIN, Verdict
from consent.vocabulary import GROUNDS, label
from keys.documents import format_time

__all__ = ["app"]

app = TERMINAL.app("cli.emergencies.help")


@app.command("list", help=word("cli.emergencies.list"))
def list_all(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Our emergencies with their review, then the justifications that were sent to us as auditors."""
    with opened(load_settings(settings_file)) as adapter:
        ours, others = adapter.emergencies(), adapter.justifications()
        names = Names(adapter.agreements())
    if as_json:
        print_json({"ours": [_as_json(item) for item in ours], "audited": [_audited_json(item) for item in others]})
        return
    for item in ours:
        TERMINAL.show(_line(item, names))
    for justification in others:
        TERMINAL.show(_audited_line(justification, names))
    if not ours and not others:
        TERMINAL.say("cli.emergencies.none")


@app.command("review", help=word("cli.emergencies.review"))
def review(
    envelope: Annotated[str, typer.Argument(metavar=word("cli.metavar.ref"), help=word("cli.emergencies.which"))],
    author: Annotated[
        str, typer.Option("--author", metavar=word("cli.metavar.author"), help=word("cli.emergencies.author"))
    ],
    verdict: Annotated[
        Verdict, typer.Option("--verdict", metavar="|".join(get_args(Verdict)), help=word("cli.emergencies.verdict"))
    ],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Say, as a second person, whether an emergency was justified."""
    with opened(load_settings(settings_file)) as adapter:
        ref = next((item.ref for item in adapter.emergencies() if item.envelope == envelope), None)
        found = adapter.resolve(envelope) if ref is None else ref
        tell_shipped(adapter, adapter.review_emergency(found, author, verdict), as_json=as_json)


def _line(item: OwnEmergency, names: Names) -> str:
    state = word(f"cli.emergencies.states.{item.state}")
    if item.state == "unreviewed" and item.at is not None:
        state = word("cli.emergencies.due", state=state, moment=names.moment(item.at + REVIEW_WITHIN))
    ground = label(GROUNDS[item.ground], TERMINAL.language)
    return " | ".join([item.ref[:SHORT], names.of(item.peer), ground, item.worker, state])


def _audited_line(item: HeldJustification, names: Names) -> str:
    ground = item.header.emergency.ground if item.header.emergency else ""
    said = " ".join(str(section.get("text", "")) for section in item.sections.values())
    parts = [item.header.ref[:SHORT], names.of(item.sender), names.moment(item.at)]
    return " | ".join([*parts, label(GROUNDS[ground], TERMINAL.language) if ground else "", said])


def _as_json(item: OwnEmergency) -> dict[str, object]:
    members = {
        "ref": item.ref,
        "envelope": item.envelope,
        "to": item.peer,
        "ground": item.ground,
        "directive": item.directive,
        "worker": item.worker,
        "at": format_time(item.at) if item.at else None,
        "review_by": format_time(item.at + REVIEW_WITHIN) if item.at else None,
        "state": item.state,
    }
    return {name: value for name, value in members.items() if value is not None}


def _audited_json(item: HeldJustification) -> dict[str, object]:
    emergency = item.header.emergency
    declared = emergency.model_dump(mode="json", exclude_none=True) if emergency else {}
    about = {"ref": item.header.ref, "envelope": item.header.id, "from": item.sender, "at": format_time(item.at)}
    return about | declared | {"sections": item.sections}
