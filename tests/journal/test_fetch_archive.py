"""The archived checkpoints of a mirror: all that was ever shown, verified, never fewer, and with every cosignature."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from journal.bundle import open_bundle
from journal.checkpoints import Checkpoint
from journal.layout import CHECKPOINT
from journal.notes import NoteSignature, parse_note, with_cosignatures
from journal.republishing import ContradictedError
from keys import strictjson
from keys.documents import b64url, format_time
from keys.errors import MalformedError
from tests.journal.builders import ORIGIN
from tests.journal.gateways import LEAVES, PAGE_ONE, SIZES, FakeGateway, gateway, kept, signed, visit, whole
from tests.journal.ledgers import START
from tests.journal.witnesses import lasting


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the mirror is."""
    return tmp_path / "mirror"


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"[]",
        b'{"checkpoints":[]}',
        b'{"checkpoints":[{"size":1}],"next":1}',
        b'{"checkpoints":[{"size":1,"time":"2026-03-02T14:00:01.000Z","note":"AAAA"}],"next":2}',
        b'{"checkpoints":"none","next":0}',
    ],
)
def test_a_garbage_page_of_the_archive_is_not_kept(folder: Path, page: bytes) -> None:
    """The archive that a mirror has stays as it was."""
    visit(folder, gateway(1, 40))
    before = kept(folder)["checkpoints.jsonl"]
    server = gateway()
    server.answers[PAGE_ONE] = page
    with pytest.raises(MalformedError):
        visit(folder, server)
    assert kept(folder)["checkpoints.jsonl"] == before


def test_an_archive_without_end_is_not_read_for_ever(folder: Path) -> None:
    """A page that leads back to itself is refused."""
    server = gateway()
    page = server(PAGE_ONE, 10**6)
    size, time = SIZES[2], f"{START + timedelta(seconds=SIZES[2]):%Y-%m-%dT%H:%M:%S}.000Z"
    server.answers[f"checkpoints?after={size}&time={time}"] = page
    with pytest.raises(MalformedError, match="checkpoints-out-of-order"):
        visit(folder, server)


def test_an_archived_checkpoint_of_another_past_convicts(folder: Path) -> None:
    """The archive is checked as strictly as the newest: a fork that was published once stays a fork."""
    server = gateway()
    other = FakeGateway([*LEAVES[:10], *LEAVES[11:41]], [40])
    server.published[1] = (40, server.published[1][1], other.published[0][2])
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    assert (caught.value.found.kind, caught.value.found.first.checkpoint.size) == ("fork", 40)
    assert CHECKPOINT not in kept(folder)


def test_an_archived_checkpoint_that_goes_back_convicts(folder: Path) -> None:
    """A smaller journal signed after a larger one, although both are of the same past."""
    server = gateway()
    late = START + timedelta(seconds=290)
    server.published[1] = (40, late, signed(server.files, 40, late))
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    assert caught.value.found.kind == "rollback"


def test_what_a_gateway_leaves_out_later_is_remembered(folder: Path) -> None:
    """A checkpoint that was shown once stays in the mirror, whatever the gateway shows now."""
    visit(folder, gateway(1, 40, 256, 300))
    server = gateway()
    server.published = [each for each in server.published if each[0] not in (40, 256)]
    visit(folder, server)
    assert whole(folder, 700) == len(SIZES)


def test_cosignatures_that_come_later_are_fetched_later(folder: Path) -> None:
    """Witnesses sign after publication: the mirror takes the note that more have signed, and never loses one."""
    visit(folder, gateway())
    server = gateway()
    size, at, note = server.published[2]
    line = lasting().sign(Checkpoint(ORIGIN, size, server.files.root(size)), at)
    server.published[2] = (size, at, with_cosignatures(note, [line]))
    visit(folder, server)
    visit(folder, gateway())
    with open_bundle(folder) as bundle:
        assert parse_note(list(bundle.checkpoints())[2]).signatures[2:] == (line,)


def test_a_hundred_hourly_checkpoints_of_one_size_are_all_kept(folder: Path) -> None:
    """A quiet journal signs every hour without growing; turning pages loses none of them."""
    server = gateway(1, 40)
    for hour in range(1, 400):
        at = START + timedelta(seconds=40, hours=hour)
        server.published.append((40, at, signed(server.files, 40, at)))
    first = FakeGateway(LEAVES[:40], [1, 40])
    first.published = server.published[:250]
    visit(folder, first)
    grown = visit(folder, server)
    assert grown.checkpoints == 401 - 250
    assert whole(folder, 40) == 401


