"""What is read of a bundle for a story or a register is what the journal's leaves say, or it is told as not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.audit.reading import Reading, legs_of
from journal.bundle import open_bundle
from journal.entries import Opening
from journal.pins import Pins
from journal.shards import first_shard
from tests.builders import REF
from tests.journal.ledgers import journal_keys, salt
from tests.journal.lives import lived


def read(path: Path, *texts: str) -> tuple[list[int], int]:
    """The indices of the entries that hold one of the texts, and how many entries were not shown."""
    with open_bundle(path) as bundle:
        reading = Reading(legs_of(bundle, Pins(first_shard(journal_keys().vkeys))))
        return [entry.index for entry in reading.entries(texts)], reading.unread.withheld


@pytest.mark.parametrize("entry", [b"{}", b'{"ref":"' + REF.encode() + b'"}', b""])
def test_another_text_in_place_of_an_opening_is_not_shown(tmp_path: Path, entry: bytes) -> None:
    """A register is not made shorter in silence by an opening that holds nothing of what it looks for."""
    ledger = lived()
    whole, withheld = read(ledger.bundle(tmp_path), REF)
    index = ledger.index("message")
    assert (index in whole, withheld) == (True, 0)
    openings = [(at, Opening(entry, salt(at)) if at == index else each) for at, each in ledger.openings()]
    found, withheld = read(ledger.bundle(tmp_path, openings=openings), REF)
    assert (found, withheld) == ([each for each in whole if each != index], 1)


def test_an_opening_beside_a_clear_leaf_hides_nothing(tmp_path: Path) -> None:
    """What everybody can read is read, whatever lies beside it."""
    ledger = lived()
    opened = dict(ledger.openings())
    clear = next(index for index in range(len(ledger.entries)) if index not in opened)
    openings = sorted((opened | {clear: Opening(b"{}", salt(clear))}).items())
    texts = str(ledger.entries[clear].members["type"])
    found, withheld = read(ledger.bundle(tmp_path, openings=openings), texts)
    assert (clear in found, withheld) == (True, 0)
