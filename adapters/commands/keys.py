"""Our own keys: which there are, ending one before its time, replacing the one that signs; the root stays offline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer

from adapters.assembly import open_office
from adapters.commands.program import TERMINAL, AsJson, SettingsFile, opened, passphrase, print_json, word
from adapters.office import Office
from adapters.own_keys import RenewedUse, chain_file, import_statement, own_chain, request_key, request_revocation
from adapters.settings import load_settings
from keys.documents import format_time
from keys.errors import about
from keys.files import read_file, write_new
from keys.publications import PublishedKey
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.signing_requests import SigningRequest
from keys.statements import KIND, KeyRevocation, RevocationReason

__all__ = ["app"]

app = TERMINAL.app("cli.keys.help")
Out = Annotated[Path, typer.Option("--out", metavar=word("cli.metavar.file"), help=word("cli.keys.out"))]


@app.command("list", help=word("cli.keys.list"))
def list_all(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:  # noqa: FBT002 - an option
    """Every key that was published, and where it stands; works without the gateway."""
    with _opened_office(settings_file) as office:
        keys = own_chain(office).keys
        states = {key.kid: _state(office, key) for key in keys}
    if as_json:
        print_json([_as_json(key, states[key.kid]) for key in keys])
        return
    for key in keys:
        start, end = format_time(key.not_before), format_time(key.not_after)
        state = word(f"cli.keys.states.{states[key.kid]}")
        TERMINAL.say("cli.keys.line", use=word(f"cli.uses.{key.use}"), kid=key.kid, start=start, end=end, state=state)


@app.command("chain", help=word("cli.keys.chain"))
def chain(out: Out, settings_file: SettingsFile = None) -> None:
    """Write our own statements for `passerelle-keys show`, which checks them on the offline machine."""
    with _opened_office(settings_file) as office:
        data = chain_file(office)
    with about(out):
        write_new(out, data)
    TERMINAL.say("cli.keys.written", out=out)


@app.command("renew", help=word("cli.keys.renew"))
def renew(
    out: Out,
    use: Annotated[
        RenewedUse, typer.Option("--use", metavar="|".join(get_args(RenewedUse)), help=word("cli.keys.use"))
    ] = "signing",
    settings_file: SettingsFile = None,
) -> None:
    """Make the next key that signs, or witnesses, and write what the root is to sign; works without the gateway."""
    with _opened_office(settings_file) as office:
        request = request_key(office, use)
    _write_request(out, request)


@app.command("revoke", help=word("cli.keys.revoke"))
def revoke(
    kid: Annotated[str, typer.Argument(metavar=word("cli.metavar.kid"), help=word("cli.keys.kid"))],
    reason: Annotated[
        RevocationReason,
        typer.Option("--reason", metavar="|".join(get_args(RevocationReason)), help=word("cli.keys.reason")),
    ],
    out: Out,
    settings_file: SettingsFile = None,
) -> None:
    """Write what the root is to sign so that a key ends; works without the gateway."""
    with _opened_office(settings_file) as office:
        request = request_revocation(office, kid, reason)
    _write_request(out, request)


@app.command("import", help=word("cli.keys.import"))
def import_signed(
    files: Annotated[list[Path], typer.Argument(metavar=word("cli.metavar.file"), help=word("cli.keys.file"))],
    settings_file: SettingsFile = None,
) -> None:
    """Take what the root signed into our chain, and hand it to the gateway with what follows from it."""
    with opened(load_settings(settings_file)) as adapter:
        for file in files:
            with about(file):
                signed = SignedDocument.parse(read_file(file, limit=MAX_DOCUMENT), KIND)
                statement = import_statement(adapter.office, signed)
            ended = isinstance(statement, KeyRevocation)
            TERMINAL.say("cli.keys.ended" if ended else "cli.keys.published", digest=signed.sha256)
        flushed = adapter.outbox.flush()
    TERMINAL.say("cli.keys.handed-in" if not flushed.stopped else "cli.keys.handed-in-later")


@contextmanager
def _opened_office(settings_file: Path | None) -> Iterator[Office]:
    """The office alone: what is prepared for the root needs no gateway."""
    settings = load_settings(settings_file)
    office = open_office(settings, passphrase(settings))
    try:
        yield office
    finally:
        office.store.close()


def _write_request(out: Path, request: SigningRequest) -> None:
    with about(out):
        write_new(out, request.encode())
    TERMINAL.say("cli.keys.request", out=out, digest=request.sha256)


def _state(office: Office, key: PublishedKey) -> str:
    now = office.now()
    if key.revoked_index is not None:
        return "revoked"
    if now < key.not_before:
        return "future"
    return "in-force" if now < key.not_after else "past"


def _as_json(key: PublishedKey, state: str) -> dict[str, object]:
    start, end = format_time(key.not_before), format_time(key.not_after)
    return {"kid": key.kid, "use": key.use, "state": state, "not_before": start, "not_after": end}
