"""Migrations on both engines: from nothing, and from the first release with rows in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import bindparam, text, update
from sqlalchemy.types import LargeBinary

from gateway.store.migration import SchemaError, migrate, migrations, require_current, schema_state
from gateway.store.store import Store
from gateway.store.tables import GatewayRow, JournalHeadRow
from keys import strictjson
from keys.documents import format_time
from tests.builders import AGREEMENT_ID, AT, DAY, LINE, REF, SHELTER, STATEMENT_ID, signed_statement, statement
from tests.databases import Server

_HEAD = JournalHeadRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
DUE = AT + DAY


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database of either engine."""
    server: Server | None = request.getfixturevalue("server") if request.param == "postgresql" else None
    name = server.create() if server else ""
    opened = Store(server.url(name) if server else f"sqlite:///{tmp_path / 'gateway.sqlite3'}")
    yield opened
    opened.close()
    if server:
        server.drop(name)


def _first_release(store: Store) -> None:
    """The tables of 0001, with a consent, a referral that awaits an answer, and an envelope of it."""
    state = strictjson.dumps({"respond_by": format_time(DUE)}).decode()
    with store.connected("BEGIN IMMEDIATE") as connection:
        command.upgrade(migrations(connection), "0001")
        connection.execute(
            text("INSERT INTO statement VALUES (:id, 1, true, :by, 'x', :document, :none)").bindparams(
                bindparam("document", type_=LargeBinary), bindparam("none", b"", type_=LargeBinary)
            ),
            {"id": STATEMENT_ID, "by": LINE, "document": signed_statement(statement()).encode()},
        )
        connection.execute(
            text("INSERT INTO referral VALUES (:ref, :a, :b, 'agr', :s, 'p', NULL, 'requested', :state)"),
            {"ref": REF, "a": LINE, "b": SHELTER, "s": STATEMENT_ID, "state": state},
        )
        connection.execute(
            text(
                "INSERT INTO envelope VALUES"
                " ('env', 'x', :ref, :a, :b, 0, false, true, NULL, 1, 'never', NULL, :none, NULL)"
            ).bindparams(bindparam("none", b"", type_=LargeBinary)),
            {"ref": REF, "a": LINE, "b": SHELTER},
        )


def test_migrations_and_tables_are_the_same(store: Store) -> None:
    """Alembic finds no difference between what migrations make and what the tables describe."""
    migrate(store)
    with store.connected() as connection:
        assert compare_metadata(MigrationContext.configure(connection), GatewayRow.metadata) == []
    migrate(store)
    require_current(store)


def test_the_first_release_is_refused_and_then_completed(store: Store) -> None:
    """Its rows stay, and what the new columns need is taken from the documents that it kept."""
    _first_release(store)
    assert schema_state(store) == "behind"
    with pytest.raises(SchemaError) as refused:
        require_current(store)
    assert refused.value.code == "schema-behind"
    migrate(store)
    require_current(store)
    with store.connected() as connection:
        assert compare_metadata(MigrationContext.configure(connection), GatewayRow.metadata) == []
    with store.reading() as tx:
        rows = tx.connection
        [ends] = rows.execute(text("SELECT not_after FROM statement")).scalars()
        assert ends == format_time(statement().not_after)
        assert rows.execute(text("SELECT answer_by FROM referral")).scalar_one() == format_time(DUE)
        [envelope] = rows.execute(text("SELECT kind, statement, stored, replaced FROM envelope")).all()
        assert tuple(envelope) == ("referral", STATEMENT_ID, False, False)
        assert tx.referrals.unanswered(DUE, 5) == [REF]


def test_openings_learn_which_agreement_they_name(store: Store) -> None:
    """Those of the release before, thousands of them: by its id, whatever the version; those that name none stay so."""
    entries = [
        strictjson.dumps({"v": 1, "index": index, **({"agreement": f"agr_{index % 2}@{index}"} if index % 3 else {})})
        for index in range(2500)
    ]
    with store.connected("BEGIN IMMEDIATE") as connection:
        command.upgrade(migrations(connection), "0002")
        rows = [{"at": index, "entry": entry, "salt": b""} for index, entry in enumerate(entries)]
        added = text("INSERT INTO journal_opening VALUES (:at, :entry, :salt)")
        blobs = (bindparam("entry", type_=LargeBinary), bindparam("salt", type_=LargeBinary))
        connection.execute(added.bindparams(*blobs), rows)
        connection.execute(text("INSERT INTO journal_head VALUES (1, 2500, '2026-03-02T15:00:00.000Z')"))
    migrate(store)
    with store.reading() as tx:
        named = tx.connection.execute(text("SELECT agreements FROM journal_opening ORDER BY position")).scalars().all()
        assert not tx.journal.head().contradicted
    assert named == [f"agr_{index % 2}" if index % 3 else None for index in range(2500)]


