"""The partners: add one, look at them, suspend one and let it back in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consent.vocabulary import SCOPES
from gateway import enrolments
from gateway.commands.program import TERMINAL, SettingsFile, now, opened_broker, opened_store, word
from gateway.enrolments import EnrolmentError
from gateway.settings import load_settings
from gateway.store.organisations import Organisation
from keys.documents import format_time
from keys.errors import about
from keys.files import read_file
from keys.identity import fingerprint_digits
from keys.statements import KeyChain

__all__ = ["app"]

app = TERMINAL.app("cli.organisation.help")
_QUARTET = 4

Address = Annotated[str, typer.Argument(metavar=word("cli.metavar.address"), help=word("cli.organisation.address"))]


@app.command("add", help=word("cli.organisation.add"))
def add(
    file: Annotated[Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.organisation.file"))],
    fingerprint: Annotated[
        str,
        typer.Option("--fingerprint", metavar=word("cli.metavar.code"), help=word("cli.organisation.fingerprint")),
    ],
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar=word("cli.metavar.scope"),
            help=word("cli.organisation.scope", scopes=", ".join(SCOPES)),
        ),
    ],
    settings_file: SettingsFile = None,
) -> None:
    """Add a partner and every statement of its keys, once the fingerprint heard is that of its root."""
    settings = load_settings(settings_file)
    if not set(scope) <= set(SCOPES):
        raise EnrolmentError("scope-unknown")
    with about(file):
        enrolment = enrolments.read_enrolment(read_file(file, limit=enrolments.MAX_ENROLMENT))
    with opened_store(settings) as store, about(file), store.transaction() as tx:
        at = tx.journal.lock(now())
        enrolments.enrol(settings.broker, tx, enrolment, heard=fingerprint, scopes=scope, at=at)
    TERMINAL.say("cli.organisation.added", address=enrolment.address, count=len(enrolment.statements))


@app.command("add-statements", help=word("cli.organisation.add-statements"))
def add_statements(
    address: Address,
    file: Annotated[
        Path, typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.organisation.statements-file"))
    ],
    settings_file: SettingsFile = None,
) -> None:
    """Add key statements for a partner that lost the key with which it would have published them."""
    settings = load_settings(settings_file)
    with about(file):
        statements = enrolments.read_statements(read_file(file, limit=enrolments.MAX_ENROLMENT))
    with opened_broker(settings) as broker, about(file), broker.store.transaction() as tx:
        at = tx.journal.lock(now())
        count = enrolments.add_statements(broker, tx, address, statements, at)
    TERMINAL.say("cli.organisation.statements", address=address, count=count)


@app.command("list", help=word("cli.organisation.list"))
def list_all(settings_file: SettingsFile = None) -> None:
    """One partner a line."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        for each in tx.organisations.all():
            TERMINAL.show(f"{each.address}  {_state(each)}  {each.legal_name}")


@app.command("show", help=word("cli.organisation.show"))
def show(address: Address, settings_file: SettingsFile = None) -> None:
    """A partner, what it may do, and its keys."""
    with opened_store(load_settings(settings_file)) as store, store.reading() as tx:
        found = tx.organisations.get(address)
        chain = tx.keys.chain(address)
    if found is None:
        raise EnrolmentError("organisation-unknown")
    TERMINAL.show(f"{found.address}  {_state(found)}  {found.legal_name}  {found.jurisdiction}")
    TERMINAL.say("cli.organisation.scopes", scopes=", ".join(sorted(found.scopes)))
    if chain is not None:
        _show_chain(chain)


@app.command("suspend", help=word("cli.organisation.suspend"))
def suspend(address: Address, settings_file: SettingsFile = None) -> None:
    """Suspend a partner: its next call is refused, and so is what is sent to it."""
    _set_active(address, settings_file, active=False)


@app.command("resume", help=word("cli.organisation.resume"))
def resume(address: Address, settings_file: SettingsFile = None) -> None:
    """Lift the suspension of a partner."""
    _set_active(address, settings_file, active=True)


def _set_active(address: str, settings_file: Path | None, *, active: bool) -> None:
    settings = load_settings(settings_file)
    with opened_store(settings) as store, store.transaction() as tx:
        at = tx.journal.lock(now())
        changed = enrolments.set_active(settings.broker, tx, address, active=active, at=at)
    done = "cli.organisation.resumed" if active else "cli.organisation.suspended"
    TERMINAL.say(done if changed else "cli.organisation.as-it-was", address=address)


def _state(organisation: Organisation) -> str:
    return word("cli.organisation.active" if organisation.active else "cli.organisation.inactive")


def _show_chain(chain: KeyChain) -> None:
    fingerprint = chain.root.fingerprint
    groups = " ".join(fingerprint[at : at + _QUARTET] for at in range(0, len(fingerprint), _QUARTET))
    TERMINAL.say("cli.fingerprint", fingerprint=groups)
    TERMINAL.say("cli.digits")
    TERMINAL.show(f"    {fingerprint_digits(chain.root)}")
    for key in chain.keys:
        TERMINAL.say("cli.key", use=word(f"cli.uses.{key.use}"), kid=key.kid)
        TERMINAL.say("cli.period", start=format_time(key.not_before), end=format_time(key.not_after))
        if key.revoked_index is not None:
            TERMINAL.say("cli.states.revoked")
