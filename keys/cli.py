"""The root ceremony, `passerelle-keys`: make the root of an organisation, look at it, sign and revoke with it.

It runs on a machine without network. Nothing secret is ever printed, and nothing is written by halves.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, get_args

import typer

from keys import strictjson
from keys.chainfile import MAX_CHAIN_FILE, read_chain
from keys.documents import ADDRESS_PATTERN, format_time
from keys.errors import MalformedError, UntrustedKeyError, about
from keys.files import read_file, write_new
from keys.identity import RootKey, RootPublic, fingerprint_digits
from keys.rootfile import HeldRoot, open_root, write_root
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.signing_requests import SigningRequest
from keys.statements import (
    KIND,
    KeyChain,
    KeyPublication,
    PublishedKey,
    RevocationReason,
    publish,
    read_statement,
    revoke,
)
from keys.terminal import REFUSED, Terminal

TERMINAL = Terminal("passerelle-keys", "keys")
_word = TERMINAL.word
app = TERMINAL.app("cli.help")

YEAR = timedelta(days=366)
LONGEST = 20
"""Years; the longest life of a root (PROTOCOL §2)."""
_QUARTET = 4
_GROUPS_A_LINE = 4

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar=_word("cli.metavar.file"), help=_word("cli.passphrase-file")),
]
RootFile = Annotated[Path, typer.Argument(metavar=_word("cli.metavar.root"), help=_word("cli.root-file"))]
Yes = Annotated[bool, typer.Option("--yes", help=_word("cli.yes"))]


@app.command("create", help=_word("cli.create.help"))
def create(
    address: Annotated[str, typer.Argument(metavar=_word("cli.metavar.address"), help=_word("cli.address"))],
    file: Annotated[Path, typer.Argument(metavar=_word("cli.metavar.root"), help=_word("cli.new-root-file"))],
    years: Annotated[int, typer.Option("--years", metavar="N", min=1, max=LONGEST, help=_word("cli.years"))] = 10,
    passphrase_file: PassphraseFile = None,
    statement: Annotated[
        Path | None,
        typer.Option("--statement", metavar=_word("cli.metavar.file"), help=_word("cli.statement")),
    ] = None,
) -> None:
    """Make a root, keep it in an encrypted file, and write the statement that begins its chain."""
    if not re.fullmatch(ADDRESS_PATTERN, address):
        raise MalformedError("bad-address")
    out = statement or file.with_name(f"{file.name}.statement.json")
    # From midnight: the clock of a machine that never meets a network may be some minutes ahead.
    start = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    held = HeldRoot(RootKey.generate(address), start, start + years * YEAR)
    passphrase = TERMINAL.passphrase(passphrase_file, twice=True)
    first = publish((0, None), address, "root", held.key.public, (held.not_before, held.not_after), held.key.signers)
    with about(out):
        write_new(out, first.encode())
    try:
        with about(file):
            write_root(file, passphrase, held)
    except BaseException:
        out.unlink()  # a statement without its root would only mislead
        raise
    _show_root(held.key.address, held.key.public)
    TERMINAL.say("cli.created", root=file, statement=out)


@app.command("show", help=_word("cli.show.help"))
def show(
    file: Annotated[Path, typer.Argument(metavar=_word("cli.metavar.file"), help=_word("cli.shown-file"))],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Show what a root file, a key statement or a chain says; never a secret."""
    with about(file):
        data = read_file(file, limit=MAX_CHAIN_FILE)
        value = strictjson.loads(data, limit=MAX_CHAIN_FILE)
        if isinstance(value, list):
            _show_chain(read_chain(data))
        elif isinstance(value, dict) and "payloadType" in value:
            _show_statement(SignedDocument.parse(data, KIND))
        elif isinstance(value, dict) and "ciphertext" in value:
            held = open_root(file, TERMINAL.passphrase(passphrase_file))
            _show_root(held.key.address, held.key.public)
            for signer in held.key.signers:
                _show_key(signer.kid, "root", held.not_before, held.not_after)
        else:
            raise MalformedError("not-shown")


