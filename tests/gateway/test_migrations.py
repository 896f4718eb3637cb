"""The database that migrations make is the one that the tables describe, and nothing serves from another."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from gateway.store.migration import SchemaError, migrate, require_current, schema_state
from gateway.store.store import Store, StoreUnavailableError
from gateway.store.tables import GatewayRow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a database, in a folder whose name means something to formatters."""
    folder = tmp_path / "100%(x)s"
    folder.mkdir()
    return folder / "gateway.sqlite3"


def _store(path: Path) -> Store:
    return Store(f"sqlite:///{path}")


def _made(path: Path) -> dict[str, list[str]]:
    """Every table and index as SQLite keeps its definition, apart from Alembic's own and the order of columns."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    pieces = {name: sql.replace('"', "").partition("(")[2].split(",") for name, sql in rows}
    return {
        name: sorted(" ".join(part.strip(" )\n").split()) for part in found)
        for name, found in pieces.items()
        if name != "alembic_version"
    }


def _write(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def test_migrations_and_tables_are_the_same(path: Path) -> None:
    """Alembic finds no difference, and SQLite's own definitions agree, partial indexes included."""
    store = _store(path)
    migrate(store)
    with store.connected() as connection:
        assert compare_metadata(MigrationContext.configure(connection), GatewayRow.metadata) == []
    store.close()
    straight = path.with_name("straight.sqlite3")
    other = _store(straight)
    GatewayRow.metadata.create_all(other.engine)
    other.close()
    assert _made(path) == _made(straight)
    assert any("WHERE waiting" in part for parts in _made(path).values() for part in parts)


def test_a_difference_would_be_found(path: Path) -> None:
    """The comparison sees one column too many."""
    store = _store(path)
    migrate(store)
    store.close()
    _write(path, "ALTER TABLE service ADD COLUMN surprise VARCHAR")
    store = _store(path)
    with store.connected() as connection:
        assert len(compare_metadata(MigrationContext.configure(connection), GatewayRow.metadata)) == 1
    store.close()


def test_migrating_twice_changes_nothing(path: Path) -> None:
    """A database of this release stays what it is."""
    store = _store(path)
    assert schema_state(store) == "empty"
    migrate(store)
    before = _made(path)
    migrate(store)
    assert (schema_state(store), _made(path)) == ("current", before)
    require_current(store)
    store.close()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM alembic_version", "schema-empty"),
        ("UPDATE alembic_version SET version_num = '9999'", "schema-ahead"),
    ],
)
def test_nothing_serves_from_a_database_of_another_form(path: Path, statement: str, code: str) -> None:
    """Unknown or newer: refused with what to do, and not touched."""
    store = _store(path)
    migrate(store)
    store.close()
    _write(path, statement)
    store = _store(path)
    with pytest.raises(SchemaError) as refused:
        require_current(store)
    assert refused.value.code == code
    store.close()


def test_a_newer_database_is_not_migrated(path: Path) -> None:
    """An older program leaves what a newer one made."""
    store = _store(path)
    migrate(store)
    store.close()
    _write(path, "UPDATE alembic_version SET version_num = '9999'")
    before = _made(path)
    store = _store(path)
    with pytest.raises(SchemaError) as refused:
        migrate(store)
    assert refused.value.code == "schema-ahead"
    assert _made(path) == before
    store.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(path: Path) -> None:
    """Everything happens in one transaction: a table in the way, or a lock, undoes the rest."""
    _write(path, "CREATE TABLE envelope (x INTEGER)")
    store = _store(path)
    with pytest.raises(StoreUnavailableError):
        migrate(store)
    store.close()
    assert set(_made(path)) == {"envelope"}
