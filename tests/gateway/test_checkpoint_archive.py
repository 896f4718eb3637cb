"""The archive of checkpoints is read whole, page by page, however many witnesses there are and whoever asks."""

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway import checkpoints
from gateway.checkpoints import MAX_PAGE, MOST_WITNESSES, Archive
from gateway.store.cosignatures import LOOKED_AT, Cosignature, CosignatureTable, Placed
from gateway.store.migration import migrate
from gateway.store.store import Store
from gateway.store.transaction import Transaction
from journal.checkpoints import Checkpoint
from journal.notes import open_note, parse_note
from keys.documents import from_b64url
from tests.builders import AT, SHELTER
from tests.gateway.first_day import SHARED_ENTRIES, broker_keys
from tests.gateway.witnessing import bring, checkpoint_of, cosignature, publish_witness_key, request
from tests.gateway.world import World, refusal_of

VKEYS = broker_keys().signer(1).vkeys


def test_every_checkpoint_is_in_the_archive_in_order(world: World) -> None:
    """Page by page, by size and time, each as it was published and with the cosignatures of its size."""
    publish_witness_key(world)
    cosigned = checkpoint_of(world)
    bring(world, request(cosigned))
    for _ in range(MAX_PAGE + 3):
        world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        world.clock.move(seconds=1)
        world.integrate()
    notes, after, pages = [], 0, 0
    while True:
        found = world.client.get(f"/v1/journal/checkpoints?after={after}")
        items = found.json()["checkpoints"]
        cached = "public" in found.headers["cache-control"]
        assert cached is (len(items) == MAX_PAGE)
        if not items:
            break
        notes += [from_b64url(each["note"]) for each in items]
        after, pages = found.json()["next"], pages + 1
    sizes = [open_note(note, VKEYS).checkpoint.size for note in notes]
    with world.broker.store.reading() as tx:
        assert len(tx.tiles.checkpoints(0, None, 1000)) == len(notes)
    assert (sizes, pages) == (sorted(sizes), 2)
    assert notes[-1] == world.client.get("/v1/journal/checkpoint").content
    [seen] = [note for note in notes if len(parse_note(note).signatures) == 3]
    assert parse_note(seen).checkpoint == cosigned


def test_a_quiet_journal_is_read_whole_by_size_and_time(world: World) -> None:
    """More checkpoints of one size than a page holds are all read, going on after the last one's time."""
    for _ in range(MAX_PAGE + 5):
        world.clock.move(hours=1)
        world.integrate()
    size = checkpoint_of(world).size
    path = f"/v1/journal/checkpoints?after={size}"
    first = world.client.get(path).json()["checkpoints"]
    rest = world.client.get(f"{path}&time={first[-1]['time']}").json()
    times = [each["time"] for each in first + rest["checkpoints"]]
    assert (len(first), times) == (MAX_PAGE, sorted(set(times)))
    assert len(times) == MAX_PAGE + 6
    assert rest["next"] == size + 1
    for wrong in ("time=yesterday", "after=-1", "after=1&after=2", "time=", f"time={times[0]}&time={times[0]}"):
        assert world.client.get(f"/v1/journal/checkpoints?{wrong}").status_code == 422


