"""What each role of a PostgreSQL database may do is kept by the database itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from gateway.erasure import Order, erase_consent
from gateway.store.migration import migrate
from gateway.store.openings import EMPTYING
from gateway.store.roles import Roles, grant_roles
from gateway.store.store import Store, StoreUnavailableError
from gateway.timers import tick
from tests.builders import STATEMENT_ID
from tests.databases import Server
from tests.gateway.erasing import over
from tests.gateway.first_day import SETTINGS, make_database
from tests.gateway.operator import Operator
from tests.gateway.rotating import rotated
from tests.gateway.test_contract_story import play_the_day
from tests.gateway.world import World

pytestmark = pytest.mark.slow

COLUMN = {
    "journal_cosignature": "line",
    "journal_copy": "at",
    "erased_statement": "id",
    "key_statement": "sha256",
    "journal_checkpoint": "note",
    "journal_party": "address",
}
FORBIDDEN = [
    "UPDATE {table} SET {column} = {column}",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "ALTER TABLE {table} ADD COLUMN x integer",
    "DROP TABLE {table}",
    "CREATE TRIGGER t BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
]
ADDED_TO = [
    *("journal_leaf", "journal_opening", "journal_party", "journal_checkpoint", "journal_cosignature"),
    *("key_statement", "erased_statement", "journal_copy"),
]


@contextmanager
def _placed(server: Server) -> Iterator[tuple[Server, str, Roles]]:
    name = server.create()
    make_database(server.url(name))
    roles = Roles(name)
    owner = Store(server.url(name))
    with owner.connected() as connection:
        grant_roles(connection, roles)
    owner.close()
    for role in (roles.application, roles.eraser, roles.reader):
        server.make_account(f"{role}_1", role)
    yield server, name, roles
    server.drop(name)


@pytest.fixture
def place(server: Server) -> Iterator[tuple[Server, str, Roles]]:
    """A server, a database of the first day, and its roles; each role has one account of the same name and `_1`."""
    with _placed(server) as placed:
        yield placed


@pytest.fixture
def also_as_application(server: Server) -> Iterator[World]:
    """Another broker of that kind, with a database of its own."""
    with _placed(server) as (_, name, roles):
        store = Store(server.url(name, f"{roles.application}_1"))
        yield World(store)
        store.close()


@pytest.fixture
def as_application(place: tuple[Server, str, Roles]) -> Iterator[World]:
    """A broker that signs in as a member of the application role."""
    server, name, roles = place
    store = Store(server.url(name, f"{roles.application}_1"))
    yield World(store)
    store.close()


def _forbidden(store: Store, statement: str) -> bool:
    try:
        with store.connected() as connection:
            connection.execute(text(statement))
    except StoreUnavailableError as error:
        return error.code == "database-forbidden"
    return False


def test_the_application_serves_the_whole_exchange(as_application: World, also_as_application: World) -> None:
    """Every success of the OpenAPI document, the timers and the sequencer need no more than this role has."""
    play_the_day(as_application, also_as_application)
    for world in (as_application, also_as_application):
        world.clock.move(days=400)
        tick(world.broker)
        world.integrate()
        assert world.types()[-1] == "agreement.ended"


@pytest.mark.parametrize("table", ADDED_TO)
def test_the_application_only_adds_to_the_journal(as_application: World, table: str) -> None:
    """To change, remove or empty what was written is refused by the database, and so is a new form of it."""
    store = as_application.broker.store
    column = COLUMN.get(table, "position")
    for statement in FORBIDDEN:
        assert _forbidden(store, statement.format(table=table, column=column)), statement
    for statement in ("DELETE FROM journal_head", "INSERT INTO instance VALUES (2, 'x', 'x', 'x')"):
        assert _forbidden(store, statement), statement
    assert not _forbidden(store, f"TABLE {table}")


def test_the_eraser_only_removes_openings(place: tuple[Server, str, Roles]) -> None:
    """One opening and its parties go; what they said cannot be read, and nothing else can be read or changed."""
    server, name, roles = place
    store = Store(server.url(name, f"{roles.eraser}_1"))
    for statement in (
        "SELECT entry FROM journal_opening",
        "UPDATE journal_opening SET position = position",
        "DELETE FROM journal_leaf",
        "SELECT address FROM journal_party",
        "INSERT INTO erased_statement VALUES ('x')",
        "SELECT * FROM envelope",
        "INSERT INTO journal_opening VALUES (999, '', '')",
    ):
        assert _forbidden(store, statement), statement
    with store.connected() as connection:
        first = connection.execute(text("SELECT min(position) FROM journal_opening")).scalar_one()
        gone = connection.execute(text("DELETE FROM journal_opening WHERE position = :first"), {"first": first})
        connection.execute(text("DELETE FROM journal_party WHERE position = :first"), {"first": first})
    assert gone.rowcount == 1
    store.close()


def test_what_serves_cannot_erase_and_the_erasing_account_can(
    place: tuple[Server, str, Roles], as_application: World
) -> None:
    """The account of `serve` is refused and nothing changes; one that is a member of both roles erases in one step."""
    server, name, roles = place
    group = over(as_application)
    order = Order("court", "court-order", by_law=True)
    at = as_application.clock()
    with pytest.raises(StoreUnavailableError) as refused:
        erase_consent(SETTINGS, as_application.broker.store, STATEMENT_ID, order, at)
    assert refused.value.code == "database-forbidden"
    assert as_application.entries()[-1].index == group[-1]
    account = f"{name}_erasing"
    server.make_account(account, roles.application, roles.eraser)
    store = Store(server.url(name, account))
    assert list(erase_consent(SETTINGS, store, STATEMENT_ID, order, at)) == group
    store.close()
    with as_application.broker.store.reading() as tx:
        assert tx.openings.there(group) == []


def test_erased_bytes_leave_the_files_by_what_the_operator_is_told_to_run(
    place: tuple[Server, str, Roles], as_application: World
) -> None:
    """A plain VACUUM leaves them there; the statement that the command shows does not."""
    server, name, _ = place
    group = over(as_application)
    with as_application.broker.store.reading() as tx:
        erased = [entry.entry for index, entry in tx.journal.openings(group[-1] + 1) if index in group]
    with psycopg.connect(server.url(name), autocommit=True) as owner:

        def held() -> bool:
            owner.execute("CHECKPOINT")
            found = owner.execute("SELECT pg_relation_filepath('journal_opening')").fetchone()
            assert found is not None
            content = (server.socket / found[0]).read_bytes()
            return any(entry in content for entry in erased)

        store = Store(server.url(name))
        erase_consent(SETTINGS, store, STATEMENT_ID, Order("court", "court-order", by_law=True), as_application.clock())
        store.close()
        owner.execute("VACUUM journal_opening, journal_party, envelope")
        assert held()
        owner.execute(EMPTYING)
        assert not held()


def test_evidence_against_the_broker_stays(as_application: World) -> None:
    """A contradiction may be settled by the broker’s account, never removed."""
    store = as_application.broker.store
    assert _forbidden(store, "DELETE FROM journal_contradiction")
    assert not _forbidden(store, "UPDATE journal_contradiction SET settled = NULL")


def test_the_reader_changes_nothing(place: tuple[Server, str, Roles]) -> None:
    """Every table can be read and none written."""
    server, name, roles = place
    store = Store(server.url(name, f"{roles.reader}_1"))
    with store.reading() as tx:
        assert tx.journal.head().size > 0
    for statement in ("DELETE FROM envelope", "UPDATE organisation SET active = false", "DELETE FROM journal_opening"):
        assert _forbidden(store, statement), statement
    store.close()


def test_roles_are_printed_or_made_by_a_command(server: Server, tmp_path: Path) -> None:
    """What is printed is what `--apply` runs; it may be run twice, and not on a database without our tables."""
    name = server.create()
    operator = Operator(tmp_path)
    operator.write_settings(database=server.url(name))
    assert "init" in operator.refused("roles", "--apply", "--prefix", name)
    store = Store(server.url(name))
    migrate(store)
    printed = operator.done("roles", "--prefix", name)
    with store.connected() as connection:
        for statement in printed.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    for _ in range(2):
        assert f"{name}_application" in operator.done("roles", "--apply", "--prefix", name)
    store.close()
    for wrong in ('x"; DROP TABLE journal_leaf; --', "Majuscule", "1x", "x" * 42):
        assert "beginning of a name" in operator.refused("roles", "--prefix", wrong)
    operator.write_settings()
    assert "SQLite" in operator.refused("roles")
    server.drop(name)


def test_a_program_error_is_not_taken_for_an_outage(as_application: World) -> None:
    """A mistake of ours stays what it is: only what the database forbids or cannot do is told as such."""
    with pytest.raises(ProgrammingError), as_application.broker.store.connected() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_only_the_owner_of_the_tables_begins_a_shard(as_application: World) -> None:
    """Whoever takes the serving account over cannot put the journal under keys of its own."""
    store = as_application.broker.store
    added = "INSERT INTO journal_shard SELECT 2, origin, vkeys, start, previous, opened, false FROM journal_shard"
    for statement in (added, "UPDATE journal_shard SET origin = origin", "DELETE FROM journal_shard"):
        assert _forbidden(store, statement), statement
    with pytest.raises(StoreUnavailableError) as refused:
        rotated(as_application)
    assert refused.value.code == "database-forbidden"
    assert as_application.types() == []
