"""Whatever a hostile broker writes into its journal, the audit ends with a report."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.entries import ENTRY_TYPES, Entry
from journal.shards import HAND_OVER
from tests.builders import BROKER, LINE, PARENT, REF, SHELTER, STATEMENT_ID
from tests.journal.ledgers import Ledger, envelope_id
from tests.journal.lives import lived
from tests.journal.serials import timed

MEMBERS = sorted(field.alias or name for name, field in Entry.model_fields.items() if name != "index")
NAMES = [entry.name for entry in lived().entries]
TYPES = sorted(set(ENTRY_TYPES) - {HAND_OVER})
"""An entry between two shards that stands elsewhere is refused before anything is counted (`test_shards_audit`)."""
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([LINE, SHELTER, BROKER, REF, PARENT, STATEMENT_ID, envelope_id("seen"), "inconnu@fr", *TYPES]),
    st.sampled_from(["2026-03-02T14:00:10.000Z", "2000-01-01T00:00:00.000Z", "8999-12-31T23:59:59.999Z"]),
    st.sampled_from(
        ["T02", "T08", "T99", "agr_" + "c" * 26 + "@1", "agr_" + "c" * 26 + "@999999999", "00" * 32, "e30"]
    ),
    st.sampled_from([["identity"], ["identity", "x"], {"envelope": envelope_id("seen"), "sha256": "00" * 32}]),
    st.integers(-1, 2**53),
    st.none() | st.booleans() | st.text(max_size=8),
)


@given(changes=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(MEMBERS), VALUES), min_size=1, max_size=6))
def test_whatever_its_entries_say_a_journal_is_audited(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, Any]]
) -> None:
    """Any member of any entry may hold any value: every entry is counted, and no error escapes."""
    ledger = lived()
    for name, member, value in changes:
        ledger[name][member] = value
    report = ledger.audit(tmp_path_factory.mktemp("any"))
    counted = report.counted
    assert counted.clear + counted.opened + counted.unread == len(ledger.entries)
    assert all(violation.code and 0 <= violation.index < len(ledger.entries) for violation in report.violations)


@given(st.permutations(range(len(NAMES))), st.sets(st.sampled_from(NAMES)))
def test_in_whatever_order_and_however_little_is_shown_a_journal_is_audited(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], hidden: set[str]
) -> None:
    """Any order of entries, and any choice of those that are shown, gives a report."""
    usual = lived()
    ledger = Ledger([usual.entries[place] for place in order], usual.agreements, usual.statements)
    for entry in ledger.entries:
        entry.shown = entry.name not in hidden
    report = ledger.audit(tmp_path_factory.mktemp("order"))
    assert report.counted.unread == sum(not (entry.shown or entry.clear) for entry in ledger.entries)


@given(st.sets(st.sampled_from(NAMES)))
def test_what_is_not_shown_is_never_held_against_a_journal_by_itself(
    tmp_path_factory: pytest.TempPathFactory, hidden: set[str]
) -> None:
    """Erasing whole groups of entries from a journal that keeps its promises never makes it look as if it broke one."""
    groups = [{"consent", "withdrawn"}, set(NAMES[NAMES.index("accepted") : NAMES.index("withdrawn")])]
    ledger = lived()
    for entry in ledger.entries:
        group = next((group for group in groups if entry.name in group), {entry.name})
        entry.shown = not group & hidden
    assert ledger.audit(tmp_path_factory.mktemp("erased")).holds


@given(st.sets(st.sampled_from(NAMES[1:]), max_size=6), st.sampled_from([None, *NAMES[NAMES.index("accepted") :]]))
def test_wherever_a_journal_is_cut_into_shards_the_same_is_found(
    tmp_path_factory: pytest.TempPathFactory, cuts: set[str], bent: str | None
) -> None:
    """Shards change nothing of what a journal tells: the same promises are kept, and the same entries break them."""
    whole, ledger = lived(), Ledger()
    if bent is not None:
        whole[bent]["to"] = "inconnu@laval"
    ledger.agreements, ledger.statements = whole.agreements, whole.statements
    for written in whole.entries:
        if written.name in cuts:
            ledger.rotate()
        ledger.entries.append(written)
    folder = tmp_path_factory.mktemp("cut")
    report = timed(ledger).audit(folder)
    assert len(report.shards) == 1 + len(cuts)
    assert report.counted.clear == sum(entry.clear for entry in ledger.entries)
    assert ledger.found(folder) == whole.found(folder)
