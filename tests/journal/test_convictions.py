"""What is malformed inside a file of evidence is refused, and never ends the program."""

from __future__ import annotations

import pytest

from journal.convictions import convict
from journal.entries import Opening, commitment_leaf
from journal.evidence import Evidence
from journal.notes import Checkpoint
from keys.errors import MalformedError
from tests.journal.builders import AT, ORIGIN, SALT, Files, entry_bytes, journal_signer


def test_an_entry_of_the_end_of_time_proves_nothing() -> None:
    """A minute after it is in no calendar: that is refused like anything malformed."""
    journal, entry = journal_signer(), entry_bytes(index=0, time="9999-12-31T23:59:59.999Z")
    leaf = commitment_leaf(Opening(entry, SALT))
    notes = tuple(journal.sign(Checkpoint(ORIGIN, size, Files([leaf]).root(size)), AT) for size in (0, 1))
    told = {"v": 1, "kind": "late", "origin": ORIGIN, "notes": notes, "at": AT, "by": "invente@laval"}
    found = Evidence.model_validate(told | {"index": 0, "leaf": leaf, "proof": (), "entry": entry, "salt": SALT})
    with pytest.raises(MalformedError, match="time-out-of-range"):
        convict(found, journal.vkeys)
