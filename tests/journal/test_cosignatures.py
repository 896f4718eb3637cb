"""A witness's signature holds for one checkpoint, one name and one moment, and never passes for the journal's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.cosignatures import (
    MAX_SIGNATURES,
    NoteSignature,
    VerifiedSignature,
    parse_signature,
    parse_signatures,
    verify_signature,
)
from journal.notes import Checkpoint, Note, open_note, parse_note, with_cosignatures
from journal.tree import EMPTY_ROOT
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.vkeys import ED25519, ED25519_COSIGNATURE, MLDSA44, Vkey, b64
from tests.journal.builders import AT, ORIGIN, journal_signer
from tests.journal.witnesses import Signer, classic, lasting

JOURNAL = journal_signer()
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
NOTE = JOURNAL.sign(CHECKPOINT, AT)
WITNESSES = [classic(), lasting()]
BOTH = pytest.mark.parametrize("witness", WITNESSES, ids=["ed25519", "mldsa44"])


def noted(*signatures: NoteSignature, checkpoint: Checkpoint = CHECKPOINT) -> bytes:
    """The journal's note with these signatures below its own."""
    return Note(checkpoint, (*parse_note(JOURNAL.sign(checkpoint, AT)).signatures, *signatures)).encode()


def refused(note: bytes, *witnesses: Vkey) -> str:
    """The slug with which a note is refused by a reader who knows these witnesses."""
    with pytest.raises(PasserelleError) as caught:
        open_note(note, JOURNAL.vkeys, witnesses=witnesses)
    return caught.value.code


@BOTH
def test_a_cosignature_tells_who_and_when(witness: Signer) -> None:
    """A reader who knows the witness is told its key and the moment; one who does not sees the journal's own alone."""
    later = AT + timedelta(seconds=7)
    note = noted(witness.sign(CHECKPOINT, later))
    opened = open_note(note, JOURNAL.vkeys, witnesses=[witness.vkey])
    assert opened.signatures[2] == VerifiedSignature(witness.vkey, later)
    assert opened.signed_at == AT
    assert len(open_note(note, JOURNAL.vkeys).signatures) == 2


def test_the_ed25519_cosignature_is_that_of_the_format() -> None:
    """What type 0x04 signs is spelled out here as C2SP tlog-cosignature has it."""
    witness, seconds = classic(), 1_772_373_900
    message = f"cosignature/v1\ntime {seconds}\n".encode() + CHECKPOINT.text()
    signature = witness.sign(CHECKPOINT, datetime.fromtimestamp(seconds, UTC))
    assert signature.data == seconds.to_bytes(8) + witness.key.sign(message)
    assert witness.vkey.type == ED25519_COSIGNATURE
    assert signature.key_id == witness.vkey.key_id


@BOTH
@pytest.mark.parametrize(
    "other",
    [
        Checkpoint(ORIGIN, 70_001, CHECKPOINT.root),
        Checkpoint(ORIGIN, 70_000, EMPTY_ROOT),
    ],
)
def test_a_cosignature_does_not_move_to_another_checkpoint(witness: Signer, other: Checkpoint) -> None:
    """Another size or another root: the line does not hold under it."""
    assert refused(noted(witness.sign(CHECKPOINT), checkpoint=other), witness.vkey) == "signature-does-not-hold"


@BOTH
def test_a_cosignature_does_not_move_to_another_journal(witness: Signer) -> None:
    """The journal's name is signed too."""
    other = replace(CHECKPOINT, origin="autre.example/laval/journal/2026")
    with pytest.raises(ForgedError, match="signature-does-not-hold"):
        verify_signature(witness.vkey, witness.sign(CHECKPOINT), other)


@BOTH
@pytest.mark.parametrize("seconds", [0, 1, int(AT.timestamp()) - 1, 2**62, 2**63, 2**64 - 1])
def test_the_moment_of_a_cosignature_cannot_be_changed(witness: Signer, seconds: int) -> None:
    """Neither to another one, nor to none, nor to one that no calendar has."""
    genuine = witness.sign(CHECKPOINT)
    forged = replace(genuine, data=seconds.to_bytes(8) + genuine.data[8:])
    assert refused(noted(forged), witness.vkey) == "signature-does-not-hold"


