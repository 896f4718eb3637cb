"""A witness signs what continues the last thing it signed, and keeps the proof of everything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import permutations
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.contradictions import Contradiction, contradiction, read_signed
from journal.cosignatures import verify_signature
from journal.notes import Checkpoint
from journal.tree import EMPTY_ROOT, Frontier, consistency_proof
from journal.witness import NewLeaves, Witnessed, advance, cosign, verify_cosignature
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.vkeys import ED25519, Vkey
from tests.journal.builders import AT, ORIGIN, Files, hashes_of, journal_signer, leaves_of, short_leaves
from tests.journal.witnesses import classic, lasting, nodes_of

JOURNAL = journal_signer()
FILES = Files(short_leaves(300))
FORKED = Files([*short_leaves(150), b"autre", *short_leaves(300)[151:]])
HOUR = timedelta(hours=1)


def note(size: int, at: datetime = AT, *, files: Files = FILES) -> bytes:
    """The journal's note of its first `size` leaves, the same whenever it is asked for."""
    return _signed(Checkpoint(ORIGIN, size, files.root(size)), at)


@cache
def _signed(checkpoint: Checkpoint, at: datetime) -> bytes:
    return JOURNAL.sign(checkpoint, at)


def remembered(size: int, at: datetime = AT) -> Witnessed:
    """What a witness remembers that saw `size` leaves."""
    return Witnessed(ORIGIN, size, FILES.root(size), note(size, at))


def proof(old: int, new: int, files: Files = FILES) -> list[bytes]:
    """The consistency proof between two sizes; of nothing from nothing."""
    return consistency_proof(old, new, nodes_of(files.hashes)) if old else []


def told(kind: Literal["fork", "rollback"], first: bytes, second: bytes) -> Contradiction:
    """The contradiction of two notes."""
    return Contradiction(kind, read_signed(first, JOURNAL.vkeys), read_signed(second, JOURNAL.vkeys))


def contradicted(first: bytes, second: bytes) -> Contradiction | None:
    """How two notes contradict each other."""
    return contradiction(read_signed(first, JOURNAL.vkeys), read_signed(second, JOURNAL.vkeys))


def code_of(before: Witnessed | None, met: bytes, shown: list[bytes] | NewLeaves) -> str:
    """The slug with which a witness refuses to go on."""
    with pytest.raises(PasserelleError) as caught:
        advance(before, met, JOURNAL.vkeys, shown)
    return caught.value.code


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_witness_goes_on_with_what_continues(old: int, new: int) -> None:
    """By a consistency proof or by the new leaves, from any size to any larger one, it remembers the same."""
    old, new = sorted((old, new))
    before = remembered(old)
    after = replace(remembered(new, AT + HOUR), first=before.note if old == new else None)
    assert advance(before, after.note, JOURNAL.vkeys, proof(old, new)) == after
    frontier = Frontier()
    hashes = hashes_of(300)
    for hashed in hashes[:old]:
        frontier.append(hashed)
    assert advance(before, after.note, JOURNAL.vkeys, NewLeaves(frontier, iter(hashes[old:new]))) == after
    assert (frontier.size, frontier.root()) == (new, FILES.root(new))


def test_the_first_checkpoint_is_believed() -> None:
    """Without memory there is nothing to compare with; what the leaves say is checked all the same."""
    assert advance(None, note(7), JOURNAL.vkeys, []) == remembered(7)
    assert advance(None, note(7), JOURNAL.vkeys, NewLeaves(Frontier(), hashes_of(7))) == remembered(7)
    assert code_of(None, note(7), NewLeaves(Frontier(), hashes_of(6))) == "proof-does-not-hold"
    assert code_of(None, note(7), [bytes(32)]) == "proof-does-not-hold"


def test_an_empty_journal_has_the_root_of_nothing() -> None:
    """Another root would commit to leaves that are not counted."""
    assert advance(None, note(0), JOURNAL.vkeys, []) == remembered(0)
    other = JOURNAL.sign(Checkpoint(ORIGIN, 0, bytes(32)), AT)
    assert code_of(None, other, []) == "wrong-root"
    assert remembered(0).root == EMPTY_ROOT


@pytest.mark.parametrize(("old", "new"), [(64, 300), (100, 300), (255, 256), (256, 300), (0, 1), (300, 300)])
def test_a_wrong_proof_moves_nothing(old: int, new: int) -> None:
    """A hash too many or too few, changed or moved, the proof of other sizes: refused, and nothing is proven."""
    before, met, right = remembered(old), note(new), proof(old, new)
    wrong = [[*right, bytes(32)], [bytes(32), *right], proof(1, 300) if old != 1 else []]
    if right:
        wrong += [right[:-1], right[1:], [*right[:-1], bytes(32)], [*right[:-1], right[-1][:-1]], right[::-1]]
    for shown in wrong:
        if shown != right:
            assert code_of(before, met, shown) == "proof-does-not-hold"


