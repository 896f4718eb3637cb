"""Two other programs, written by other people, verify our witnesses and our proofs, and refuse what we refuse."""

from __future__ import annotations

import base64

import metamorphic_log as rust  # type: ignore[import-untyped]  # bindings of a Rust program, without types
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.signing import MLDSA44CosignatureSigner, VkeySet
from tlog_scales.signing import Vkey as TheirVkey
from tlog_scales.tlog import Checkpoint as TheirCheckpoint

from journal.cosignatures import parse_signature
from journal.notes import Checkpoint, Note, NoteSignature, open_note, parse_note, with_cosignatures
from journal.proofs import prove
from journal.quorum import QuorumPolicy, Witness
from journal.tree import consistency_proof, leaf_hash
from journal.witness import verify_cosignature
from keys.errors import ForgedError
from keys.vkeys import parse_vkey
from tests.journal.builders import AT, ORIGIN, Files, journal_signer, leaves_of
from tests.journal.witnesses import Signer, classic, lasting, nodes_of

JOURNAL = journal_signer()
CLASSIC = str(JOURNAL.vkeys[0])
LEAVES = leaves_of(300)
FILES = Files(LEAVES)
NODES = nodes_of(FILES.hashes)
CHECKPOINT = Checkpoint(ORIGIN, 300, FILES.root())
WITNESSES = [classic(), lasting()]
NOTE = with_cosignatures(JOURNAL.sign(CHECKPOINT, AT), [each.sign(CHECKPOINT) for each in WITNESSES])


def signed(size: int) -> bytes:
    """The journal's note of its first `size` leaves."""
    return JOURNAL.sign(Checkpoint(ORIGIN, size, FILES.root(size)), AT)


def test_the_rust_program_verifies_our_checkpoint() -> None:
    """It reads our name, size and root under the journal's Ed25519 key, whatever witnesses signed below."""
    head = rust.checkpoint_verify(NOTE.decode(), [CLASSIC])
    assert (head.origin, head.size, head.root, head.extensions) == (ORIGIN, 300, FILES.root(), [])
    assert rust.verify_signed_note(NOTE.decode(), [CLASSIC]) == 1


@pytest.mark.parametrize(
    ("old", "new"), [(b"\n300\n", b"\n301\n"), (ORIGIN.encode() + b"\n", b"autre.example\n"), (b"\n\n", b"\nmore\n\n")]
)
def test_the_rust_program_refuses_a_changed_checkpoint(old: bytes, new: bytes) -> None:
    """Another size, another name, a line more: neither there nor here."""
    changed = NOTE.replace(old, new, 1)
    with pytest.raises(rust.VerifyError):
        rust.checkpoint_verify(changed.decode(), [CLASSIC])
    with pytest.raises(rust.VerifyError):
        rust.checkpoint_verify(NOTE.decode(), [str(journal_signer().vkeys[0])])


@given(st.integers(1, 300), st.data())
def test_the_rust_program_verifies_our_proofs_of_entries(size: int, data: st.DataObject) -> None:
    """The text of a proof, taken apart here by its lines, convinces it of that leaf alone."""
    index = data.draw(st.integers(0, size - 1))
    head, _, note = prove(index, signed(size), NODES).encode().decode().partition("\n\n")
    header, place, *lines = head.split("\n")
    assert (header, place) == ("c2sp.org/tlog-proof@v1", f"index {index}")
    hashes = [base64.b64decode(line) for line in lines]
    rust.checkpoint_verify_inclusion(note, [CLASSIC], index, leaf_hash(LEAVES[index]), hashes)
    wrong = [(index, leaf_hash(b"autre"), hashes), (index + 1, leaf_hash(LEAVES[index]), hashes)]
    wrong.append((index, leaf_hash(LEAVES[index]), [*hashes, bytes(32)]))
    for where, leaf, shown in wrong:
        with pytest.raises(rust.VerifyError):
            rust.checkpoint_verify_inclusion(note, [CLASSIC], where, leaf, shown)


