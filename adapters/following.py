"""One look at the whole journal: where a shard says that it ends, the next one is read on at once.

PROTOCOL §7. The keys of the next shard are those that the last entry of a shard announced, and its first entry commits
to that very end; a shard that nobody announced is followed only where it was pinned as restarted. All of it holds, or
nothing of it is kept.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from adapters.growth import (
    CLEAR_AT_ONCE,
    QUIET,
    Budget,
    Growth,
    JournalAlarmError,
    JournalSource,
    check_fresh,
    read_shard,
)
from adapters.lineage import Lineage, Passed, Seen, begin, open_checkpoint
from adapters.pins import GatewayPins
from adapters.problems import GatewayProblemError
from journal.entries import Entry
from journal.shards import FIRST, HAND_OVER, Announced, Shard, announced_by, check_opening, restarted_after, succeed
from keys.errors import Fault, PasserelleError, UntrustedKeyError

__all__ = ["BROKEN", "read_growth"]

BROKEN: Final = "hand-over-broken"
ROLLED_BACK: Final = "checkpoint-rolled-back"
_NOT_FOUND: Final = 404


def read_growth(source: JournalSource, before: Seen | None, pins: GatewayPins, now: datetime) -> Growth:
    """Fetch the newest checkpoint and every leaf that was not seen before, and prove that they belong together.

    Raises as `read_shard` does, `JournalAlarmError` also for a shard that does not follow from the one before it
    (hand-over-broken) and for one that hides a shard which is pinned (checkpoint-rolled-back), and `UntrustedKeyError`
    (checkpoint-stale; restart-not-pinned where nothing is signed any more but in a shard that nobody announced).
    """
    reading = _Reading(source, pins, now)
    seen, following = reading.begin(before)
    while following is not None:
        seen, following = reading.go_on(seen, following)
    reading.check_goes_on(seen)
    check_fresh(seen.at, now)
    return Growth(seen, tuple(reading.entries))


@dataclass(frozen=True, slots=True)
class _Restarted:
    """A shard that is pinned, and the last note that is shown of the one before it."""

    shard: Shard
    shown: bytes


_Following = Announced | _Restarted | None


@dataclass(slots=True)
class _Reading:
    """One look; `entries` are those in clear that it met."""

    source: JournalSource
    pins: GatewayPins
    now: datetime
    entries: list[Entry] = field(default_factory=list)
    budget: Budget = field(default_factory=lambda: Budget(CLEAR_AT_ONCE))

    def begin(self, before: Seen | None) -> tuple[Seen, _Following]:
        """The shard that was read last, as it is now; what was lost of it with a backup stays as it was seen."""
        lineage = begin(self.pins) if before is None else before.lineage
        pinned = self.pins.shard_after(lineage.current)
        note = self._newest(before, lineage)
        if before is not None and pinned is not None and pinned.restarted:
            checkpoint, _ = open_checkpoint(note, lineage.current)
            if checkpoint.size < before.checkpoint.size:
                return before, _Restarted(pinned.shard, note)
        return self._next(*self.grow(note, before, lineage))

    def _newest(self, before: Seen | None, lineage: Lineage) -> bytes:
        """The newest note of the shard that goes on; a shard that was read and is there no more was taken back."""
        try:
            return self.source.checkpoint(lineage.current.number)
        except GatewayProblemError as error:
            if before is None or error.transient or error.status != _NOT_FOUND:
                raise
            raise JournalAlarmError(ROLLED_BACK, shard=lineage.current) from None

    def go_on(self, left: Seen, following: Announced | _Restarted) -> tuple[Seen, _Following]:
        """The next shard, once its first entry commits to where the one before it ends, or went on from."""
        if isinstance(following, _Restarted):
            return self._next(*self.restart(left, following))
        return self._next(*self.follow(left, following))

    def _next(self, seen: Seen, announced: Announced | None) -> tuple[Seen, _Following]:
        """What comes after a shard: what it announced, or a shard that is pinned as restarted after it."""
        pinned = self.pins.shard_after(seen.shard)
        if announced is None and pinned is not None:
            if not pinned.restarted:
                raise JournalAlarmError(ROLLED_BACK, shard=seen.shard, note=seen.note)
            return seen, _Restarted(pinned.shard, seen.note)
        return seen, announced

    def grow(self, note: bytes, seen: Seen | None, lineage: Lineage) -> tuple[Seen, Announced | None]:
        """The last shard of a lineage up to a checkpoint, and which shard it says comes next if it ends."""
        growth = read_shard(self.source, note, seen, lineage, self.now, self.budget)
        self.entries += growth.entries
        return growth.seen, _closing(growth)

    def follow(self, left: Seen, following: Announced) -> tuple[Seen, Announced | None]:
        """The shard that another one announced, once its first entry commits to where that one ends."""
        shard = self._announced(left, following)
        seen, opening, after = self._enter(left, shard)
        try:
            final = check_opening(opening, shard, left.shard, left.checkpoint)
        except PasserelleError as error:
            raise _broken(seen, opening, error.faults) from None
        return replace(seen, lineage=left.lineage.then(Passed(left.shard, final, final), shard)), after

    def restart(self, left: Seen, following: _Restarted) -> tuple[Seen, Announced | None]:
        """A shard that nobody announced: it goes on from a note of the one before, at least as large as what was seen.

        What the broker shows of that one is the very tree that its first entry says the backup held.
        """
        shard, before = following.shard, left.shard
        seen, opening, after = self._enter(left, shard)
        shown, _ = open_checkpoint(following.shown, before)
        try:
            restart = restarted_after(opening, before)
            check_opening(opening, shard, before, restart.checkpoint, restarted=True)
        except PasserelleError as error:
            raise _broken(seen, opening, error.faults) from None
        known, committed = left.checkpoint, restart.checkpoint
        is_another = known.size == committed.size and known.root != committed.root
        if committed.size < known.size or is_another or shown != restart.held:
            raise _broken(seen, opening)
        passed = Passed(before, restart.note, following.shown, opening.time)
        return replace(seen, lineage=left.lineage.then(passed, shard)), after

    def _enter(self, left: Seen, shard: Shard) -> tuple[Seen, Entry, Announced | None]:
        """A shard up to its newest checkpoint, its first entry in clear, and what it announces."""
        place = len(self.entries)
        lineage = left.lineage.then(Passed(left.shard, left.note, left.note), shard)
        seen, after = self.grow(self.source.checkpoint(shard.number), None, lineage)
        opening = next(iter(self.entries[place:]), None)
        if opening is None:
            raise _broken(seen)
        return seen, opening, after

    def check_goes_on(self, seen: Seen) -> None:
        """Tell a journal that fell silent from one that was restarted, of which nobody has told us the code."""
        if self.now - seen.at <= QUIET:
            return
        with suppress(GatewayProblemError):
            self.source.checkpoint(seen.shard.number + 1)
            raise UntrustedKeyError("restart-not-pinned")

    def _announced(self, left: Seen, following: Announced) -> Shard:
        try:
            shard = succeed(left.shard, left.checkpoint, following)
        except PasserelleError as error:
            raise _broken(left, faults=error.faults) from None
        pinned = self.pins.shard_after(left.shard)
        if pinned is not None and (pinned.shard != shard or pinned.restarted):
            raise _broken(left)
        return shard


def _closing(growth: Growth) -> Announced | None:
    """The shard that the last entry announces, if it does; whatever speaks of another hand-over is refused.

    The first entry of a later shard is left to whoever knows what it must commit to.
    """
    seen = growth.seen
    following = None
    for entry in growth.entries:
        is_opening = seen.shard.number > FIRST and entry.index == seen.shard.start
        if entry.type != HAND_OVER or is_opening:
            continue
        try:
            following = announced_by(entry, seen.shard)
        except PasserelleError as error:
            raise _broken(seen, entry, error.faults) from None
        if following is None or entry.index != seen.size - 1:
            raise _broken(seen, entry)
    return following


def _broken(seen: Seen, entry: Entry | None = None, faults: tuple[Fault, ...] = ()) -> JournalAlarmError:
    index = None if entry is None else entry.index
    return JournalAlarmError(BROKEN, shard=seen.shard, index=index, note=seen.note, faults=faults)
