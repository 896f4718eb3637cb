"""The journal as it grows: a checkpoint that lies, forks, rolls back, ages or is half signed is never accepted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.growth import BESIDES, LARGEST, JournalAlarmError, check_fresh
from adapters.problems import GatewayProblemError
from journal.entries import CLEAR, Opening, commitment_leaf
from journal.notes import Checkpoint, Note, parse_note
from journal.tiles import encode_bundle
from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError
from tests.adapters.gateway_double import ORIGIN, GatewayDouble
from tests.adapters.journal_reader import READER, Reader, file, fingerprint, gateway_of, partner
from tests.journal.builders import entry_bytes, journal_signer
from tests.keys.builders import ADDRESS, NOW, client_key

CHECKPOINT = "/v1/journal/checkpoint"
OTHER_SALT = bytes(32)


def accepted() -> tuple[GatewayDouble, Reader]:
    """A gateway, and a reader that has read its journal once."""
    gateway = gateway_of(partner())
    reader = Reader(gateway)
    reader.sync()
    return gateway, reader


def refuses(reader: Reader, error: type[PasserelleError], code: str) -> None:
    """The next reading fails in this way and leaves what was accepted as it was."""
    saved, held = reader.store.saved, list(reader.store.held)
    with pytest.raises(error) as refused:
        reader.sync()
    assert refused.value.code == code
    assert (reader.store.saved, reader.store.held) == (saved, held)


def test_a_fork_is_an_alarm() -> None:
    """A past that was changed after it was read cannot be continued, however well it is signed."""
    gateway, reader = accepted()
    gateway.leaves[0] = commitment_leaf(Opening(entry_bytes(index=0), OTHER_SALT))
    refuses(reader, JournalAlarmError, "journal-forked")
    gateway.bustle(5)
    refuses(reader, JournalAlarmError, "journal-forked")
    assert Reader(gateway).sync() == len(gateway.leaves)


def test_a_journal_that_shrinks_is_an_alarm() -> None:
    """Even where the shorter one is a true earlier state: somebody hides what came after."""
    gateway, reader = accepted()
    gateway.leaves.pop()
    refuses(reader, JournalAlarmError, "checkpoint-rolled-back")


def test_a_journal_of_more_entries_than_any_is_not_read() -> None:
    """A size costs the gateway one signature: nothing is asked for that would take for ever."""
    gateway = gateway_of(partner())
    vast = gateway.journal.sign(Checkpoint(ORIGIN, LARGEST + 1, bytes(32)), NOW)
    gateway.instead[CHECKPOINT] = lambda _: file(vast)
    refuses(Reader(gateway), MalformedError, "journal-too-large")
    assert not [each for each in gateway.requests if "/tile/" in each.url.path]


def test_a_look_holds_no_more_in_clear_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many entries, and however many shards: what is not proven yet must not fill the memory."""
    gateway = gateway_of(partner())
    need = sum(len(leaf) + BESIDES for leaf in gateway.leaves if leaf.startswith(CLEAR))
    monkeypatch.setattr("adapters.following.CLEAR_AT_ONCE", need)
    assert Reader(gateway).sync() == len(gateway.leaves)
    monkeypatch.setattr("adapters.following.CLEAR_AT_ONCE", need - 1)
    refuses(Reader(gateway), MalformedError, "journal-too-large")
    reader = Reader(gateway)
    gateway.rotate()
    monkeypatch.setattr("adapters.following.CLEAR_AT_ONCE", need + 5000)
    refuses(reader, MalformedError, "journal-too-large")


def test_a_leaf_that_was_swapped_is_an_alarm() -> None:
    """Every downloaded leaf must hash into the signed root, whether it concerns keys or not."""
    gateway = gateway_of(partner())
    path = f"tile/entries/000.p/{len(gateway.leaves)}"
    for position in range(len(gateway.leaves)):
        leaves = list(gateway.leaves)
        leaves[position] = commitment_leaf(Opening(entry_bytes(index=position), OTHER_SALT))
        bundle = encode_bundle(leaves)
        gateway.instead[f"/v1/journal/{path}"] = lambda _, bundle=bundle: file(bundle)  # type: ignore[misc]  # bound in a loop
        reader = Reader(gateway)
        refuses(reader, JournalAlarmError, "journal-forked")
    turned = encode_bundle(gateway.leaves[::-1])
    gateway.instead[f"/v1/journal/{path}"] = lambda _: file(turned)
    refuses(Reader(gateway), JournalAlarmError, "journal-forked")


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", lambda _: b""])
def test_a_bundle_of_another_length_is_refused(change: Callable[[bytes], bytes]) -> None:
    """One leaf more or less, or cut short."""
    gateway = gateway_of()
    path = "tile/entries/000.p/3"
    changed = change(gateway.files()[path])
    gateway.instead[f"/v1/journal/{path}"] = lambda _: file(changed)
    refuses(Reader(gateway), MalformedError, "wrong-bundle")


def test_a_bundle_that_is_missing_is_told() -> None:
    """Neither the partial bundle nor the full one is there."""
    gateway = gateway_of()
    gateway.instead["/v1/journal/tile/entries/000.p/3"] = lambda _: file(b"", 404)
    with pytest.raises(GatewayProblemError) as refused:
        Reader(gateway).sync()
    assert refused.value.status == 404


