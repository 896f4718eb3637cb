"""What each connection to PostgreSQL is given, and what several operators may do at the same moment."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPIDLE, TCP_USER_TIMEOUT, socket
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy import text

from gateway.audit_bundles import export_bundle
from gateway.founding import found_broker
from gateway.store import engines
from gateway.store.journal import NotInitialisedError
from gateway.store.migration import migrate, migrations, schema_state
from gateway.store.roles import Roles, grant_roles
from gateway.store.store import Store, StoreUnavailableError
from tests.builders import AT
from tests.databases import Server
from tests.gateway.doors import door
from tests.gateway.first_day import ORIGIN, SETTINGS, make_database
from tests.gateway.operator import PASSPHRASE
from tests.gateway.world import World

_LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """An empty database."""
    made = server.create()
    yield made
    server.drop(made)


@pytest.fixture
def store(server: Server, name: str) -> Iterator[Store]:
    """A broker's connection to it."""
    opened = Store(server.url(name))
    yield opened
    opened.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections whose server gives a statement, or a pause, a third of a second."""
    for limit in _LIMITS:
        monkeypatch.setitem(engines._SETTINGS, limit, 300)  # noqa: SLF001 - half a minute is too long for a test


def _at_once(*calls: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(len(calls))

    def begun(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(begun, call) for call in calls]]


def test_a_server_whose_machine_vanished_is_not_waited_for(server: Server, name: str) -> None:
    """Both ends notice within half a minute; TCP alone would wait for a quarter of an hour, or for two hours."""
    with door(server) as port:
        store = Store(f"postgresql://postgres@127.0.0.1:{port}/{name}")
        with store.connected() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            with socket(fileno=raw.pgconn.socket) as line:
                assert line.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
                assert line.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE) <= 30
                assert 0 < line.getsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT) <= 30_000
                line.detach()
            assert connection.exec_driver_sql("SELECT current_setting('tcp_keepalives_idle')").scalar() is not None
        store.close()


def test_a_file_that_cannot_be_opened_is_not_told_as_a_server(tmp_path: Path) -> None:
    """SQLite has neither host nor password: its own failures keep their own words."""
    store = Store(f"sqlite:///{tmp_path / 'no-such-folder' / 'gateway.sqlite3'}")
    with pytest.raises(StoreUnavailableError) as refused, store.connected():
        pass
    assert refused.value.code == "storage-busy"
    store.close()


def test_what_is_answered_is_on_disk_whatever_others_prefer(server: Server, name: str) -> None:
    """A database that trades durability for speed, or another alphabet for ours, does not do so for a broker."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        connection.execute(f"ALTER DATABASE {name} SET client_encoding = 'LATIN1'")
    store = Store(server.url(name))
    with store.connected() as connection:
        shown = text("SELECT current_setting('synchronous_commit'), current_setting('client_encoding')")
        assert tuple(connection.execute(shown).one()) == ("on", "UTF8")
    store.close()


