"""Protocols of agreement: propose one, follow its signatures, put it in force, suspend or end it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from consent.agreement import SIGNATURE_KIND, AgreementSignature, AgreementState, RegisteredAgreement, warnings
from gateway import protocols
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_broker, opened_store, word
from gateway.problems import ProblemError
from gateway.settings import load_settings
from gateway.store.transaction import Transaction
from keys import strictjson
from keys.documents import format_time, parse
from keys.errors import about
from keys.files import read_file
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["app"]

app = TERMINAL.app("cli.agreement.help")
_REF = re.compile(r"(?P<id>agr_[a-z2-7]{26})@(?P<version>[1-9][0-9]{0,5})", re.ASCII)

Ref = Annotated[str, typer.Argument(metavar=word("cli.metavar.agreement"), help=word("cli.agreement.ref"))]


@app.command("propose", help=word("cli.agreement.propose"))
def propose(
    file: Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.agreement.file"))],
    settings_file: SettingsFile = None,
) -> None:
    """Keep the exact bytes of an agreement for its parties to sign."""
    payload = _read(file)
    with opened_broker(load_settings(settings_file)) as broker, about(file), broker.store.transaction() as tx:
        registered = protocols.propose(broker, tx, payload, tx.journal.lock(now()))
    TERMINAL.say("cli.agreement.proposed", agreement=registered.document.ref, digest=registered.sha256)


@app.command("list", help=word("cli.agreement.list"))
def list_all(settings_file: SettingsFile = None) -> None:
    """One version a line, and below it how soon it ends."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        for registered, _ in tx.agreements.all():
            TERMINAL.show(f"{registered.document.ref}  {_state(registered)}  {registered.sha256}")
            _warn(tx, registered)


@app.command("show", help=word("cli.agreement.show"))
def show(ref: Ref, settings_file: SettingsFile = None) -> None:
    """One version: its text, its digest, its state, who has signed."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        registered, payload = _find(tx, ref)
        signatures = tx.agreements.signatures(registered.document.id, registered.document.version)
        missing = protocols.missing_signatures(tx, registered)
    TERMINAL.show(json.dumps(strictjson.loads(payload, limit=MAX_DOCUMENT), indent=2, ensure_ascii=False))
    TERMINAL.show(f"{registered.document.ref}  {_state(registered)}  {registered.sha256}")
    for address, signature in signatures.items():
        stands = "unsigned" if address in missing else "carried" if signature is None else "signed"
        TERMINAL.show(f"{address}  {word(f'cli.agreement.{stands}')}")


@app.command("sign", help=word("cli.agreement.sign"))
def sign(
    file: Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.agreement.signature"))],
    settings_file: SettingsFile = None,
) -> None:
    """Keep a signature that a party brought by hand; it is verified as if it had come over the network."""
    with about(file):
        signed = SignedDocument.parse(_read(file), SIGNATURE_KIND)
        signature = parse(AgreementSignature, signed.payload, limit=MAX_DOCUMENT)
    with opened_store(load_settings(settings_file)) as store, about(file), store.transaction() as tx:
        at = tx.journal.lock(now())
        registered, _ = _find(tx, f"{signature.agreement}@{signature.version}")
        is_new = protocols.sign(tx, registered, signed, signature.by, at)
        missing = protocols.missing_signatures(tx, registered)
    TERMINAL.say("cli.agreement.kept" if is_new else "cli.agreement.had-signed", address=signature.by)
    for address in missing:
        TERMINAL.show(f"{address}  {word('cli.agreement.unsigned')}")


@app.command("in-force", help=word("cli.agreement.in-force"))
def put_in_force(ref: Ref, settings_file: SettingsFile = None) -> None:
    """Put a version in force once everybody has signed, or lift its suspension."""
    _change(ref, settings_file, "in-force")


@app.command("suspend", help=word("cli.agreement.suspend"))
def suspend(ref: Ref, settings_file: SettingsFile = None) -> None:
    """Suspend a version: nothing passes under it."""
    _change(ref, settings_file, "suspended")


@app.command("end", help=word("cli.agreement.end"))
def end(ref: Ref, settings_file: SettingsFile = None) -> None:
    """End a version for good: what is open may still be closed for a while."""
    _change(ref, settings_file, "ended")


def _change(ref: str, settings_file: Path | None, state: AgreementState) -> None:
    with opened_broker(load_settings(settings_file)) as broker, broker.store.transaction() as tx:
        at = tx.journal.lock(now())
        registered, _ = _find(tx, ref)
        protocols.change_state(broker, tx, registered, state, at)
    TERMINAL.say("cli.agreement.changed", agreement=ref, state=word(f"cli.agreement.states.{state}"))


def _find(tx: Transaction, ref: str) -> tuple[RegisteredAgreement, bytes]:
    named = _REF.fullmatch(ref)
    found = tx.agreements.get(named["id"], int(named["version"])) if named else None
    if found is None:
        raise ProblemError("agreement-unknown")
    return found


def _read(file: Path) -> bytes:
    with about(file):
        return read_file(file, limit=MAX_DOCUMENT)


def _warn(tx: Transaction, registered: RegisteredAgreement) -> None:
    """Say how soon the version that governs comes to its end; the ones it replaced need no warning."""
    document = registered.document
    newest = tx.agreements.newest(document.id)
    if newest is None or newest.document.version != document.version or registered.state == "ended":
        return
    for slug in warnings(document, now())[-1:]:
        TERMINAL.say("cli.agreement.ends", what=word(f"error.{slug}.title"), end=format_time(document.not_after))


def _state(registered: RegisteredAgreement) -> str:
    return word(f"cli.agreement.states.{registered.state}")
