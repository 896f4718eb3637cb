"""The partner's database: whole transactions or none, in order, private, and honest when it cannot be used."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from adapters.store import store as store_module
from adapters.store.migrate import migrate
from adapters.store.records import Alarm, Content, Receipt, Received, Referral, Shipment
from adapters.store.store import Store, StoreError, connect
from adapters.store.tables import Row
from consent.envelope import ReferralHeader
from keys.documents import validate
from tests.envelopes import referral_members
from tests.invented import AT, ENVELOPE_ID, LINE, REF

SECOND = timedelta(seconds=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database that was just made."""
    migrate(tmp_path / "data" / "adapter.sqlite")
    return tmp_path / "data" / "adapter.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """The same, open."""
    opened = Store.open(path)
    yield opened
    opened.close()


def referral(**changes: object) -> Referral:
    """A referral that came from the 211 line."""
    header = validate(ReferralHeader, referral_members() | changes)
    return Referral(header.ref, "received", LINE, header, AT, status="requested")


def shipment(item: str, lane: str = "lane", *, after: str | None = None, due: timedelta = SECOND * 0) -> Shipment:
    """Something to send."""
    return Shipment(item, "envelope", lane, item.encode(), AT + due, after=after)


def ship(store: Store, *shipments: Shipment) -> None:
    """Put things in the outbox."""
    with store.transaction() as tx:
        for each in shipments:
            tx.traffic.ship(each)


def next_item(store: Store, due: timedelta = SECOND * 0) -> str | None:
    """What would be sent now."""
    with store.transaction() as tx:
        found = tx.traffic.next_due(AT + due)
    return found.item if found else None


def test_the_migrations_make_exactly_the_tables(path: Path) -> None:
    """The history of migrations and the tables of the code say the same; doing it again changes nothing."""
    migrate(path)
    with connect(path).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Row.metadata) == []


def test_the_file_is_private_and_written_through(path: Path, store: Store) -> None:
    """Mode 0600 for the database and its log; an answer given is on the disk; broken references are refused."""
    ship(store, shipment("a"))
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    names = ("journal_mode", "synchronous", "foreign_keys")
    with connect(path).connect() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize(
    ("spoil", "slug"),
    [
        (lambda path: path.chmod(0o640), "store-readable-by-others"),
        (lambda path: path.unlink(), "store-missing"),
        (lambda path: path.write_bytes(b""), "store-not-migrated"),
        (lambda path: path.write_bytes(b"not a database at all" * 100), "store-damaged"),
    ],
)
def test_a_database_that_cannot_be_used_is_not_opened(tmp_path: Path, spoil: object, slug: str) -> None:
    """Readable by others, absent, never migrated or damaged: the reason is told, and nothing is made in passing."""
    path = tmp_path / "adapter.sqlite"
    migrate(path)
    for extra in ("-wal", "-shm"):
        Path(f"{path}{extra}").unlink(missing_ok=True)
    assert callable(spoil)
    spoil(path)
    with pytest.raises(StoreError, match=slug):
        Store.open(path)


def test_another_version_is_not_opened(path: Path) -> None:
    """A database of a later program is left alone."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="store-not-migrated"):
        Store.open(path)


def test_a_transaction_happens_whole_or_not_at_all(store: Store) -> None:
    """An exception anywhere in it undoes everything that was done before."""
    with contextlib.suppress(ZeroDivisionError), store.transaction() as tx:
        tx.dossiers.add(referral())
        tx.traffic.ship(shipment("a"))
        raise ZeroDivisionError
    with store.transaction() as tx:
        assert tx.dossiers.all() == []
        assert tx.traffic.waiting() == []


def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    """What was committed stays, what does not fit is undone as a whole, and both work again once there is room."""
    ship(store, shipment("kept"))
    with store.transaction() as tx:
        pages = tx.session.connection().exec_driver_sql("PRAGMA page_count").scalar()
        tx.session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="store-full"):
        ship(store, replace(shipment("large"), body=b"x" * 1_000_000))
    with store.transaction() as tx:
        tx.session.connection().exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert [item.item for item in tx.traffic.waiting()] == ["kept"]
    ship(store, replace(shipment("large"), body=b"x" * 1_000_000))