def test_leaves_that_do_not_lead_there_move_nothing() -> None:
    """Other leaves, too many, too few, out of order, from another past: refused."""
    before, met, hashes = remembered(100), note(300), hashes_of(300)

    def grown(size: int) -> Frontier:
        frontier = Frontier()
        for hashed in hashes[:size]:
            frontier.append(hashed)
        return frontier

    for frontier, shown in (
        (grown(100), hashes[100:299]),
        (grown(100), [*hashes[100:], hashes[0]]),
        (grown(100), hashes[100:][::-1]),
        (grown(100), []),
        (grown(99), hashes[99:]),
        (Frontier(), hashes),
        (Frontier(100, [bytes(32)] * 3), hashes[100:]),
    ):
        assert code_of(before, met, NewLeaves(frontier, shown)) == "proof-does-not-hold"


@pytest.mark.parametrize("size", [0, 1, 200, 256])
def test_two_roots_of_one_size_are_a_fork(size: int) -> None:
    """Whatever proof comes with it: both notes are kept, and nothing is signed."""
    before = remembered(size)
    met = JOURNAL.sign(Checkpoint(ORIGIN, size, bytes(31) + b"\x01"), AT + HOUR)
    if size:
        assert advance(before, met, JOURNAL.vkeys, []) == told("fork", before.note, met)
    assert contradicted(before.note, met) == told("fork", before.note, met)


def test_a_fork_further_on_finds_no_proof() -> None:
    """A larger journal with another past: neither its own proof nor its leaves lead from what was seen."""
    before, met = remembered(200), note(300, AT + HOUR, files=FORKED)
    assert code_of(before, met, proof(200, 300, FORKED)) == "proof-does-not-hold"
    assert code_of(before, met, proof(200, 300)) == "proof-does-not-hold"
    frontier = Frontier()
    for hashed in FILES.hashes[:200]:
        frontier.append(hashed)
    assert code_of(before, met, NewLeaves(frontier, FORKED.hashes[200:])) == "proof-does-not-hold"


def test_a_smaller_journal_signed_later_is_a_rollback() -> None:
    """By one second or by a year, whichever of the two was seen first."""
    larger = remembered(300)
    for later in (timedelta(seconds=1), timedelta(days=365)):
        smaller = note(200, AT + later)
        assert advance(larger, smaller, JOURNAL.vkeys, []) == told("rollback", larger.note, smaller)
        seen_first = Witnessed(ORIGIN, 200, FILES.root(200), smaller)
        found = advance(seen_first, larger.note, JOURNAL.vkeys, proof(200, 300))
        assert found == told("rollback", smaller, larger.note)


def test_an_old_note_shown_again_changes_nothing() -> None:
    """What a cache still holds is no news and no lie: same second or earlier."""
    before = remembered(300)
    for earlier in (timedelta(0), HOUR):
        assert advance(before, note(200, AT - earlier), JOURNAL.vkeys, []) == before
        assert contradicted(before.note, note(200, AT - earlier)) is None


def test_the_first_and_the_last_note_of_one_tree_are_remembered() -> None:
    """The last says that nothing larger had been signed by then, the first that nothing smaller was to be any more."""
    first, middle, last = (note(300, AT + hours * HOUR) for hours in range(3))
    before = remembered(300, AT + HOUR)
    both = replace(before, note=last, first=first)
    assert advance(before, middle, JOURNAL.vkeys, []) == before
    assert advance(before, last, JOURNAL.vkeys, []) == replace(before, note=last, first=middle)
    assert advance(before, first, JOURNAL.vkeys, []) == replace(before, first=first)
    for seen in permutations((first, middle, last)):
        known: Witnessed | None = None
        for each in seen:
            met = advance(
                known, each, JOURNAL.vkeys, proof(300, 300) if known else NewLeaves(Frontier(), hashes_of(300))
            )
            assert isinstance(met, Witnessed)
            known = met
        assert known == both
    assert advance(both, note(300, AT + 9 * HOUR), JOURNAL.vkeys, []) == replace(both, note=note(300, AT + 9 * HOUR))


def test_a_journal_that_went_back_between_two_notes_is_found() -> None:
    """Whichever of the two it contradicts, that one is the evidence."""
    both = replace(remembered(200, AT + 2 * HOUR), first=note(200, AT))
    smaller, larger = note(100, AT + HOUR), note(300, AT + HOUR)
    assert advance(both, smaller, JOURNAL.vkeys, []) == told("rollback", note(200, AT), smaller)
    found = advance(both, larger, JOURNAL.vkeys, proof(200, 300))
    assert found == told("rollback", note(200, AT + 2 * HOUR), larger)
    assert code_of(replace(both, first=note(199)), larger, proof(200, 300)) == "witness-damaged"


