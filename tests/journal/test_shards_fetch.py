"""A mirror follows a journal from shard to shard, and takes none to which the journal does not lead."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.bundle import Bundle
from journal.enriching import Enriched, Openings, enrich
from journal.entries import Opening
from journal.growing import Grown
from journal.mirror import Mirror
from journal.republishing import ContradictedError
from journal.shards import CLOSED, HAND_OVER
from keys.errors import ForgedError, PasserelleError
from tests.builders import BROKER, LINE
from tests.journal.auditing import found
from tests.journal.forged_shards import entries_after, hidden, other_keys, other_past, unannounced
from tests.journal.gateways import LostError, kept, shards_of, visit
from tests.journal.ledgers import START, Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.relays import legs, shard_keys
from tests.journal.serials import cut, shard_note


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the mirror is kept."""
    return tmp_path / "mirror"


def until(ledger: Ledger, name: str) -> Ledger:
    """The ledger as it was before the entry of this name."""
    del ledger.entries[ledger.index(name) :]
    return ledger


def verified(folder: Path) -> int:
    """How many entries of a mirror hold, through all its shards."""
    found = verify_bundle(Question(folder, journal_keys().vkeys))
    assert found.holds
    assert found.contradictions == ()
    assert found.published is not None
    return found.replay.size


def test_one_visit_follows_several_hand_overs(folder: Path) -> None:
    """Whoever comes once a year finds every shard since."""
    ledger = cut()
    grown = visit(folder, shards_of(ledger))
    assert (grown.before, grown.size, len(grown.shards)) == (None, len(ledger.entries), 4)
    assert [each.shard for each in grown.shards] == [each.shard for each in legs(ledger.entries)]
    assert verified(folder) == len(ledger.entries)


@pytest.mark.parametrize("name", ["closed 1", "accepted", "closed 2", "message released", "closed 3", "withdrawn"])
def test_a_mirror_goes_on_where_it_stopped(folder: Path, name: str) -> None:
    """In whatever shard the last visit ended, the next one brings the rest."""
    shorter = until(cut(), name)
    before = visit(folder, shards_of(shorter))
    assert verified(folder) == before.size == len(shorter.entries)
    grown = visit(folder, shards_of(cut()))
    assert (grown.before, grown.size) == (before.size, len(cut().entries))
    assert verified(folder) == len(cut().entries)


def test_a_visit_that_finds_nothing_new_brings_nothing(folder: Path) -> None:
    """Closed shards stay as they are."""
    server = shards_of(cut())
    visit(folder, server)
    before = kept(folder)
    grown = visit(folder, server)
    assert (grown.before, grown.tiles, grown.checkpoints) == (grown.size, 0, 0)
    assert kept(folder) == before


@pytest.mark.parametrize("answers", range(0, 20, 2))
def test_an_interrupted_visit_leaves_what_was_there(folder: Path, answers: int) -> None:
    """Checkpoints are kept once every shard is there, so that no mirror ends at a hand-over."""
    shorter = until(cut(), "message released")
    visit(folder, shards_of(shorter))
    server = shards_of(cut())
    server.fails_at = answers
    with pytest.raises(LostError):
        visit(folder, server)
    assert verified(folder) == len(shorter.entries)
    visit(folder, shards_of(cut()))
    assert verified(folder) == len(cut().entries)


@pytest.mark.parametrize(
    ("forged", "slug"),
    [
        (other_keys, "signature-missing"),
        (other_past, "hand-over-broken"),
        (unannounced, "restart-not-pinned"),
        (entries_after, "restart-not-pinned"),
        (hidden, "hand-over-broken"),
    ],
)
def test_a_hand_over_that_was_forged_is_not_followed(folder: Path, forged: Callable[[], Ledger], slug: str) -> None:
    """Nothing of such a shard is kept as if it were true, and what was there stays."""
    shorter = until(cut(), "closed 1")
    visit(folder, shards_of(shorter))
    with pytest.raises(PasserelleError) as caught:
        visit(folder, shards_of(forged()))
    assert caught.value.code == slug
    assert verified(folder) == len(shorter.entries)


def test_a_shard_that_was_left_out_is_missed(folder: Path) -> None:
    """A gateway that shows a closed shard shows the next one."""
    server = shards_of(cut())
    del server.later[3]
    with pytest.raises(PasserelleError) as caught:
        visit(folder, server)
    assert (caught.value.code, caught.value.__notes__) == ("shard-missing", ["shards/3/checkpoint"])


