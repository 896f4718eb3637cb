"""Records, statements and restrictions on the disk, and a database of the release before brought forward."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

import adapters
from adapters.store.migrate import migrate
from adapters.store.store import Store, connect
from consent.answers import Restriction
from consent.statement import ConsentStatement
from keys.documents import encode, format_time, validate
from tests.builders import AT, DAY, HEALTH, SHELTER, derived_statement, record, signed_statement

PERSON = "personne-fictive-1"
SECOND = "cs_" + "e" * 26


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database is going to be."""
    return tmp_path / "adapter.sqlite"


@pytest.fixture
def store(path: Path) -> Store:
    """A database of this release."""
    migrate(path)
    return Store.open(path)


def made_by_the_first_release(path: Path) -> None:
    """A database of the first release with one consent, its statement and the broker's receipt."""
    config = Config()
    config.set_main_option("script_location", str(Path(adapters.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = connect(path)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        _fill(connection)
    engine.dispose()


def _fill(connection: Connection) -> None:
    kept, made = record(), derived_statement()
    signed = signed_statement(made)
    values = {"record_id": kept.header.record_id, "statement": made.id, "document": encode(kept), "at": format_time(AT)}
    connection.execute(text("INSERT INTO consent VALUES (:record_id, :statement, :document, :at)"), values)
    values = {"statement": made.id, "sha256": signed.sha256, "signed": signed.encode(), "receipt": b"{}"}
    connection.execute(text("INSERT INTO statement VALUES (:statement, 1, :sha256, :signed, :receipt)"), values)


def test_a_database_of_the_first_release_keeps_its_consents(path: Path) -> None:
    """Each record finds its person, each statement its record; what was committed to is the same to the byte."""
    made_by_the_first_release(path)
    migrate(path)
    store = Store.open(path)
    with store.transaction() as tx:
        [kept] = tx.papers.records_of(PERSON)
        [held] = tx.papers.statements_of(kept.header.record_id)
        rows = tx.session.connection().exec_driver_sql("SELECT record, at FROM statement").all()
        broken = tx.session.connection().exec_driver_sql("PRAGMA foreign_key_check").all()
    assert (kept, held.document, held.registered) == (record(), derived_statement(), True)
    assert rows == [(encode(record()), format_time(AT))]
    assert broken == []
    store.close()


def test_a_statement_belongs_to_a_record(store: Store) -> None:
    """A reference to a record that is not there is refused by the database itself."""
    made = derived_statement()
    signed = signed_statement(made)
    with pytest.raises(IntegrityError), store.transaction() as tx:
        tx.papers.add_statement(record(), made, signed, AT)


def later(**changes: object) -> ConsentStatement:
    """A later statement from the same record."""
    usual: dict[str, object] = {"id": SECOND, "not_before": AT + DAY}
    return derived_statement().model_copy(update=usual | changes)


def test_a_referral_finds_the_statement_that_lets_it_pass(store: Store) -> None:
    """The newest that grants the purpose to the recipient; the newest of all when none does; none without a record."""
    kept = record()
    elsewhere = tuple(
        grant.model_copy(update={"recipient": HEALTH, "purpose": "referral-health"})
        for grant in derived_statement().grants
    )
    with store.transaction() as tx:
        tx.papers.save_record(kept, AT)
        for made in (derived_statement(), later(grants=elsewhere)):
            tx.papers.add_statement(kept, made, signed_statement(made), AT)
        found = [
            tx.papers.statement_of(kept.header.record_id, purpose=purpose, recipient=recipient)
            for purpose, recipient in (
                ("referral-shelter", SHELTER),
                ("referral-health", HEALTH),
                ("referral-food", SHELTER),
                (None, None),
            )
        ]
        nothing = tx.papers.statement_of("rec_" + "z" * 26)
    assert [held.document.id for held in found if held] == [derived_statement().id, SECOND, SECOND, SECOND]
    assert nothing is None


def test_only_the_newest_version_of_a_statement_counts(store: Store) -> None:
    """Every version stays on the disk as it was signed; what is read is the last."""
    kept, first = record(), derived_statement()
    ended = first.model_copy(update={"version": 2, "prev": "ab" * 32, "state": "withdrawn", "grants": ()})
    with store.transaction() as tx:
        tx.papers.save_record(kept, AT)
        for made in (first, ended):
            tx.papers.add_statement(kept, made, signed_statement(made), AT)
        [held] = tx.papers.statements_of(kept.header.record_id)
        assert tx.papers.record_of(first.id) == kept.header.record_id
        assert tx.papers.record_of(SECOND) is None
    assert held.document == ended


def test_references_are_found_by_their_beginning(store: Store) -> None:
    """Two at most; what means something to a database is a letter like any other."""
    with store.transaction() as tx:
        for letter in "abc":
            header = record().header.model_copy(update={"record_id": "rec_a" + letter * 25})
            tx.papers.save_record(record().model_copy(update={"header": header}), AT)
        assert tx.papers.record_ids("rec_ab") == ["rec_a" + "b" * 25]
        assert len(tx.papers.record_ids("rec_a")) == 2
        assert tx.papers.record_ids("rec_%") == tx.papers.record_ids("rec_a_") == []


def test_restrictions_are_kept_by_person(store: Store) -> None:
    """Whether or not there is a record, in the order in which they were given, and for nobody else."""
    notices = [
        validate(Restriction, {"at": format_time(AT), "worker": "int-7", "sections": [section]})
        for section in ("contact", "housing")
    ]
    with store.transaction() as tx:
        for notice in notices:
            tx.papers.add_restriction(PERSON, notice, AT)
        assert tx.papers.restrictions_of(PERSON) == notices
        assert tx.papers.restrictions_of("personne-fictive-2") == []
