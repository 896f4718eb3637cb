# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""Alarms in words: what each means, what still works, whom to call, and the file that proves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from adapters.alarms import JOURNAL
from adapters.commands.program import TERMINAL, AsJson, SettingsFile, app, opened, print_json, word
from adapters.partner import Adapter
from adapters.settings import load_settings
from adapters.store.records import Alarm
from keys.documents import format_time

__all__ = ["alarm_title", "alarms", "explained"]

_PARTS = ("means", "works", "call")


@app.command("alarms", help=word("cli.alarms.help"))
def alarms(
    close: Annotated[
        int, typer.Option("--close", metavar=word("cli.metavar.alarm"), help=word("cli.alarms.close"))
    ] = 0,
    everything: Annotated[bool, typer.Option("--all", help=word("cli.alarms.all"))] = False,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Every open alarm, the oldest first, once the one named is closed; works without the gateway."""
    with opened(load_settings(settings_file)) as adapter:
        if close:
            adapter.close_alarm(close)
        found = adapter.alarms(closed=everything)
        folder = adapter.evidence
    if as_json:
        print_json([_as_json(adapter, alarm) for alarm in found])
        return
    if close:
        TERMINAL.say("cli.alarms.closed", number=close)
    for alarm in found:
        _show(alarm, folder)
    if not found:
        TERMINAL.say("cli.alarms.none")


def _show(alarm: Alarm, folder: Path) -> None:
    moment, what = format_time(alarm.at), alarm_title(alarm)
    TERMINAL.show(word("cli.alarms.line", number=alarm.number, at=moment, what=what, subject=alarm.subject))
    if alarm.closed_at is not None:
        TERMINAL.show("  " + word("cli.alarms.closed-at", at=format_time(alarm.closed_at)))
        return
    for line in explained(alarm):
        TERMINAL.show(f"  {line}")
    if alarm.evidence is not None:
        TERMINAL.show("  " + word("cli.alarms.evidence", file=folder / alarm.evidence))


def alarm_title(alarm: Alarm) -> str:
    """What happened, in a sentence."""
    return TERMINAL.words.find(f"error.{alarm.code}.title", TERMINAL.language) or alarm.code


def explained(alarm: Alarm) -> Iterator[str]:
    """What it means, what still works, whom to call; for an alarm about a single item, what to do about it."""
    for name in (alarm.code, *([JOURNAL] if alarm.subject == JOURNAL else [])):
        told = [TERMINAL.words.find(f"alarm.{name}.{part}", TERMINAL.language) for part in _PARTS]
        if all(told):
            yield from (line for line in told if line)
            return
    remedy = TERMINAL.words.find(f"error.{alarm.code}.remedy", TERMINAL.language)
    yield from (line for line in (remedy, word("cli.alarms.item")) if line)


def _as_json(adapter: Adapter, alarm: Alarm) -> dict[str, object]:
    members = {
        "number": alarm.number,
        "at": format_time(alarm.at),
        "code": alarm.code,
        "subject": alarm.subject,
        "evidence": str(adapter.evidence / alarm.evidence) if alarm.evidence else None,
        "closed_at": format_time(alarm.closed_at) if alarm.closed_at else None,
    }
    return {name: value for name, value in members.items() if value is not None}
