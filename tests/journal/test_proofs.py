"""A proof of an entry holds for that leaf, that index and that journal, and has one spelling."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.entries import Opening, commitment_leaf
from journal.notes import Checkpoint, OpenedNote, with_cosignatures
from journal.proofs import MAX_EXTRA, MAX_HASHES, MAX_PROOF, LogProof, parse_proof, prove
from journal.quorum import QuorumPolicy
from journal.tree import EMPTY_ROOT, MAX_SIZE
from keys.errors import MalformedError, PasserelleError
from keys.vkeys import b64
from tests.journal.builders import AT, ORIGIN, SALT, Files, entry_bytes, journal_signer, leaves_of
from tests.journal.witnesses import classic, nodes_of

JOURNAL = journal_signer()
LEAVES = leaves_of(300)
FILES = Files(LEAVES)
CHECKPOINT = Checkpoint(ORIGIN, 300, FILES.root())
NOTE = JOURNAL.sign(CHECKPOINT, AT)
PROOF = prove(137, NOTE, FILES.reader(), extra=b"en plus")
TEXT = PROOF.encode()


def code_of(proof: LogProof, leaf: bytes = LEAVES[137]) -> str:
    """The slug with which a proof is refused."""
    with pytest.raises(PasserelleError) as caught:
        proof.verify(leaf, JOURNAL.vkeys)
    return caught.value.code


def code_of_text(data: bytes) -> str:
    """The slug with which the text of a proof is refused."""
    with pytest.raises(MalformedError) as caught:
        parse_proof(data)
    return caught.value.code


@given(st.integers(1, 300), st.data())
def test_every_entry_can_be_proven(size: int, data: st.DataObject) -> None:
    """At any size and index, read back and verified."""
    index = data.draw(st.integers(0, size - 1))
    note = JOURNAL.sign(Checkpoint(ORIGIN, size, FILES.root(size)), AT)
    proof = parse_proof(prove(index, note, nodes_of(FILES.hashes)).encode())
    assert (proof.index, proof.note, proof.extra) == (index, note, None)
    assert proof.verify(LEAVES[index], JOURNAL.vkeys).checkpoint.size == size


def test_a_proof_is_text_as_the_format_has_it() -> None:
    """Header, extra, index, hashes, an empty line, the checkpoint."""
    hashes = "".join(f"{b64(each)}\n" for each in PROOF.hashes)
    extra = base64.b64encode(b"en plus").decode()
    head = f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex 137\n{hashes}\n"
    assert head.encode() + NOTE == TEXT
    assert parse_proof(TEXT) == PROOF
    alone = JOURNAL.sign(Checkpoint(ORIGIN, 1, FILES.root(1)), AT)
    assert prove(0, alone, nodes_of(FILES.hashes)).encode() == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + alone


def test_whoever_holds_the_entry_finds_it_proven() -> None:
    """The leaf is made of the entry and its salt; another entry, or another salt, is another leaf."""
    assert PROOF.verify(commitment_leaf(Opening(entry_bytes(index=137), SALT)), JOURNAL.vkeys).checkpoint == CHECKPOINT
    for opening in (Opening(entry_bytes(index=138), SALT), Opening(entry_bytes(index=137), bytes(32))):
        assert code_of(PROOF, commitment_leaf(opening)) == "proof-does-not-hold"


def test_the_quorum_is_counted_under_the_proof() -> None:
    """The checkpoint of a proof carries the witnesses that have seen it."""
    witness = classic()
    policy = QuorumPolicy(1, (witness.witness,))

    def confirmed(proof: LogProof) -> bool:
        return policy.confirmation(proof.verify(LEAVES[137], JOURNAL.vkeys, witnesses=policy.vkeys)).confirmed

    seen = replace(PROOF, note=with_cosignatures(NOTE, [witness.sign(CHECKPOINT)]))
    assert confirmed(parse_proof(seen.encode()))
    assert not confirmed(PROOF)


def test_a_proof_of_something_else_does_not_hold() -> None:
    """Another leaf or index, a hash changed, moved, missing or too many, another checkpoint: refused."""
    hashes = PROOF.hashes
    for proof in (
        replace(PROOF, index=136),
        replace(PROOF, index=138),
        replace(PROOF, index=299),
        replace(PROOF, index=300),
        replace(PROOF, index=MAX_SIZE - 1),
        replace(PROOF, hashes=hashes[:-1]),
        replace(PROOF, hashes=hashes[1:]),
        replace(PROOF, hashes=(*hashes, bytes(32))),
        replace(PROOF, hashes=hashes[::-1]),
        replace(PROOF, hashes=()),
        replace(PROOF, hashes=(*hashes[:-1], bytes(32))),
        replace(PROOF, note=JOURNAL.sign(Checkpoint(ORIGIN, 299, FILES.root(299)), AT)),
        replace(PROOF, note=JOURNAL.sign(Checkpoint(ORIGIN, 300, bytes(32)), AT)),
    ):
        assert code_of(proof) == "proof-does-not-hold"
    for leaf in (LEAVES[136], LEAVES[137] + b"\x00", b""):
        assert code_of(PROOF, leaf) == "proof-does-not-hold"


def test_an_empty_journal_proves_nothing() -> None:
    """There is no entry 0 among none."""
    empty = JOURNAL.sign(Checkpoint(ORIGIN, 0, EMPTY_ROOT), AT)
    assert code_of(LogProof(0, (), empty), b"") == "proof-does-not-hold"
    assert code_of(LogProof(0, (), JOURNAL.sign(Checkpoint(ORIGIN, 0, FILES.hashes[0]), AT)), LEAVES[0])
    with pytest.raises(MalformedError, match="no-such-entry"):
        prove(0, empty, nodes_of([]))
    with pytest.raises(MalformedError, match="no-such-entry"):
        prove(300, NOTE, FILES.reader())


def test_only_the_journals_own_keys_make_a_proof() -> None:
    """A proof under somebody else's checkpoint, or an unsigned one, says nothing."""
    stranger = journal_signer().sign(CHECKPOINT, AT)
    assert code_of(replace(PROOF, note=stranger)) == "signature-missing"
    assert code_of(replace(PROOF, note=NOTE[:-10] + b"AAAAAAAAA\n")) in {"signature-does-not-hold", "wrong-note"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"@v1\n", b"@v2\n", "wrong-proof"),
        (b"c2sp.org/tlog-proof@v1\n", b"", "wrong-proof"),
        (b"c2sp", b" c2sp", "wrong-proof"),
        (b"index 137\n", b"", "wrong-proof"),
        (b"index 137\n", b"index 0137\n", "wrong-proof"),
        (b"index 137\n", b"index -1\n", "wrong-proof"),
        (b"index 137\n", b"index  137\n", "wrong-proof"),
        (b"index 137\n", b"index 137 \n", "wrong-proof"),
        (b"index 137\n", b"index 137\r\n", "wrong-proof"),
        (b"index 137\n", b"index 137\x00\n", "wrong-proof"),
        (b"index 137\n", b"Index 137\n", "wrong-proof"),
        (b"index 137\n", "index \u0661\u0663\u0667\n".encode(), "wrong-proof"),
        (b"index 137\n", b"index 137\nindex 137\n", "wrong-hash-line"),
        (b"index 137\n", f"index {MAX_SIZE}\n".encode(), "no-such-entry"),
        (b"index 137\n", b"index 137\n" + b"A" * 42 + b"B=\n", "wrong-hash-line"),
        (b"index 137\n", b"index 137\nAAAA\n", "wrong-hash-line"),
        (b"index 137\n", b"index 137\n" + b"A" * 43 + b"=\r\n", "wrong-hash-line"),
        (b"index 137\n", b"index 137\n" + (b"A" * 43 + b"=\n") * 54, "too-many-hashes"),
        (b"index 137\n", b"more\nindex 137\n", "wrong-proof"),
        (b"extra ", b"extra  ", "wrong-proof"),
        (b"extra ", b"Extra ", "wrong-proof"),
        (b"extra ", b"extra AA=", "wrong-proof"),
        (b"extra ZW4gcGx1cw==\n", b"extra \n", "wrong-proof"),
        (b"extra ", b"extra ZW4gcGx1cw==\nextra ", "wrong-proof"),
        (b"\n\n", b"\n", "wrong-hash-line"),
        (b"\n\n", b"\n\n\n", "wrong-checkpoint"),
        (b"\n300\n", b"\n300\nmore\n", "wrong-checkpoint"),
        (b"c2sp", b"\xffc2sp", "not-utf8"),
    ],
)
def test_any_other_spelling_of_a_proof_is_refused(old: bytes, new: bytes, code: str) -> None:
    """Each departure from the form is refused before anything is verified."""
    assert old in TEXT
    assert code_of_text(TEXT.replace(old, new, 1)) == code


