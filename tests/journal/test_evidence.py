"""A file of evidence convicts a journal that contradicts itself, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.convictions import convict
from journal.entries import Opening, clear_leaf, commitment_leaf
from journal.evidence import EVIDENCE_KINDS, MAX_EVIDENCE, Evidence, contradictory, read_evidence
from journal.notes import Checkpoint
from journal.tree import consistency_proof, inclusion_proof
from keys import strictjson
from keys.documents import b64url, format_time, validate
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.identity import verifier
from keys.signing import sign
from tests.invented import BROKER, signing_key
from tests.journal.builders import AT, ORIGIN, SALT, Files, entry_bytes, journal_signer, key_entry_bytes, leaves_of
from tests.journal.witnesses import nodes_of

JOURNAL = journal_signer()
LEAVES = leaves_of(300)
FILES = Files(LEAVES)
FORKED = Files([*LEAVES[:150], clear_leaf(key_entry_bytes(index=150, actor="intrus@laval")), *LEAVES[151:]])
RECEIPTS = signing_key(BROKER, "receipts")
VERIFIER = verifier(BROKER, "receipts", RECEIPTS.public_bytes)
MINUTE = timedelta(seconds=60)
BY = "refuge-invente@laval"
Json = dict[str, object]


def note(size: int, at: datetime = AT, files: Files = FILES) -> bytes:
    """The journal's note of its first `size` leaves, the same whenever it is asked for."""
    return _signed(Checkpoint(ORIGIN, size, files.root(size)), at)


@cache
def _signed(checkpoint: Checkpoint, at: datetime) -> bytes:
    return JOURNAL.sign(checkpoint, at)


def inclusion(index: int, size: int = 300) -> tuple[bytes, ...]:
    """The proof that a leaf stands in the tree."""
    return tuple(inclusion_proof(index, size, nodes_of(FILES.hashes)))


def evidence(kind: str, *notes: bytes, **members: object) -> Evidence:
    """A file of evidence, read as it comes on the wire."""
    return read_evidence(wire(kind, *notes, **members))


def wire(kind: str, *notes: bytes, **members: object) -> bytes:
    """The bytes of a file of evidence."""
    value: Json = {"v": 1, "kind": kind, "origin": ORIGIN, "notes": notes, "at": format_time(AT + MINUTE), "by": BY}
    value |= members
    return strictjson.dumps({name: _json(each) for name, each in value.items() if each is not None})


def _json(value: object) -> object:
    if isinstance(value, bytes):
        return b64url(value)
    return [_json(each) for each in value] if isinstance(value, tuple | list) else value


def code_of(found: Evidence, **options: object) -> str:
    """The slug with which a reader refuses to be convinced."""
    with pytest.raises(PasserelleError) as caught:
        convict(found, JOURNAL.vkeys, VERIFIER if "receipts" not in options else None)
    return caught.value.code


def receipt(index: int, leaf: bytes, at: datetime = AT, **changes: object) -> bytes:
    """The broker's receipt for an entry."""
    members: Json = {"v": 1, "by": BROKER, "origin": ORIGIN, "index": index, "leaf": b64url(leaf), "promise": 60}
    members |= {"time": format_time(at), "payload_sha256": "ab" * 32, "envelope": "env_" + "b" * 26} | changes
    return sign("receipt", strictjson.dumps(members), (RECEIPTS,)).encode()


def fork_further_on() -> Evidence:
    """A journal of 300 leaves whose first 200 are not those that it had signed."""
    seen, met = note(200), note(300, AT + MINUTE, FORKED)
    return contradictory("fork", seen, met, at=AT + MINUTE, by=BY, later=FORKED.reader())


def late() -> Evidence:
    """Entry 250, made at AT, that a checkpoint of more than a minute later does not hold."""
    opening = {"entry": entry_bytes(index=251), "salt": SALT}
    place = {"index": 251, "leaf": LEAVES[251], "proof": inclusion(251)}
    return evidence(
        "late", note(251, AT + MINUTE + timedelta(seconds=1)), note(300, AT + 2 * MINUTE), **place, **opening
    )


def unhonoured() -> Evidence:
    """A receipt for an entry that a checkpoint signed after its promise does not hold."""
    return evidence("unhonoured-receipt", note(200, AT + 2 * MINUTE), receipt=receipt(200, LEAVES[200]))


def replaced() -> Evidence:
    """A receipt for an entry at whose index another one stands."""
    promised = receipt(200, LEAVES[199])
    return evidence("unhonoured-receipt", note(300), receipt=promised, leaf=LEAVES[200], proof=inclusion(200))