def test_openings_learn_which_agreement_they_rest_on(store: Store) -> None:
    """By the referral, the envelope or the consent that they are about; what is not known any more is nobody's."""
    _first_release(store)
    about: list[tuple[dict[str, object], str | None]] = [
        ({"ref": REF}, "agr"),
        ({"ref": "ref_gone"}, ""),
        ({"envelope": "env"}, "agr"),
        ({"statement": STATEMENT_ID}, AGREEMENT_ID),
        ({"statement": "cs_gone"}, ""),
        ({"type": "client.scopes"}, None),
        ({"type": "admin.change", "state": "emergency-worker-barred", "from": LINE}, "agr_one agr_two"),
        ({"type": "admin.change", "state": "emergency-worker-lifted", "from": SHELTER}, ""),
        ({"type": "admin.change", "state": "key-statements", "from": LINE}, None),
    ]
    with store.connected("BEGIN IMMEDIATE") as connection:
        command.upgrade(migrations(connection), "0002")
        party = text("INSERT INTO agreement_party (id, version, address) VALUES (:id, :version, :address)")
        for place in (("agr_two", 1), ("agr_one", 1), ("agr_one", 2)):
            connection.execute(party, {"id": place[0], "version": place[1], "address": LINE})
        added = text("INSERT INTO journal_opening VALUES (:at, :entry, :none)")
        blobs = (bindparam("entry", type_=LargeBinary), bindparam("none", b"", type_=LargeBinary))
        rows = [{"at": index, "entry": strictjson.dumps(entry), "none": b""} for index, (entry, _) in enumerate(about)]
        connection.execute(added.bindparams(*blobs), rows)
    migrate(store)
    with store.reading() as tx:
        named = tx.connection.execute(text("SELECT agreements FROM journal_opening ORDER BY position")).scalars().all()
    assert named == [expected for _, expected in about]


@pytest.mark.slow
def test_tables_of_somebody_else_are_left_alone(server: Server) -> None:
    """A PostgreSQL database that is in use for something else is refused whole."""
    name = server.create()
    store = Store(server.url(name))
    with store.connected() as connection:
        connection.execute(text("CREATE TABLE envelope (x INTEGER)"))
    with pytest.raises(SchemaError) as refused:
        migrate(store)
    assert refused.value.code == "schema-foreign"
    with store.connected() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    assert tables == ["envelope"]
    store.close()
    server.drop(name)


@pytest.mark.slow
@pytest.mark.parametrize("number", [2**31, 2**53 - 1])
def test_numbers_have_room(server: Server, number: int) -> None:
    """What a partner may choose, up to 2⁵³, fits into every numeric column."""
    name = server.create()
    store = Store(server.url(name))
    migrate(store)
    numeric = text(
        "SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('smallint', 'integer', 'bigint', 'numeric')"
    )
    with store.connected() as connection:
        assert connection.execute(numeric).scalars().all() == ["bigint"]
    with store.transaction() as tx:
        tx.journal.create("laval", "p.example/laval/journal/1", AT)
        tx.connection.execute(update(_HEAD).values(size=number))
    with store.reading() as tx:
        assert tx.journal.head().size == number
        assert tx.journal.openings_of("line@laval", number, 10) == []
    store.close()
    server.drop(name)


def test_the_journal_of_an_earlier_release_is_the_first_shard(store: Store) -> None:
    """Its tiles stay where they are, and it goes on where it was."""
    with store.connected("BEGIN IMMEDIATE") as connection:
        command.upgrade(migrations(connection), "0002")
        moment = format_time(AT)
        connection.execute(
            text("INSERT INTO instance VALUES (1, 'laval', 'x.example/laval/journal/1', :at)"), {"at": moment}
        )
        connection.execute(text("INSERT INTO journal_head VALUES (1, 7, :at)"), {"at": moment})
        connection.execute(
            text("INSERT INTO journal_tile VALUES (0, 0, 1, :data)").bindparams(
                bindparam("data", b"a" * 32, type_=LargeBinary)
            )
        )
    migrate(store)
    with store.reading() as tx:
        [first] = tx.shards.all()
        assert (first.number, first.origin, first.vkeys, first.start) == (1, "x.example/laval/journal/1", None, 0)
        assert (first.opened, first.previous, first.restarted) == (AT, None, False)
        head = tx.journal.head()
        assert (head.size, head.shard, head.start, head.restored) == (7, 1, 0, None)
        assert tx.tiles.data(1, 0, 0) == b"a" * 32
        assert tx.tiles.data(2, 0, 0) is None
