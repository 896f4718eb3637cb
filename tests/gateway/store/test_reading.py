"""Whoever only reads locks nothing: two readers, or a reader and a writer, never wait for each other."""

from sqlalchemy import ClauseElement, event
from sqlalchemy.dialects import postgresql

from gateway.store.store import Store
from tests.gateway.world import World


def _asked(store: Store, *, writing: bool) -> list[str]:
    """What is asked of a PostgreSQL database to learn the end of the journal."""
    asked: list[str] = []

    def note(_connection: object, clause: ClauseElement, *_rest: object) -> None:
        asked.append(str(clause.compile(dialect=postgresql.dialect())))  # type: ignore[no-untyped-call]  # SQLAlchemy does not type it

    event.listen(store.engine, "before_execute", note)
    with store.transaction() if writing else store.reading() as tx:
        tx.journal.head()
    event.remove(store.engine, "before_execute", note)
    return [each for each in asked if "journal_head" in each]


def test_a_reader_locks_nothing_and_a_writer_does(world: World) -> None:
    """`FOR UPDATE` is for the one who appends."""
    [read], [written] = _asked(world.broker.store, writing=False), _asked(world.broker.store, writing=True)
    assert "FOR UPDATE" not in read
    assert "FOR UPDATE" in written
