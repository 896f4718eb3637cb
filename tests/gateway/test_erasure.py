"""What is erased is gone for good, whole or not at all; the journal says so, and every proof stays valid."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.erasure import Order, erasable
from gateway.sequencer.published import tree
from gateway.store.store import Store
from gateway.store.transaction import Transaction
from gateway.timers import tick
from journal.bundle import Bundle
from journal.entries import MAX_ENTRY
from journal.erasures import read_erasure
from journal.notes import parse_note
from journal.proofs import prove
from keys import strictjson
from keys.documents import from_b64url
from keys.errors import MalformedError, PasserelleError
from tests.builders import LINE, SHELTER, STATEMENT_ID, Json
from tests.gateway.erasing import (
    LAST_DAY,
    REQUEST,
    erased,
    evidence_over,
    exported,
    killed_while_erasing,
    openings,
    over,
    refusal_to_erase,
)
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.operator import Operator
from tests.gateway.world import World, refusal_of

VKEYS = broker_keys().signer(1).vkeys
BY_LAW = Order("court", "court-order", by_law=True)


def _shown(world: World, address: str) -> set[int]:
    page = world.partners[address].get("/v1/journal/openings").json()
    return {item["index"] for item in page["openings"]}


def test_the_whole_group_of_a_consent_goes_and_nothing_else(world: World) -> None:
    """Its versions, refusals, envelopes, steps and answers; of other entries every opening stays."""
    group = over(world)
    kept = {index for index in openings(world) if index not in group}
    evidence_over(world)
    assert list(erasable(world.broker.store, STATEMENT_ID, REQUEST, world.clock()).indices) == group
    assert list(erased(world)) == group
    left = openings(world)
    assert set(left) - {max(left)} == kept
    with world.broker.store.reading() as tx:
        for forbidden in (b"cs_", b"ref_", b"env_"):
            assert not any(forbidden in opening.entry for _, opening in tx.journal.openings(tx.journal.head().size))


def test_the_journal_says_what_was_erased_and_by_whom(world: World) -> None:
    """One entry of the broker, with ranges, the codes of who ordered it and why; no reference of the consent."""
    group = over(world)
    evidence_over(world)
    erased(world)
    with world.broker.store.reading() as tx:
        last = tx.journal.head().size - 1
        entry = tx.journal.opening(last).entry
    erasure = read_erasure(from_b64url(str(_json(entry)["document"])))
    assert (erasure.by, erasure.ground) == ("operator", "request")
    assert [index for first, end in erasure.ranges for index in range(first, end + 1)] == group
    assert (_json(entry)["type"], _json(entry)["actor"]) == ("erasure", SETTINGS.address)
    assert STATEMENT_ID.encode() not in entry


def test_nobody_is_shown_what_was_erased_and_the_audit_tells_how_much(world: World, tmp_path: Path) -> None:
    """Neither the parties nor an export; the bundle verifies, and counts the erased entries apart."""
    group = over(world)
    before = exported(world, tmp_path / "before.zip")
    assert (before.holds, before.complete) == (True, True)
    erased(world, BY_LAW)
    assert not _shown(world, LINE) & set(group)
    assert not _shown(world, SHELTER) & set(group)
    after = exported(world, tmp_path / "after.zip")
    assert (after.holds, after.counted.erased, after.counted.unread) == (True, len(group), 0)
    with Bundle.open(tmp_path / "after.zip") as bundle:
        assert not {index for index, _ in bundle.openings()} & set(group)


def test_what_was_delivered_before_still_opens_its_leaf(world: World) -> None:
    """A party that kept its opening can prove it from the public tiles; the broker no longer knows whose it was."""
    group = over(world)
    world.integrate()
    with world.broker.store.reading() as tx:
        leaves = tx.journal.leaves(0, tx.journal.head().size)
    erased(world, BY_LAW)
    world.integrate()
    assert refusal_of(world.line.get(f"/v1/journal/proof/{group[0]}")) == (404, "entry-unknown")
    note = world.client.get("/v1/journal/checkpoint").content
    with world.broker.store.reading() as tx:
        proof = prove(group[0], note, tree(tx, 1, len(leaves) + 1, parse_note(note).checkpoint.root))
    assert proof.verify(leaves[group[0]], VKEYS).checkpoint.size == len(leaves) + 1


def test_an_erased_opening_never_comes_back(world: World, tmp_path: Path) -> None:
    """Whatever the broker does afterwards: timers, publishing, withdrawals and exports."""
    group = set(over(world))
    erased(world, BY_LAW)
    world.line.withdraw()
    tick(world.broker)
    world.integrate()
    assert erased(world, BY_LAW) == ()
    exported(world, tmp_path / "journal.zip")
    assert not group & set(openings(world))
    types = [_json(entry)["type"] for entry in openings(world).values()]
    assert types.count("erasure") == 1


def test_a_consent_in_force_is_not_erased(world: World) -> None:
    """Its evidence is in use, whoever orders it; and so is that of a referral that is open."""
    world.picked_up()
    assert refusal_to_erase(world, BY_LAW) == "erasure-consent-in-force"
    assert world.shelter.deposit(world.event("T08", 1)).status_code == 201
    assert world.line.withdraw().status_code == 201
    assert refusal_to_erase(world, BY_LAW) == "erasure-referral-open"


def test_evidence_is_kept_as_long_as_the_agreement_says(world: World) -> None:
    """To the day after the last entry; a court or an authority does not wait."""
    over(world)
    assert refusal_to_erase(world) == "erasure-too-early"
    world.clock.move(days=LAST_DAY, seconds=-1)
    assert refusal_to_erase(world) == "erasure-too-early"
    world.clock.move(seconds=1)
    assert erased(world) != ()


def test_a_court_does_not_wait(world: World) -> None:
    """By its order the evidence goes before its time."""
    group = over(world)
    assert list(erased(world, BY_LAW)) == group


def test_an_unknown_consent_is_not_erased(world: World) -> None:
    """A slip of the keyboard erases nothing; codes are codes."""
    over(world)
    assert refusal_to_erase(world, BY_LAW, "cs_" + "2" * 26) == "statement-unknown"
    assert refusal_to_erase(world, BY_LAW, "") == "statement-unknown"
    for wrong in ("", "Jean Personne-Fictive", "x" * 65, "é"):
        with pytest.raises(MalformedError):
            Order(wrong, "request")
        with pytest.raises(MalformedError):
            Order("operator", wrong)


def test_what_comes_late_is_erased_later(world: World) -> None:
    """An answer to the end of the consent, given after the erasure, is a group of its own."""
    group = over(world)
    erased(world, BY_LAW)
    world.act(
        lambda tx, at: tx.journal.append(
            at,
            **{"type": "consent.answered", "actor": SHELTER, "from": SHELTER, "to": LINE, "statement": STATEMENT_ID},
        )
    )
    with world.broker.store.reading() as tx:
        late = tx.journal.head().size - 1
    assert erased(world, BY_LAW) == (late,)
    assert not set(group) & set(openings(world))


def test_what_is_journalled_while_it_is_looked_for_is_erased_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the reading of the journal and the lock a new entry comes: it is in the erasure."""
    group = over(world)
    found = Store.transaction
    add = {"type": "consent.answered", "actor": SHELTER, "from": SHELTER, "to": LINE, "statement": STATEMENT_ID}

    def slipping_in(store: Store) -> object:
        monkeypatch.setattr(Store, "transaction", found)
        with store.transaction() as tx:
            tx.journal.append(tx.journal.lock(world.clock()), **add)
        return found(store)

    monkeypatch.setattr(Store, "transaction", slipping_in)
    assert erased(world, BY_LAW) == (*group, group[-1] + 1)