@pytest.mark.parametrize("kept", [0, 1])
def test_one_signature_is_not_enough(kept: int) -> None:
    """Ed25519 and ML-DSA-44 must both hold, so that either may fall alone."""
    gateway, reader = accepted()
    gateway.bustle(1)
    note = parse_note(gateway.note())
    half = Note(note.checkpoint, (note.signatures[kept],)).encode()
    gateway.instead[CHECKPOINT] = lambda _: file(half)
    refuses(reader, ForgedError, "signature-missing")


def test_a_checkpoint_of_other_keys_is_refused() -> None:
    """The right name, signed by keys that were not pinned, or by one of them only."""
    gateway, reader = accepted()
    gateway.bustle(1)
    mine = parse_note(gateway.note())
    forged = journal_signer(ORIGIN).sign(mine.checkpoint, NOW)
    gateway.instead[CHECKPOINT] = lambda _: file(forged)
    refuses(reader, ForgedError, "signature-missing")
    mixed = Note(mine.checkpoint, (mine.signatures[0], parse_note(forged).signatures[1])).encode()
    gateway.instead[CHECKPOINT] = lambda _: file(mixed)
    refuses(reader, ForgedError, "signature-missing")
    grown = Checkpoint(ORIGIN, mine.checkpoint.size + 1, mine.checkpoint.root)
    altered = Note(grown, mine.signatures).encode()
    gateway.instead[CHECKPOINT] = lambda _: file(altered)
    refuses(reader, ForgedError, "signature-does-not-hold")


def test_a_checkpoint_of_another_journal_is_refused() -> None:
    """Another shard or territory, signed by its own journal, is not ours."""
    gateway, reader = accepted()
    other = journal_signer("passerelle.example/fr/journal/2027").sign(
        Checkpoint("passerelle.example/fr/journal/2027", 9, bytes(32)), NOW
    )
    gateway.instead[CHECKPOINT] = lambda _: file(other)
    refuses(reader, ForgedError, "signature-missing")


@pytest.mark.parametrize(
    ("age", "code"),
    [
        (timedelta(hours=24, seconds=1), "checkpoint-stale"),
        (timedelta(days=400), "checkpoint-stale"),
        (timedelta(seconds=-121), "checkpoint-in-future"),
    ],
)
def test_a_checkpoint_must_be_of_today(age: timedelta, code: str) -> None:
    """Its own ML-DSA-44 signature states the time; yesterday's journal could hide a revocation."""
    gateway = gateway_of(partner())
    reader = Reader(gateway)
    note = gateway.note(at=NOW - age)
    gateway.instead[CHECKPOINT] = lambda _: file(note)
    refuses(reader, UntrustedKeyError, code)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=24), timedelta(seconds=-120)])
def test_the_limits_of_freshness_are_exact(age: timedelta) -> None:
    """24 hours back and 120 seconds ahead are still accepted."""
    check_fresh(NOW - age, NOW)
    with pytest.raises(UntrustedKeyError):
        check_fresh(NOW - (age * 2 if age else timedelta(days=2)), NOW)


def test_a_checkpoint_shown_again_does_not_make_the_book_older() -> None:
    """An earlier note of the same journal is true, but what was accepted last stays."""
    gateway, reader = accepted()
    old_note = gateway.note()
    gateway.clock.forward(hours=1)
    reader.sync()
    saved = reader.store.saved
    gateway.instead[CHECKPOINT] = lambda _: file(old_note)
    assert reader.sync() == len(gateway.leaves)
    assert reader.store.saved == saved


def test_an_alarm_does_not_stop_what_was_accepted() -> None:
    """Keys known before can be judged still, until their checkpoint is a day old."""
    gateway, reader = accepted()
    gateway.leaves.pop()
    refuses(reader, JournalAlarmError, "checkpoint-rolled-back")
    assert reader.book.chain(ADDRESS, fingerprint(partner())).seq == 3


@given(st.binary(max_size=300))
def test_garbage_for_a_checkpoint_is_one_of_our_errors(data: bytes) -> None:
    """Nothing else comes out, and nothing is kept."""
    gateway = GARBLED
    gateway.instead[CHECKPOINT] = lambda _: httpx2.Response(200, content=data)
    reader = Reader(gateway)
    with pytest.raises(PasserelleError):
        reader.sync()
    assert reader.store.saved is None


@given(st.binary(max_size=300))
def test_garbage_for_a_bundle_is_one_of_our_errors(data: bytes) -> None:
    """The same for the files below."""
    gateway = GARBLED
    gateway.instead = {
        CHECKPOINT: lambda _: file(GARBLED_NOTE),
        "/v1/journal/tile/entries/000.p/3": lambda _: file(data),
    }
    reader = Reader(gateway)
    with pytest.raises(PasserelleError):
        reader.sync()
    assert reader.store.saved is None


GARBLED = GatewayDouble(key=client_key("reader", READER))
GARBLED.bustle(3)
GARBLED_NOTE = GARBLED.note()


def test_a_larger_journal_that_was_signed_before_the_one_we_saw_is_a_rollback() -> None:
    """What it held was gone when ours was signed: two signatures that cannot both be honest."""
    gateway, reader = accepted()
    gateway.bustle(2)
    gateway.instead[CHECKPOINT] = lambda _: file(gateway.note(at=NOW - timedelta(seconds=30)))
    refuses(reader, JournalAlarmError, "checkpoint-rolled-back")
    gateway.instead.clear()
    assert reader.sync() == len(gateway.leaves)
