"""The journal's files have one path each, and growing rewrites only what grows."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.tiles import (
    ENTRIES,
    TilePath,
    decode_bundle,
    encode_bundle,
    new_bundles,
    new_tiles,
    parse_path,
)
from keys.errors import MalformedError
from tests.journal.builders import Files, hashes_of, nothing_yet, short_leaves


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (TilePath(0, 0), "tile/0/000"),
        (TilePath(0, 999, 1), "tile/0/999.p/1"),
        (TilePath(1, 1000), "tile/1/x001/000"),
        (TilePath(63, 1_234_067, 255), "tile/63/x001/x234/067.p/255"),
        (TilePath(ENTRIES, 70_000, 112), "tile/entries/x070/000.p/112"),
    ],
)
def test_a_tile_has_one_path(path: TilePath, text: str) -> None:
    """The paths are those of C2SP tlog-tiles, read and written."""
    assert str(path) == text
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile",
        "checkpoint",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/entry/000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x234",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000/",
        "/tile/0/000",
        "tile//000",
        "tile/0/../000",
        "tile/0/000\n",
        "tile/\u0660/000",
        "tile/0/\u0660\u0660\u0660",
        "TILE/0/000",
        "tile/0/X001/000",
        "tile/0/" + "x999/" * 5 + "999",
        "tile/0/" + "x001/" * 500 + "000",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(text: str) -> None:
    """A path out of the folder, or a second path for the same tile, is never accepted."""
    with pytest.raises(MalformedError) as caught:
        parse_path(text)
    assert caught.value.code == "wrong-tile-path"


@given(st.integers(ENTRIES, 63), st.integers(0, 2**45 - 1), st.integers(1, 256))
def test_every_path_comes_back(level: int, index: int, width: int) -> None:
    """Writing then reading a path gives the same tile."""
    path = TilePath(level, index, width)
    assert parse_path(str(path)) == path


@given(st.text(alphabet="tile/entries0x19.p-", max_size=30))
def test_a_path_that_is_read_is_the_path_that_is_written(text: str) -> None:
    """No text but the canonical one is read."""
    with suppress(MalformedError):
        assert str(parse_path(text)) == text


@pytest.mark.parametrize(("level", "index", "width"), [(-2, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_out_of_range_cannot_be_named(level: int, index: int, width: int) -> None:
    """No program error writes a file under a path that nobody reads."""
    with pytest.raises(MalformedError) as caught:
        TilePath(level, index, width)
    assert caught.value.code == "wrong-tile-path"


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_a_bundle_comes_back(leaves: list[bytes]) -> None:
    """A bundle holds the leaves it was written with, and refuses to hold one more or one less."""
    data = encode_bundle(leaves)
    assert decode_bundle(data, len(leaves)) == leaves
    for width in (len(leaves) + 1, len(leaves) - 1):
        if width >= 0:
            with pytest.raises(MalformedError):
                decode_bundle(data, width)


def test_a_bundle_writes_lengths_in_two_bytes() -> None:
    """The length is big-endian on 16 bits; a longer leaf is refused before it is written wrongly."""
    assert encode_bundle([b"ab", b""]) == b"\x00\x02ab\x00\x00"
    assert decode_bundle(encode_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    with pytest.raises(MalformedError) as caught:
        encode_bundle([bytes(65_536)])
    assert caught.value.code == "too-large"


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01ab", b"\x00\x01a\x00", b""])
def test_a_bundle_cut_or_with_more_behind_is_refused(data: bytes) -> None:
    """Truncated and overlong files are told apart from whole ones."""
    with pytest.raises(MalformedError) as caught:
        decode_bundle(data, 1)
    assert caught.value.code == "wrong-bundle"


@pytest.mark.parametrize(
    ("size", "paths"),
    [
        (0, []),
        (1, ["tile/0/000.p/1"]),
        (255, ["tile/0/000.p/255"]),
        (256, ["tile/0/000", "tile/1/000.p/1"]),
        (257, ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]),
        (65_536, [*(f"tile/0/{index:03}" for index in range(256)), "tile/1/000", "tile/2/000.p/1"]),
    ],
)
def test_a_tree_has_the_tiles_of_the_standard(size: int, paths: list[str]) -> None:
    """A tree made at once has exactly the full and partial tiles of its size, lowest level first."""
    tiles = new_tiles(0, hashes_of(size), nothing_yet())
    assert [str(tile.path) for tile in tiles] == paths
    assert all(len(tile.data) == 32 * tile.path.width for tile in tiles)


def test_growth_rewrites_only_what_grows() -> None:
    """A full tile is never written again; a partial one is, under its new width."""
    files = Files(short_leaves(300))
    grown = new_tiles(300, hashes_of(3), files.reader())
    assert [str(tile.path) for tile in grown] == ["tile/0/001.p/47"]
    bundles = new_bundles(300, short_leaves(3), files.reader().leaves(1))
    assert [str(tile.path) for tile in bundles] == ["tile/entries/001.p/47"]
    assert new_tiles(300, [], files.reader()) == []
    assert new_bundles(300, [], files.reader().leaves(1)) == []


def test_growth_from_a_wrong_beginning_is_refused() -> None:
    """An open bundle that does not fit the size, or a hash cut short, writes nothing."""
    with pytest.raises(MalformedError) as caught:
        new_bundles(300, short_leaves(3), short_leaves(43))
    assert caught.value.code == "wrong-bundle"
    with pytest.raises(MalformedError) as caught:
        new_tiles(0, [bytes(31)], nothing_yet())
    assert caught.value.code == "wrong-hash-size"
    with pytest.raises(MalformedError) as caught:
        new_tiles(2**53 - 1, [bytes(32)], nothing_yet())
    assert caught.value.code == "tree-full"


@given(st.binary(max_size=300), st.integers(0, 5))
def test_garbage_bundles_raise_our_errors_only(data: bytes, width: int) -> None:
    """What is read as a bundle is what a bundle is written as; anything else is refused."""
    with suppress(MalformedError):
        assert encode_bundle(decode_bundle(data, width)) == data