@BOTH
def test_a_cosignature_is_read_whole(witness: Signer) -> None:
    """Cut short anywhere, or with a byte too many, it does not hold."""
    data = witness.sign(CHECKPOINT).data
    for changed in (data[:1], data[:7], data[:8], data[:71], data[:-1], data + b"\x00", data[8:]):
        forged = replace(witness.sign(CHECKPOINT), data=changed)
        assert refused(noted(forged), witness.vkey) == "signature-does-not-hold"


def test_a_cosignature_under_another_name_is_another_signature() -> None:
    """By ML-DSA-44 the name is signed; by Ed25519 it is not, and the key then counts once (see the quorum)."""
    own, renamed = lasting("un-nom.example"), lasting("un-autre-nom.example")
    moved = replace(renamed.sign(CHECKPOINT), data=own.sign(CHECKPOINT).data)
    assert refused(noted(moved), renamed.vkey) == "signature-does-not-hold"
    with pytest.raises(ForgedError, match="signature-does-not-hold"):
        verify_signature(renamed.vkey, own.sign(CHECKPOINT), CHECKPOINT)


def test_one_kind_of_signature_does_not_pass_for_another() -> None:
    """The bytes of a plain signature are no cosignature by the same key, nor the other way round."""
    plain = JOURNAL.ed25519.sign(CHECKPOINT.text())
    same = Signer("temoin.example", JOURNAL.ed25519)
    for data in (plain, bytes(8) + plain, int(AT.timestamp()).to_bytes(8) + plain):
        with pytest.raises(ForgedError, match="signature-does-not-hold"):
            verify_signature(same.vkey, replace(same.sign(CHECKPOINT), data=data), CHECKPOINT)
    journal = Vkey("temoin.example", ED25519, same.vkey.public_key)
    moved = NoteSignature("temoin.example", journal.key_id, same.sign(CHECKPOINT).data)
    with pytest.raises(ForgedError, match="signature-does-not-hold"):
        verify_signature(journal, moved, CHECKPOINT)


def test_a_cosignature_is_never_the_journals_own() -> None:
    """Under the journal's name, type 0x04 neither replaces a signature of the journal nor may be pinned beside them."""
    impostor = Signer(ORIGIN, JOURNAL.ed25519)
    lasting_only = Note(CHECKPOINT, (parse_note(NOTE).signatures[1], impostor.sign(CHECKPOINT))).encode()
    for vkeys in ([impostor.vkey, JOURNAL.vkeys[1]], [*JOURNAL.vkeys, impostor.vkey]):
        with pytest.raises(MalformedError, match="vkeys-not-a-pair"):
            open_note(lasting_only, vkeys)
        with pytest.raises(MalformedError, match="vkeys-not-a-pair"):
            open_note(NOTE, vkeys)
    with pytest.raises(ForgedError, match="signature-missing"):
        open_note(lasting_only, JOURNAL.vkeys)


@pytest.mark.parametrize(
    "witness",
    [
        classic(ORIGIN),
        lasting(ORIGIN),
        Signer("temoin.example", JOURNAL.ed25519),
        Signer("temoin.example", JOURNAL.mldsa44),
    ],
)
def test_a_witness_that_could_be_the_journal_is_refused(witness: Signer) -> None:
    """The journal's name with another key, or the journal's key under another name: never a witness."""
    for note in (NOTE, noted(witness.sign(CHECKPOINT))):
        assert refused(note, witness.vkey) == "witness-is-the-journal"


def test_a_key_by_which_only_journals_sign_is_no_witness() -> None:
    """Type 0x01 states no time, hence nothing that a witness says."""
    assert refused(NOTE, Vkey("temoin.example", ED25519, classic().vkey.public_key)) == "not-a-witness-key"


def test_two_keys_of_one_kind_under_the_journals_name_are_refused() -> None:
    """One of them is somebody else's, and either could sign in the journal's place."""
    for other in journal_signer().vkeys:
        with pytest.raises(MalformedError, match="vkeys-not-a-pair"):
            open_note(NOTE, [*JOURNAL.vkeys, other])


@BOTH
def test_the_journal_cannot_be_signed_for_by_its_witnesses(witness: Signer) -> None:
    """Whatever witnesses sign, without both signatures of the journal it is no checkpoint."""
    own = parse_note(NOTE).signatures
    for signatures in ((own[0],), (own[1],), ()):
        note = Note(CHECKPOINT, (*signatures, witness.sign(CHECKPOINT))).encode()
        assert refused(note, witness.vkey) == "signature-missing"


