"""A locked database and a full disk: 503 with a delay, nothing lost, and everything works again afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import PoolProxiedConnection, event

from gateway.store import engines
from gateway.store.store import Store, StoreUnavailableError
from tests.databases import Server, held
from tests.gateway.first_day import make_database
from tests.gateway.world import World, envelope_id, refusal_of


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[World]:
    """A world whose database is a file of SQLite."""
    url = f"sqlite:///{tmp_path / 'gateway.sqlite3'}"
    make_database(url)
    store = Store(url)
    yield World(store)
    store.close()


@pytest.fixture
def at_server(server: Server) -> Iterator[World]:
    """A world whose database is at a PostgreSQL server."""
    name = server.create()
    make_database(server.url(name))
    store = Store(server.url(name))
    yield World(store)
    store.close()
    server.drop(name)


@contextmanager
def _full(world: World) -> Iterator[None]:
    """A disk without room: the database may not grow by one page, as SQLite itself sees to."""
    _limit(world, "(SELECT page_count FROM pragma_page_count)")
    try:
        yield
    finally:
        _limit(world, "1000000")


def _limit(world: World, pages: str) -> None:
    with world.broker.store.transaction() as tx:
        count = tx.connection.exec_driver_sql(f"SELECT {pages}").scalar()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {count}")


@contextmanager
def _raising(world: World, state: str) -> Iterator[None]:
    """A server that answers every new leaf of the journal with an error of this state."""
    function = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
    )
    trigger = "CREATE TRIGGER refusing BEFORE INSERT ON journal_leaf FOR EACH ROW EXECUTE FUNCTION refuse()"
    for statement in (function, trigger):
        world.act(lambda tx, _, statement=statement: tx.connection.exec_driver_sql(statement))
    yield
    world.act(lambda tx, _: tx.connection.exec_driver_sql("DROP FUNCTION refuse CASCADE"))


def test_a_locked_database_is_503_and_the_same_call_passes_later(world: World) -> None:
    """While another program holds the lock every write is refused with a delay; then the same bytes pass."""
    world.line.register()
    wire = world.referral()
    world.line.token()
    with held(world.broker.store):
        answer = world.line.deposit(wire)
        assert refusal_of(answer) == (503, "storage-busy")
        assert int(answer.headers["retry-after"]) > 0
        if not engines.is_postgresql(world.broker.store.engine):
            assert world.client.get("/v1/journal/checkpoint").status_code == 200
    assert world.line.deposit(wire).status_code == 201
    assert world.types() == ["consent.registered", "envelope.accepted"]


def test_a_full_disk_is_503_and_nothing_is_lost(in_file: World) -> None:
    """When the disk is full deposits are refused whole; what was there stays, and room makes them pass."""
    world = in_file
    world.line.register()
    before = world.entries()
    wire = world.referral()
    with _full(world):
        answers = [world.line.deposit(wire) for _ in range(3)]
        assert {refusal_of(answer) for answer in answers} == {(503, "storage-full")}
        assert all(answer.headers["retry-after"] for answer in answers)
        assert world.entries() == before
    assert world.line.deposit(wire).status_code == 201
    assert [entry.type for entry in world.entries()[len(before) :]] == ["envelope.accepted"]


def test_an_outage_stops_the_whole_group_and_says_so_to_each(world: World) -> None:
    """Everyone who shared the commit that failed is told the same, and none of them was served."""
    size = len(world.entries())
    with held(world.broker.store), pytest.raises(StoreUnavailableError) as refused:
        world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    assert refused.value.code == "storage-busy"
    assert len(world.entries()) == size
    assert engines.BUSY_MILLISECONDS <= 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "slug"),
    [
        ("53100", "storage-full"),  # disk_full
        ("53200", "storage-busy"),  # out_of_memory
        ("55P03", "storage-busy"),  # lock_not_available
        ("40P01", "storage-busy"),  # deadlock_detected
        ("25006", "storage-busy"),  # read_only_sql_transaction: what was the primary is a copy now
        ("42501", "database-forbidden"),  # insufficient_privilege
    ],
)
def test_what_a_server_cannot_do_is_503_and_nothing_is_lost(at_server: World, state: str, slug: str) -> None:
    """Full, busy, read-only or closed to this role: the whole deposit is undone, and passes once that is over."""
    world = at_server
    world.line.register()
    before = world.entries()
    wire = world.referral()
    with _raising(world, state):
        answer = world.line.deposit(wire)
        assert refusal_of(answer) == (503, slug)
        assert answer.headers["retry-after"]
        assert world.entries() == before
    assert world.line.deposit(wire).status_code == 201
    assert [entry.type for entry in world.entries()[len(before) :]] == ["envelope.accepted"]


@pytest.mark.slow
def test_a_connection_that_is_cut_is_made_again(at_server: World) -> None:
    """Cut between two calls or in the middle of a commit: at most a 503, then the same bytes have one effect."""
    world = at_server
    world.line.register()
    wire = world.referral()
    _cut(world)
    answers = [world.line.deposit(wire).status_code for _ in range(3)]
    assert answers in ([201, 200, 200], [503, 201, 200])
    message = world.message({"/id": envelope_id(1)})
    with _cutting_at_flush(world):
        assert refusal_of(world.line.deposit(message)) == (503, "storage-busy")
    assert world.types() == ["consent.registered", "envelope.accepted"]
    assert [world.line.deposit(message).status_code for _ in range(2)] == [201, 200]
    assert world.types() == ["consent.registered", "envelope.accepted", "envelope.accepted"]


@pytest.mark.slow
def test_a_commit_whose_answer_is_lost_has_one_effect(at_server: World) -> None:
    """The server kept it and died before it said so: 503, and the same bytes get the receipt that was kept."""
    world = at_server
    world.line.register()
    wire = world.referral()
    world.line.token()
    with _losing_the_answer(world):
        assert refusal_of(world.line.deposit(wire)) == (503, "storage-busy")
    again = [world.line.deposit(wire) for _ in range(2)]
    assert [answer.status_code for answer in again] == [200, 200]
    assert again[0].content == again[1].content
    assert world.types() == ["consent.registered", "envelope.accepted"]


@pytest.mark.slow
def test_a_server_that_restarts_is_waited_for(tmp_path: Path, own_server: Server) -> None:
    """Stopped: 503 and `/readyz` says so; started again: the same call passes, without a restart of the broker."""
    name = own_server.create()
    make_database(own_server.url(name))
    store = Store(own_server.url(name))
    world = World(store)
    try:
        world.line.register()
        wire = world.referral()
        with own_server.stopped():
            assert refusal_of(world.line.deposit(wire)) == (503, "storage-busy")
            assert world.client.get("/readyz").status_code == 503
        answers = [world.line.deposit(wire).status_code for _ in range(3)]
        assert answers in ([201, 200, 200], [503, 201, 200])
        assert world.types() == ["consent.registered", "envelope.accepted"]
    finally:
        store.close()


@contextmanager
def _losing_the_answer(world: World) -> Iterator[None]:
    """The connection ends after the server has committed, before it has said so."""
    dialect = world.broker.store.engine.dialect
    commit = dialect.do_commit

    def committed(dbapi_connection: PoolProxiedConnection) -> None:
        commit(dbapi_connection)
        dbapi_connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")

    dialect.do_commit = committed  # type: ignore[method-assign]  # the driver itself cannot lose an answer
    try:
        yield
    finally:
        del dialect.do_commit  # what was laid over the method


def _cut(world: World) -> None:
    """End every connection of the broker but the one that does it."""
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with world.broker.store.connected() as connection:
        connection.exec_driver_sql(end)


@contextmanager
def _cutting_at_flush(world: World) -> Iterator[None]:
    """The connection is cut when everything was written and nothing was committed."""
    engine = world.broker.store.engine

    def cut(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE journal_head"):
            _cut(world)

    event.listen(engine, "before_cursor_execute", cut)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", cut)
