# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""What is to be done and by when, and what the gateway told by itself."""

from __future__ import annotations

from adapters.commands.notice_screens import show_notices
from adapters.commands.program import TERMINAL, AsJson, SettingsFile, app, opened, print_json, word
from adapters.commands.screens import SHORT, Names
from adapters.duties import Duty
from adapters.settings import load_settings
from keys.documents import format_time

__all__ = ["duties", "notices"]


@app.command("duties", help=word("cli.duties.help"))
def duties(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Everything that is owed, what is due first before the rest."""
    with opened(load_settings(settings_file)) as adapter:
        found, names, now = adapter.duties(), Names(adapter.agreements()), adapter.office.now()
    if as_json:
        print_json([_as_json(duty) | {"late": duty.due < now} for duty in found])
        return
    for duty in found:
        late = duty.due < now and duty.kind in {"answer", "review", "follow-up", "emergency"}
        moment = word("cli.duties.late" if late else "cli.duties.due", moment=names.moment(duty.due))
        parts = [moment, word(f"duty.{duty.kind}"), _short(duty.subject), *([names.of(duty.peer)] if duty.peer else [])]
        TERMINAL.show(" | ".join(parts))
    if not found:
        TERMINAL.say("cli.duties.none")


@app.command("notices", help=word("cli.notices.help"))
def notices(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """What the gateway told by itself, the newest first."""
    with opened(load_settings(settings_file)) as adapter:
        found, names = adapter.notices(), Names(adapter.agreements())
    show_notices(found, names, none="cli.notices.none", as_json=as_json)


def _short(subject: str) -> str:
    return subject[:SHORT] if subject.startswith("ref_") else subject


def _as_json(duty: Duty) -> dict[str, object]:
    members = {"kind": duty.kind, "due": format_time(duty.due), "subject": duty.subject, "peer": duty.peer}
    return {name: value for name, value in members.items() if value is not None}