def foreign() -> Evidence:
    """A key statement in the name of an organisation that says it made none."""
    statement = {
        "v": 1,
        "org": BY,
        "seq": 1,
        "prev": "ab" * 32,
        "revokes": f"{BY}#signing-{'0' * 32}",
        "reason": "lost",
    }
    document = sign("key-statement", strictjson.dumps(statement), (RECEIPTS,)).encode()
    leaf = clear_leaf(key_entry_bytes(index=0, type="key.revoked", document=b64url(document)))
    files = Files([leaf])
    return evidence("foreign-key", note(1, AT, files), index=0, leaf=leaf, proof=())


ALL: dict[str, Callable[[], Evidence]] = {
    "fork": lambda: evidence("fork", note(300), _signed(Checkpoint(ORIGIN, 300, bytes(32)), AT)),
    "fork further on": fork_further_on,
    "rollback": lambda: evidence("rollback", note(300), note(200, AT + timedelta(seconds=1))),
    "late": late,
    "unhonoured-receipt": unhonoured,
    "another leaf": replaced,
    "foreign-key": foreign,
    "silence": lambda: evidence("silence", note(300)),
}
EACH = pytest.mark.parametrize("case", ALL)


@EACH
def test_every_kind_convicts(case: str) -> None:
    """Read back from its bytes, with the pinned keys and nothing else; the author's word is told as such."""
    found = read_evidence(ALL[case]().encode())
    shown = convict(found, JOURNAL.vkeys, VERIFIER)
    assert (shown.kind, shown.by_itself) == (found.kind, found.kind not in {"foreign-key", "silence"})
    assert [each.checkpoint.origin for each in shown.notes] == [ORIGIN] * len(found.notes)
    assert shown.index == {"late": 251, "unhonoured-receipt": 200, "another leaf": 200, "foreign-key": 0}.get(case)
    assert {made().kind for made in ALL.values()} == set(EVIDENCE_KINDS)


@EACH
def test_the_same_evidence_has_the_same_file(case: str) -> None:
    """Its name tells the kind, and says nothing else."""
    found = ALL[case]()
    assert found.file_name == read_evidence(found.encode()).file_name
    assert found.file_name.startswith(f"{found.kind}-")
    assert found.file_name != found.model_copy(update={"by": "autre@laval"}).file_name
    assert len(found.encode()) < MAX_EVIDENCE


@EACH
def test_nothing_is_believed_under_other_keys(case: str) -> None:
    """Whoever did not sign cannot be convicted, and whoever invents notes convicts nobody."""
    with pytest.raises(ForgedError, match="signature-missing"):
        convict(ALL[case](), journal_signer().vkeys, VERIFIER)


@EACH
def test_evidence_is_of_one_journal(case: str) -> None:
    """Notes of another journal than the file names say nothing about it."""
    found = ALL[case]().model_copy(update={"origin": "autre.example/laval/journal/2026"})
    assert code_of(found) == "wrong-origin"


@EACH
def test_a_member_that_the_kind_does_not_need_is_refused(case: str) -> None:
    """Each kind has one form: a member too many or missing, a note too many."""
    found = ALL[case]()
    value = strictjson.loads(found.encode(), limit=MAX_EVIDENCE)
    changes: list[Json] = [{"notes": []}, {"notes": [*value["notes"], *value["notes"]]}]
    optional = ("root", "index", "leaf", "proof", "entry", "salt", "receipt")
    together = {"root": "proof", "entry": "salt", "salt": "entry"}
    for member in optional:
        if member in value:
            without = {name: each for name, each in value.items() if name != member}
            with pytest.raises(MalformedError):
                validate(Evidence, without)
        elif together.get(member, "kind") in {"kind", *set(optional) - set(value)}:
            changes.append({member: 3 if member == "index" else [] if member == "proof" else b64url(bytes(32))})
    for change in changes:
        with pytest.raises(MalformedError):
            validate(Evidence, value | change)


def test_what_agrees_proves_nothing() -> None:
    """Genuine notes, entries and receipts that contradict nothing convict nobody."""
    same, second = note(300), timedelta(seconds=1)
    root, proof = FILES.root(200), tuple(consistency_proof(200, 300, nodes_of(FILES.hashes)))
    opened = {"index": 251, "leaf": LEAVES[251], "proof": inclusion(251), "entry": entry_bytes(index=251), "salt": SALT}
    promised = receipt(200, LEAVES[200])
    for found in (
        evidence("fork", same, same),
        evidence("fork", note(200), same),
        evidence("fork", note(200), same, root=root, proof=proof),
        evidence("fork", same, _signed(Checkpoint(ORIGIN, 300, bytes(32)), AT), root=root, proof=proof),
        evidence("rollback", same, note(200)),
        evidence("rollback", same, note(200, AT - second)),
        evidence("rollback", same, note(300, AT + second)),
        evidence("rollback", note(200), note(300, AT + second)),
        evidence("late", note(251, AT + MINUTE), same, **opened),
        evidence("late", note(252, AT + 2 * MINUTE), same, **opened),
        evidence("unhonoured-receipt", note(200, AT + MINUTE), receipt=promised),
        evidence("unhonoured-receipt", note(201, AT + 2 * MINUTE), receipt=promised),
        evidence("unhonoured-receipt", same, receipt=promised, leaf=LEAVES[200], proof=inclusion(200)),
        evidence("foreign-key", same, index=0, leaf=LEAVES[0], proof=inclusion(0)).model_copy(update={"by": "x@laval"}),
        evidence("foreign-key", same, index=1, leaf=LEAVES[1], proof=inclusion(1)),
        evidence("silence", note(300, AT + 2 * MINUTE)),
        foreign().model_copy(update={"by": "autre@laval"}),
    ):
        assert code_of(found) in {"evidence-proves-nothing", "not-json"}


