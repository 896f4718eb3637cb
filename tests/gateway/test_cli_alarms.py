"""The operator settles, by a command, all that a copy of the database signed while it ran."""

from datetime import timedelta
from pathlib import Path

from gateway.store.contradictions import Contradiction
from gateway.store.store import Store
from keys.documents import format_time
from tests.gateway.operator import NOW, Operator


def test_all_that_a_copy_signed_is_settled_by_its_time(tmp_path: Path) -> None:
    """The time is given whole, has to be over, and has to hold the checkpoint; then all of it is settled at once."""
    founded = Operator(tmp_path)
    founded.write_settings()
    founded.done("init")
    store = Store(f"sqlite:///{founded.folder / 'gateway.sqlite3'}")
    hour = timedelta(hours=1)
    with store.transaction() as tx:
        tx.journal.lock(NOW)
        for size in (7, 8):
            tx.contradictions.keep(
                Contradiction(size, bytes(32), b"note", "refuge-lavoie@laval", NOW, signed_at=NOW - hour)
            )
        tx.journal.set_contradicted(contradicted=True)
    store.close()
    command = ("journal", "settle", "--alarm", "1", "--reason", "copy-signed", "--yes")
    begin, end = ("--from", format_time(NOW - 2 * hour)), ("--until", format_time(NOW - hour))
    for wrong in (begin, end, (*begin, "--until", "yesterday")):
        assert "time" in founded.refused(*command, *wrong)
    assert "not signed in that time" in founded.refused(*command, *begin, "--until", format_time(NOW - 1.5 * hour))
    assert "pass again" in founded.done(*command, *begin, *end)
    assert founded.done("journal", "alarms").count("  settled") == 2
