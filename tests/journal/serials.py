"""The whole life of one referral in a journal of several shards, valid by default, and what refuses a changed one."""

from __future__ import annotations

import copy
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from journal.notes import Checkpoint
from journal.pins import Pins
from keys.documents import format_time
from keys.errors import PasserelleError
from tests.builders import Json
from tests.journal.auditing import found
from tests.journal.builders import Files
from tests.journal.ledgers import Ledger
from tests.journal.lives import lived
from tests.journal.relays import START, legs, restarts, shard_keys

CUTS = ("consent", "message", "completes")
"""The entries of a life before which a shard is closed."""


@cache
def _cut() -> Ledger:
    whole, ledger = lived(), Ledger()
    ledger.agreements, ledger.statements, ledger.chains = whole.agreements, whole.statements, whole.chains
    for written in whole.entries:
        if written.name in CUTS:
            ledger.rotate()
        ledger.entries.append(written)
    return timed(ledger)


def timed(ledger: Ledger) -> Ledger:
    """The same ledger, each entry a second after the one before."""
    for place, written in enumerate(ledger.entries):
        written.members["time"] = format_time(START + timedelta(seconds=place))
    return ledger


def cut() -> Ledger:
    """The life of a referral, written in four shards."""
    return copy.deepcopy(_cut())


def shard_note(ledger: Ledger, number: int, size: int, seconds: float | None = None) -> bytes:
    """A checkpoint of one shard of a ledger, signed so many seconds after the journal's beginning."""
    reach = legs(ledger.entries)[number - 1]
    files = Files(ledger.leaves()[reach.start : reach.end])
    at = START + timedelta(seconds=reach.start + size if seconds is None else seconds)
    return shard_keys(number).sign(Checkpoint(reach.shard.origin, size, files.root(size)), at)


def archived(ledger: Ledger, *notes: tuple[int, int, float]) -> dict[int, Json]:
    """What a bundle holds of later shards that published these: the shard, the size, the second."""
    made: dict[int, Json] = {}
    for number, size, seconds in notes:
        note = shard_note(ledger, number, size, seconds)
        earlier = made.get(number, {"checkpoints": []})["checkpoints"]
        made[number] = {"checkpoint": note, "checkpoints": [*earlier, note]}
    return made


def refusal(path: Path, pins: Pins | None = None, **asked: Any) -> tuple[str, list[str]]:  # noqa: ANN401 - any member of a question
    """Why a bundle is not to be relied on, and what the refusal is about."""
    with pytest.raises(PasserelleError) as caught:
        found(path, later=pins.later if pins else (), **asked)
    return caught.value.code, [str(note) for note in caught.value.__notes__ if str(note) != str(path)]


def violations(ledger: Ledger, path: Path) -> list[tuple[str, str, str]]:
    """The broken promises of a bundle: the promise, the name of the entry, the slug."""
    told = found(path, later=restarts(ledger)).replay.violations
    return [(each.invariant, ledger.entries[each.index].name, each.code) for each in told]


LOST = ("message", "message released")
"""The entries that the broker lost in `resumed`."""


def before_loss() -> Ledger:
    """The journal as witnesses and readers saw it before a backup was restored that holds nothing of `LOST`."""
    ledger = lived()
    del ledger.entries[ledger.index(LOST[-1]) + 1 :]
    return ledger


def resumed(*, confirmed: bool = True) -> Ledger:
    """A life whose journal was restarted: the issuer confirms its consent, and what was lost comes again."""
    ledger, whole = before_loss(), lived()
    ledger.restart(LOST[0])
    if confirmed:
        ledger.again("consent", "confirmed")
    for name in LOST:
        ledger.again(name, f"{name} again")
    ledger.entries += whole.entries[whole.index(LOST[-1]) + 1 :]
    return timed(ledger)
