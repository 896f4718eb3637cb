"""The keys an auditor pins are taken from a file or by hand, and only if they are the two keys of one journal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journal.pins import PinnedShard, Pins, read_pins, read_vkeys
from journal.shards import Shard, first_shard
from keys.errors import MalformedError
from keys.vkeys import ED25519, MLDSA44
from tests.journal.builders import ORIGIN, journal_signer
from tests.journal.ledgers import journal_keys
from tests.journal.relays import shard_keys

CLASSIC, LASTING = (str(vkey) for vkey in journal_keys().vkeys)
OTHERS = [str(vkey) for vkey in journal_signer("autre.example/fr/journal/2026").vkeys]


def pins(shards: list[dict[str, object]] | None = None, **changes: object) -> bytes:
    """The file a broker serves at its well-known address, as it was pinned."""
    members: dict[str, Any] = {} if shards is None else {"shards": shards}
    members |= {
        "v": 1,
        "address": "gateway@laval",
        "territory": "laval",
        "issuer": "https://passerelle.example",
        "receipts": "AAEC",
        "journal": {"origin": ORIGIN, "vkeys": [CLASSIC, LASTING]} | changes,
    }
    return json.dumps(members).encode()


def test_two_keys_are_taken_in_any_order() -> None:
    """Both kinds are there, whichever comes first."""
    for texts in ([CLASSIC, LASTING], [LASTING, CLASSIC]):
        assert {vkey.type for vkey in read_vkeys(texts)} == {ED25519, MLDSA44}


@pytest.mark.parametrize(
    "texts",
    [[], [CLASSIC], [CLASSIC, CLASSIC], [LASTING, LASTING], [CLASSIC, LASTING, LASTING], [CLASSIC, OTHERS[1]]],
)
def test_keys_that_are_no_pair_are_refused(texts: list[str]) -> None:
    """One kind alone, or keys of two journals, would let half a signature pass."""
    with pytest.raises(MalformedError, match="vkeys-not-a-pair"):
        read_vkeys(texts)


def test_a_key_that_was_miscopied_is_refused() -> None:
    """The check digits of a key find a slip of the pen."""
    with pytest.raises(MalformedError, match="wrong-vkey"):
        read_vkeys([CLASSIC[:-9] + ("A" if CLASSIC[-9] != "A" else "B") + CLASSIC[-8:], LASTING])


def test_pins_give_the_keys_of_the_journal() -> None:
    """Of the pinned file, an auditor needs the journal's name and keys."""
    assert read_pins(pins()) == Pins(first_shard(journal_keys().vkeys))


def listed(number: int = 2, start: int = 40, **changes: object) -> dict[str, object]:
    """A later shard as the file lists it."""
    members: dict[str, object] = {"number": number, "origin": shard_keys(number).origin, "start": start}
    return members | {"vkeys": [str(vkey) for vkey in shard_keys(number).vkeys], "restarted": False} | changes


def test_pins_list_the_later_shards() -> None:
    """Whoever pins a journal that has gone on knows its later shards from the same file."""
    read = read_pins(pins([listed(), listed(3, 50, restarted=True)]))
    keys = [shard_keys(number) for number in (2, 3)]
    shards = [
        Shard(number, each.origin, each.vkeys, start)
        for number, each, start in zip((2, 3), keys, (40, 50), strict=True)
    ]
    assert read.later == (PinnedShard(shards[0], restarted=False), PinnedShard(shards[1], restarted=True))
    assert (read.shard(3), read.shard(4)) == (read.later[1], None)
    assert [read.named(name) for name in (ORIGIN, keys[1].origin, "")] == [read.first, shards[1], None]


@pytest.mark.parametrize(
    ("shards", "slug", "pointer"),
    [
        ([listed(3)], "shards-out-of-order", "/shards/0"),
        ([listed(), listed()], "shards-out-of-order", "/shards/1"),
        ([listed(), listed(3, 40)], "shards-out-of-order", "/shards/1"),
        ([listed(start=0)], "out-of-range", "/shards/0/start"),
        ([listed(1)], "out-of-range", "/shards/0/number"),
        ([listed(origin="autre.example/laval/journal/2")], "wrong-origin", "/shards/0/vkeys"),
        ([listed(vkeys=[CLASSIC, LASTING])], "wrong-origin", "/shards/0/vkeys"),
        ([listed(restarted=1)], "wrong-type", "/shards/0/restarted"),
        ([listed(more=1)], "unknown-field", "/shards/0/more"),
    ],
)
def test_later_shards_are_listed_in_order(shards: list[dict[str, object]], slug: str, pointer: str) -> None:
    """A list with a hole, or with another journal's shard, is no list of this journal's shards."""
    with pytest.raises(MalformedError) as caught:
        read_pins(pins(shards))
    assert (caught.value.code, caught.value.pointer) == (slug, pointer)


@pytest.mark.parametrize(
    ("data", "slug", "pointer"),
    [
        (b"", "not-json", ""),
        (b"[]", "missing-field", "/journal"),
        (b"{}", "missing-field", "/journal"),
        (b'{"journal":[]}', "wrong-type", "/journal"),
        (b'{"journal":{"vkeys":[]}}', "missing-field", "/journal/origin"),
        (b'{"journal":{},"journal":{}}', "duplicate-key", "/journal"),
        (b" " * 300_000, "too-large", ""),
        (pins(vkeys=[CLASSIC]), "too-short", "/journal/vkeys"),
        (pins(vkeys=[CLASSIC, 1]), "wrong-type", "/journal/vkeys/1"),
        (pins(vkeys=OTHERS), "wrong-origin", "/journal/vkeys"),
        (pins(origin="autre.example/laval/journal/2026"), "wrong-origin", "/journal/vkeys"),
        (pins(more=1), "unknown-field", "/journal/more"),
    ],
)
def test_malformed_pins_tell_where(data: bytes, slug: str, pointer: str) -> None:
    """Each fault of the file has its slug and its place."""
    with pytest.raises(MalformedError) as caught:
        read_pins(data)
    assert (caught.value.code, caught.value.pointer) == (slug, pointer)
