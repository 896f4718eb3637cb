"""Emergencies: which were declared, who reviewed them, and which workers may declare none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consent.emergency_review import REVIEW_WITHIN
from consent.vocabulary import GROUNDS, label
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_store, word
from gateway.declarations import review_of
from gateway.emergencies import set_barred
from gateway.settings import load_settings
from gateway.store.emergencies import Declared
from keys.documents import format_time

__all__ = ["app"]

app = TERMINAL.app("cli.emergency.help")

Organisation = Annotated[
    str, typer.Argument(metavar=word("cli.metavar.address"), help=word("cli.organisation.address"))
]
Worker = Annotated[str, typer.Argument(metavar=word("cli.metavar.worker"), help=word("cli.emergency.worker"))]


@app.command("list", help=word("cli.emergency.list"))
def list_all(settings_file: SettingsFile = None) -> None:
    """One emergency a line, the newest first, then the workers who may declare none."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        declared, barred = tx.emergencies.all(), tx.emergencies.barred()
    for each in declared:
        words = (each.envelope, format_time(each.at), each.sender, each.worker, _ground(each), _state(each))
        TERMINAL.show("  ".join(words))
    for organisation, worker in barred:
        TERMINAL.say("cli.emergency.is-barred", address=organisation, worker=worker)


@app.command("bar", help=word("cli.emergency.bar"))
def bar(organisation: Organisation, worker: Worker, settings_file: SettingsFile = None) -> None:
    """Take from a worker the right to declare emergencies, from the next deposit on."""
    _set(organisation, worker, settings_file, barred=True)


@app.command("lift", help=word("cli.emergency.lift"))
def lift(organisation: Organisation, worker: Worker, settings_file: SettingsFile = None) -> None:
    """Give a worker the right to declare emergencies back."""
    _set(organisation, worker, settings_file, barred=False)


def _set(organisation: str, worker: str, settings_file: Path | None, *, barred: bool) -> None:
    settings = load_settings(settings_file)
    with opened_store(settings) as store, store.transaction() as tx:
        at = tx.journal.lock(now())
        changed = set_barred(settings.broker, tx, organisation, worker, barred=barred, at=at)
    done = "cli.emergency.barred" if barred else "cli.emergency.lifted"
    TERMINAL.say(done if changed else "cli.organisation.as-it-was", address=f"{worker}, {organisation}")


def _ground(emergency: Declared) -> str:
    return label(GROUNDS[emergency.ground], TERMINAL.language)


def _state(emergency: Declared) -> str:
    review = review_of(emergency)
    if review is not None:
        return word(f"cli.emergency.verdicts.{review.verdict}", reviewer=review.reviewer)
    due = emergency.at + REVIEW_WITHIN
    return word("cli.emergency.overdue" if now() >= due else "cli.emergency.awaited", due=format_time(due))
