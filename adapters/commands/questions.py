# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""Why a referral would pass or not, rule by rule; and reporting that one was not what it announced."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.commands.files import AuthorName, ReferralPath, read_given
from adapters.commands.program import (
    TERMINAL,
    AsJson,
    Reference,
    RefusedHereError,
    SettingsFile,
    app,
    opened,
    print_json,
    tell_shipped,
    word,
)
from adapters.explanations import Explanation
from adapters.settings import load_settings
from consent.passage import Refused
from keys.errors import about
from keys.terminal import REFUSED

__all__ = ["explain", "report_mismatch"]

_CODE = word("cli.metavar.code")


@app.command("explain", help=word("cli.explain.help"))
def explain(
    file: ReferralPath, author: AuthorName = None, as_json: AsJson = False, settings_file: SettingsFile = None
) -> None:
    """Every rule with its verdict for the header that a file would have; it is neither sent nor kept."""
    referral, _, _ = read_given(file)
    with opened(load_settings(settings_file)) as adapter, about(file):
        # A consent that waits to be registered would be refused as unknown; nothing else leaves.
        adapter.outbox.flush("statement")
        answer = adapter.explain(referral, author=author)
        if isinstance(answer, Refused):
            raise RefusedHereError(answer)
    if as_json:
        print_json(answer.model_dump(mode="json", exclude_none=True))
    else:
        _tell(answer)
    if answer.decision == "refused":
        raise typer.Exit(REFUSED)


@app.command("report-mismatch", help=word("cli.mismatch.help"))
def report_mismatch(
    ref: Reference,
    kind: Annotated[str, typer.Option("--kind", metavar=_CODE, help=word("cli.mismatch.kind"))],
    section: Annotated[str | None, typer.Option("--section", metavar=_CODE, help=word("cli.mismatch.section"))] = None,
    envelope: Annotated[
        str | None, typer.Option("--envelope", metavar=word("cli.metavar.envelope"), help=word("cli.mismatch.envelope"))
    ] = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Report that an envelope did not hold what its header announced."""
    with opened(load_settings(settings_file)) as adapter:
        report = adapter.report_mismatch(adapter.resolve(ref), kind, section, envelope=envelope)
        tell_shipped(adapter, report, as_json=as_json)


def _tell(answer: Explanation) -> None:
    for rule in answer.rules:
        TERMINAL.show(f"{rule.rule}  {word(f'cli.explain.{rule.verdict}')}  {rule.title}")
        if rule.verdict == "refused":
            for line in (rule.detail, rule.remedy):
                if line:
                    TERMINAL.show(f"       {line}")
    if answer.waits is not None:
        TERMINAL.say("cli.explain.waits")
        TERMINAL.show(f"       {answer.waits.detail}")
        TERMINAL.show(f"       {answer.waits.remedy}")
    TERMINAL.say(f"cli.explain.{_conclusion(answer)}")


def _conclusion(answer: Explanation) -> str:
    """The words for what a deposit comes to; what waits is decided later, by the rules as they stand then."""
    if answer.decision == "refused":
        return "not-granted"
    return "granted" if answer.waits is None else "granted-later"