def test_a_page_of_the_archive_stays_small(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many witnesses there are: it ends early, and the next one goes on."""
    monkeypatch.setattr("gateway.checkpoints.MAX_BYTES", 8000)
    for _ in range(5):
        world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        world.integrate()
    sizes, after = [], 0
    while items := (page := world.client.get(f"/v1/journal/checkpoints?after={after}").json())["checkpoints"]:
        assert len(items) <= 2
        sizes += [each["size"] for each in items]
        after = page["next"]
    assert sizes == [SHARED_ENTRIES + number for number in range(6)]


def test_many_witnesses_make_no_note_that_nobody_reads(world: World) -> None:
    """A note carries 62 cosignatures at most, however many there are, and stays readable."""
    publish_witness_key(world)
    checkpoint = checkpoint_of(world)
    line = cosignature(checkpoint)

    def keep(tx: Transaction, at: datetime) -> None:
        published = tx.tiles.newest_of(checkpoint.size)
        assert published is not None
        for number in range(70):
            name = f"temoin-{number}@laval"
            made = Cosignature(name, "00000000", line.replace(SHELTER, name))
            tx.cosignatures.keep(checkpoint.size, published.time, made, at)

    world.act(keep)
    note = world.client.get("/v1/journal/checkpoint").content
    assert len(parse_note(note).signatures) == 64
    assert open_note(note, VKEYS).checkpoint == checkpoint


def _cosigned(world: World, checkpoint: Checkpoint, name: str, hours: int = 0) -> None:
    """A cosignature under a checkpoint of this size, so many hours later, as if it had been signed again then."""
    line = cosignature(checkpoint).replace(SHELTER, name)
    at = AT + timedelta(hours=hours)
    made = Cosignature(name, "00000000", line if not hours else f"{line}#{hours}")
    world.act(lambda tx, _: tx.cosignatures.keep(checkpoint.size, at, made, at))


def _grow(world: World) -> Checkpoint:
    world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    world.integrate()
    return checkpoint_of(world)


def test_of_each_witness_only_the_newest_line_is_read(world: World) -> None:
    """A quiet journal is cosigned every hour: what a reader is shown, and what is read for it, does not grow."""
    checkpoint = checkpoint_of(world)
    for hours in range(30):
        _cosigned(world, checkpoint, "temoin-a@laval", hours)
    _cosigned(world, checkpoint, "temoin-b@laval")
    with world.broker.store.reading() as tx:
        places = tx.cosignatures.names(0, checkpoint.size)[checkpoint.size]
        lines = tx.cosignatures.lines(places)
    assert [place.name for place in places] == ["temoin-a@laval", "temoin-b@laval"]
    assert (lines[places[0]].rpartition("#")[2], len(lines)) == ("29", 2)


def test_a_page_reads_hardly_more_lines_than_it_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its bytes are used up, the lines of later checkpoints are left where they are."""
    monkeypatch.setattr(checkpoints, "MAX_BYTES", 8000)
    monkeypatch.setattr(checkpoints, "_AT_ONCE", 1)
    for _ in range(6):
        _cosigned(world, _grow(world), SHELTER)
    read: list[int] = []
    lines = CosignatureTable.lines

    def counting(table: CosignatureTable, places: Collection[Placed]) -> dict[Placed, str]:
        read.append(len(places))
        return lines(table, places)

    monkeypatch.setattr(CosignatureTable, "lines", counting)
    with world.broker.store.reading() as tx:
        assert len(Archive(tx).page(0)) <= 2
    assert sum(read) <= 2


def test_a_confirmed_checkpoint_is_of_the_last_day(world: World) -> None:
    """Whoever asks for more witnesses than there are makes nobody look through the whole archive."""
    publish_witness_key(world)
    checkpoint = checkpoint_of(world)
    assert bring(world, request(checkpoint)).status_code == 201
    path = "/v1/journal/checkpoint?confirmed=1"
    world.clock.move(hours=23)
    assert parse_note(world.client.get(path).content).checkpoint == checkpoint
    world.clock.move(hours=2)
    assert refusal_of(world.client.get(path)) == (404, "checkpoint-unconfirmed")


def test_few_cosignatures_are_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many came in a day: the newest ones only."""
    checkpoint = checkpoint_of(world)
    for number in range(4):
        _cosigned(world, checkpoint, f"temoin-{number}@laval")
    newest = _grow(world)
    for number in range(3):
        _cosigned(world, newest, f"temoin-{number}@laval")
    with world.broker.store.reading() as tx:
        assert tx.cosignatures.confirmed(3, AT) == newest.size
        assert tx.cosignatures.confirmed(4, AT) == checkpoint.size
        monkeypatch.setattr("gateway.store.cosignatures.LOOKED_AT", 3)
        assert tx.cosignatures.confirmed(3, AT) == newest.size
        assert tx.cosignatures.confirmed(4, AT) is None


def test_no_signature_is_read_to_find_what_is_confirmed(tmp_path: Path) -> None:
    """Anybody may ask, as often as it likes: a few index entries are read, and none of the long lines."""
    store = Store(f"sqlite:///{tmp_path / 'gateway.sqlite3'}")
    migrate(store)
    asked: list[tuple[str, tuple[object, ...]]] = []

    def see(*call: Any) -> None:  # noqa: ANN401 - as the library calls it
        asked.append(call[2:4])

    event.listen(store.engine, "before_cursor_execute", see)
    with store.reading() as tx:
        tx.cosignatures.confirmed(MOST_WITNESSES, AT)
        event.remove(store.engine, "before_cursor_execute", see)
        [(statement, values)] = [each for each in asked if "journal_cosignature" in each[0]]
        plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    store.close()
    read = [row[-1] for row in plan if "journal_cosignature" in row[-1]]
    assert [text.partition(" (")[0] for text in read] == [
        "SEARCH journal_cosignature USING COVERING INDEX journal_cosignature_newest"
    ]
    assert LOOKED_AT <= 2000


def test_a_checkpoint_of_yesterday_is_not_cosigned(world: World) -> None:
    """Nobody fills the archive with signatures of what everybody has read on from."""
    publish_witness_key(world)
    old = checkpoint_of(world)
    world.clock.move(hours=25)
    newest = _grow(world)
    assert refusal_of(bring(world, request(old))) == (409, "checkpoint-too-old")
    assert bring(world, request(newest)).status_code == 201


def test_witnesses_that_count_are_shown_before_others(world: World) -> None:
    """Those of the settings and of quorums first: nobody crowds them out of the 62 places."""
    checkpoint = checkpoint_of(world)
    for number in range(70):
        _cosigned(world, checkpoint, f"temoin-{number:02}@laval")
    _cosigned(world, checkpoint, "zz.example/public")
    with world.broker.store.reading() as tx:
        named = Archive(tx, {"zz.example/public"}).newest()
        nobody = Archive(tx).newest()
    assert named
    assert nobody
    assert b"zz.example/public" in named.note
    assert b"zz.example/public" not in nobody.note
    assert named.note.count(b"\n") == nobody.note.count(b"\n")
