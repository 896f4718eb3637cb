# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""What follows an answer or an accident: refer again, tell what became of the person, send again, erase an error."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters.commands.files import AuthorName, ReferralPath, leaks_at, read_given
from adapters.commands.program import AsJson, Reference, SettingsFile, app, opened, tell_queued, word
from adapters.settings import load_settings
from keys.errors import about

__all__ = ["close_follow_up", "confirm", "erase_error", "re_refer", "resend"]

_CODE = word("cli.metavar.code")


@app.command("re-refer", help=word("cli.re-refer.help"))
def re_refer(
    ref: Reference,
    file: ReferralPath,
    author: AuthorName = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Refer the person to somebody else after a refusal."""
    referral, papers, data = read_given(file)
    with opened(load_settings(settings_file)) as adapter, about(file), leaks_at(data):
        sent = adapter.re_refer(adapter.resolve(ref), referral, author=author, papers=papers)
        tell_queued(adapter, sent, as_json=as_json)


@app.command("close-follow-up", help=word("cli.close-follow-up.help"))
def close_follow_up(
    ref: Reference,
    became: Annotated[str, typer.Option("--became", metavar=_CODE, help=word("cli.close-follow-up.became"))],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Tell what became of the person after a refusal."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.close_follow_up(adapter.resolve(ref), became), as_json=as_json)


@app.command("confirm", help=word("cli.confirm.help"))
def confirm(
    ref: Reference,
    helped: Annotated[str, typer.Option("--helped", metavar=_CODE, help=word("cli.confirm.helped"))],
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Tell whether it helped, as the person says."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.confirm(adapter.resolve(ref), helped), as_json=as_json)


@app.command("resend", help=word("cli.resend.help"))
def resend(ref: Reference, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Send again what could not be delivered."""
    with opened(load_settings(settings_file)) as adapter:
        adapter.read_journal()
        tell_queued(adapter, adapter.resend(adapter.resolve(ref)), as_json=as_json)


@app.command("erase-error", help=word("cli.erase-error.help"))
def erase_error(ref: Reference, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Erase, on both sides, what a referral sent in error says."""
    with opened(load_settings(settings_file)) as adapter:
        tell_queued(adapter, adapter.erase_error(adapter.resolve(ref)), as_json=as_json)