def test_a_locked_database_is_told(path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that another program holds ends with store-busy, and works again once it is free."""
    monkeypatch.setattr(store_module, "BUSY_MILLISECONDS", 50)
    impatient = Store.open(path)
    with store.transaction(), pytest.raises(StoreError, match="store-busy"), impatient.transaction():
        pytest.fail("two writers at once")
    with impatient.transaction() as tx:
        assert tx.traffic.waiting() == []
    impatient.close()


def test_the_outbox_keeps_the_order_of_each_lane(store: Store) -> None:
    """Nothing overtakes what waits before it in its lane; other lanes go on."""
    ship(store, shipment("a1", "a", due=SECOND), shipment("a2", "a"), shipment("b1", "b"))
    assert next_item(store) == "b1"
    with store.transaction() as tx:
        tx.traffic.settle("b1", "done")
    assert next_item(store) is None
    assert next_item(store, SECOND) == "a1"
    with store.transaction() as tx:
        tx.traffic.settle("a1", "refused", problem="x")
    assert next_item(store) == "a2"


def test_the_outbox_waits_for_what_something_rests_on(store: Store) -> None:
    """A referral leaves once its consent statement was answered, whichever way; never before."""
    ship(
        store,
        shipment("cs@1", "cs", due=SECOND),
        shipment("env", "ref", after="cs@1"),
        shipment("x", "y", after="gone"),
    )
    assert next_item(store) == "x"
    with store.transaction() as tx:
        tx.traffic.settle("x", "done")
    assert next_item(store) is None
    with store.transaction() as tx:
        tx.traffic.settle("cs@1", "done")
    assert next_item(store) == "env"


def test_what_is_in_the_outbox_is_never_put_there_twice(store: Store) -> None:
    """The same item keeps its bytes and its place; once answered, putting it there again sends it again."""
    ship(store, shipment("a"), replace(shipment("a"), body=b"other"))
    with store.transaction() as tx:
        [waiting] = tx.traffic.waiting()
        tx.traffic.settle("a", "done")
    assert waiting.body == b"a"
    assert next_item(store) is None
    ship(store, shipment("a"))
    assert next_item(store) == "a"


def test_a_sequence_number_is_given_once(store: Store) -> None:
    """Threads that ask at the same time get different numbers, from 0 on."""
    given: list[int] = []

    def ask() -> None:
        for _ in range(5):
            with store.transaction() as tx:
                given.append(tx.dossiers.next_seq(REF))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(20))


def test_a_referral_and_what_it_says_are_kept(store: Store) -> None:
    """Header, moments and sections come back as they were given."""
    kept = replace(referral(), deposited_at=AT, respond_by=AT + SECOND, answer_by=AT + SECOND)
    said = {"identity": {"alias": "Canari"}}
    with store.transaction() as tx:
        tx.dossiers.add(kept)
        tx.dossiers.add_content(Content(ENVELOPE_ID, REF, LINE, AT, {"identity": {"alias": "Canari"}}))
    with store.transaction() as tx:
        assert tx.dossiers.find(REF) == kept
        assert [content.sections for content in tx.dossiers.contents(REF)] == [said]
        assert tx.dossiers.matching("ref_a") == [REF]
        assert tx.dossiers.matching("ref_%") == []


def test_a_leased_envelope_is_kept_once(store: Store) -> None:
    """Its bytes, receipt and signed answer come back exactly."""
    received = Received(ENVELOPE_ID, "ab" * 32, AT, "refused", "key", b"wire", b"receipt", b"ack")
    with store.transaction() as tx:
        tx.traffic.receive(received)
    with store.transaction() as tx:
        assert tx.traffic.received(ENVELOPE_ID) == received
        assert tx.traffic.received("env_" + "x" * 26) is None


def test_an_alarm_is_kept_once_and_a_cursor_never_goes_back(store: Store) -> None:
    """The same alarm about the same thing is one; reading a stream from an old page loses no place."""
    for _ in range(2):
        with store.transaction() as tx:
            tx.traffic.raise_alarm(Alarm(AT, "step-not-legal", ENVELOPE_ID))
            tx.traffic.move_cursor("events", 7)
            tx.traffic.move_cursor("events", 3)
    with store.transaction() as tx:
        assert tx.traffic.alarms() == [Alarm(AT, "step-not-legal", ENVELOPE_ID, number=1)]
        assert (tx.traffic.cursor("events"), tx.traffic.cursor("other")) == (7, 0)


def test_a_settled_shipment_keeps_its_receipt(path: Path, store: Store) -> None:
    """The broker's receipt is evidence; its bytes stay with what they are for."""
    ship(store, shipment("a"))
    with store.transaction() as tx:
        tx.traffic.settle("a", "done", receipt=Receipt(b"receipt bytes", AT, 3))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT state, receipt FROM outbox").fetchall() == [("done", b"receipt bytes")]
    connection.close()


def test_what_was_answered_gives_way_to_what_is_given_anew(store: Store) -> None:
    """A second document of the same name after a refusal: its own bytes leave, behind what it says it waits for."""
    ship(store, shipment("a"), shipment("b", "b", due=SECOND))
    with store.transaction() as tx:
        tx.traffic.settle("a", "refused", problem="x")
        tx.traffic.ship(replace(shipment("a", after="b"), body=b"anew"))
        found = tx.traffic.shipment("a")
    assert found is not None
    assert (found.state, found.body, found.after, found.problem) == ("pending", b"anew", "b", None)
    assert next_item(store) is None


def test_an_end_is_kept_only_of_what_may_come_to_it(store: Store) -> None:
    """What was dropped is not refused later; what the broker took stays taken, and is not dropped; the gone is gone."""
    ship(store, shipment("dropped", "a"), shipment("done", "b"))
    with store.transaction() as tx:
        assert tx.traffic.settle("dropped", "dropped", problem="x")
        assert not tx.traffic.settle("dropped", "refused", problem="y")
        tx.traffic.postpone(shipment("dropped"), AT + SECOND, "y")
        assert tx.traffic.settle("done", "done")
        assert not tx.traffic.settle("done", "refused", problem="y")
        assert not tx.traffic.settle("done", "dropped", problem="y")
        assert not tx.traffic.settle("gone", "done")
        tx.traffic.postpone(shipment("gone"), AT + SECOND, "y")
        tx.traffic.rewrite("gone", b"")
        [dropped] = tx.traffic.settled("dropped")
        assert (dropped.problem, dropped.next_try) == ("x", AT)
        assert tx.traffic.settle("dropped", "done")
        assert [item.item for item in tx.traffic.settled("done")] == ["dropped", "done"]
