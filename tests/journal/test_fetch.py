"""A mirror takes nothing that was not verified, goes on after an interruption, and remembers what a gateway signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.checkpoints import Checkpoint
from journal.growing import grow
from journal.layout import CHECKPOINT
from journal.mirror import Mirror
from journal.pins import Pins
from journal.republishing import ContradictedError
from journal.shards import first_shard
from journal.tiles import TilePath
from keys.errors import ForgedError, MalformedError, PasserelleError
from tests.journal.builders import ORIGIN, journal_signer, short_leaves
from tests.journal.gateways import LEAVES, PAGE_ONE, SIZES, FakeGateway, LostError, gateway, kept, signed, visit, whole
from tests.journal.ledgers import START, journal_keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the mirror is."""
    return tmp_path / "mirror"


def test_the_first_visit_brings_everything(folder: Path) -> None:
    """Tiles, entries and every archived checkpoint; a tool that reads tlog-tiles could take over from here."""
    grown = visit(folder, gateway())
    assert (grown.before, grown.newest.checkpoint.size, grown.checkpoints) == (None, 700, len(SIZES))
    assert whole(folder, 700) == len(SIZES)


@given(st.lists(st.integers(1, 700), min_size=2, max_size=5, unique=True).map(sorted))
def test_every_later_visit_brings_what_is_new_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    """Whatever the sizes: no full tile is ever asked for twice, and nothing of an old edge is left behind."""
    folder = tmp_path_factory.mktemp("visits") / "mirror"
    asked: list[str] = []
    for count in range(1, len(sizes) + 1):
        server = gateway(*sizes[:count])
        grown = visit(folder, server)
        assert grown.checkpoints == 1
        assert whole(folder, sizes[count - 1]) == count
        full = [path for path in server.tiles_asked if ".p/" not in path and not path.startswith("tile/1/")]
        assert not set(full) & set(asked)
        asked += full
    partial = {path for path in kept(folder) if ".p/" in path}
    assert {int(path.rpartition("/")[2]) for path in partial} <= {sizes[-1] % 256, sizes[-1] // 256}


def test_a_visit_without_news_changes_nothing(folder: Path) -> None:
    """Nothing is asked for but the checkpoint, the edge that proves it, and the last page of the archive."""
    server = gateway()
    visit(folder, server)
    before = kept(folder)
    server.asked.clear()
    grown = visit(folder, server)
    assert (grown.tiles, grown.checkpoints) == (0, 0)
    assert kept(folder) == before
    assert not [path for path in server.tiles_asked if "entries" in path]


@pytest.mark.parametrize("answers", range(0, 24, 1))
def test_an_interrupted_visit_goes_on_where_it_stopped(folder: Path, answers: int) -> None:
    """After a loss at any point the mirror is as true as before, and the next visit completes it."""
    visit(folder, gateway(1, 40))
    server = gateway()
    server.fails_at = answers
    try:
        visit(folder, server)
    except LostError:
        whole(folder, 40)
    else:
        assert answers >= len(server.asked)
    again = gateway()
    visit(folder, again)
    assert whole(folder, 700) == len(SIZES)


@pytest.mark.parametrize("size", [300, 512, 699])
def test_a_fork_is_not_kept_and_convicts(folder: Path, size: int) -> None:
    """A gateway that changed an old entry, and signed what it made of it, gets nothing into the mirror."""
    visit(folder, gateway(1, 40, 256, 300))
    before = kept(folder)
    other = [*LEAVES]
    other[17] = LEAVES[18]
    with pytest.raises(ContradictedError) as caught:
        visit(folder, FakeGateway(other[:size], [40, size]))
    found = caught.value.found
    assert (found.kind, found.first.checkpoint.size, found.second.checkpoint.size) == ("fork", 300, size)
    assert kept(folder) == before


def test_another_root_for_the_same_size_is_a_fork(folder: Path) -> None:
    """Two truths of one length need no tree to contradict each other."""
    visit(folder, gateway(300))
    other = [*LEAVES[:299], LEAVES[0]]
    with pytest.raises(ContradictedError) as caught:
        visit(folder, FakeGateway(other, [300]))
    assert caught.value.found.kind == "fork"


def test_a_journal_that_went_back_is_not_kept_and_convicts(folder: Path) -> None:
    """A shorter journal signed later, as after a restored backup."""
    visit(folder, gateway())
    before = kept(folder)
    server = gateway(1, 40)
    server.answers["checkpoint"] = signed(server.files, 40, START + timedelta(days=1))
    with pytest.raises(ContradictedError) as caught:
        visit(folder, server)
    assert (caught.value.found.kind, caught.value.found.second.checkpoint.size) == ("rollback", 40)
    assert kept(folder) == before


def test_an_older_answer_is_no_alarm(folder: Path) -> None:
    """A cache between us that shows what was signed before is not a crime, and takes nothing away."""
    visit(folder, gateway())
    server = gateway()
    server.answers["checkpoint"] = signed(server.files, 300, START + timedelta(seconds=300))
    grown = visit(folder, server)
    assert (grown.before, grown.newest.checkpoint.size) == (700, 700)
    assert whole(folder, 700) == len(SIZES)


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001", "tile/entries/000", "tile/1/000.p/2", "tile/0/002.p/188"])
@pytest.mark.parametrize("how", ["swapped", "truncated", "longer", "missing", "empty"])
def test_a_tile_that_is_not_the_right_one_is_not_kept(folder: Path, name: str, how: str) -> None:
    """Each is verified by the one above it, up to the signed root."""
    server = gateway()
    data = server.files[name]
    changed = {
        "swapped": data[:40] + bytes([data[40] ^ 1]) + data[41:],
        "truncated": data[:-1],
        "longer": data + data[:1],
        "missing": None,
        "empty": b"",
    }
    server.answers[name] = changed[how]
    with pytest.raises((ForgedError, MalformedError)):
        visit(folder, server)
    assert name not in kept(folder)
    assert CHECKPOINT not in kept(folder)
    visit(folder, gateway())
    assert whole(folder, 700) == len(SIZES)


def test_tiles_that_change_places_are_not_kept(folder: Path) -> None:
    """A journal in another order hashes to another root."""
    server = gateway()
    for one, other in (("tile/0/000", "tile/0/001"), ("tile/entries/000", "tile/entries/001")):
        server.answers[one], server.answers[other] = server.files[other], server.files[one]
    with pytest.raises(ForgedError, match="wrong-tile"):
        visit(folder, server)


@pytest.mark.parametrize("answer", [None, b"", b"<html>", b"\xff" * 50, bytes(100_000)])
def test_garbage_instead_of_a_checkpoint_is_not_kept(folder: Path, answer: bytes | None) -> None:
    """A login page is no journal."""
    server = gateway()
    server.answers["checkpoint"] = answer
    with pytest.raises(MalformedError):
        visit(folder, server)
    assert set(kept(folder)) == {".lock"}


def test_a_checkpoint_of_another_journal_or_by_other_keys_is_not_kept(folder: Path) -> None:
    """Only the pinned keys of the pinned journal count."""
    server = gateway()
    at = START + timedelta(seconds=700)
    server.answers["checkpoint"] = signed(server.files, 700, at, journal_signer())
    with pytest.raises(ForgedError, match="signature-missing"):
        visit(folder, server)
    other = "passerelle.example/laval/journal/2027"
    signer = journal_signer(other)
    server.answers["checkpoint"] = signer.sign(Checkpoint(other, 700, server.files.root()), at)
    with pytest.raises(ForgedError, match="wrong-origin"):
        visit(folder, server)


def test_a_mirror_that_was_tampered_with_is_told(folder: Path) -> None:
    """What is in the folder is not believed either."""
    visit(folder, gateway(1, 40, 256, 300))
    (folder / CHECKPOINT).write_bytes(b"no note\n\n")
    with pytest.raises(PasserelleError) as caught:
        visit(folder, gateway())
    assert caught.value.__notes__ == [CHECKPOINT]


def test_an_empty_journal_can_be_mirrored(folder: Path) -> None:
    """A gateway that was just founded has nothing to show yet."""
    server = FakeGateway([], [0])
    assert visit(folder, server).newest.checkpoint.size == 0
    visit(folder, gateway())
    assert whole(folder, 700) == 1 + len(SIZES)


def test_only_the_tiles_of_the_tree_are_asked_for(folder: Path) -> None:
    """Whatever the gateway serves besides is nothing to a mirror."""
    server = FakeGateway(short_leaves(513), [513])
    visit(folder, server)
    assert set(server.tiles_asked) == {*server.files}
    assert str(TilePath(0, 2, 1)) in server.files
    mirror = Mirror.open(folder)
    assert "tile/0/000" in mirror
    mirror.close()


@given(st.binary(max_size=400))
def test_whatever_a_gateway_answers_nothing_false_is_kept(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    """Garbage in place of any file: a refusal of ours, and a mirror that is as true as before."""
    for path in ("checkpoint", PAGE_ONE, "tile/0/000", "tile/entries/001", "tile/0/002.p/188"):
        folder = tmp_path_factory.mktemp("garbage") / "mirror"
        visit(folder, gateway(1, 40))
        server = gateway()
        server.answers[path] = data
        with pytest.raises(PasserelleError):
            visit(folder, server)
        assert whole(folder, 40) == 2


@pytest.mark.parametrize("sizes", [[1, 40, 512], [1, 40, 700], [1, 40, 701]])
def test_what_an_interrupted_visit_left_is_not_believed_by_its_name(folder: Path, sizes: list[int]) -> None:
    """Tiles of a journal whose checkpoint was never kept give way to those of the journal that is shown."""
    visit(folder, gateway(1, 40))
    earlier = kept(folder)
    other = FakeGateway([*LEAVES[:100], *reversed(LEAVES[100:]), LEAVES[0]][: sizes[-1]], sizes)
    other.answers["checkpoints?after=0"] = b"lost"
    with pytest.raises(MalformedError):
        visit(folder, other)
    assert {"tile/0/000", "tile/entries/000"} <= set(kept(folder))
    assert kept(folder)[CHECKPOINT] == earlier[CHECKPOINT]
    visit(folder, gateway())
    assert whole(folder, 700) == len(SIZES)


def test_a_journal_without_end_is_refused_at_once(folder: Path) -> None:
    """A number costs nothing to sign: no file is asked for."""
    server = gateway()
    checkpoint = Checkpoint(ORIGIN, 2**53 - 1, bytes(32))
    server.answers["checkpoint"] = journal_keys().sign(checkpoint, START + timedelta(seconds=900))
    with pytest.raises(MalformedError, match="too-large") as caught:
        visit(folder, server)
    assert caught.value.__notes__ == [CHECKPOINT]
    assert server.asked == ["checkpoint"]


def test_what_is_held_before_it_is_verified_is_bounded(folder: Path) -> None:
    """As many bundles of entries are asked for together as may be held, however many are missing."""
    leaves = short_leaves(16 * 256)
    server = FakeGateway(leaves, [len(leaves)])
    most: list[int] = []
    mirror = Mirror.make(folder)

    def many(asked: Iterable[tuple[str, int]]) -> Iterator[bytes | None]:
        together = list(asked)
        most.append(sum(limit for _, limit in together))
        return (server(path, limit) for path, limit in together)

    grow(mirror, server, many, Pins(first_shard(journal_keys().vkeys)))
    mirror.close()
    assert 16 * 2**20 < max(most) <= 128 * 2**20
    assert len(most) > 2
