"""A checkpoint is believed when the journal signed it with both its keys, and never otherwise."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from journal.notes import (
    Checkpoint,
    Note,
    NoteSignature,
    open_note,
    parse_note,
    verify_note,
    with_cosignatures,
)
from journal.tree import EMPTY_ROOT
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.vkeys import ED25519, ED25519_COSIGNATURE, Vkey
from tests.journal.builders import AT, ORIGIN, journal_signer
from tests.journal.witnesses import Signer

SIGNER = journal_signer()
WITNESS = journal_signer("temoin-invente.example")
WITNESS_KEY = WITNESS.vkeys[1]
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
NOTE = SIGNER.sign(CHECKPOINT, AT)
DASH = "\u2014"


def code_of_opening(note: bytes, *vkeys: Vkey, required: tuple[Vkey, ...] = ()) -> str:
    """The slug with which a note is refused under these keys (the journal's own by default)."""
    with pytest.raises(PasserelleError) as caught:
        verify_note(note, vkeys or SIGNER.vkeys, required=required)
    return caught.value.code


def with_signatures(*signatures: NoteSignature, checkpoint: Checkpoint = CHECKPOINT) -> bytes:
    """The note of a checkpoint with exactly these signatures."""
    return Note(checkpoint, signatures).encode()


def test_a_signed_checkpoint_comes_back() -> None:
    """What the journal signed is what the reader gets, with the time of the signature that states one."""
    opened = open_note(NOTE, SIGNER.vkeys)
    assert opened.checkpoint == verify_note(NOTE, SIGNER.vkeys) == CHECKPOINT
    assert [(found.vkey, found.at) for found in opened.signatures] == [
        (SIGNER.vkeys[0], None),
        (SIGNER.vkeys[1], AT),
    ]
    assert parse_note(NOTE).encode() == NOTE


def test_the_note_has_the_form_of_the_standard() -> None:
    """Three lines, an empty one, and signature lines of an em dash, the name and base64."""
    text, _, lines = NOTE.decode().partition("\n\n")
    root = base64.b64encode(CHECKPOINT.root).decode()
    assert text == f"{ORIGIN}\n70000\n{root}"
    first, second = lines.removesuffix("\n").split("\n")
    for line, size in ((first, 4 + 64), (second, 4 + 8 + 2420)):
        dash, name, encoded = line.split(" ")
        assert (dash, name, len(base64.b64decode(encoded))) == (DASH, ORIGIN, size)


@pytest.mark.parametrize("size", [0, 1, 2**53 - 1])
def test_every_size_can_be_signed(size: int) -> None:
    """The empty journal and the fullest one have checkpoints too."""
    checkpoint = Checkpoint(ORIGIN, size, EMPTY_ROOT)
    assert verify_note(SIGNER.sign(checkpoint, AT), SIGNER.vkeys) == checkpoint


def test_both_signatures_of_the_journal_are_needed() -> None:
    """Neither Ed25519 alone nor ML-DSA-44 alone makes a checkpoint, nor one of them twice."""
    classic, lasting = parse_note(NOTE).signatures
    again = parse_note(SIGNER.sign(CHECKPOINT, AT)).signatures[1]
    for signatures in ((classic,), (lasting,), (classic, classic), (lasting, again)):
        assert code_of_opening(with_signatures(*signatures)) == "signature-missing"
    assert verify_note(with_signatures(lasting, classic), SIGNER.vkeys) == CHECKPOINT


def test_a_reader_with_one_key_only_believes_nothing() -> None:
    """Pinning only half of the journal's keys does not lower what is asked of a note."""
    for vkey in SIGNER.vkeys:
        assert code_of_opening(NOTE, vkey) == "signature-missing"
    with pytest.raises(ForgedError):
        verify_note(NOTE, [])


def test_signatures_of_strangers_are_ignored_but_do_not_count() -> None:
    """Another journal's keys neither spoil a note nor make one, not even under the journal's name."""
    stranger = journal_signer()
    theirs = parse_note(stranger.sign(CHECKPOINT, AT)).signatures
    assert verify_note(with_signatures(*theirs, *parse_note(NOTE).signatures), SIGNER.vkeys) == CHECKPOINT
    assert code_of_opening(with_signatures(*theirs)) == "signature-missing"


def test_a_bad_signature_of_a_known_key_spoils_the_note() -> None:
    """A known key whose signature fails refuses the whole note, even beside a good one of the same key."""
    classic, lasting = parse_note(NOTE).signatures
    for known in (classic, lasting):
        bad = NoteSignature(known.name, known.key_id, known.data[:-1] + bytes([known.data[-1] ^ 1]))
        short = NoteSignature(known.name, known.key_id, known.data[:7])
        for forged in (bad, short):
            assert code_of_opening(with_signatures(classic, lasting, forged)) == "signature-does-not-hold"


def test_signatures_of_one_checkpoint_do_not_serve_another() -> None:
    """Another size, another root, another origin: the old signatures do not hold."""
    signatures = parse_note(NOTE).signatures
    for changed in (Checkpoint(ORIGIN, 70_001, CHECKPOINT.root), Checkpoint(ORIGIN, 70_000, EMPTY_ROOT)):
        note = with_signatures(*signatures, checkpoint=changed)
        assert code_of_opening(note) == "signature-does-not-hold"
    other = Checkpoint("passerelle.example/laval/journal/2027", 70_000, CHECKPOINT.root)
    assert code_of_opening(with_signatures(*signatures, checkpoint=other)) == "signature-does-not-hold"


def test_the_time_of_a_signature_cannot_be_changed() -> None:
    """A checkpoint cannot be made to look older or newer, nor given a time no calendar has."""
    classic, lasting = parse_note(NOTE).signatures
    for seconds in (0, int(AT.timestamp()) - 1, 2**63 - 1, 2**64 - 1):
        late = NoteSignature(ORIGIN, lasting.key_id, seconds.to_bytes(8, "big") + lasting.data[8:])
        assert code_of_opening(with_signatures(classic, late)) == "signature-does-not-hold"


def cosignature(name: str, seconds: int, checkpoint: Checkpoint = CHECKPOINT) -> NoteSignature:
    """The witness's signature at a time, its message spelled out as C2SP tlog-cosignature does."""
    message = b"".join(
        [
            b"subtree/v1\n\x00",
            bytes([len(name)]),
            name.encode(),
            seconds.to_bytes(8, "big"),
            bytes([len(checkpoint.origin)]),
            checkpoint.origin.encode(),
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        ]
    )
    data = seconds.to_bytes(8, "big") + WITNESS.mldsa44.sign(message)
    return NoteSignature(WITNESS_KEY.name, WITNESS_KEY.key_id, data)


def test_a_required_witness_must_have_signed() -> None:
    """Without the witness's signature the note is refused; with it, the witness and its time are told."""
    own = parse_note(NOTE).signatures
    assert code_of_opening(NOTE, *SIGNER.vkeys, required=(WITNESS_KEY,)) == "signature-missing"
    for seconds, at in ((1_772_373_900, AT), (0, None)):
        note = with_signatures(*own, cosignature(WITNESS_KEY.name, seconds))
        opened = open_note(note, SIGNER.vkeys, required=[WITNESS_KEY])
        assert (opened.signatures[2].vkey, opened.signatures[2].at) == (WITNESS_KEY, at)


def test_a_witness_signs_under_its_own_name_and_within_the_calendar() -> None:
    """A signature made under another name, or at a time no calendar has, does not hold."""
    for forged in (cosignature(ORIGIN, 1_772_373_900), cosignature(WITNESS_KEY.name, 2**62)):
        note = with_signatures(*parse_note(NOTE).signatures, forged)
        assert code_of_opening(note, *SIGNER.vkeys, WITNESS_KEY) == "signature-does-not-hold"
        assert verify_note(note, SIGNER.vkeys) == CHECKPOINT


def test_a_witness_is_not_the_journal() -> None:
    """Both kinds of signature by a known witness do not replace those of the journal."""
    alone = parse_note(WITNESS.sign(Checkpoint(WITNESS.origin, 1, EMPTY_ROOT), AT)).signatures
    (classic, lasting) = parse_note(NOTE).signatures
    own = Ed25519PrivateKey.generate()
    vkey = Vkey(WITNESS.origin, ED25519, own.public_key().public_bytes_raw())
    cosigned = NoteSignature(WITNESS.origin, vkey.key_id, own.sign(CHECKPOINT.text()))
    assert code_of_opening(with_signatures(cosigned, lasting), *SIGNER.vkeys, vkey) == "signature-missing"
    assert open_note(with_signatures(classic, lasting, cosigned), [*SIGNER.vkeys, vkey]).signatures[2].vkey == vkey
    assert code_of_opening(with_signatures(*alone), *SIGNER.vkeys) == "signature-missing"


def test_a_signer_signs_its_own_journal_only() -> None:
    """The keys of one shard never sign another, and a time without zone is not a time."""
    with pytest.raises(MalformedError) as caught:
        SIGNER.sign(Checkpoint("autre.example/laval/journal/2026", 1, EMPTY_ROOT), AT)
    assert caught.value.code == "wrong-origin"
    for moment in (AT.replace(tzinfo=None), datetime(1969, 1, 1, tzinfo=UTC)):
        with pytest.raises(MalformedError) as caught:
            SIGNER.sign(CHECKPOINT, moment)
        assert caught.value.code == "bad-time"


def test_the_time_signed_is_the_same_in_every_zone() -> None:
    """Signing at nine in Laval is signing at fourteen in universal time."""
    local = AT.astimezone(timezone(timedelta(hours=-5)))
    assert open_note(SIGNER.sign(CHECKPOINT, local), SIGNER.vkeys).signatures[1].at == AT


def test_a_signer_never_prints_its_keys() -> None:
    """The representation of a signer names the journal and nothing else."""
    assert repr(SIGNER) == f"JournalSigner(origin='{ORIGIN}')"


@given(st.data())
def test_any_flipped_bit_of_a_note_is_found(data: st.DataObject) -> None:
    """No bit of a checkpoint or of its signatures can change and still be believed."""
    bit = data.draw(st.integers(0, len(NOTE) * 8 - 1))
    changed = bytearray(NOTE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PasserelleError):
        verify_note(bytes(changed), SIGNER.vkeys)


@given(st.integers(0, len(NOTE) - 1))
def test_a_note_cut_anywhere_is_refused(length: int) -> None:
    """A truncated note is never the note."""
    with pytest.raises(PasserelleError):
        verify_note(NOTE[:length], SIGNER.vkeys)


@given(st.binary(max_size=200), st.text(max_size=80))
def test_garbage_raises_our_errors_only(data: bytes, text: str) -> None:
    """Whatever the bytes, reading them refuses with an error that callers handle."""
    signature_line = CHECKPOINT.text() + b"\n" + DASH.encode() + b" " + data + b"\n"
    for note in (data, data + b"\n\n" + data, signature_line, text.encode("utf-8", "surrogatepass")):
        with pytest.raises(PasserelleError):
            verify_note(note, SIGNER.vkeys)


@pytest.mark.parametrize("decoy_first", [True, False])
def test_two_keys_made_to_share_an_id_hide_no_genuine_signature(*, decoy_first: bool) -> None:
    """Four bytes are soon ground: a line is accepted if one of the keys made it, and refused if none did."""
    true = Signer("temoin-invente.example/t1", Ed25519PrivateKey.from_private_bytes((2613).to_bytes(32, "big")))
    decoy = Vkey(true.name, ED25519_COSIGNATURE, (416_979).to_bytes(32, "big"))
    assert decoy.key_id == true.vkey.key_id
    witnesses = [decoy, true.vkey] if decoy_first else [true.vkey, decoy]
    line = true.sign(CHECKPOINT)
    opened = open_note(with_cosignatures(NOTE, [line]), SIGNER.vkeys, witnesses=witnesses)
    assert opened.signatures[-1].vkey == true.vkey
    forged = with_cosignatures(
        NOTE, [NoteSignature(line.name, line.key_id, line.data[:-1] + bytes([line.data[-1] ^ 1]))]
    )
    with pytest.raises(ForgedError, match="signature-does-not-hold"):
        open_note(forged, SIGNER.vkeys, witnesses=witnesses)
