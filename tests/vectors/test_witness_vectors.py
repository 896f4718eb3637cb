"""Our code against the vectors of witnesses: cosigned notes, calls, proofs in text, policies."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from journal.notes import OpenedNote, VerifiedSignature, open_note, parse_note
from journal.policies import parse_policy
from journal.proofs import LogProof, parse_proof, prove
from journal.quorum import Group, Member, QuorumPolicy
from journal.tree import consistency_proof, leaf_hash
from journal.witness import advance
from journal.witness_calls import AddCheckpoint, Behind, Cosigned, parse_answer
from keys.documents import from_b64url, parse_time
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.vkeys import Vkey, parse_vkey
from tests.journal.witnesses import Signer, nodes_of, parse_add_checkpoint
from tests.vectors.vector_files import Json, cases, named, vectors

CONTENT = vectors("witnesses")
VKEYS = {name: parse_vkey(text) for name, text in CONTENT["vkeys"].items()}
JOURNAL = [VKEYS["journal ed25519"], VKEYS["journal mldsa44"]]
WITNESSES = [VKEYS["witness ed25519"], VKEYS["witness mldsa44"]]
NODES = nodes_of([leaf_hash(number.to_bytes(4)) for number in range(300)])
AT = parse_time(CONTENT["signed_at"])


def test_each_vkey_is_that_of_its_seed() -> None:
    """Names, types and keys are written as the format has them."""
    assert {name: str(vkey) for name, vkey in VKEYS.items()} == CONTENT["vkeys"]
    assert [vkey.type for vkey in VKEYS.values()] == [0x01, 0x06, 0x04, 0x06]
    for name, text in CONTENT["seeds"].items():
        make = MLDSA44PrivateKey.from_seed_bytes if "mldsa" in name else Ed25519PrivateKey.from_private_bytes
        assert make(from_b64url(text)).public_key().public_bytes_raw() == VKEYS[name].public_key


@pytest.mark.parametrize("case", cases("witnesses", "accepted"), ids=lambda case: len(case["seen_by"]))
def test_a_cosigned_checkpoint_tells_its_witnesses(case: Json) -> None:
    """By whom it was seen, and when."""
    opened = open_note(case["note"].encode(), JOURNAL, witnesses=WITNESSES)
    assert opened.signatures[2:] == tuple(VerifiedSignature(VKEYS[name], AT) for name in case["seen_by"])


@pytest.mark.parametrize("case", cases("witnesses", "refused"), ids=named)
def test_a_wrongly_cosigned_checkpoint_is_refused(case: Json) -> None:
    """A cosignature of something else spoils the note for a reader who knows the witness."""
    with pytest.raises(ForgedError) as caught:
        open_note(case["note"].encode(), JOURNAL, witnesses=WITNESSES)
    assert caught.value.code == case["code"]


def test_our_ed25519_cosignature_is_that_of_the_vector() -> None:
    """The same key signs the same bytes at the same moment."""
    witness = Signer(
        VKEYS["witness ed25519"].name,
        Ed25519PrivateKey.from_private_bytes(from_b64url(CONTENT["seeds"]["witness ed25519"])),
    )
    note = parse_note(CONTENT["accepted"][0]["note"].encode())
    assert witness.sign(note.checkpoint, AT) == note.signatures[2]
    message = from_b64url(CONTENT["messages"]["witness ed25519"])
    assert witness.key.sign(message) == note.signatures[2].data[8:]


def test_a_call_to_a_witness_is_written_and_read() -> None:
    """The request is the vector's, and a witness that saw the older checkpoint goes on with it."""
    call = CONTENT["call"]
    proof = tuple(from_b64url(each) for each in call["proof"])
    assert consistency_proof(call["old"], 300, NODES) == list(proof)
    request = AddCheckpoint(call["old"], proof, call["note"].encode())
    assert request.encode() == call["request"].encode()
    assert parse_add_checkpoint(call["request"].encode()) == request
    with pytest.raises(ForgedError):
        advance(None, request.note, JOURNAL, request.proof)


@pytest.mark.parametrize("case", cases("witnesses", "call", "refused"), ids=named)
def test_another_form_of_a_call_is_refused(case: Json) -> None:
    """A witness reads one spelling only."""
    with pytest.raises(MalformedError) as caught:
        parse_add_checkpoint(case["request"].encode())
    assert caught.value.code == case["code"]


def test_answers_mean_what_the_format_says() -> None:
    """By status, content type and body."""
    for answer in cases("witnesses", "call", "answers"):
        read = parse_answer(answer["status"], answer["type"], answer["body"].encode())
        if isinstance(read, Cosigned):
            assert (answer["means"], read.signatures[0].name) == ("cosigned", WITNESSES[0].name)
        elif isinstance(read, Behind):
            assert (answer["means"], read.size) == ("behind", 123)
        else:
            assert read.code == answer["means"]


@pytest.mark.parametrize("case", cases("log-proofs", "accepted"), ids=["plain", "with extra data"])
def test_a_proof_is_written_read_and_holds(case: Json) -> None:
    """The same text from the same tree, and the leaf is proven by it."""
    content = vectors("log-proofs")
    proof = parse_proof(case["text"].encode())
    extra = None if case["extra"] is None else from_b64url(case["extra"])
    assert proof == prove(content["index"], proof.note, NODES, extra=extra)
    assert proof.encode() == case["text"].encode()
    assert _verified(proof).checkpoint.size == 300


@pytest.mark.parametrize("case", [*cases("log-proofs", "refused"), *cases("log-proofs", "false")], ids=named)
def test_another_proof_is_refused(case: Json) -> None:
    """One that is spelled otherwise, or that is for something else."""
    with pytest.raises(PasserelleError) as caught:
        _verified(parse_proof(case["text"].encode()))
    assert caught.value.code == case["code"]


def _verified(proof: LogProof) -> OpenedNote:
    leaf = from_b64url(vectors("log-proofs")["leaf"])
    return proof.verify(leaf, JOURNAL, witnesses=WITNESSES)


@pytest.mark.parametrize("case", cases("policies", "accepted"), ids=["nested", "one", "none"])
def test_a_policy_is_confirmed_by_its_quorum(case: Json) -> None:
    """By each of these groups of witnesses, and not by those."""
    policy = parse_policy(case["text"].encode())
    by_name = {name: key for member in policy.witnesses for name, key in _keys(member)}
    for names, confirmed in [(each, True) for each in case["confirmed_by"]] + [
        (each, False) for each in case["not_confirmed_by"]
    ]:
        assert _confirmed(policy, [by_name[name] for name in names if name in by_name]) == confirmed


@pytest.mark.parametrize("case", cases("policies", "refused"), ids=named)
def test_another_policy_is_refused(case: Json) -> None:
    """At its line."""
    with pytest.raises(MalformedError) as caught:
        parse_policy(case["text"].encode())
    assert (caught.value.code, caught.value.faults[0].line) == (case["code"], case.get("line"))


def _keys(member: Member) -> list[tuple[str, Vkey]]:
    if isinstance(member, Group):
        return [found for each in member.members for found in _keys(each)]
    return [(member.name, member.vkeys[0])]


def _confirmed(policy: QuorumPolicy, signers: list[Vkey]) -> bool:
    checkpoint = parse_note(CONTENT["accepted"][0]["note"].encode()).checkpoint
    note = OpenedNote(checkpoint, tuple(VerifiedSignature(vkey, AT) for vkey in signers))
    return policy.confirmation(note).confirmed