def test_a_primary_that_became_a_copy_is_left(server: Server, name: str) -> None:
    """After a failover the old server may still answer: the next try is on a new connection, not on the same."""
    make_database(server.url(name))
    store = Store(server.url(name))
    world = World(store)
    world.line.register()

    def backend() -> int:
        with store.transaction() as tx:
            return int(tx.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    before = backend()
    with pytest.raises(StoreUnavailableError), store.transaction() as tx:
        tx.connection.exec_driver_sql("SET TRANSACTION READ ONLY; UPDATE journal_head SET size = size")
    assert backend() != before
    store.close()


@pytest.mark.usefixtures("hasty")
def test_a_migration_takes_as_long_as_it_needs(store: Store) -> None:
    """A large database is not given up after half a minute: an upgrade that never ends would be none."""
    with store.connected() as connection:
        command.upgrade(migrations(connection), "0001")
        connection.exec_driver_sql(
            "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); END $$"
        )
        connection.exec_driver_sql(
            "CREATE EVENT TRIGGER slowly ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION slow()"
        )
    migrate(store)
    assert schema_state(store) == "current"
    with pytest.raises(StoreUnavailableError), store.connected() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(0.6)")


class _SlowFile(io.BytesIO):
    """A file on a slow disk."""

    def write(self, data: Any) -> int:  # noqa: ANN401 - a buffer
        """Take a while, once."""
        if self.tell() == 0:
            time.sleep(0.6)
        return super().write(data)


@pytest.mark.usefixtures("hasty")
def test_an_export_takes_as_long_as_it_needs(server: Server, name: str) -> None:
    """The one view of the journal that a bundle is written from is not ended by the limit on pauses."""
    make_database(server.url(name))
    store = Store(server.url(name))
    out = _SlowFile()
    checkpoint = export_bundle(World(store).broker, out, AT)
    assert checkpoint.size > 0
    assert out.getvalue()[:2] == b"PK"
    store.close()


def test_migrations_at_the_same_moment_wait_for_each_other(server: Server, name: str) -> None:
    """From nothing, and from the first release: whoever comes second finds nothing to do."""
    for first in (None, "0001"):
        database = name if first is None else server.create()
        stores = [Store(server.url(database)) for _ in range(3)]
        if first is not None:
            with stores[0].connected() as connection:
                command.upgrade(migrations(connection), first)
        _at_once(*(lambda store=store: migrate(store) for store in stores))
        assert {schema_state(store) for store in stores} == {"current"}
        for store in stores:
            store.close()
        if database != name:
            server.drop(database)


def test_of_two_beginnings_one_is_told_that_there_is_a_journal(server: Server, name: str, tmp_path: Path) -> None:
    """There is one journal, and the keystore of the other beginning is gone."""
    stores = [Store(server.url(name)) for _ in range(2)]

    def begin(number: int) -> str:
        keystore = tmp_path / f"keys-{number}"
        try:
            found_broker(SETTINGS, stores[number], keystore, PASSPHRASE, origin=ORIGIN, at=AT)
        except NotInitialisedError as error:
            return error.code
        return "done"

    assert sorted(_at_once(lambda: begin(0), lambda: begin(1))) == ["done", "journal-exists"]
    assert len(list(tmp_path.iterdir())) == 1
    for store in stores:
        store.close()


def test_a_journal_that_another_begins_at_this_moment_is_waited_for(server: Server, name: str) -> None:
    """There is no end of the journal to lock before there is a journal: the second still hears the right reason."""
    first, second = (Store(server.url(name)) for _ in range(2))
    migrate(first)
    begun = threading.Event()

    def begin() -> None:
        with first.transaction() as tx:
            tx.journal.create("laval", ORIGIN, AT)
            begun.set()
            time.sleep(0.4)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(begin)
        assert begun.wait(10)
        with pytest.raises(NotInitialisedError) as refused, second.transaction() as tx:
            tx.journal.create("laval", ORIGIN, AT)
        done.result()
    assert refused.value.code == "journal-exists"
    first.close()
    second.close()


def test_the_owner_of_the_tables_need_not_be_allowed_to_make_roles(server: Server, name: str) -> None:
    """Roles that somebody else made are brought up to date; what the public may do among our tables is nothing."""
    owner = f"{name}_owner"
    roles = Roles(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN")
        connection.execute(f"ALTER DATABASE {name} OWNER TO {owner}")
        for role in (roles.application, roles.eraser, roles.reader):
            connection.execute(f"CREATE ROLE {role}")
        connection.execute(f"CREATE ROLE {name}_reads LOGIN IN ROLE {roles.reader}")
    store = Store(server.url(name, owner))
    migrate(store)
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")  # as every server had it before version 15
    with store.connected() as connection:
        grant_roles(connection, roles)
    store.close()
    reader = Store(server.url(name, f"{name}_reads"))
    with pytest.raises(StoreUnavailableError) as refused, reader.connected() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (x integer)")
    assert refused.value.code == "database-forbidden"
    reader.close()