def test_what_is_not_genuine_proves_nothing() -> None:
    """Proofs, openings and receipts are verified as everywhere else."""
    fork, slow, gone, other = fork_further_on(), late(), unhonoured(), replaced()
    assert fork.proof is not None
    stranger = signing_key("intrus@laval")
    forged = sign("receipt", b"{}", (stranger,)).encode()
    for found, code in (
        (fork.model_copy(update={"root": bytes(32)}), "proof-does-not-hold"),
        (fork.model_copy(update={"proof": fork.proof[:-1]}), "proof-does-not-hold"),
        (fork.model_copy(update={"notes": (note(200), note(300))}), "proof-does-not-hold"),
        (slow.model_copy(update={"index": 250}), "proof-does-not-hold"),
        (slow.model_copy(update={"leaf": LEAVES[250]}), "proof-does-not-hold"),
        (slow.model_copy(update={"salt": bytes(32)}), "wrong-opening"),
        (slow.model_copy(update={"entry": entry_bytes(index=251, time="2026-03-01T14:00:00.000Z")}), "wrong-opening"),
        (slow.model_copy(update={"entry": None, "salt": None}), "evidence-proves-nothing"),
        (gone.model_copy(update={"receipt": forged}), "wrong-signers"),
        (gone.model_copy(update={"receipt": gone.receipt and gone.receipt[:-9]}), "not-json"),
        (gone.model_copy(update={"receipt": receipt(200, LEAVES[200], origin="autre")}), "wrong-origin"),
        (other.model_copy(update={"leaf": LEAVES[201]}), "proof-does-not-hold"),
    ):
        assert code_of(found) == code


def test_a_receipt_needs_the_brokers_key() -> None:
    """Without the pinned key for receipts nothing is said of one."""
    assert code_of(unhonoured(), receipts=None) == "receipts-key-missing"


def test_a_fork_between_two_sizes_needs_the_larger_tree() -> None:
    """Two notes of different sizes show nothing by themselves, and evidence that shows nothing is not written."""
    with pytest.raises(MalformedError, match="evidence-incomplete"):
        contradictory("fork", note(200), note(300, AT, FORKED), at=AT, by=BY)
    with pytest.raises(MalformedError, match="evidence-incomplete"):
        contradictory("fork", note(0), note(300, AT, FORKED), at=AT, by=BY, later=FORKED.reader())
    either = contradictory("fork", note(300, AT, FORKED), note(200), at=AT, by=BY, later=FORKED.reader())
    assert convict(either, JOURNAL.vkeys).by_itself


@given(st.integers(1, 299), st.integers(0, 299))
def test_any_changed_entry_of_the_past_convicts(old: int, changed: int) -> None:
    """Wherever the past was changed, exactly the checkpoints that cover it contradict the new ones."""
    leaves = [*LEAVES]
    leaves[changed] = commitment_leaf(Opening(b"{}", SALT))
    files = Files(leaves)
    met = _signed(Checkpoint(ORIGIN, 300, files.root()), AT)
    found = contradictory("fork", note(old), met, at=AT, by=BY, later=files.reader())
    if changed < old:
        assert convict(found, JOURNAL.vkeys).kind == "fork"
    else:
        assert code_of(found) == "evidence-proves-nothing"


@given(st.data(), st.sampled_from(sorted(ALL)))
def test_a_changed_file_never_raises_a_foreign_error(data: st.DataObject, case: str) -> None:
    """Whatever byte of a file is changed, it convicts as before or is refused with an error that callers handle."""
    changed = bytearray(ALL[case]().encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        convict(read_evidence(bytes(changed)), JOURNAL.vkeys, VERIFIER)
    except PasserelleError:
        return


def test_a_file_of_evidence_is_limited() -> None:
    """In bytes, in notes, in who may have found it."""
    with pytest.raises(MalformedError, match="too-large"):
        read_evidence(b" " * (MAX_EVIDENCE + 1))
    for by in ("", "a b", "a\n", "a+b", "x" * 256):
        with pytest.raises(MalformedError):
            evidence("silence", note(300), by=by)