def test_a_large_group_is_told_in_several_entries(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges that would not fit into one leaf are told by several, in the same transaction."""
    monkeypatch.setattr("gateway.erasure._RANGES", 2)
    over(world)

    def scattered(tx: Transaction, at: datetime) -> None:
        for number in range(10):
            statement = {"statement": STATEMENT_ID} if number % 2 else {}
            tx.journal.append(at, type="audit.read", actor=SETTINGS.address, **statement)

    world.act(scattered)
    indices = erased(world, BY_LAW)
    told = [_json(entry) for entry in openings(world).values() if _json(entry)["type"] == "erasure"]
    assert len(told) == 3
    ranges = [each for entry in told for each in read_erasure(from_b64url(str(entry["document"]))).ranges]
    assert tuple(index for first, last in ranges for index in range(first, last + 1)) == indices


def test_a_failure_in_the_middle_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the entry cannot be written, the openings are still there."""
    over(world)
    before = openings(world)

    def full(*_args: object, **_members: object) -> None:
        raise PasserelleError("storage-full")

    monkeypatch.setattr("gateway.store.journal.JournalTable.append", full)
    with pytest.raises(PasserelleError):
        erased(world, BY_LAW)
    assert openings(world) == before


def test_a_program_killed_in_the_middle_changes_nothing(world: World) -> None:
    """Killed between the removal and the entry: all is as it was, and the next erasure does it whole."""
    group = over(world)
    before = openings(world)
    evidence_over(world)
    url = world.broker.store.engine.url.render_as_string(hide_password=False)
    killed_while_erasing(url.replace("+psycopg", ""), world.clock())
    assert openings(world) == before
    assert list(erased(world)) == group


def test_the_operator_erases_by_a_command(world: World, tmp_path: Path) -> None:
    """It says why not, asks before it does, tells how many and what stays with others; then there is nothing."""
    group = over(world)
    operator = Operator(tmp_path)
    url = world.broker.store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    operator.write_settings(database=url)
    command = ("journal", "erase", "--statement", STATEMENT_ID, "--ground", "court-order", "--by", "court")
    assert "kept for longer" in operator.refused(*command, "--yes")
    unsure = operator(*command, "--ordered", typed="no\n")
    assert unsure.code == 130
    assert len(set(group) & set(openings(world))) == len(group)
    done = operator(*command, "--ordered", typed="yes\n")
    assert (done.code, f"{len(group)} entries" in done.out, "stays with them" in done.out) == (0, True, True)
    assert "Nothing is left" in operator.done(*command, "--ordered", "--yes")
    assert "knows no such consent" in operator.refused(
        "journal", "erase", "--statement", "cs_x", "--ground", "request", "--by", "operator", "--yes"
    )
    operator.refused("journal", "erase", "--statement", STATEMENT_ID, "--ground", "a reason", "--by", "x", "--yes")
    with world.broker.store.connected() as connection:
        assert connection.execute(text("SELECT count(*) FROM journal_leaf")).scalar_one() == group[-1] + 2


def test_a_party_goes_on_reading(world: World) -> None:
    """It asks from its cursor on as before: what is gone is passed over."""
    over(world)
    first = world.line.get("/v1/journal/openings").json()
    erased(world, BY_LAW)
    assert world.line.get(f"/v1/journal/openings?after={first['next']}").json()["openings"] == []
    again = world.line.get("/v1/journal/openings").json()["openings"]
    assert again == first["openings"][: len(again)]


def _json(entry: bytes) -> Json:
    return dict(strictjson.loads(entry, limit=MAX_ENTRY))
