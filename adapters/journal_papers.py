"""What this partner takes out of the journal to keep or to hand on: a proof, its openings, the receipts it collected.

PROTOCOL §7 *Receipts and bundles*. What is written here is read by `passerelle-audit`, which believes none of it before
it has verified it against the journal.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from adapters.bodies import JournalOpening
from adapters.calls import GatewayCalls
from adapters.journal_tree import tree_of
from adapters.lineage import ReadShard, Seen
from adapters.office import Office
from adapters.problems import GatewayProblemError
from consent.emergencies import AUDITOR
from journal.contradictions import contradiction, read_signed
from journal.entries import MAX_ENTRY
from journal.layout import CHECKPOINT, OPENINGS, agreement_name, encode_opening, statement_name
from journal.proofs import parse_proof
from journal.receipts import read_receipt
from journal.shards import folder
from keys import strictjson
from keys.errors import FileError, ForgedError, MalformedError, UntrustedKeyError
from keys.files import write_new

__all__ = ["Exported", "export_openings", "export_receipts", "fetch_proof"]

LINES: Final = ".jsonl"
"""How the name of a file that holds one receipt a line must end, so that whoever reads it knows."""
PRIVATE: Final = 0o600
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_NOT_FOUND: Final = 404


@dataclass(slots=True)
class Exported:
    """How many openings and documents were written."""

    openings: int = 0
    documents: int = 0


def fetch_proof(office: Office, client: GatewayCalls, which: str) -> tuple[bytes, int]:
    """The tlog-proof of an entry, by its index or by the envelope or item whose receipt is here, verified.

    The number says how many entries the journal has up to the checkpoint of the proof. Raises `MalformedError`
    (receipt-unknown for what has no receipt here, no-such-entry for what was not read yet, or was lost),
    `UntrustedKeyError` (keybook-empty), `ForgedError` (proof-does-not-hold, also for a proof under a checkpoint that
    contradicts what we read), and what the call raises.
    """
    seen = _seen(office)
    read, index, leaf = _entry(office, client, which, seen)
    data = client.proof(index)
    proof = parse_proof(data)
    opened = proof.verify(leaf, read.shard.vkeys)
    end = read.shard.end(opened.checkpoint)
    if proof.index != read.shard.position(index) or not seen.covers(end, read.shard):
        raise ForgedError("proof-does-not-hold")
    known, met = (read_signed(note, read.shard.vkeys) for note in (read.note, proof.note))
    if contradiction(known, met) is not None:
        raise ForgedError("proof-does-not-hold")
    return data, end


def export_openings(office: Office, client: GatewayCalls, out: Path) -> Exported:
    """Write what opens the entries that we may read, with the documents that auditors may read, as a bundle.

    The file is private. Raises `FileError` (file-exists, file-unwritable), `UntrustedKeyError` (keybook-empty),
    `MalformedError` (answer-malformed for openings out of order), and what the calls raise.
    """
    seen, done = _seen(office), Exported()
    try:
        # Private from its first moment on: nobody can have opened it before its mode was set.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            _write(office, client, seen, file, done)
    except FileExistsError:
        raise FileError("file-exists") from None
    except OSError:
        out.unlink(missing_ok=True)
        raise FileError("file-unwritable") from None
    except BaseException:
        out.unlink(missing_ok=True)  # half of it would be taken for all of it
        raise
    return done


def export_receipts(office: Office, out: Path) -> int:
    """Write every receipt that is kept here, one a line; how many.

    Raises `FileError` (file-exists, file-unwritable) and `MalformedError` (not-a-file-of-lines for another name).
    """
    if out.suffix != LINES:
        raise MalformedError("not-a-file-of-lines")
    with office.store.transaction() as tx:
        receipts = tx.watches.receipts()
    write_new(out, b"".join(receipt + b"\n" for receipt in receipts), private=True)
    return len(receipts)


def _seen(office: Office) -> Seen:
    seen = office.book.seen()
    if seen is None:
        raise UntrustedKeyError("keybook-empty")
    return seen


def _entry(office: Office, client: GatewayCalls, which: str, seen: Seen) -> tuple[ReadShard, int, bytes]:
    """The shard of an entry, its index, and the leaf that must stand there."""
    if not _INDEX.fullmatch(which):
        with office.store.transaction() as tx:
            receipt = tx.watches.receipt_of(which)
        if receipt is None:
            raise MalformedError("receipt-unknown")
        promised = read_receipt(receipt, office.pins.receipts_verifier, "")
        named = seen.named(promised.origin)
        if named is None:
            raise MalformedError("no-such-entry")
        return named, promised.index, promised.leaf
    index = int(which)
    read = seen.holding(index)
    if read is None:
        raise MalformedError("no-such-entry")
    return read, index, tree_of(client, read.shard, read.checkpoint).leaf(read.shard.position(index))


def _write(office: Office, client: GatewayCalls, seen: Seen, file: IO[bytes], done: Exported) -> None:
    named: dict[str, None] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        lost = seen.lost()
        found = (each for each in _openings(client, seen.size) if not any(each.index in gone for gone in lost))
        each = next(found, None)
        for read in reversed(list(seen.read())):
            place = folder(read.shard.number)
            archive.writestr(place + CHECKPOINT, read.note)
            with archive.open(place + OPENINGS, "w", force_zip64=True) as lines:
                while each is not None and each.index < read.end:
                    lines.write(encode_opening(each.index, each.opening))
                    named |= dict.fromkeys(_named(each))
                    done.openings += 1
                    each = next(found, None)
        for name, data in _documents(client, named) if _audits(office) else ():
            archive.writestr(name, data)
            done.documents += 1


def _openings(client: GatewayCalls, size: int) -> Iterator[JournalOpening]:
    """Every opening of the first `size` entries, ascending; an empty page is not the end while its cursor moves.

    What lies beyond the journal as it was read could not be verified, and a cursor that only ever grows has an end so.
    """
    after, last = 0, -1
    while after < size:
        page = client.openings(after)
        for each in page.openings:
            if each.index <= last:
                raise MalformedError("answer-malformed")
            last = each.index
            if each.index < size:
                yield each
        if page.next == after:
            return
        after = page.next


def _named(each: JournalOpening) -> Iterator[str]:
    """The names that a bundle gives to the documents which an entry names by digest."""
    entry: Any = strictjson.loads(each.opening.entry, limit=MAX_ENTRY)
    members = entry if isinstance(entry, dict) else {}
    for member, name in (("agreement_sha256", agreement_name), ("statement_sha256", statement_name)):
        if isinstance(members.get(member), str):
            yield name(members[member])


def _documents(client: GatewayCalls, named: dict[str, None]) -> Iterator[tuple[str, bytes]]:
    """The documents of these names; those that the gateway does not show us are left out."""
    for name in named:
        folder, _, file = name.partition("/")
        digest = file.removesuffix(".json")
        try:
            found = client.agreement_of_digest if folder == "agreements" else client.statement_of_digest
            data = found(digest).encode()
        except GatewayProblemError as error:
            if error.status != _NOT_FOUND:
                raise
            continue
        yield name, data


def _audits(office: Office) -> bool:
    with office.store.transaction() as tx:
        parties = [each.document.party(office.address) for each in tx.papers.agreements()]
    return any(party is not None and AUDITOR in party.roles for party in parties)