def test_the_earliest_of_the_journals_moments_counts() -> None:
    """A journal that signed one checkpoint twice had published it when it first did; a witness's moment is not its."""
    again = parse_note(JOURNAL.sign(CHECKPOINT, AT - timedelta(seconds=5))).signatures[1]
    early = lasting().sign(CHECKPOINT, AT - timedelta(hours=1))
    opened = open_note(noted(again, early), JOURNAL.vkeys, witnesses=[lasting().vkey])
    assert opened.signed_at == AT - timedelta(seconds=5)


def test_cosignatures_are_put_below_a_note_once_each() -> None:
    """The journal's own come first, the order given is kept, a second line by one key is left out."""
    first, second = (witness.sign(CHECKPOINT) for witness in WITNESSES)
    again = classic().sign(CHECKPOINT, AT + timedelta(hours=1))
    note = with_cosignatures(NOTE, [second, first, again, *parse_note(NOTE).signatures])
    assert parse_note(note).signatures == (*parse_note(NOTE).signatures, second, first)
    assert with_cosignatures(note, [first, second]) == note
    assert with_cosignatures(NOTE, []) == NOTE


def test_a_note_never_gets_more_signatures_than_can_be_read() -> None:
    """However many witnesses there are, the note stays readable."""
    strangers = [NoteSignature(f"temoin-{number}.example", bytes(4), bytes(2428)) for number in range(200)]
    note = with_cosignatures(NOTE, strangers)
    assert len(parse_note(note).signatures) == MAX_SIGNATURES
    assert open_note(note, JOURNAL.vkeys).checkpoint == CHECKPOINT


@BOTH
def test_a_line_comes_back(witness: Signer) -> None:
    """What is written is what is read."""
    signature = witness.sign(CHECKPOINT)
    assert parse_signature(signature.line()) == signature
    assert parse_signatures(f"{signature.line()}\n" * 3) == (signature,) * 3


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\u2014 ",
        "\u2014 a",
        "\u2014 a ",
        "\u2014 a AAAAAA==",
        "\u2014 a AAAAAAAAAAA",
        "- a AAAAAAAAAAA=",
        "\u2014  a AAAAAAAAAAA=",
        "\u2014 a AAAAAAAAAAA= ",
        "\u2014 a AAAAAAAAAAA=\n",
        "\u2014 a AAAAAAAAAAA=\r",
        "\u2014 a\x00 AAAAAAAAAAA=",
        "\u2014 a+b AAAAAAAAAAA=",
        "\u2014 a AAAAAAAAAAB=",
    ],
)
def test_any_other_spelling_of_a_line_is_refused(line: str) -> None:
    """A dash, a name, a key id and a signature, in one spelling."""
    with pytest.raises(MalformedError) as caught:
        parse_signature(line)
    assert caught.value.code in {"wrong-note", "wrong-name"}
    with pytest.raises(MalformedError):
        parse_signatures(f"{line}\n")


def test_too_many_lines_are_not_read() -> None:
    """64 lines are, one more is not; lines end with a newline."""
    line = f"\u2014 a {b64(bytes(12))}\n"
    assert len(parse_signatures(line * MAX_SIGNATURES)) == MAX_SIGNATURES
    for lines, code in ((line * (MAX_SIGNATURES + 1), "too-many-signatures"), (line[:-1], "wrong-note")):
        with pytest.raises(MalformedError, match=code):
            parse_signatures(lines)


@pytest.mark.parametrize("moment", [AT.replace(tzinfo=None), datetime(1969, 1, 1, tzinfo=UTC)])
@BOTH
def test_nobody_signs_at_no_time(witness: Signer, moment: datetime) -> None:
    """A time without zone is not a time, and zero would say that none is stated."""
    with pytest.raises(MalformedError, match="bad-time"):
        witness.sign(CHECKPOINT, moment)


@given(st.data(), st.sampled_from(WITNESSES))
def test_any_flipped_bit_of_a_cosignature_is_found(data: st.DataObject, witness: Signer) -> None:
    """No bit of its moment or of its signature can change."""
    signature = witness.sign(CHECKPOINT)
    bit = data.draw(st.integers(0, len(signature.data) * 8 - 1))
    changed = bytearray(signature.data)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ForgedError):
        verify_signature(witness.vkey, replace(signature, data=bytes(changed)), CHECKPOINT)


def test_both_kinds_of_witness_have_a_vkey() -> None:
    """The type tells by which algorithm a witness signs."""
    assert [witness.vkey.type for witness in WITNESSES] == [ED25519_COSIGNATURE, MLDSA44]
