"""The archive of checkpoints is read from the newest back: all that could count, once, and never without end."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.archive import LATE, PAGES, ArchiveWalk
from adapters.bodies import ArchivedCheckpoint
from adapters.growth import MAX_AGE
from tests.adapters.broker_double import BrokerDouble, CallsDouble
from tests.invented import AT, LINE

GROWTH = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 7200)), min_size=1, max_size=60)
"""By how many leaves the journal grew each time, and how many seconds later that was signed."""


class Archive(CallsDouble):
    """The pages of a gateway that published checkpoints of these places; their notes say no more than the place."""

    def __init__(self, places: list[tuple[int, datetime]], length: int) -> None:
        super().__init__(LINE, BrokerDouble())
        self.places, self.length, self.pages = places, length, 0

    def checkpoints(self, _shard: int, after: int, since: datetime) -> tuple[ArchivedCheckpoint, ...]:
        """A page of them."""
        self.pages += 1
        found = [place for place in sorted(self.places) if place > (after, since)][: self.length]
        return tuple(ArchivedCheckpoint(size, at, b"%d %r" % (size, at.timestamp())) for size, at in found)


def grown(growth: list[tuple[int, int]]) -> list[tuple[int, datetime]]:
    """Where and when a journal was signed that ends now, at `AT`."""
    places, size, at = [], 0, AT - timedelta(seconds=sum(seconds for _, seconds in growth))
    for more, seconds in growth:
        size, at = size + more, at + timedelta(seconds=seconds)
        places.append((size, at))
    return places


@settings(deadline=None)
@given(growth=GROWTH, length=st.integers(1, 9))
def test_all_of_a_day_is_read_and_nothing_older(growth: list[tuple[int, int]], length: int) -> None:
    """However dense or quiet the journal was, and however small its pages are."""
    places = grown(growth)
    archive = Archive(places, length)
    walk, read = ArchiveWalk(1), set[bytes]()
    for _ in range(400):
        found = list(walk.notes(archive, places[-1][0], 0, AT))
        read |= set(found)
    assert read == {b"%d %r" % (size, at.timestamp()) for size, at in places if at >= AT - MAX_AGE}


def test_what_was_read_is_not_read_again() -> None:
    """A quorum that is never met costs the gateway the new checkpoints, and not its whole archive with every look."""
    places = [(size, AT - timedelta(minutes=2000 - size)) for size in range(2000)]
    archive, walk = Archive(places, 100), ArchiveWalk(1)
    first = [note for _ in range(9) for note in walk.notes(archive, 1999, 0, AT)]
    assert len(set(first)) == MAX_AGE // timedelta(minutes=1)
    assert archive.pages <= 9 * PAGES
    archive.places += [(2000, AT + timedelta(minutes=1))]
    archive.pages = 0
    again = list(walk.notes(archive, 2000, 0, AT + timedelta(minutes=1)))
    assert again[0].startswith(b"2000 ")
    assert len(again) <= LATE // timedelta(minutes=1) + 2
    assert archive.pages <= 2


def test_the_newest_comes_first_and_nothing_below_what_is_known() -> None:
    """Who was confirmed before looks at what is newer only."""
    places = [(size, AT - timedelta(seconds=500 - size)) for size in range(500)]
    archive = Archive(places, 100)
    found = [int(note.split()[0]) for note in ArchiveWalk(1).notes(archive, 499, 470, AT)]
    assert found == list(range(499, 469, -1))