def test_only_the_journal_itself_moves_a_witness() -> None:
    """Another journal's keys, another journal's name, no keys at all, garbage: refused."""
    stranger = journal_signer()
    forged = stranger.sign(Checkpoint(ORIGIN, 300, FILES.root()), AT)
    assert code_of(remembered(200), forged, proof(200, 300)) == "signature-missing"
    with pytest.raises(ForgedError, match="signature-missing"):
        advance(remembered(200), note(300), [], proof(200, 300))
    elsewhere = journal_signer("autre.example/laval/journal/2026")
    other = elsewhere.sign(Checkpoint(elsewhere.origin, 300, FILES.root()), AT)
    with pytest.raises(MalformedError, match="wrong-origin"):
        advance(remembered(200), other, [*JOURNAL.vkeys, *elsewhere.vkeys], proof(200, 300))
    assert code_of(remembered(200), b"\xff", []) == "not-utf8"


def test_a_damaged_memory_is_noticed() -> None:
    """What is remembered is what the note says, whatever wrote it down."""
    for damaged in (
        replace(remembered(200), size=199),
        replace(remembered(200), root=bytes(32)),
        replace(remembered(200), origin="autre.example/laval/journal/2026"),
    ):
        assert code_of(damaged, note(300), proof(200, 300)) == "witness-damaged"
    assert code_of(replace(remembered(200), note=remembered(200).note[:-9]), note(300), []) == "wrong-note"


@pytest.mark.parametrize("witness", [classic(), lasting()])
def test_a_witness_signs_what_it_remembers(witness: object) -> None:
    """Its signature is of the size and the root that it now remembers, under its own name."""
    assert isinstance(witness, type(classic()))
    seen = remembered(300)
    signature = cosign(witness.name, witness.key, seen, AT)
    checkpoint = Checkpoint(ORIGIN, 300, FILES.root())
    assert verify_signature(witness.vkey, signature, checkpoint).at == AT
    assert verify_cosignature(witness.vkey, signature, checkpoint, JOURNAL.vkeys).at == AT


def test_a_witness_never_signs_as_the_journal() -> None:
    """Not under its name; and a signature by one of its keys is nobody's witness."""
    with pytest.raises(MalformedError, match="witness-is-the-journal"):
        cosign(ORIGIN, lasting().key, remembered(1), AT)
    checkpoint = Checkpoint(ORIGIN, 1, FILES.root(1))
    own = replace(classic("temoin.example"), key=JOURNAL.ed25519)
    with pytest.raises(MalformedError, match="witness-is-the-journal"):
        verify_cosignature(own.vkey, own.sign(checkpoint), checkpoint, JOURNAL.vkeys)
    plain = Vkey("temoin.example", ED25519, classic().vkey.public_key)
    with pytest.raises(MalformedError, match="not-a-witness-key"):
        verify_cosignature(plain, classic().sign(checkpoint), checkpoint, JOURNAL.vkeys)


def test_a_cosignature_without_a_moment_says_too_little() -> None:
    """It holds, but does not say that nothing larger had been seen."""
    checkpoint = Checkpoint("j", 1, bytes(32))
    witness = lasting("w")
    label = b"subtree/v1\n\x00" + b"\x01w" + bytes(8) + b"\x01j" + bytes(8) + (1).to_bytes(8) + bytes(32)
    undated = replace(witness.sign(checkpoint), data=bytes(8) + witness.key.sign(label))
    assert verify_signature(witness.vkey, undated, checkpoint).at is None
    with pytest.raises(ForgedError, match="cosignature-undated"):
        verify_cosignature(witness.vkey, undated, checkpoint, JOURNAL.vkeys)


def test_real_leaves_lead_to_the_real_root() -> None:
    """The leaves of a journal with entries, as files hold them, are what a witness may be shown."""
    files = Files(leaves_of(20))
    met = JOURNAL.sign(Checkpoint(ORIGIN, 20, files.root()), AT)
    after = advance(None, met, JOURNAL.vkeys, NewLeaves(Frontier(), files.hashes))
    assert after == Witnessed(ORIGIN, 20, files.root(), met)


@given(st.binary(max_size=300), st.lists(st.binary(max_size=40), max_size=5))
def test_garbage_raises_our_errors_only(data: bytes, shown: list[bytes]) -> None:
    """Whatever comes, a witness refuses with an error that callers handle, and moves only for a proof."""
    with pytest.raises(PasserelleError):
        advance(None, data, JOURNAL.vkeys, shown)
    with pytest.raises(PasserelleError):
        advance(remembered(200), note(300), JOURNAL.vkeys, shown)
