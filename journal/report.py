"""What an audit found: how much could be read, which promises were broken, and by which entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from journal.invariants.findings import Violation
from journal.notes import Checkpoint
from journal.vkeys import b64
from keys.documents import format_time

__all__ = ["CHECKED", "LEAF", "MAX_LISTED", "AuditReport", "Counted"]

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
    chains: int
    agreements: int
    consents: int
    referrals: int
    envelopes: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of verifying a bundle whose checkpoint and tree hold.

    `signed_at` is the time that the journal's lasting signature states. `unjudged` counts, by the slug of what is not
    shown, the entries of which part could not be judged.
    """

    checkpoint: Checkpoint
    signed_at: datetime | None
    counted: Counted
    broken: Mapping[str, int]
    """Violations by promise; promises that hold are absent."""
    violations: tuple[Violation, ...]
    """The first `MAX_LISTED` of them, in the order of the journal."""
    unjudged: Mapping[str, int]
    told: Mapping[str, int]
    """By code, what breaks no promise and has to be known: acts done without two assertions, emergencies still open."""

    @property
    def holds(self) -> bool:
        """Whether no promise was broken, as far as could be read."""
        return not self.broken

    @property
    def complete(self) -> bool:
        """Whether every entry could be read and judged."""
        return not self.counted.unread and not self.counted.erased and not self.unjudged

    def to_json(self) -> dict[str, object]:
        """The same for a program to read: codes and numbers, no sentence."""
        counted = self.counted
        return {
            "v": 1,
            "verified": self.holds,
            "complete": self.complete,
            "origin": self.checkpoint.origin,
            "size": self.checkpoint.size,
            "root": b64(self.checkpoint.root),
            **({"signed_at": format_time(self.signed_at)} if self.signed_at else {}),
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
