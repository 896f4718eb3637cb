"""What an auditor brings beside a bundle: an earlier state, receipts, a quorum; and the bundles it is held against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from journal.audit.collecting import read_receipts
from journal.audit.verification import Question, Verification
from journal.audit.verifying import verify_bundle
from journal.checkpoints import Checkpoint
from journal.cli import TERMINAL, app
from journal.pins import PinnedShard
from journal.receipts import Promised
from keys import strictjson
from keys.documents import b64url, format_time
from keys.identity import SigningKey, verifier
from keys.signing import sign
from tests.builders import BROKER
from tests.journal.builders import ORIGIN, Files
from tests.journal.ledgers import START, Ledger, journal_keys
from tests.journal.test_pins import pins

__all__ = ["RECEIPTS", "SIZE", "at", "audit", "bundle", "folder", "found", "note", "pinned_at", "promised", "receipt"]

RECEIPTS = SigningKey(BROKER, "receipts", bytes(range(32)))
SIZE = 38


def at(seconds: float) -> datetime:
    """A moment of the journal: entry n is made at second n."""
    return START + timedelta(seconds=seconds)


def note(ledger: Ledger, size: int, moment: datetime) -> bytes:
    """A checkpoint of a ledger."""
    return journal_keys().sign(Checkpoint(ORIGIN, size, Files(ledger.leaves()).root(size)), moment)


def found(path: Path, **asked: Any) -> Verification:  # noqa: ANN401 - any member of a question
    """What verifying finds."""
    return verify_bundle(Question(path, journal_keys().vkeys, **asked))


def bundle(ledger: Ledger, folder: Path, *archived: tuple[int, datetime]) -> Path:
    """The bundle of a ledger that published these checkpoints, the last one being its newest."""
    notes = [note(ledger, size, moment) for size, moment in archived]
    folder.mkdir(exist_ok=True)
    return ledger.bundle(folder, checkpoint=notes[-1], checkpoints=notes)


def audit(*arguments: object) -> int:
    """Run the program with the pinned keys of the journal."""
    return TERMINAL.run(app, [*map(str, arguments)])


def pinned_at(folder: Path, later: Sequence[PinnedShard] = ()) -> Path:
    """The pins of the broker as a file in a folder, its key for receipts among them, and later shards if there are."""
    value = json.loads(pins([listed_as(each) for each in later] or None))
    value |= {"address": BROKER, "receipts": b64url(RECEIPTS.public_bytes)}
    value["journal"] |= {"origin": ORIGIN, "vkeys": [str(vkey) for vkey in journal_keys().vkeys]}
    (folder / "pins.json").write_bytes(strictjson.dumps(value))
    return folder / "pins.json"


def listed_as(pinned: PinnedShard) -> dict[str, object]:
    """A later shard as the file of pins lists it."""
    shard = pinned.shard
    members = {"number": shard.number, "origin": shard.origin, "start": shard.start, "restarted": pinned.restarted}
    return members | {"vkeys": [str(vkey) for vkey in shard.vkeys]}


def folder(parent: Path, name: str) -> Path:
    """A folder of this name."""
    (parent / name).mkdir(exist_ok=True)
    return parent / name


def receipt(ledger: Ledger, index: int, changes: dict[str, object] | None = None, key: SigningKey = RECEIPTS) -> bytes:
    """The receipt of an entry, as the broker signs it."""
    leaf = ledger.leaves()[index] if index < len(ledger.entries) else b"\x01" + bytes(32)
    members: dict[str, object] = {"v": 1, "by": BROKER, "origin": ORIGIN, "index": index, "leaf": b64url(leaf)}
    members |= {
        "time": format_time(at(index)),
        "promise": 60,
        "payload_sha256": "ab" * 32,
        "envelope": "env_" + "b" * 26,
    }
    return sign("receipt", strictjson.dumps(members | (changes or {})), (key,)).encode()


def promised(path: Path) -> list[Promised]:
    """The receipts of a file, verified."""
    return read_receipts([path], verifier(BROKER, "receipts", RECEIPTS.public_bytes))