@pytest.mark.parametrize("change", [{"size": 5}, {"time": "2026-03-02T14:00:05.000Z"}])
def test_items_of_a_page_say_what_their_notes_say(folder: Path, change: dict[str, object]) -> None:
    """What stands beside a note turns the pages: made up, it would turn them without end."""
    server = gateway()
    items = [{"size": size, "time": format_time(at), "note": b64url(note)} for size, at, note in server.published]
    server.answers[PAGE_ONE] = strictjson.dumps({"checkpoints": [*items[:2], items[2] | change], "next": 6})
    with pytest.raises(MalformedError, match="checkpoints-out-of-order"):
        visit(folder, server)
    assert CHECKPOINT not in kept(folder)


@pytest.mark.parametrize("place", [4, 5])
def test_all_of_the_page_on_which_the_newest_stands_is_looked_at(folder: Path, place: int) -> None:
    """What was published since the newest was asked for is the next visit's; what contradicts it convicts now."""
    server = gateway()
    server.answers[CHECKPOINT] = server.published[3][2]
    late = START + timedelta(seconds=SIZES[3] - 1)
    size = SIZES[place]
    server.published[place] = (size, late, signed(server.files, size, late))
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    found = caught.value.found
    assert (found.kind, {each.checkpoint.size for each in found.in_time}) == ("rollback", {SIZES[3], size})
    assert CHECKPOINT not in kept(folder)


def test_two_that_came_after_the_newest_are_held_against_each_other(folder: Path) -> None:
    """They contradict each other and not the newest: the page on which they stand is enough."""
    server = gateway()
    server.answers[CHECKPOINT] = server.published[3][2]
    late = START + timedelta(seconds=900)
    server.published[4] = (512, late, signed(server.files, 512, late))
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    assert {each.checkpoint.size for each in caught.value.found.in_time} == {512, 700}


def test_no_page_is_turned_beyond_the_newest(folder: Path) -> None:
    """A gateway that publishes as fast as it is read keeps nobody for ever."""
    server = gateway()
    server.answers[CHECKPOINT] = server.published[1][2]
    visit(folder, server)
    assert [path for path in server.asked if path.startswith("checkpoints?")] == [PAGE_ONE]
    assert whole(folder, 40) == 2


@pytest.mark.parametrize("earlier", [None, [1, 40]])
def test_a_journal_that_went_back_is_found_by_its_archive(folder: Path, earlier: list[int] | None) -> None:
    """The newest checkpoint is smaller than an archived one that was signed before: also on a first visit."""
    if earlier:
        visit(folder, gateway(*earlier))
    before = kept(folder) if earlier else {}
    server = gateway()
    server.answers[CHECKPOINT] = signed(server.files, 300, START + timedelta(seconds=900))
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    found = caught.value.found
    assert (found.kind, [each.checkpoint.size for each in found.in_time]) == ("rollback", [512, 300])
    assert kept(folder).get(CHECKPOINT) == before.get(CHECKPOINT)


def test_what_an_interrupted_visit_kept_is_held_against_the_next(folder: Path) -> None:
    """The archive is kept before the checkpoint: a gateway that goes back in between is found all the same."""
    visit(folder, gateway(1, 40))
    earlier = kept(folder)[CHECKPOINT]
    visit(folder, gateway())
    (folder / CHECKPOINT).write_bytes(earlier)
    server = gateway(1, 40, 256, 300)
    server.answers[CHECKPOINT] = signed(server.files, 300, START + timedelta(seconds=900))
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    assert caught.value.found.kind == "rollback"


def test_lines_of_nobody_push_no_cosignature_out(folder: Path) -> None:
    """A gateway that fills a note with lines of its own making takes no true one from the mirror."""
    server = gateway()
    size, at, note = server.published[2]
    checkpoint = Checkpoint(ORIGIN, size, server.files.root(size))
    cosigned = with_cosignatures(note, [lasting().sign(checkpoint, at)])
    server.published[2] = (size, at, cosigned)
    visit(folder, server)
    junk = [NoteSignature(f"personne-{number}.example", bytes(4), bytes(72)) for number in range(62)]
    server.published[2] = (size, at, with_cosignatures(note, junk))
    visit(folder, server)
    with open_bundle(folder) as bundle:
        assert list(bundle.checkpoints())[2].startswith(cosigned)
    large = NoteSignature("autre-personne.example", bytes(4), bytes(188_000))  # no room is left for it
    server.published[2] = (size, at, with_cosignatures(note, [large]))
    visit(folder, server)
    with open_bundle(folder) as bundle:
        assert list(bundle.checkpoints())[2].startswith(cosigned)
