"""The archive of checkpoints, read from the newest back, a few pages with each look and nothing of it for ever.

PROTOCOL §7. The gateway gives pages in ascending order only, so they are asked for in windows of sizes, each below the
one before. What is older than a day confirms nothing and is not read; what was read through is not read again, but for
a last stretch under which a witness may have signed late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.bodies import ArchivedCheckpoint
from adapters.calls import GatewayCalls
from adapters.growth import MAX_AGE

__all__ = ["PAGES", "ArchiveWalk"]

PAGES: Final = 3
"""Pages of the archive that one look goes through."""
FIRST_WINDOW: Final = 64
"""Sizes that are asked for first; each window below is twice as wide, up to the widest."""
WIDEST: Final = 65_536
LATE: Final = timedelta(minutes=10)
"""How long after a checkpoint its witnesses may still sign for it: what is younger is read once more."""


@dataclass(slots=True)
class _Window:
    """The sizes of `low` or more below `high`; read up to `size`, and of that one up to the moment `since`."""

    low: int
    high: int
    since: datetime
    size: int = -1
    old: bool = False
    """Whether it holds a checkpoint that is too old, so that there is nothing to look for below."""

    def __post_init__(self) -> None:
        """Begin at its lower end."""
        self.size = self.low

    def read(self, last: ArchivedCheckpoint | None, *, old: bool) -> None:
        """Go on after the last checkpoint of a page."""
        self.old = self.old or old
        if last is not None:
            self.size, self.since = last.size, last.time

    def below(self, bottom: int, since: datetime) -> _Window | None:
        """The next window down; None where nothing is left that could count."""
        if self.old or self.low <= bottom:
            return None
        width = min(WIDEST, 2 * (self.high - self.low))
        return _Window(max(bottom, self.low - width), self.low, since)


class ArchiveWalk:
    """What one program has read of the archive, for one agreement."""

    def __init__(self, shard: int) -> None:
        """Begin at the newest of a shard, in whose own sizes all of it is counted."""
        self._shard = shard
        self._floor = 0
        self._settled = 0
        self._window: _Window | None = None

    def notes(self, client: GatewayCalls, newest: int, known: int, now: datetime) -> Iterator[bytes]:
        """Checkpoints of at most a day, not verified, of `known` leaves or more; at most `PAGES` pages of them.

        `newest` is the size up to which the journal was read: a walk that is over begins there again. Raises what the
        call raises, and goes on from there the next time.
        """
        horizon, bottom = now - MAX_AGE, max(known, self._floor)
        for _ in range(PAGES):
            window = self._window or _Window(max(bottom, newest - FIRST_WINDOW), newest + 1, horizon)
            page = client.checkpoints(self._shard, window.size, window.since)
            inside = [each for each in page if each.size < window.high]
            fresh = [each for each in inside if each.time >= horizon]
            self._settled = max([self._settled, *(each.size for each in fresh if each.time < now - LATE)])
            window.read(page[-1] if page else None, old=len(fresh) < len(inside))
            is_through = not page or len(inside) < len(page)
            self._window = window.below(bottom, horizon) if is_through else window
            if self._window is None:
                self._floor = self._settled
            yield from (each.note for each in reversed(fresh))
            if self._window is None:
                return
