"""A shard ends by naming the next, which begins by committing to that end: nothing else leads from one to the other."""

from __future__ import annotations

from typing import Any

import pytest

from journal.checkpoints import Checkpoint
from journal.entries import Entry, clear_leaf
from journal.notes import JournalSigner
from journal.shards import (
    CLOSED,
    HAND_OVER,
    MAX_SHARDS,
    OPENED,
    RESTARTED,
    Restart,
    Shard,
    announce,
    announced_by,
    check_opening,
    commit,
    first_index,
    first_shard,
    folder,
    next_origin,
    restarted_after,
    succeed,
)
from keys.documents import b64url, encode, format_time, parse
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.strictjson import dumps, loads
from tests.builders import AT, BROKER
from tests.journal.builders import ORIGIN
from tests.journal.relays import shard_keys

FIRST = first_shard(shard_keys(1).vkeys)
ROOT = bytes(range(32))
FINAL = Checkpoint(ORIGIN, 12, ROOT)
SECOND = Shard(2, shard_keys(2).origin, shard_keys(2).vkeys, 12)
LARGER = Checkpoint(ORIGIN, 20, ROOT)
HELD = Checkpoint(ORIGIN, 15, bytes(32))
GONE_ON = Shard(2, SECOND.origin, SECOND.vkeys, 20)


def note(checkpoint: Checkpoint, signer: JournalSigner | None = None) -> bytes:
    """The signed note of a checkpoint of the first shard."""
    return (signer or shard_keys(1)).sign(checkpoint, AT)


def entry(state: str | None, document: bytes, index: int = 12, **changes: object) -> Entry:
    """An entry between two shards."""
    members: dict[str, Any] = {"v": 1, "index": index, "time": format_time(AT), "type": HAND_OVER, "actor": BROKER}
    members |= {"state": state, "document": b64url(document)} | changes
    return parse(Entry, dumps({name: value for name, value in members.items() if value is not None}), limit=100_000)


def altered(document: bytes, **changes: object) -> bytes:
    """A document with other members; of an announcement, those of the next shard."""
    members: Any = loads(document, limit=100_000)
    inner = members.get("next", members)
    inner |= changes
    return dumps({name: value for name, value in members.items() if value is not None})


def test_a_shard_names_the_next_and_the_next_commits_to_its_end() -> None:
    """Whoever has the first shard's keys finds the second's, and where it starts."""
    closing = entry(CLOSED, announce(FIRST, SECOND.vkeys), 11)
    announced = announced_by(closing, FIRST)
    assert announced is not None
    following = succeed(FIRST, FINAL, announced)
    assert following == SECOND
    assert check_opening(entry(OPENED, commit(2, note(FINAL))), following, FIRST, FINAL) is not None


def test_positions_are_the_shards_own() -> None:
    """An entry is counted through all shards, a leaf from the start of its own."""
    checkpoint = Checkpoint(SECOND.origin, 5, ROOT)
    assert (SECOND.position(14), SECOND.index(2), SECOND.end(checkpoint)) == (2, 14, 17)
    assert (FIRST.position(3), FIRST.end(FINAL)) == (3, 12)
    assert [folder(number) for number in (1, 2, 37)] == ["", "shards/2/", "shards/37/"]
    assert next_origin(SECOND) == f"{ORIGIN.rpartition('/')[0]}/3"


@pytest.mark.parametrize("state", [OPENED, RESTARTED, None])
def test_only_a_closing_entry_announces(state: str | None) -> None:
    """Nothing else in a journal leads to other keys."""
    text = announce(FIRST, SECOND.vkeys)
    assert announced_by(entry(state, text), FIRST) is None
    assert announced_by(entry(CLOSED, text, type="admin.change"), FIRST) is None


def led(document: bytes) -> Shard:
    """The shard to which a closing entry with this document leads."""
    following = announced_by(entry(CLOSED, document, 11), FIRST)
    assert following is not None
    return succeed(FIRST, FINAL, following)


@pytest.mark.parametrize(
    ("document", "slug"),
    [
        (altered(announce(FIRST, SECOND.vkeys), number=3), "hand-over-broken"),
        (altered(announce(FIRST, SECOND.vkeys), origin=f"{ORIGIN}/2"), "hand-over-broken"),
        (altered(announce(FIRST, SECOND.vkeys), vkeys=[str(vkey) for vkey in shard_keys(3).vkeys]), "hand-over-broken"),
        (altered(announce(FIRST, SECOND.vkeys), vkeys=[str(SECOND.vkeys[0])]), "too-short"),
        (altered(announce(FIRST, SECOND.vkeys), vkeys=[str(SECOND.vkeys[0])] * 2), "vkeys-not-a-pair"),
        (altered(announce(FIRST, SECOND.vkeys), number=1), "out-of-range"),
        (altered(announce(FIRST, SECOND.vkeys), start=12), "unknown-field"),
        (b"", "not-json"),
    ],
)
def test_an_announcement_of_something_else_is_refused(document: bytes, slug: str) -> None:
    """The next shard has the next number and name, and two keys of its own."""
    with pytest.raises(PasserelleError) as caught:
        led(document)
    assert caught.value.code == slug