@given(st.integers(1, 299), st.data())
def test_the_rust_program_verifies_that_our_journal_continues(old: int, data: st.DataObject) -> None:
    """By our consistency proof, as a witness does, and not by a changed one."""
    new = data.draw(st.integers(old + 1, 300))
    proof = consistency_proof(old, new, NODES)
    notes = signed(old).decode(), signed(new).decode()
    rust.checkpoint_verify_consistency(*notes, [CLASSIC], proof)
    for wrong in ([*proof, bytes(32)], proof[:-1], [bytes(32), *proof[1:]]):
        with pytest.raises(rust.VerifyError):
            rust.checkpoint_verify_consistency(*notes, [CLASSIC], wrong)
    with pytest.raises(rust.VerifyError):
        rust.checkpoint_verify_consistency(*reversed(notes), [CLASSIC], proof)


def test_the_rust_program_refuses_a_fork() -> None:
    """Another past under the same keys has no proof there either."""
    forked = Files([*LEAVES[:100], b"autre", *LEAVES[101:]])
    fork = JOURNAL.sign(Checkpoint(ORIGIN, 300, forked.root()), AT).decode()
    for proof in (consistency_proof(200, 300, nodes_of(forked.hashes)), consistency_proof(200, 300, NODES)):
        with pytest.raises(rust.VerifyError):
            rust.checkpoint_verify_consistency(signed(200).decode(), fork, [CLASSIC], proof)


@pytest.mark.parametrize("witness", WITNESSES, ids=["ed25519", "mldsa44"])
def test_the_python_program_verifies_our_witnesses(witness: Signer) -> None:
    """Both kinds of cosignature hold there under the witness's vkey, and only for that checkpoint, name and moment."""
    theirs = TheirCheckpoint.from_text(NOTE.decode())
    theirs.verify(TheirVkey.from_string(str(witness.vkey)))
    found = VkeySet(*(TheirVkey.from_string(str(vkey)) for vkey in (*JOURNAL.vkeys, witness.vkey)))
    assert len(found.verify(theirs.signatures, theirs)) == 3
    verifier = TheirVkey.from_string(str(witness.vkey)).get_verifier()
    signature = witness.sign(CHECKPOINT).data
    verifier.verify(signature, theirs)
    for changed in (bytes(8) + signature[8:], signature[:-1] + bytes([signature[-1] ^ 1])):
        with pytest.raises(InvalidSignature):
            verifier.verify(changed, theirs)
    with pytest.raises(InvalidSignature):
        verifier.verify(signature, TheirCheckpoint(ORIGIN, 301, FILES.root(), []))


def test_we_count_a_witness_of_the_python_program() -> None:
    """What its cosigner signs is verified here, and confirms a checkpoint of ours."""
    signer = MLDSA44CosignatureSigner("temoin-invente.example/t2", MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    line = signer.sign(TheirCheckpoint.from_text(NOTE.decode())).serialize()
    vkey = parse_vkey(signer.vkey.serialize())  # type: ignore[no-untyped-call]  # untyped over there
    signature = parse_signature(line)
    assert verify_cosignature(vkey, signature, CHECKPOINT, JOURNAL.vkeys).at is not None
    policy = QuorumPolicy(1, (Witness("t2", (vkey,)),), JOURNAL.vkeys)
    opened = open_note(with_cosignatures(NOTE, [signature]), JOURNAL.vkeys, witnesses=policy.vkeys)
    assert policy.confirmation(opened).confirmed


def test_a_cosignature_moved_to_another_name_is_refused_by_both() -> None:
    """By ML-DSA-44 the witness's name is signed: neither program takes it for another's."""
    witness, other = lasting(), lasting("clinique-inventee@laval")
    moved = NoteSignature(other.name, other.vkey.key_id, witness.sign(CHECKPOINT).data)
    note = Note(CHECKPOINT, (*parse_note(NOTE).signatures[:2], moved)).encode()
    with pytest.raises(InvalidSignature):
        TheirCheckpoint.from_text(note.decode()).verify(TheirVkey.from_string(str(other.vkey)))
    with pytest.raises(ForgedError, match="signature-does-not-hold"):
        open_note(note, JOURNAL.vkeys, witnesses=[other.vkey])
