"""The offline auditor, `passerelle-audit`: verifies a bundle with pinned keys, and says what it could not verify.

Verifying needs no network, no gateway and no account. 0: verified; 1: broken promises, something that is not to be
relied on, or a quorum that was asked for and has seen nothing; 2: the question was not understood, and nothing was
verified. One module of `journal.audit` for each command.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journal.audit.collecting import read_receipts
from journal.audit.convicting import BY, keep_evidence, write_evidence
from journal.audit.fetching import fetch_journal
from journal.audit.outcomes import tell_contradicted, tell_conviction, tell_fetched
from journal.audit.program import (
    TERMINAL,
    AsJson,
    BundlePath,
    EvidenceFolder,
    PinsOption,
    VkeyOption,
    answering,
    app,
    bars,
    pinned,
    understood,
    word,
)
from journal.audit.registering import registers
from journal.audit.showing import show
from journal.audit.verdicts import tell
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.convictions import convict
from journal.evidence import MAX_EVIDENCE, contradictory, read_evidence
from journal.policies import MAX_POLICY, parse_policy
from journal.quorum import QuorumPolicy
from journal.republishing import ContradictedError
from keys.errors import FileError, MalformedError, about
from keys.files import read_file
from keys.terminal import REFUSED

if TYPE_CHECKING:
    from journal.audit.download import Download

__all__ = ["TERMINAL", "app", "main"]


@app.callback(help=word("audit.help"))
def audit() -> None:
    """Group the commands."""


@app.command("verify", help=word("audit.verify.help"))
def verify(  # noqa: PLR0913, PLR0917 - one option for each thing that an auditor may bring
    bundle: BundlePath,
    vkey: VkeyOption = None,
    pins: PinsOption = None,
    since: Annotated[
        Path | None, typer.Option("--since", metavar=word("audit.metavar.earlier"), help=word("audit.since"))
    ] = None,
    receipts: Annotated[
        list[Path] | None, typer.Option("--receipts", metavar=word("audit.metavar.files"), help=word("audit.receipts"))
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar=word("audit.metavar.file"), help=word("audit.policy"))
    ] = None,
    quorum_from: Annotated[
        str | None,
        typer.Option("--quorum-from", metavar=word("audit.metavar.agreement"), help=word("audit.quorum-from")),
    ] = None,
    evidence: EvidenceFolder = Path(),
    complete: Annotated[bool, typer.Option("--complete", help=word("audit.complete"))] = False,  # noqa: FBT002 - an option of a command line
    as_json: AsJson = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Verify, tell the result in words or as JSON, and leave with the code that says the same."""
    with understood():
        keys = pinned(vkey, pins)
        promised = read_receipts(receipts, keys.receipts) if receipts else []
        quorum = _quorum(policy, quorum_from)
    with answering("audit.not-reliable", as_json=as_json):
        with bars(quiet=as_json) as bar:
            trusted, told = keys.journal, bar("audit.progress")
            asked = (bundle, trusted.first.vkeys, quorum, since, promised)
            question = Question(*asked, progress=told, later=trusted.later)
            found = verify_bundle(question)
        kept = _kept(lambda: keep_evidence(question, found, evidence, datetime.now(UTC)))
    if as_json:
        typer.echo(json.dumps(found.to_json(kept), indent=2))
    else:
        tell(found, kept)
    if found.verdict in {"refused", "unconfirmed"} or (complete and not found.complete):
        raise typer.Exit(REFUSED)


@app.command("fetch", help=word("audit.fetch.help"))
def fetch(
    url: Annotated[str, typer.Argument(metavar="URL", help=word("audit.url"))],
    folder: Annotated[Path, typer.Argument(metavar=word("audit.metavar.folder"), help=word("audit.mirror"))],
    vkey: VkeyOption = None,
    pins: PinsOption = None,
    openings: Annotated[
        list[Path] | None, typer.Option("--openings", metavar=word("audit.metavar.file"), help=word("audit.openings"))
    ] = None,
    evidence: EvidenceFolder = Path(),
    as_json: AsJson = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Bring a mirror up to date, and say what came; of a journal that contradicts itself only the evidence is kept."""
    with understood():
        keys = pinned(vkey, pins)
    with answering("audit.not-fetched", as_json=as_json), _downloading(url) as download:
        try:
            with bars(quiet=as_json) as bar:
                fetched = fetch_journal(download, folder, keys.journal, openings or (), bar)
        except ContradictedError as contradicted:
            tell_contradicted(contradicted.found, _kept(partial(_convicting, contradicted, evidence)), as_json=as_json)
            raise typer.Exit(REFUSED) from None
    tell_fetched(fetched, as_json=as_json)


@app.command("evidence", help=word("audit.convict.help"))
def convict_by(
    file: Annotated[Path, typer.Argument(metavar=word("audit.metavar.file"), help=word("audit.convict.file"))],
    vkey: VkeyOption = None,
    pins: PinsOption = None,
    as_json: AsJson = False,  # noqa: FBT002 - an option of a command line
) -> None:
    """Verify a file of evidence, and say what it shows: 0 when it convicts, 1 when it does not."""
    with understood():
        keys = pinned(vkey, pins)
    with answering("audit.convict.nothing", as_json=as_json), about(file):
        read = read_evidence(read_file(file, limit=MAX_EVIDENCE))
        shard = keys.journal.named(read.origin) or keys.journal.first
        receipts = keys.receipts if read.receipt is not None and pins else None
        shown = convict(read, shard.vkeys, receipts, start=shard.start)
    tell_conviction(read, shown, as_json=as_json)


app.command("show", help=word("audit.show.help"))(show)
app.command("registers", help=word("audit.registers.help"))(registers)


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(TERMINAL.run(app))


def _convicting(contradicted: ContradictedError, folder: Path) -> list[str]:
    """The file of evidence; none where there is nothing to show, as of a tree without leaves."""
    found, later = contradicted.found, contradicted.later
    first, second = (signed.note for signed in found.in_time)
    with suppress(MalformedError):
        made = contradictory(found.kind, first, second, at=datetime.now(UTC), by=BY, later=later)
        return [write_evidence(folder, made)]
    return []


def _kept(keep: Callable[[], list[str]]) -> list[str]:
    """The files of evidence; a folder that cannot be written to is told, and takes nothing from the verdict."""
    try:
        return keep()
    except FileError as error:
        TERMINAL.complain(TERMINAL.explain(error))
        return []


@contextmanager
def _downloading(url: str) -> Iterator[Download]:
    """Downloads, where the library for it is installed."""
    try:
        from journal.audit.download import downloading  # noqa: PLC0415 - whoever only verifies needs no network library
    except ModuleNotFoundError:
        raise MalformedError("fetch-needs-extra") from None
    with downloading(url, time.sleep, time.monotonic) as download:
        yield download


def _quorum(policy: Path | None, agreement: str | None) -> QuorumPolicy | str | None:
    """The quorum that was asked for, by at most one of the two options."""
    if policy is not None and agreement is not None:
        raise MalformedError("which-quorum")
    if policy is None:
        return agreement
    with about(policy):
        return parse_policy(read_file(policy, limit=MAX_POLICY))
