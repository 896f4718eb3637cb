"""A checkpoint and its note have one spelling, and any other is refused before a signature is looked at."""

from __future__ import annotations

import pytest

from journal.notes import (
    MAX_NOTE,
    MAX_SIGNATURES,
    Checkpoint,
    Note,
    NoteSignature,
    parse_checkpoint,
    parse_note,
    verify_note,
)
from journal.tree import EMPTY_ROOT
from keys.errors import MalformedError, PasserelleError
from tests.journal.builders import AT, ORIGIN, journal_signer

SIGNER = journal_signer()
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
NOTE = SIGNER.sign(CHECKPOINT, AT)
DASH = "\u2014"


def code_of_opening(note: bytes) -> str:
    """The slug with which a note is refused under the journal's own keys."""
    with pytest.raises(PasserelleError) as caught:
        verify_note(note, SIGNER.vkeys)
    return caught.value.code


def with_signatures(*signatures: NoteSignature) -> bytes:
    """The note of the checkpoint with exactly these signatures."""
    return Note(CHECKPOINT, signatures).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n5\n",
        f"{ORIGIN}\n5\n{'A' * 43}=",
        f"{ORIGIN}\n5\n{'A' * 43}=\nextension\n",
        f"{ORIGIN}\n5\n{'A' * 43}=\n\n",
        f"{ORIGIN}\n05\n{'A' * 43}=\n",
        f"{ORIGIN}\n+5\n{'A' * 43}=\n",
        f"{ORIGIN}\n5.0\n{'A' * 43}=\n",
        f"{ORIGIN}\n 5\n{'A' * 43}=\n",
        f"{ORIGIN}\n\u0665\n{'A' * 43}=\n",
        f"{ORIGIN}\n-1\n{'A' * 43}=\n",
        f"{ORIGIN}\n{2**64}\n{'A' * 43}=\n",
        f"{ORIGIN}\n5\n{'A' * 43}\n",
        f"{ORIGIN}\n5\n{'A' * 42}B=\n",
        f"{ORIGIN}\n5\n{'_' * 43}=\n",
        f"{ORIGIN}\n5\n{'A' * 43}= \n",
        f"\n5\n{'A' * 43}=\n",
        f"{ORIGIN}\r\n5\r\n{'A' * 43}=\r\n",
    ],
)
def test_any_other_spelling_of_a_checkpoint_is_refused(text: str) -> None:
    """Leading zeros, signs, other digits, other base64, more or fewer lines: refused."""
    with pytest.raises(MalformedError) as caught:
        parse_checkpoint(text)
    assert caught.value.code in {"wrong-checkpoint", "wrong-name"}


@pytest.mark.parametrize(
    ("origin", "size", "root", "code"),
    [
        ("", 1, EMPTY_ROOT, "wrong-name"),
        ("a b", 1, EMPTY_ROOT, "wrong-name"),
        ("a+b", 1, EMPTY_ROOT, "wrong-name"),
        ("a\u00a0b", 1, EMPTY_ROOT, "wrong-name"),
        ("a\u2028b", 1, EMPTY_ROOT, "wrong-name"),
        ("a\x00b", 1, EMPTY_ROOT, "wrong-name"),
        ("a\nb", 1, EMPTY_ROOT, "wrong-name"),
        ("\ud800", 1, EMPTY_ROOT, "wrong-name"),
        ("é" * 128, 1, EMPTY_ROOT, "wrong-name"),
        (ORIGIN, -1, EMPTY_ROOT, "no-such-size"),
        (ORIGIN, 2**53, EMPTY_ROOT, "no-such-size"),
        (ORIGIN, 1, EMPTY_ROOT[:-1], "wrong-hash-size"),
        (ORIGIN, 0, b"", "wrong-hash-size"),
    ],
)
def test_what_is_not_a_checkpoint_cannot_be_made(origin: str, size: int, root: bytes, code: str) -> None:
    """A name that could be read in two ways, a size that is none, a root cut short: refused before signing."""
    with pytest.raises(MalformedError) as caught:
        Checkpoint(origin, size, root)
    assert caught.value.code == code


def test_a_name_of_255_bytes_is_the_longest() -> None:
    """The length of a name is signed as one byte."""
    long = journal_signer("é" * 127 + "x")
    checkpoint = Checkpoint(long.origin, 1, EMPTY_ROOT)
    assert verify_note(long.sign(checkpoint, AT), long.vkeys) == checkpoint


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"\n\n", b"\n", "wrong-note"),
        (b"\n\n", b"\n\n\n", "wrong-checkpoint"),
        (b"\n\n", b"\r\n\r\n", "wrong-note"),
        (f"{DASH} ".encode(), b"- ", "wrong-note"),
        (f"{DASH} ".encode(), DASH.encode(), "wrong-note"),
        (f"{DASH} {ORIGIN} ".encode(), f"{DASH} {ORIGIN}  ".encode(), "wrong-note"),
        (f"{DASH} {ORIGIN} ".encode(), f"{DASH} {ORIGIN}\t".encode(), "wrong-note"),
        (f"{DASH} {ORIGIN} ".encode(), f"{DASH}  ".encode(), "wrong-name"),
        (f"{DASH} {ORIGIN} ".encode(), f"{DASH} a+b ".encode(), "wrong-name"),
        (b"\n70000\n", b"\n70000\nmore\n", "wrong-checkpoint"),
        (b"\n70000\n", b"\n070000\n", "wrong-checkpoint"),
        (b"70000", b"\xff", "not-utf8"),
        (b"70000", b"7000\x00", "wrong-note"),
    ],
)
def test_what_is_not_a_note_is_refused(old: bytes, new: bytes, code: str) -> None:
    """Each departure from the form is refused before any signature is looked at."""
    assert old in NOTE
    assert code_of_opening(NOTE.replace(old, new)) == code


def test_a_note_ends_with_its_signatures() -> None:
    """A last line that is not ended, a line too many, no signature at all: refused."""
    text = NOTE.partition(b"\n\n")[0]
    for forged in (NOTE[:-1], NOTE + b"\n", NOTE + b"\n\n", text + b"\n\n", text + b"\n", b"\n\n", b""):
        assert code_of_opening(forged) == "wrong-note"


def test_a_signature_of_nothing_but_a_key_id_is_refused() -> None:
    """Base64 of four bytes or fewer holds no signature."""
    for encoded in ("AAAAAA==", "AAAA", "AAAAAAB=", "AAAAAAA", "!!!!"):
        note = CHECKPOINT.text() + f"\n{DASH} {ORIGIN} {encoded}\n".encode()
        assert code_of_opening(note) == "wrong-note"


def test_a_note_is_limited_in_size_and_in_signatures() -> None:
    """64 signatures are read, one more is not, and nothing larger than the limit is even decoded."""
    stranger = NoteSignature("inconnu.example", bytes(4), bytes(64))
    own = parse_note(NOTE).signatures
    full = with_signatures(*[stranger] * (MAX_SIGNATURES - 2), *own)
    assert verify_note(full, SIGNER.vkeys) == CHECKPOINT
    assert code_of_opening(with_signatures(*[stranger] * (MAX_SIGNATURES - 1), *own)) == "too-many-signatures"
    assert code_of_opening(b"\xff" * (MAX_NOTE + 1)) == "too-large"
