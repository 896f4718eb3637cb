"""The end of the journal as a transaction finds it, and why nothing may be added there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from journal.shards import FIRST
from keys.errors import PasserelleError

__all__ = ["ContradictedError", "Head", "StoppedError"]


class StoppedError(PasserelleError):
    """Nothing is journalled now.

    journal-restored while witnesses have not said that a restored backup is whole; journal-keys-missing when this
    process was started before the keys of the newest shard were made.
    """


class ContradictedError(PasserelleError):
    """Somebody has shown a checkpoint of ours that is not of this journal (journal-contradicted): nothing may pass."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the journal: leaves so far, the time of the last, and whether another journal of ours is known.

    `shard` grows, and its first entry is `start`; `restored` is when the operator said that a backup was restored.
    """

    size: int
    time: datetime
    contradicted: bool = False
    shard: int = FIRST
    start: int = 0
    restored: datetime | None = None
