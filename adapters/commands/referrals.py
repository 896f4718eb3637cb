# ruff: noqa: FBT002 - the options of a command are booleans with a default
"""What caseworkers do first: find a service, send a referral, read those that came."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from adapters.commands.files import AuthorName, ReferralPath, leaks_at, read_given
from adapters.commands.notice_screens import case_json, case_lines
from adapters.commands.program import (
    TERMINAL,
    AsJson,
    Reference,
    SettingsFile,
    app,
    opened,
    print_json,
    tell_queued,
    word,
)
from adapters.commands.screens import Names, dossier_json, dossier_lines, referral_json, referral_line, service_lines
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.settings import load_settings
from keys.errors import about

__all__ = ["list_all", "send", "services", "show"]


@app.command("services", help=word("cli.services.help"))
def services(
    need: Annotated[
        str | None, typer.Option("--need", metavar=word("cli.metavar.code"), help=word("cli.services.need"))
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar=word("cli.metavar.words"), help=word("cli.services.text"))
    ] = None,
    territory: Annotated[
        str | None, typer.Option("--territory", metavar=word("cli.metavar.words"), help=word("cli.services.territory"))
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar=word("cli.metavar.code"), help=word("cli.services.language"))
    ] = None,
    open_now: Annotated[bool, typer.Option("--open-now", help=word("cli.services.open-now"))] = False,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Find services in the directory."""
    asked: dict[str, Any] = {"need": need, "text": text, "territory": territory, "language": language}
    query = {name: value for name, value in asked.items() if value is not None}
    if open_now:
        query["open_now"] = True
    with opened(load_settings(settings_file)) as adapter:
        found = adapter.search_services(query)
    if as_json:
        print_json(found)
        return
    for service in found:
        for line in service_lines(service):
            TERMINAL.show(line)
    if not found:
        TERMINAL.say("cli.services.none")


@app.command("send", help=word("cli.send.help"))
def send(
    file: ReferralPath,
    author: AuthorName = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Seal a referral and send it; it leaves later by itself when the gateway cannot be reached."""
    referral, papers, data = read_given(file)
    with opened(load_settings(settings_file)) as adapter, about(file), leaks_at(data):
        tell_queued(adapter, adapter.send(referral, author=author, papers=papers), as_json=as_json)


@app.command("list", help=word("cli.list.help"))
def list_all(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """One referral a line, the newest first."""
    with opened(load_settings(settings_file)) as adapter:
        referrals, names = adapter.referrals(), Names(adapter.agreements())
    if as_json:
        print_json([referral_json(referral) for referral in referrals])
        return
    for referral in referrals:
        TERMINAL.show(referral_line(referral, names))
    if not referrals:
        TERMINAL.say("cli.list.none")


@app.command("show", help=word("cli.show.help"))
def show(ref: Reference, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """One referral in full; reading one that came for the first time tells its sender that a person opened it."""
    with opened(load_settings(settings_file)) as adapter:
        found = adapter.resolve(ref)
        if not as_json:
            _mark_seen(adapter, found)
        dossier, names = adapter.show(found), Names(adapter.agreements())
    if as_json:
        print_json(dossier_json(dossier) | case_json(dossier))
    else:
        TERMINAL.show("\n".join([*dossier_lines(dossier, names), *case_lines(dossier, names)]))


def _mark_seen(adapter: Adapter, ref: str) -> None:
    """A person opens a referral that came: its sender is told once (T03)."""
    dossier = adapter.show(ref)
    unseen = (dossier.state.status, dossier.state.business_status) == ("requested", "deposited")
    if dossier.referral.direction == "received" and unseen and isinstance(adapter.seen(ref), Queued):
        adapter.outbox.flush()
