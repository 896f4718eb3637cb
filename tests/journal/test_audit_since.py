"""What an auditor saw before must still be there: the new journal continues it and hides nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.cli import TERMINAL
from journal.entries import Opening
from keys import strictjson
from keys.documents import b64url
from keys.errors import ForgedError
from tests.builders import BROKER
from tests.journal.auditing import SIZE, at, audit, bundle, folder, found, note
from tests.journal.ledgers import salt
from tests.journal.lives import lived


def test_a_journal_that_grew_continues_what_was_seen(tmp_path: Path) -> None:
    """The earlier state may be a bundle, a mirror or a checkpoint alone."""
    old = lived().bundle(folder(tmp_path, "old"))
    new = lived().add("more", "audit.read", BROKER).bundle(folder(tmp_path, "new"))
    (tmp_path / "checkpoint").write_bytes(note(lived(), SIZE, at(39)))
    for since in (old, tmp_path / "checkpoint"):
        verified = found(new, since=since)
        assert verified.continued is not None
        assert (verified.continued.size, verified.continued.vanished, verified.holds) == (SIZE, (), True)


def test_another_past_than_the_one_seen_is_a_fork(tmp_path: Path, keys: Path) -> None:
    """One entry that was changed since is enough, and the evidence needs no bundle."""
    old = lived().bundle(folder(tmp_path, "old"))
    ledger = lived().add("more", "audit.read", BROKER)
    ledger["accepted"]["need"] = "shelter-week"
    new = ledger.bundle(folder(tmp_path, "new"))
    assert [each.kind for each in found(new, since=old).contradictions] == ["fork"]
    assert audit("verify", new, "--since", old, "--pins", keys) == 1
    assert audit("evidence", next(Path.cwd().glob("fork-*.json")), "--pins", keys) == 0


def test_a_journal_that_is_shorter_than_the_one_seen_went_back(tmp_path: Path) -> None:
    """A restored backup that signs on."""
    old = lived().bundle(folder(tmp_path, "old"))
    ledger = lived()
    ledger.entries.pop()
    new = bundle(ledger, tmp_path / "new", (37, at(5000)))
    assert "rollback" in {each.kind for each in found(new, since=old).contradictions}


def test_the_two_states_are_not_exchanged_silently(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older bundle given as the new one is a mistyped question, not a verdict."""
    old = lived().bundle(folder(tmp_path, "old"))
    new = lived().add("more", "audit.read", BROKER).bundle(folder(tmp_path, "new"))
    assert audit("verify", old, "--since", new, "--pins", keys) == 2
    assert TERMINAL.word("error.since-is-newer.title") in capsys.readouterr().err


def test_openings_that_vanish_are_told_unless_they_were_erased(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was shown once may only go away by an erasure that the journal tells of."""
    old = lived().bundle(folder(tmp_path, "old"))
    ledger = lived()
    gone = [ledger.index("message"), ledger.index("message released"), ledger.index("answer")]
    for index in gone:
        ledger.entries[index].shown = False
    new = ledger.bundle(folder(tmp_path, "new"))
    verified = found(new, since=old)
    assert verified.continued is not None
    assert verified.continued.vanished == ((gone[0], gone[1]), (gone[2], gone[2]))
    assert not verified.holds
    assert audit("verify", new, "--since", old, "--pins", keys) == 1
    assert TERMINAL.word("audit.since-vanished", first=gone[0], last=gone[1]) in capsys.readouterr().out
    document = {"v": 1, "indices": [[gone[0], gone[1]], [gone[2], gone[2]]], "by": "court", "ground": "ordered"}
    ledger.add("erasure", "erasure", BROKER, document=b64url(strictjson.dumps(document)))
    verified = found(ledger.bundle(folder(tmp_path, "erased")), since=old)
    assert verified.continued is not None
    assert (verified.continued.vanished, verified.continued.erased) == ((), 3)
    assert verified.replay.counted.erased == 3


def test_an_erasure_of_others_explains_nothing(tmp_path: Path) -> None:
    """Every opening that is gone has to be named."""
    old = lived().bundle(folder(tmp_path, "old"))
    ledger = lived()
    gone = ledger.index("message")
    ledger.written("message").shown = False
    document = {"v": 1, "indices": [[gone + 1, gone + 1]], "by": "court", "ground": "ordered"}
    ledger.add("erasure", "erasure", BROKER, document=b64url(strictjson.dumps(document)))
    verified = found(ledger.bundle(folder(tmp_path, "new")), since=old)
    assert verified.continued is not None
    assert verified.continued.vanished == ((gone, gone),)


def test_an_earlier_bundle_whose_openings_are_not_its_own_is_refused(tmp_path: Path) -> None:
    """Nobody accuses a journal of hiding what it never showed."""
    ledger = lived()
    index = ledger.index("message")
    openings = [(each, opening if each != index else Opening(b"{}", salt(1))) for each, opening in ledger.openings()]
    old = ledger.bundle(folder(tmp_path, "old"), openings=openings)
    ledger.written("message").shown = False
    with pytest.raises(ForgedError, match="wrong-opening"):
        found(ledger.bundle(folder(tmp_path, "new")), since=old)
