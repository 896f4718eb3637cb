"""What goes to a public witness and comes back has one spelling, and an answer is believed only when verified."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.notes import Checkpoint, open_note, with_cosignatures
from journal.tree import MAX_SIZE, consistency_proof
from journal.witness_calls import (
    MAX_ANSWER,
    SIZE_TYPE,
    AddCheckpoint,
    Behind,
    Cosigned,
    Declined,
    parse_answer,
)
from keys.errors import MalformedError, PasserelleError
from keys.vkeys import b64
from tests.journal.builders import AT, ORIGIN, Files, journal_signer, short_leaves
from tests.journal.witnesses import PLAIN, AnsweringWitness, classic, lasting, nodes_of, parse_add_checkpoint

JOURNAL = journal_signer()
FILES = Files(short_leaves(300))
NOTE = JOURNAL.sign(Checkpoint(ORIGIN, 300, FILES.root()), AT)
PROOF = tuple(consistency_proof(200, 300, FILES.reader()))
BODY = AddCheckpoint(200, PROOF, NOTE).encode()
LINE = f"{classic().sign(Checkpoint(ORIGIN, 300, FILES.root())).line()}\n".encode()


def code_of_answer(status: int, content_type: str, body: bytes) -> str:
    """The slug with which an answer is refused."""
    with pytest.raises(MalformedError) as caught:
        parse_answer(status, content_type, body)
    return caught.value.code


def test_a_request_is_lines_as_the_format_has_them() -> None:
    """The old size, one hash a line, an empty line, the note as it is; and a witness reads it back."""
    hashes = "".join(f"{b64(each)}\n" for each in PROOF)
    assert f"old 200\n{hashes}\n".encode() + NOTE == BODY
    assert parse_add_checkpoint(BODY) == AddCheckpoint(200, PROOF, NOTE)
    assert parse_add_checkpoint(AddCheckpoint(0, (), NOTE).encode()) == AddCheckpoint(0, (), NOTE)


@pytest.mark.parametrize(
    ("size", "proof", "code"),
    [
        (-1, (), "no-such-size"),
        (MAX_SIZE + 1, (), "no-such-size"),
        (1, (bytes(32),) * 64, "too-many-hashes"),
        (1, (bytes(31),), "wrong-hash-size"),
    ],
)
def test_what_no_witness_would_read_is_not_sent(size: int, proof: tuple[bytes, ...], code: str) -> None:
    """A request that cannot be one is refused before it is written."""
    with pytest.raises(MalformedError, match=code):
        AddCheckpoint(size, proof, NOTE)


def test_answers_are_told_apart() -> None:
    """Signatures, another size, or a refusal with its reason."""
    answer = parse_answer(200, PLAIN, LINE * 2)
    assert isinstance(answer, Cosigned)
    assert [each.line() for each in answer.signatures] == [LINE.decode()[:-1]] * 2
    assert parse_answer(409, SIZE_TYPE, b"123\n") == Behind(123)
    assert parse_answer(409, f"{SIZE_TYPE.upper()}; charset=us-ascii", b"0\n") == Behind(0)
    codes = {400: "malformed", 403: "signature", 404: "journal", 409: "root", 422: "proof"}
    for status, word in codes.items():
        declined = parse_answer(status, PLAIN, b"123\n")
        assert isinstance(declined, Declined)
        assert declined.code.endswith(word)


@pytest.mark.parametrize(
    ("status", "content_type", "body", "code"),
    [
        (200, PLAIN, b"", "wrong-witness-answer"),
        (200, PLAIN, LINE[:-1], "wrong-witness-answer"),
        (200, PLAIN, LINE + b"\n", "wrong-witness-answer"),
        (200, PLAIN, b"\n" + LINE, "wrong-witness-answer"),
        (200, PLAIN, LINE.replace(b"\n", b"\r\n"), "wrong-witness-answer"),
        (200, PLAIN, LINE * 65, "wrong-witness-answer"),
        (200, PLAIN, NOTE, "wrong-witness-answer"),
        (200, PLAIN, b"\xff\n", "wrong-witness-answer"),
        (200, PLAIN, b"<html>\n", "wrong-witness-answer"),
        (200, PLAIN, b"A" * (MAX_ANSWER + 1), "too-large"),
        (409, SIZE_TYPE, b"A" * (MAX_ANSWER + 1), "too-large"),
        (409, SIZE_TYPE, b"", "wrong-witness-answer"),
        (409, SIZE_TYPE, b"12", "wrong-witness-answer"),
        (409, SIZE_TYPE, b"012\n", "wrong-witness-answer"),
        (409, SIZE_TYPE, b"12\n\n", "wrong-witness-answer"),
        (409, SIZE_TYPE, b"-1\n", "wrong-witness-answer"),
        (409, SIZE_TYPE, f"{MAX_SIZE + 1}\n".encode(), "wrong-witness-answer"),
        (409, SIZE_TYPE, "\u0662\n".encode(), "wrong-witness-answer"),
        (201, PLAIN, LINE, "wrong-witness-answer"),
        (302, PLAIN, b"", "wrong-witness-answer"),
        (500, PLAIN, b"", "wrong-witness-answer"),
    ],
)
def test_an_answer_that_the_protocol_does_not_know_is_refused(
    status: int, content_type: str, body: bytes, code: str
) -> None:
    """Nothing of it is used."""
    assert code_of_answer(status, content_type, body) == code


@pytest.mark.parametrize("signer", [classic(), lasting("temoin.example")], ids=["ed25519", "mldsa44"])
def test_a_witness_cosigns_a_growing_journal(signer: object) -> None:
    """From nothing to 300 leaves: it says where it stands, is shown the proof, signs, and its signature is verified."""
    assert isinstance(signer, type(classic()))
    witness = AnsweringWitness(signer, ORIGIN, JOURNAL.vkeys)
    believed = 0
    for size in (1, 200, 300):
        note = JOURNAL.sign(Checkpoint(ORIGIN, size, FILES.root(size)), AT)
        assert parse_answer(*witness.answer(AddCheckpoint(size, (), note).encode())) == Behind(believed) or believed
        proof = tuple(consistency_proof(believed, size, nodes_of(FILES.hashes))) if believed else ()
        answer = parse_answer(*witness.answer(AddCheckpoint(believed, proof, note).encode()))
        assert isinstance(answer, Cosigned)
        opened = open_note(with_cosignatures(note, answer.signatures), JOURNAL.vkeys, witnesses=[signer.vkey])
        assert opened.signatures[2].vkey == signer.vkey
        believed = size


def test_a_witness_refuses_what_it_should() -> None:
    """Another past, a proof that fails, keys it does not trust, a journal it does not know, sizes that do not fit."""
    witness = AnsweringWitness(classic(), ORIGIN, JOURNAL.vkeys)
    stranger = journal_signer()
    elsewhere = journal_signer("autre.example/laval/journal/2026")
    asked = {
        403: AddCheckpoint(0, (), stranger.sign(Checkpoint(ORIGIN, 300, FILES.root()), AT)).encode(),
        404: AddCheckpoint(0, (), elsewhere.sign(Checkpoint(elsewhere.origin, 300, FILES.root()), AT)).encode(),
        422: AddCheckpoint(0, (bytes(32),), NOTE).encode(),
        409: AddCheckpoint(200, PROOF, NOTE).encode(),
        400: AddCheckpoint(301, (), NOTE).encode(),
    }
    assert {status: witness.answer(body)[0] for status, body in asked.items()} == {status: status for status in asked}
    assert witness.answer(b"garbage")[0] == 400
    assert witness.seen is None
    assert witness.answer(AddCheckpoint(0, (), NOTE).encode())[0] == 200
    fork = JOURNAL.sign(Checkpoint(ORIGIN, 300, bytes(32)), AT)
    answer = witness.answer(AddCheckpoint(300, (), fork).encode())
    assert parse_answer(*answer) == Declined("witness-saw-another-root")
    assert [alarm.kind for alarm in witness.alarms] == ["fork"]


@given(st.integers(100, 600), st.text(max_size=30), st.binary(max_size=200))
def test_garbage_raises_our_errors_only(status: int, content_type: str, data: bytes) -> None:
    """Whatever a witness sends, reading it refuses with an error that callers handle."""
    with suppress(PasserelleError):
        parse_answer(status, content_type, data)