def test_no_key_signs_two_shards() -> None:
    """A shard's keys live no longer than it: one that comes again under the next name is refused."""
    reused = JournalSigner(SECOND.origin, shard_keys(1).ed25519, shard_keys(2).mldsa44)
    with pytest.raises(ForgedError, match="hand-over-broken"):
        announced_by(entry(CLOSED, announce(FIRST, reused.vkeys), 11), FIRST)


def test_shards_are_not_without_end() -> None:
    """The last number that a shard may have leads nowhere."""
    last = Shard(MAX_SHARDS, FIRST.origin, FIRST.vkeys, 1)
    with pytest.raises(MalformedError, match="too-many-shards"):
        announce(last, SECOND.vkeys)


@pytest.mark.parametrize(
    ("document", "index", "slug"),
    [
        (commit(2, note(FINAL)), 13, "hand-over-broken"),
        (commit(3, note(FINAL)), 12, "hand-over-broken"),
        (commit(2, note(Checkpoint(ORIGIN, 11, ROOT))), 12, "hand-over-broken"),
        (commit(2, note(Checkpoint(ORIGIN, 12, bytes(32)))), 12, "hand-over-broken"),
        (commit(2, note(FINAL), FINAL), 12, "hand-over-broken"),
        (commit(2, shard_keys(3).sign(Checkpoint(shard_keys(3).origin, 12, ROOT), AT)), 12, "hand-over-broken"),
        (commit(2, note(FINAL)[:-10] + b"\n"), 12, "wrong-note"),
        (
            commit(2, note(FINAL).partition(b"\n\n")[0] + b"\n\n" + note(LARGER).partition(b"\n\n")[2]),
            12,
            "signature-does-not-hold",
        ),
        (b"{}", 12, "missing-field"),
    ],
)
def test_an_opening_that_commits_to_something_else_is_refused(document: bytes, index: int, slug: str) -> None:
    """The first entry names exactly the end of the shard before, as that shard signed it."""
    with pytest.raises(PasserelleError) as caught:
        check_opening(entry(OPENED, document, index), SECOND, FIRST, FINAL)
    assert caught.value.code == slug


def test_a_shard_begins_where_the_one_before_ends() -> None:
    """Entries are counted on: one that starts later or earlier would hide some, or give two the same index."""
    for start in (11, 13):
        moved = Shard(2, SECOND.origin, SECOND.vkeys, start)
        with pytest.raises(ForgedError, match="hand-over-broken"):
            check_opening(entry(OPENED, commit(2, note(FINAL)), start), moved, FIRST, FINAL)


@pytest.mark.parametrize("state", [CLOSED, RESTARTED, None])
def test_an_announced_shard_begins_with_its_opening(state: str | None) -> None:
    """An entry that says something else, such as a restart, opens no announced shard."""
    with pytest.raises(ForgedError, match="hand-over-broken"):
        check_opening(entry(state, commit(2, note(FINAL))), SECOND, FIRST, FINAL)


def test_a_restart_tells_what_is_lost() -> None:
    """The first entry of a restarted shard says how much is still held, and from what it goes on."""
    begun = entry(RESTARTED, commit(2, note(LARGER), HELD), 20)
    restart = restarted_after(begun, FIRST)
    assert (restart.checkpoint, restart.held) == (LARGER, HELD)
    assert restart == Restart(restart.note, LARGER, HELD, AT)
    assert check_opening(begun, GONE_ON, FIRST, LARGER, restarted=True) == restart.note
    assert first_index(clear_leaf(encode(begun))) == (20, 15)
    assert first_index(clear_leaf(encode(entry(OPENED, commit(2, note(FINAL)))))) == (12, None)


@pytest.mark.parametrize(
    ("state", "document"),
    [
        (OPENED, commit(2, note(LARGER), HELD)),
        (RESTARTED, commit(2, note(LARGER))),
        (RESTARTED, commit(2, note(LARGER), Checkpoint(ORIGIN, 21, ROOT))),
        (RESTARTED, commit(2, note(LARGER), Checkpoint(ORIGIN, 20, bytes(32)))),
    ],
)
def test_a_restart_that_does_not_tell_what_is_lost_is_refused(state: str, document: bytes) -> None:
    """Nobody goes on without saying what is held, with more than there was, or with something else."""
    with pytest.raises(ForgedError, match="hand-over-broken"):
        restarted_after(entry(state, document, 20), FIRST)


@pytest.mark.parametrize(
    ("held", "slug"),
    [(15, "wrong-type"), ({"size": 15}, "missing-field"), ({"size": 15, "root": "AAAA"}, "too-short"), (None, None)],
)
def test_what_is_held_is_a_tree(held: object, slug: str | None) -> None:
    """How many leaves are held would say nothing of which: the root is what everybody goes on from alike."""
    document = altered(commit(2, note(LARGER), HELD), held=held)
    with pytest.raises(PasserelleError) as caught:
        restarted_after(entry(RESTARTED, document, 20), FIRST)
    assert caught.value.code == (slug or "hand-over-broken")


def test_what_begins_no_shard_tells_no_index() -> None:
    """A reader without keys takes nothing else for the beginning of a shard."""
    with pytest.raises(ForgedError, match="hand-over-broken"):
        first_index(clear_leaf(encode(entry(OPENED, commit(2, note(FINAL)), type="admin.change"))))