def test_a_closed_shard_does_not_grow(folder: Path) -> None:
    """Whoever kept the end of a shard is not shown more of it."""
    visit(folder, shards_of(cut()))
    longer = entries_after()
    server = shards_of(cut())
    first = shards_of(longer)
    first.later = server.later
    with pytest.raises(ForgedError, match="hand-over-broken"):
        visit(folder, first)
    assert verified(folder) == len(cut().entries)


def test_nothing_is_published_after_the_last_checkpoint_of_a_shard(folder: Path) -> None:
    """Nor in its archive."""
    server, longer = shards_of(cut()), entries_after()
    size = legs(longer.entries)[0].held
    server.published.append((size, START + timedelta(seconds=size), shard_note(longer, 1, size)))
    server.answers["checkpoint"] = shard_note(cut(), 1, size - 1)
    with pytest.raises(ForgedError, match="hand-over-broken"):
        visit(folder, server)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_another_past_of_any_shard_is_found(folder: Path, number: int) -> None:
    """A mirror remembers every shard, also those that are closed."""
    visit(folder, shards_of(cut()))
    other = cut()
    name = {1: "client " + LINE, 2: "accepted", 4: "completes"}[number]
    other[name]["state"] = "other"
    with pytest.raises(ContradictedError) as caught:
        visit(folder, shards_of(other))
    assert caught.value.found.first.checkpoint.origin == shard_keys(number).origin
    assert verified(folder) == len(cut().entries)


def add(folder: Path, grown: Grown, openings: list[Openings], bundles: list[Bundle]) -> Enriched:
    """Add to the mirror."""
    mirror = Mirror.make(folder)
    try:
        return enrich(mirror, grown.shards, openings, bundles)
    finally:
        mirror.close()


def test_openings_are_added_to_the_shard_of_their_entry(folder: Path, tmp_path: Path) -> None:
    """A partner exports what it has of the whole journal; it does not have to know of shards."""
    ledger = cut()
    grown = visit(folder, shards_of(ledger))
    openings = ledger.openings()
    stray = (len(ledger.entries) + 5, Opening(b"{}", bytes(32)))
    assert add(folder, grown, [[*openings[::2], stray]], []) == Enriched(len(openings[::2]), 0, 1)
    with Bundle.open(ledger.bundle(tmp_path)) as bundle:
        done = add(folder, grown, [], [bundle])
    assert done == Enriched(len(openings[1::2]), len(ledger.agreements) + len(ledger.statements), 0)
    assert found(folder).verdict == "verified"
    longer = cut().rotate()
    again = visit(folder, shards_of(longer))
    assert add(folder, again, [longer.openings()], []) == Enriched(len(longer.openings()) - len(openings), 0, 0)
    assert found(folder).verdict == "verified"


def test_a_mirror_holds_what_a_bundle_holds(folder: Path, tmp_path: Path) -> None:
    """The same files under the same names, but for the documents, which no gateway shows to everybody."""
    ledger = cut()
    visit(folder, shards_of(ledger))
    names = {name for name in kept(folder) if not name.startswith(".")}
    with zipfile.ZipFile(ledger.bundle(tmp_path)) as archive:
        packed = {name for name in archive.namelist() if not name.startswith(("agreements/", "statements/"))}
    assert names == packed


def test_a_journal_that_was_just_closed_is_not_shown_so(folder: Path) -> None:
    """The closing entry alone leads to a shard that has to be there."""
    with pytest.raises(PasserelleError) as caught:
        visit(folder, shards_of(lived().add("closed", HAND_OVER, BROKER, state=CLOSED)))
    assert caught.value.code == "shard-missing"
    assert "checkpoint" not in kept(folder)


def test_a_shard_that_is_closed_during_a_visit_is_followed_by_the_next(folder: Path) -> None:
    """A first visit may take long: what was not closed when it began is no alarm when it ends."""
    ledger = cut()
    server = shards_of(ledger)
    early = shard_note(ledger, 1, 20)

    def answering(path: str, limit: int) -> bytes | None:
        data = server(path, limit)
        return early if path == "checkpoint" and server.asked.count(path) == 1 else data

    grown = visit(folder, answering)
    assert (grown.size, len(grown.shards)) == (20, 1)
    assert visit(folder, server).size == verified(folder) == len(ledger.entries)
