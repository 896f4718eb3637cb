# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""What caseworkers answer: accept, decline, cancel, tell how it goes, complete with an outcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from adapters.commands.days import end_of_day
from adapters.commands.program import AsJson, Reference, SettingsFile, app, opened, tell_queued, word
from adapters.leaks import Override
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.sections import OutcomeSection
from adapters.settings import load_settings
from consent.passage import Refused
from keys.documents import validate
from keys.errors import MalformedError

__all__ = ["accept", "cancel", "complete", "decline", "progress"]

WAITING_LIST = "waitlisted"
"""The reason that `--wait-list` gives."""
_NOTE = "/sections/outcome/note"
"""Where a leak in the words of `--note` is told, as it would be in a file."""
_CODE = word("cli.metavar.code")

Reason = Annotated[str, typer.Option("--reason", metavar=_CODE, help=word("cli.reason-code"))]


@app.command("accept", help=word("cli.accept.help"))
def accept(ref: Reference, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Take a referral."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.accept(adapter.resolve(ref)), as_json=as_json)


@app.command("decline", help=word("cli.decline.help"))
def decline(ref: Reference, reason: Reason, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Decline a referral, with a reason."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.decline(adapter.resolve(ref), reason), as_json=as_json)


@app.command("cancel", help=word("cli.cancel.help"))
def cancel(ref: Reference, reason: Reason, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Cancel a referral, with a reason."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.cancel(adapter.resolve(ref), reason), as_json=as_json)


@app.command("progress", help=word("cli.progress.help"))
def progress(  # noqa: PLR0913, PLR0917 - one option for each step
    ref: Reference,
    review: Annotated[bool, typer.Option("--review", help=word("cli.progress.review"))] = False,
    appointment: Annotated[bool, typer.Option("--appointment", help=word("cli.progress.appointment"))] = False,
    started: Annotated[bool, typer.Option("--started", help=word("cli.progress.started"))] = False,
    wait_list: Annotated[bool, typer.Option("--wait-list", help=word("cli.progress.wait-list"))] = False,
    hold: Annotated[str | None, typer.Option("--hold", metavar=_CODE, help=word("cli.progress.hold"))] = None,
    review_by: Annotated[
        str | None, typer.Option("--review-by", metavar=word("cli.metavar.day"), help=word("cli.progress.review-by"))
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help=word("cli.progress.resume"))] = False,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Tell how a referral goes on, one step at a time."""
    given = {
        "review": review,
        "appointment": appointment,
        "start": started,
        "hold": wait_list or hold is not None,
        "resume": resume,
    }
    chosen = [name for name, asked in given.items() if asked]
    if len(chosen) != 1:
        raise MalformedError("one-step-at-a-time")
    with opened(load_settings(settings_file)) as adapter:
        found = adapter.resolve(ref)
        if chosen == ["hold"]:
            answer = _held(adapter, found, hold or WAITING_LIST, review_by)
        else:
            answer = getattr(adapter, chosen[0])(found)
        tell_queued(adapter, answer, as_json=as_json)


@app.command("complete", help=word("cli.complete.help"))
def complete(
    ref: Reference,
    outcome: Annotated[str, typer.Option("--outcome", metavar=_CODE, help=word("cli.complete.outcome"))],
    note: Annotated[
        str | None, typer.Option("--note", metavar=word("cli.metavar.words"), help=word("cli.complete.note"))
    ] = None,
    left: Annotated[
        list[str] | None, typer.Option("--leave", metavar=word("cli.metavar.left"), help=word("cli.complete.leave"))
    ] = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Complete a referral with an outcome; a note travels sealed, before the step itself."""
    overrides = _left_in_note(left or ())
    with opened(load_settings(settings_file)) as adapter:
        found = adapter.resolve(ref)
        if note is not None and "T17" in adapter.show(found).possible:
            section = validate(OutcomeSection, {"outcome": outcome, "note": note}, pointer="/outcome")
            sent = adapter.answer(found, section, overrides=overrides)
            if isinstance(sent, Refused):
                tell_queued(adapter, sent, as_json=as_json)
        tell_queued(adapter, adapter.complete(found, outcome), as_json=as_json)


def _left_in_note(decisions: Iterable[str]) -> tuple[Override, ...]:
    """What a person decided to leave in the note, each as `kind=reason`; raises `MalformedError` at its option."""
    split = (decision.partition("=") for decision in decisions)
    members = ({"place": _NOTE, "kind": kind, "reason": reason} for kind, _, reason in split)
    return tuple(validate(Override, each, pointer="/--leave") for each in members)


def _held(adapter: Adapter, ref: str, reason: str, review_by: str | None) -> Queued | Refused:
    """Put on hold until the end of a day, as the clocks of the agreement show it."""
    if review_by is None:
        return Refused("review-date-required", "", "/event/review_by")
    return adapter.hold(ref, reason, end_of_day(review_by, adapter))
