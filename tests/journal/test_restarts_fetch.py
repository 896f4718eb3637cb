"""A mirror follows a restart that was pinned, keeps what the gateway lost, and believes no other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.pins import Pins
from journal.republishing import ContradictedError
from journal.shards import first_shard
from keys.errors import PasserelleError
from tests.journal.auditing import found
from tests.journal.gateways import kept, shards_of, visit
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.relays import legs, pins_of, restarts
from tests.journal.serials import LOST, before_loss, resumed

PINNED = pins_of(resumed())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the mirror is kept."""
    return tmp_path / "mirror"


def shown(size: int) -> Ledger:
    """The journal as it was seen when it had so many entries."""
    ledger = before_loss()
    del ledger.entries[size:]
    return ledger


@pytest.mark.parametrize("size", [0, 20, 28, 29, 30])
def test_a_pinned_restart_is_followed(folder: Path, size: int) -> None:
    """Whether the mirror saw less, as much or more than the backup holds: what it has, it keeps."""
    if size:
        visit(folder, shards_of(shown(size)))
    ledger = resumed()
    grown = visit(folder, shards_of(ledger), PINNED)
    assert (grown.before, grown.size, len(grown.shards)) == (size or None, len(ledger.entries), 2)
    assert grown.shards[0].newest.checkpoint.size == max(size, 28)
    again = visit(folder, shards_of(resumed()), PINNED)
    assert (again.before, again.size, again.tiles) == (grown.size, grown.size, 0)
    verified = verify_bundle(Question(folder, journal_keys().vkeys, later=restarts(ledger)))
    assert (verified.holds, verified.contradictions) == (True, ())
    assert verified.replay.lost == ((28, 29),)


@pytest.mark.parametrize("size", [0, 20, 28, 29, 30])
def test_a_restart_that_was_not_pinned_is_not_followed(folder: Path, size: int) -> None:
    """The mirror stays as it is, and its owner is told to compare the pins anew."""
    if size:
        visit(folder, shards_of(shown(size)))
    before = kept(folder) if size else {}
    with pytest.raises(PasserelleError) as caught:
        visit(folder, shards_of(resumed()))
    assert caught.value.code == "restart-not-pinned"
    if size:
        assert kept(folder)["checkpoint"] == before["checkpoint"]
        assert found(folder).replay.size == size
    else:
        assert "checkpoint" not in kept(folder)


def test_a_restart_that_forgets_what_the_mirror_has_is_not_followed(folder: Path) -> None:
    """It goes on from less than was seen: nothing of it is kept."""
    visit(folder, shards_of(lived()))
    with pytest.raises(PasserelleError) as caught:
        visit(folder, shards_of(resumed()), PINNED)
    assert (caught.value.code, caught.value.__notes__) == ("hand-over-broken", ["shards/2/"])
    assert found(folder).replay.size == len(lived().entries)


@pytest.mark.parametrize("name", ["released", LOST[0]])
def test_a_restart_from_another_past_is_not_followed(folder: Path, name: str) -> None:
    """What is still there must be the beginning of what was seen, and what is lost must be the same."""
    other = before_loss()
    other[name]["state"] = "other"
    visit(folder, shards_of(other))
    with pytest.raises(ContradictedError, match="fork"):
        visit(folder, shards_of(resumed()), PINNED)
    assert found(folder).replay.size == len(other.entries)


@pytest.mark.parametrize("seen", [False, True])
def test_a_gateway_that_shows_each_reader_another_past_is_found(folder: Path, seen: bool) -> None:  # noqa: FBT001 - a table's column
    """The restarted shard, which witnesses sign, says what may be shown of the one before: nobody is shown another."""
    forged, server = resumed(), shards_of(resumed())
    forged["released"]["state"] = "other"
    alone = shards_of(forged)
    if seen:
        alone.later = {}
        visit(folder, alone)
    alone.later = server.later
    with pytest.raises(PasserelleError) as caught:
        visit(folder, alone, PINNED)
    assert (caught.value.code, caught.value.__notes__) == ("hand-over-broken", ["shards/2/"])


def test_a_pinned_restart_has_to_be_there(folder: Path) -> None:
    """A gateway that leaves out the shard that it was pinned with shows an old journal for the newest."""
    server = shards_of(resumed())
    server.later.clear()
    with pytest.raises(PasserelleError) as caught:
        visit(folder, server, PINNED)
    assert (caught.value.code, caught.value.__notes__) == ("shard-missing", ["shards/2/checkpoint"])


def test_the_first_shard_alone_leads_nowhere_else(folder: Path) -> None:
    """A gateway that was never restored is asked for no shard that is not there."""
    server = shards_of(lived())
    visit(folder, server, Pins(first_shard(journal_keys().vkeys)))
    assert [path for path in server.asked if path.startswith("shards/")] == ["shards/2/checkpoint"]
    assert len(legs(lived().entries)) == 1