def test_a_proof_is_limited() -> None:
    """In bytes, in hashes, in what travels along; the largest one is read."""
    assert code_of_text(b"\xff" * (MAX_PROOF + 1)) == "too-large"
    assert code_of_text(b"") == code_of_text(b"\n\n") == code_of_text(TEXT.partition(b"\n\n")[0]) == "wrong-proof"
    assert code_of_text(TEXT.partition(b"\n\n")[0] + b"\n\n") == "wrong-note"
    assert code_of_text(TEXT[:-1]) == "wrong-note"
    largest = LogProof(MAX_SIZE - 1, (bytes(32),) * MAX_HASHES, NOTE, bytes(MAX_EXTRA))
    assert parse_proof(largest.encode()) == largest


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"index": -1}, "no-such-entry"),
        ({"index": MAX_SIZE}, "no-such-entry"),
        ({"hashes": (bytes(32),) * 54}, "too-many-hashes"),
        ({"hashes": (bytes(31),)}, "wrong-hash-size"),
        ({"extra": b""}, "wrong-proof"),
        ({"extra": bytes(MAX_EXTRA + 1)}, "too-large"),
    ],
)
def test_what_no_program_would_read_is_not_made(changes: dict[str, object], code: str) -> None:
    """A proof that cannot be one is refused before it is written."""
    members = {"index": PROOF.index, "hashes": PROOF.hashes, "note": NOTE, "extra": None} | changes
    with pytest.raises(MalformedError, match=code):
        LogProof(**members)  # type: ignore[arg-type]  # of the types that the cases change


@given(st.integers(0, len(TEXT) * 8 - 1))
def test_any_flipped_bit_of_a_proof_is_found(bit: int) -> None:
    """But for what travels along unproven, no bit can change and still be believed."""
    changed = bytearray(TEXT)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        proof = parse_proof(bytes(changed))
        opened: OpenedNote | None = proof.verify(LEAVES[137], JOURNAL.vkeys)
    except PasserelleError:
        return
    assert opened is not None
    assert proof == replace(PROOF, extra=proof.extra)


@given(st.binary(max_size=300))
def test_garbage_raises_our_errors_only(data: bytes) -> None:
    """Whatever the bytes, reading them refuses with an error that callers handle."""
    for text in (
        data,
        b"c2sp.org/tlog-proof@v1\n" + data,
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + data + b"\n\n" + NOTE,
    ):
        try:
            parse_proof(text)
        except PasserelleError:
            continue
