"""What an audit found: how much could be read, which promises were broken, and by which entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from journal.checkpoints import Checkpoint
from journal.invariants.findings import Violation
from journal.shards import Shard
from keys.documents import format_time
from keys.vkeys import b64

__all__ = ["CHECKED", "LEAF", "MAX_LISTED", "AuditReport", "Counted", "ShardReport"]

LEAF: Final = "leaf"
"""What comes before the numbered promises: every leaf is an entry of the right form, written for its place."""
CHECKED: Final = (LEAF, "I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10")
"""The promises of PROTOCOL §7 that a replay checks, in the order in which it tells them."""
MAX_LISTED: Final = 1000
"""Violations listed one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of each were met: leaves by what could be read of them, and what they are about."""

    clear: int
    opened: int
    unread: int
    """Those whose openings were not given."""
    erased: int
    """Those whose openings an entry of the journal says were erased."""
    lost: int
    """Those that the gateway lost when a backup was restored."""
    chains: int
    agreements: int
    consents: int
    referrals: int
    envelopes: int


@dataclass(frozen=True, slots=True)
class ShardReport:
    """One shard of the journal, its newest checkpoint, and when the journal's lasting signature says it was signed."""

    shard: Shard
    checkpoint: Checkpoint
    signed_at: datetime
    restarted: bool

    def to_json(self) -> dict[str, object]:
        """The same for a program to read; `size` and `root` are of the shard's own tree."""
        return {
            "number": self.shard.number,
            "origin": self.shard.origin,
            "start": self.shard.start,
            "size": self.checkpoint.size,
            "root": b64(self.checkpoint.root),
            "signed_at": format_time(self.signed_at),
            "restarted": self.restarted,
        }


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of verifying a bundle whose checkpoints and trees hold, each shard following from the one before.

    `unjudged` counts, by the slug of what is not shown, the entries of which part could not be judged.
    """

    shards: tuple[ShardReport, ...]
    """From the first to the current one."""
    counted: Counted
    broken: Mapping[str, int]
    """Violations by promise; promises that hold are absent."""
    violations: tuple[Violation, ...]
    """The first `MAX_LISTED` of them, in the order of the journal."""
    unjudged: Mapping[str, int]
    told: Mapping[str, int]
    """By code, what breaks no promise and has to be known: acts done without two assertions, emergencies still open."""
    lost: tuple[tuple[int, int], ...]
    """Runs of entries, both ends included, that the gateway lost when a backup was restored."""

    @property
    def current(self) -> ShardReport:
        """The shard in which the journal goes on."""
        return self.shards[-1]

    @property
    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint of the current shard; its size is that of the shard's own tree."""
        return self.current.checkpoint

    @property
    def size(self) -> int:
        """How many entries the journal has, through all shards."""
        return self.current.shard.end(self.current.checkpoint)

    @property
    def holds(self) -> bool:
        """Whether no promise was broken, as far as could be read."""
        return not self.broken

    @property
    def complete(self) -> bool:
        """Whether every entry could be read and judged."""
        return not (self.counted.unread or self.counted.erased or self.counted.lost or self.unjudged)

    def to_json(self) -> dict[str, object]:
        """The same for a program to read: codes and numbers, no sentence.

        `size` counts the entries of all shards; `origin`, `root` and `signed_at` are those of the current one.
        """
        counted, current = self.counted, self.current
        return {
            "v": 1,
            "verified": self.holds,
            "complete": self.complete,
            "origin": current.shard.origin,
            "size": self.size,
            "root": b64(current.checkpoint.root),
            "signed_at": format_time(current.signed_at),
            "shards": [each.to_json() for each in self.shards],
            "lost": [list(run) for run in self.lost],
            "counted": {name: getattr(counted, name) for name in counted.__slots__},
            "checked": list(CHECKED),
            "broken": dict(self.broken),
            "violations": [_json_of(violation) for violation in self.violations],
            "unjudged": dict(self.unjudged),
            "told": dict(self.told),
        }


def _json_of(violation: Violation) -> dict[str, object]:
    place = {"pointer": violation.pointer} if violation.pointer else {}
    return {"invariant": violation.invariant, "index": violation.index, "code": violation.code, **place}
