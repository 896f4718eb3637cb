"""The agreements of this partner: which there are, what they say, and signing one with the root."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from adapters.agreements import governing
from adapters.commands.program import TERMINAL, AsJson, SettingsFile, opened, print_json, word
from adapters.settings import load_settings
from adapters.store.records import HeldAgreement
from consent.agreement import warnings
from consent.vocabulary import PURPOSES, SECTIONS, label
from keys import strictjson
from keys.documents import Address, format_time
from keys.errors import MalformedError, about
from keys.rootfile import open_root
from keys.signing import MAX_DOCUMENT

__all__ = ["app"]

app = TERMINAL.app("cli.agreement.help")
AgreementName = Annotated[str, typer.Argument(metavar=word("cli.metavar.agreement"), help=word("cli.agreement.name"))]


@app.command("list", help=word("cli.agreement.list"))
def list_all(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:  # noqa: FBT002 - an option
    """One agreement a line, fetched from the gateway first."""
    with opened(load_settings(settings_file)) as adapter:
        adapter.read_journal()
        adapter.refresh_agreements()
        agreements, now = adapter.agreements(), adapter.office.now()
    running = [agreement for agreement in governing(agreements) if agreement.state != "ended"]
    if as_json:
        print_json([_summary(agreement) for agreement in agreements])
        return
    for agreement in agreements:
        state = word(f"cli.agreement.state.{agreement.state}")
        signed, parties = len(agreement.signers), len(agreement.document.parties)
        TERMINAL.say("cli.agreement.line", ref=agreement.document.ref, state=state, signed=signed, parties=parties)
        if agreement in running:
            _warn(agreement, now)
    if not agreements:
        TERMINAL.say("cli.agreement.none")


@app.command("show", help=word("cli.agreement.show"))
def show(name: AgreementName, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:  # noqa: FBT002 - an option
    """One agreement: parties with the fingerprints it pins, articles, and who signed."""
    with opened(load_settings(settings_file)) as adapter:
        agreement = adapter.agreement(name)
    if as_json:
        print_json(_summary(agreement) | {"document": strictjson.loads(agreement.payload, limit=MAX_DOCUMENT)})
    else:
        _show(agreement)


@app.command("sign", help=word("cli.agreement.sign"))
def sign(
    name: AgreementName,
    fingerprint: Annotated[
        list[str],
        typer.Option("--fingerprint", metavar=word("cli.metavar.fingerprint"), help=word("cli.agreement.fingerprint")),
    ],
    root: Annotated[
        Path | None, typer.Option("--root", metavar=word("cli.metavar.file"), help=word("cli.agreement.root"))
    ] = None,
    root_passphrase_file: Annotated[
        Path | None,
        typer.Option("--root-passphrase-file", metavar=word("cli.metavar.file"), help=word("cli.agreement.secret")),
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Sign an agreement with the root, once the fingerprint of every counterparty was typed as that party told it."""
    settings = load_settings(settings_file)
    typed = dict(_typed(item) for item in fingerprint)
    file = root or settings.root_file
    with opened(settings) as adapter:
        _show(adapter.agreement(name))
        TERMINAL.say("cli.agreement.root-passphrase")
        with about(file):
            held = open_root(file, TERMINAL.passphrase(root_passphrase_file))
        adapter.sign_agreement(name, held.key, typed)
        flushed = adapter.outbox.flush()
    TERMINAL.say("cli.agreement.signed" if not flushed.stopped else "cli.agreement.signed-later", ref=name)


def _warn(agreement: HeldAgreement, now: datetime) -> None:
    """Say how soon an agreement ends."""
    end = format_time(agreement.document.not_after)
    for slug in warnings(agreement.document, now)[-1:]:
        TERMINAL.say("cli.agreement.ends", what=word(f"error.{slug}.title"), end=end)


def _typed(item: str) -> tuple[Address, str]:
    address, mark, fingerprint = item.partition("=")
    if not mark:
        raise MalformedError("fingerprint-form")
    return address.strip(), fingerprint


def _summary(agreement: HeldAgreement) -> dict[str, object]:
    return {
        "agreement": agreement.document.ref,
        "sha256": agreement.sha256,
        "state": agreement.state,
        "signed_by": sorted(agreement.signers),
    }


def _show(agreement: HeldAgreement) -> None:
    document, language = agreement.document, TERMINAL.language
    TERMINAL.say("cli.agreement.title", ref=document.ref, state=word(f"cli.agreement.state.{agreement.state}"))
    TERMINAL.say("cli.agreement.digest", digest=agreement.sha256)
    start, end = format_time(document.not_before), format_time(document.not_after)
    TERMINAL.say("cli.agreement.period", start=start, end=end)
    for party in document.parties:
        mark = word("cli.agreement.has-signed" if party.address in agreement.signers else "cli.agreement.not-signed")
        TERMINAL.show(f"  {party.address} – {party.legal_name} – {party.root_fingerprint} – {mark}")
    for article in document.articles:
        TERMINAL.say("cli.agreement.article", no=article.no)
        TERMINAL.show(f"    {', '.join(article.from_)} → {', '.join(article.to)}")
        TERMINAL.show(f"    {', '.join(label(PURPOSES[code], language) for code in article.purposes)}")
        TERMINAL.show(f"    {', '.join(label(SECTIONS[code], language) for code in article.sections)}")
        TERMINAL.show(f"    {article.text_en if language == 'en' else article.text_fr}")
