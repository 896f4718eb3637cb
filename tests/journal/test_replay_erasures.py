"""Entries that were erased are told apart from entries that somebody withholds, and nothing is erased in advance."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.unread import Unread
from tests.builders import BROKER, LINE
from tests.journal.ledgers import Ledger
from tests.journal.lives import lived
from tests.journal.test_invariant_two_people import erased


def hidden(ledger: Ledger, *indices: int) -> Ledger:
    """The openings of these entries are not in the bundle."""
    for index in indices:
        ledger.entries[index].shown = False
    return ledger


def counted(ledger: Ledger, tmp_path: Path) -> tuple[int, int]:
    """How many entries were erased, and how many are withheld."""
    report = ledger.audit(tmp_path)
    assert report.holds
    return report.counted.erased, report.counted.unread


def test_erased_and_withheld_are_told_apart(tmp_path: Path) -> None:
    """An erasure explains what it names; anything else that is missing was not given."""
    ledger = lived()
    first = ledger.index("consent")
    ledger.add("erasure", "erasure", BROKER, document=erased([first, first + 4], [first + 6, first + 6]))
    assert counted(hidden(ledger, *range(first, first + 8)), tmp_path) == (6, 2)
    assert not ledger.audit(tmp_path).complete


def test_what_was_delivered_before_it_was_erased_is_read(tmp_path: Path) -> None:
    """Openings that somebody kept still open: an erasure takes back nothing that was handed out."""
    ledger = lived()
    ledger.add("erasure", "erasure", BROKER, document=erased([22, 30]))
    assert counted(ledger, tmp_path) == (0, 0)


def test_entries_in_clear_are_never_erased(tmp_path: Path) -> None:
    """Keys and agreements have no opening that could go."""
    ledger = lived()
    ledger.add("erasure", "erasure", BROKER, document=erased([0, 37]))
    assert counted(ledger, tmp_path) == (0, 0)


def test_two_erasures_of_the_same_entry_count_once(tmp_path: Path) -> None:
    """What is gone is gone once."""
    ledger = lived()
    ledger.add("erasure", "erasure", BROKER, document=erased([22, 24]))
    ledger.add("again", "erasure", BROKER, document=erased([24, 25]))
    assert counted(hidden(ledger, 23, 24, 25), tmp_path) == (3, 0)


@pytest.mark.parametrize("indices", [[23, 40], [40, 41]])
def test_an_erasure_in_advance_hides_nothing(tmp_path: Path, indices: list[int]) -> None:
    """A broker may not announce that it will not show what it is going to write."""
    ledger = lived()
    ledger.add("erasure", "erasure", BROKER, document=erased(indices))
    ledger.add("one", "audit.read", LINE).add("two", "audit.read", LINE).add("three", "audit.read", LINE)
    report = hidden(ledger, 23, 40).audit(tmp_path)
    assert (report.counted.erased, report.counted.unread) == (0, 2)
    assert [(each.invariant, each.code) for each in report.violations][-1] == ("I5", "erasure-ahead")


def test_an_erasure_by_a_partner_hides_nothing(tmp_path: Path) -> None:
    """Only the broker erases: what anybody else says is gone is withheld."""
    ledger = lived()
    ledger.add("erasure", "erasure", LINE, document=erased([22, 30]))
    report = hidden(ledger, 23).audit(tmp_path)
    assert (report.counted.erased, report.counted.unread) == (0, 1)
    assert ("I5", "wrong-actor") in [(each.invariant, each.code) for each in report.violations]


def test_an_erasure_that_is_itself_not_shown_explains_nothing(tmp_path: Path) -> None:
    """Whoever withholds the erasure withholds what it erased."""
    ledger = lived()
    ledger.add("erasure", "erasure", BROKER, document=erased([22, 30]))
    assert counted(hidden(ledger, 23, 38), tmp_path) == (0, 2)


@given(read=st.lists(st.booleans(), max_size=60), cuts=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 9))))
def test_runs_tell_exactly_what_was_not_read(read: list[bool], cuts: list[tuple[int, int]]) -> None:
    """Runs ascend, do not touch others of their kind, and cover every entry that was not read, and no other."""
    unread = Unread()
    for is_read in read:
        unread.add(read=is_read)
    ranges = [(first, first + more) for first, more in cuts]
    unread.erase(ranges)
    runs = list(unread.ranges())
    told = [(index, gone) for first, last, gone in runs for index in range(first, last + 1)]
    gone = {index for first, last in ranges for index in range(first, last + 1)}
    assert told == [(index, index in gone) for index, is_read in enumerate(read) if not is_read]
    assert (unread.erased, unread.withheld) == (sum(each for _, each in told), sum(not each for _, each in told))
    assert all(one[1] + 1 < two[0] or one[2] != two[2] for one, two in pairwise(runs))