@app.command("sign", help=_word("cli.sign.help"))
def sign(
    file: RootFile,
    request: Annotated[Path, typer.Argument(metavar=_word("cli.metavar.request"), help=_word("cli.request"))],
    out: Annotated[Path, typer.Argument(metavar=_word("cli.metavar.out"), help=_word("cli.out"))],
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Show what is asked for, ask, and write the document with both signatures of the root."""
    with about(request):
        asked = SigningRequest.parse(read_file(request, limit=MAX_DOCUMENT))
    TERMINAL.say("cli.asked", kind=_word(f"cli.kind.{asked.kind}"), digest=asked.sha256)
    TERMINAL.show(_pretty(asked.content))
    _agree("cli.confirm-sign", yes=yes)
    with about(file):
        held = open_root(file, TERMINAL.passphrase(passphrase_file))
    with about(request):
        signed = asked.sign(held.key)
    _write_signed(out, signed)


@app.command("revoke", help=_word("cli.revoke.help"))
def revoke_key(
    file: RootFile,
    kid: Annotated[str, typer.Argument(metavar=_word("cli.metavar.kid"), help=_word("cli.kid"))],
    chain: Annotated[Path, typer.Option("--chain", metavar=_word("cli.metavar.file"), help=_word("cli.chain"))],
    reason: Annotated[
        RevocationReason,
        typer.Option("--reason", metavar="|".join(get_args(RevocationReason)), help=_word("cli.reason")),
    ],
    out: Annotated[Path, typer.Option("--out", metavar=_word("cli.metavar.out"), help=_word("cli.out"))],
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Write the statement that ends a key, once it is sure that the chain takes it."""
    with about(chain):
        published = read_chain(read_file(chain, limit=MAX_CHAIN_FILE))
    ended = next((key for key in published.keys if key.kid == kid), None)
    if ended is None:
        raise UntrustedKeyError("key-unknown")
    _show_key(ended.kid, ended.use, ended.not_before, ended.not_after)
    TERMINAL.say("cli.reason-given", reason=_word(f"cli.reasons.{reason}"))
    _agree("cli.confirm-revoke", yes=yes)
    with about(file):
        root = open_root(file, TERMINAL.passphrase(passphrase_file)).key
        signed = revoke((published.seq, published.head), root.address, kid, reason, root.signers)
        published.extend(signed, at=datetime.now(tz=UTC), index=published.seq)
    _write_signed(out, signed)


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(TERMINAL.run(app))


def _agree(question: str, *, yes: bool) -> None:
    if not (yes or TERMINAL.confirm(question)):
        TERMINAL.complain(_word("cli.declined"))
        raise typer.Exit(REFUSED)


def _write_signed(out: Path, signed: SignedDocument) -> None:
    with about(out):
        write_new(out, signed.encode())
    TERMINAL.say("cli.signed", out=out, digest=signed.sha256)


def _show_root(address: str, root: RootPublic) -> None:
    fingerprint = " ".join(root.fingerprint[i : i + _QUARTET] for i in range(0, len(root.fingerprint), _QUARTET))
    TERMINAL.say("cli.root", address=address)
    TERMINAL.say("cli.fingerprint", fingerprint=fingerprint)
    TERMINAL.say("cli.digits")
    groups = fingerprint_digits(root).split()
    for i in range(0, len(groups), _GROUPS_A_LINE):
        TERMINAL.show("    " + " ".join(groups[i : i + _GROUPS_A_LINE]))


def _show_key(kid: str, use: str, not_before: datetime, not_after: datetime, state: str = "") -> None:
    TERMINAL.show("")
    TERMINAL.say("cli.key", use=_word(f"cli.uses.{use}"), kid=kid)
    TERMINAL.say("cli.period", start=format_time(not_before), end=format_time(not_after))
    if state:
        TERMINAL.say(f"cli.states.{state}")


def _show_chain(chain: KeyChain) -> None:
    _show_root(chain.org, chain.root)
    now = datetime.now(tz=UTC)
    for key in chain.keys:
        _show_key(key.kid, key.use, key.not_before, key.not_after, _state(key, now))
    TERMINAL.show("")
    TERMINAL.say("cli.chain-holds", count=chain.seq)


def _state(key: PublishedKey, now: datetime) -> str:
    if key.revoked_index is not None:
        return "revoked"
    if now < key.not_before:
        return "future"
    return "in-force" if now < key.not_after else "past"


def _show_statement(signed: SignedDocument) -> None:
    statement = read_statement(signed)
    if isinstance(statement, KeyPublication) and statement.seq == 0:
        _show_chain(KeyChain.start(signed, at=statement.not_before, index=0))
        return
    TERMINAL.say("cli.statement-of", address=statement.org, digest=signed.sha256)
    TERMINAL.show(_pretty(strictjson.loads(signed.payload, limit=MAX_DOCUMENT)))
    for kid in signed.keyids:
        TERMINAL.say("cli.signer-claimed", kid=kid)
    TERMINAL.say("cli.not-checked")


def _pretty(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
