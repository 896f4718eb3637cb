"""Envelopes on the wire: what is signed holds together, and whatever is touched on the way is refused."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.envelope import MAX_ENVELOPE, Envelope, UnverifiedEnvelope, compose, protect
from keys import strictjson
from keys.documents import b64url, from_b64url, sha256_hex
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.sealing import SealedParts, Slot, open_sections
from keys.signing import sign
from tests.builders import (
    ABSENT,
    HEALTH,
    LINE,
    SHELTER,
    Json,
    changed,
    event_envelope,
    event_members,
    header,
    referral_members,
    sealed_envelope,
    sealing_key,
    sealing_kid,
    signing_key,
    signing_verifier,
)

CANARY = b'{"name":"Inventee Personne-Fictive"}'
WIRE = sealed_envelope(texts={"identity": CANARY})
EVENT = event_envelope()


def _members(wire: bytes) -> Json:
    members: Json = strictjson.loads(wire, limit=MAX_ENVELOPE)
    return members


def _payload(wire: bytes) -> Json:
    members: Json = strictjson.loads(base64.b64decode(_members(wire)["payload"]), limit=MAX_ENVELOPE)
    return members


def _resigned(wire: bytes, payload_changes: dict[str, object], signer: str = LINE) -> bytes:
    """The same envelope around a changed payload, signed anew: what a dishonest sender could make."""
    payload = strictjson.dumps(changed(_payload(wire), payload_changes))
    signed = sign("envelope", payload, (signing_key(signer),)).to_json()
    return strictjson.dumps(_members(wire) | signed)


def _touched(wire: bytes, changes: dict[str, object]) -> bytes:
    """The same envelope with its outside changed and its signature kept: what a broker could make."""
    return strictjson.dumps(changed(_members(wire), changes))


def _flipped(text: str) -> str:
    data = bytearray(from_b64url(text))
    data[len(data) // 2] ^= 1
    return b64url(bytes(data))


def test_an_honest_envelope_verifies() -> None:
    """What the sender signed and sealed is read, verified, and opened by its recipient alone."""
    envelope = UnverifiedEnvelope.parse(WIRE).verify(signing_verifier(LINE))
    assert isinstance(envelope, Envelope)
    assert envelope.wire == WIRE
    assert envelope.signer_kid == signing_key(LINE).kid
    assert envelope.payload_sha256 == sha256_hex(base64.b64decode(_members(WIRE)["payload"]))
    assert envelope.header == header(referral_members())
    slots = (Slot("s1", "identity"), Slot("s2", "contact"), Slot("s3", "housing"))
    assert envelope.key is not None
    parts = SealedParts(envelope.key, envelope.sections)
    opened = open_sections(envelope.protected, sealing_kid(SHELTER), sealing_key(SHELTER), parts, slots)
    assert opened["s1"] == CANARY
    assert CANARY not in WIRE


def test_an_event_has_no_sealed_part() -> None:
    """An event verifies without key block or sections."""
    envelope = UnverifiedEnvelope.parse(EVENT).verify(signing_verifier(SHELTER))
    assert (envelope.key, dict(envelope.sections)) == (None, {})
    assert envelope.header == header(event_members())


def test_reading_never_verifies() -> None:
    """Nothing that was only read comes out as a verified envelope, whichever class is asked."""
    assert type(Envelope.parse(WIRE)) is UnverifiedEnvelope


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"/key": ABSENT}, "/key"),
        ({"/key": b64url(b"another key block")}, "/key"),
        ({"/sections": ABSENT}, "/sections"),
        ({"/sections/s3": ABSENT}, "/sections"),
        ({"/sections/s4": b64url(b"one more")}, "/sections"),
        ({"/sections/s1": b64url(b"another section")}, "/sections/s1"),
        ({"/sections/s2": _members(WIRE)["sections"]["s3"]}, "/sections/s2"),
        ({"/sections/s2": _flipped(_members(WIRE)["sections"]["s2"])}, "/sections/s2"),
        ({"/key": _flipped(_members(WIRE)["key"])}, "/key"),
    ],
)
def test_a_part_changed_on_the_way_is_refused(changes: dict[str, object], pointer: str) -> None:
    """A key block or section that is missing, extra, swapped or altered is refused at its place."""
    with pytest.raises(ForgedError) as caught:
        UnverifiedEnvelope.parse(_touched(WIRE, changes)).verify(signing_verifier(LINE))
    assert (caught.value.code, caught.value.pointer) == ("digest-mismatch", pointer)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"/key": b64url(b"a message in clear")}, "/key"), ({"/sections": {"s1": b64url(b"in clear")}}, "/sections")],
)
def test_an_event_smuggles_nothing(changes: dict[str, object], pointer: str) -> None:
    """Bytes added beside an event, which nobody signed, are refused."""
    with pytest.raises(ForgedError) as caught:
        UnverifiedEnvelope.parse(_touched(EVENT, changes)).verify(signing_verifier(SHELTER))
    assert (caught.value.code, caught.value.pointer) == ("digest-mismatch", pointer)


@pytest.mark.parametrize(
    ("wire", "changes", "fault"),
    [
        (WIRE, {"/key": ABSENT}, ("missing-field", "/payload/key")),
        (WIRE, {"/sections": ABSENT}, ("missing-field", "/payload/sections")),
        (WIRE, {"/sections/2": ABSENT}, ("sections-and-slots", "/payload/sections")),
        (WIRE, {"/sections/0/sid": "s2", "/sections/1/sid": "s1"}, ("sections-and-slots", "/payload/sections")),
        (WIRE, {"/sections/0/sid": "s4"}, ("sections-and-slots", "/payload/sections")),
        (WIRE, {"/sections/0/size": 0}, ("out-of-range", "/payload/sections/0/size")),
        (WIRE, {"/key/kid": sealing_kid(HEALTH)}, ("key-of-somebody-else", "/payload/key/kid")),
        (WIRE, {"/key/kid": signing_key(SHELTER).kid}, ("key-of-somebody-else", "/payload/key/kid")),
        (WIRE, {"/protected": b64url(b"{}")}, ("unknown-code", "/payload/protected/typ")),
        (WIRE, {"/protected": "="}, ("bad-base64", "/payload/protected")),
        (WIRE, {"/protected": b64url(b" " * 8193)}, ("too-large", "/payload/protected")),
        (WIRE, {"/recipient": "x"}, ("unknown-field", "/payload/recipient")),
        (WIRE, {"/v": 2}, ("out-of-range", "/payload/v")),
        (EVENT, {"/key": _payload(WIRE)["key"]}, ("unexpected-member", "/payload/key")),
        (EVENT, {"/sections": _payload(WIRE)["sections"]}, ("unexpected-member", "/payload/sections")),
    ],
)
def test_a_payload_that_contradicts_its_header_is_refused(
    wire: bytes, changes: dict[str, object], fault: tuple[str, str]
) -> None:
    """However it is signed, a payload lists one section a slot and the recipient's own key, and events list nothing."""
    with pytest.raises(MalformedError) as caught:
        UnverifiedEnvelope.parse(_resigned(wire, changes))
    assert (caught.value.code, caught.value.pointer) == fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"/payloadType": "application/vnd.passerelle.ack+json"}, ("wrong-payload-type", "/payloadType")),
        ({"/payload": "not base64"}, ("bad-base64", "/payload")),
        ({"/payload": base64.b64encode(b"{}").decode()}, ("missing-field", "/payload/v")),
        ({"/payload": base64.b64encode(b'{"v":1,"v":1}').decode()}, ("duplicate-key", "/payload/v")),
        ({"/payload": base64.b64encode(b"[]").decode()}, ("wrong-type", "/payload")),
        ({"/signatures": []}, ("too-short", "/signatures")),
        ({"/signatures/1": {"keyid": "x", "sig": ""}}, ("too-long", "/signatures")),
        ({"/sections": {}}, ("too-short", "/sections")),
        ({"/sections/s0": ""}, ("wrong-form", "/sections/s0")),
        ({"/sections/s1": "a"}, ("bad-base64", "/sections/s1")),
        ({"/note": "Personne-Fictive"}, ("unknown-field", "/note")),
        ({"/key": None}, ("null-not-allowed", "/key")),
    ],
)
def test_a_malformed_envelope_is_refused(changes: dict[str, object], fault: tuple[str, str]) -> None:
    """Each slip on the outside of an envelope is refused at its place."""
    with pytest.raises(MalformedError) as caught:
        UnverifiedEnvelope.parse(_touched(WIRE, changes))
    assert (caught.value.code, caught.value.pointer) == fault


def test_a_duplicate_key_is_refused() -> None:
    """Two payloads in one envelope are refused: two programs could each read another one."""
    twice = WIRE[:-1] + b',"payload":""}'
    with pytest.raises(MalformedError) as caught:
        UnverifiedEnvelope.parse(twice)
    assert (caught.value.code, caught.value.pointer) == ("duplicate-key", "/payload")


def test_an_oversized_envelope_is_refused_unread() -> None:
    """Two mebibytes pass, one byte more does not."""
    with pytest.raises(MalformedError, match="too-large"):
        UnverifiedEnvelope.parse(WIRE.ljust(MAX_ENVELOPE + 1))
    assert UnverifiedEnvelope.parse(WIRE.ljust(MAX_ENVELOPE)).header == header(referral_members())


def test_only_the_senders_key_verifies() -> None:
    """Signed by the shelter in the name of the 211 line: refused whichever key is tried."""
    forged = UnverifiedEnvelope.parse(_resigned(WIRE, {}, signer=SHELTER))
    with pytest.raises(ForgedError, match="signer-is-not-sender"):
        forged.verify(signing_verifier(SHELTER))
    with pytest.raises(ForgedError, match="wrong-signers"):
        forged.verify(signing_verifier(LINE))


def test_a_redirected_envelope_does_not_verify() -> None:
    """The header named in the signed payload cannot be replaced by one to another recipient."""
    members = _payload(WIRE) | {"protected": b64url(protect(header(referral_members({"/to": HEALTH}))))}
    members["key"] = members["key"] | {"kid": sealing_kid(HEALTH)}
    payload = base64.b64encode(strictjson.dumps(members)).decode()
    with pytest.raises(ForgedError, match="bad-signature"):
        UnverifiedEnvelope.parse(_touched(WIRE, {"/payload": payload})).verify(signing_verifier(LINE))


def test_a_signature_for_another_kind_does_not_count() -> None:
    """The same payload signed as a document of another kind cannot pass for an envelope."""
    other = sign("ack", base64.b64decode(_members(WIRE)["payload"]), (signing_key(LINE),)).to_json()
    with pytest.raises(ForgedError, match="bad-signature"):
        UnverifiedEnvelope.parse(_touched(WIRE, {"/signatures": other["signatures"]})).verify(signing_verifier(LINE))


def test_an_error_never_repeats_what_was_sent() -> None:
    """A name written where a code belongs is not in the error."""
    with pytest.raises(MalformedError) as caught:
        UnverifiedEnvelope.parse(_touched(WIRE, {"/payloadType": "Personne-Fictive"}))
    assert "Fictive" not in f"{caught.value!r}{caught.value.faults!r}{caught.value.__context__!r}"


@given(position=st.integers(0, len(WIRE) - 1), value=st.integers(0, 255))
def test_no_byte_can_be_changed_unseen(position: int, value: int) -> None:
    """Whichever byte of an envelope is replaced, it is refused, or it says exactly what the sender signed."""
    touched = WIRE[:position] + bytes([value]) + WIRE[position + 1 :]
    try:
        envelope: Any = UnverifiedEnvelope.parse(touched).verify(signing_verifier(LINE))
    except PasserelleError:
        return
    honest = UnverifiedEnvelope.parse(WIRE)
    assert (envelope.payload, envelope.key, envelope.sections) == (honest.payload, honest.key, honest.sections)
    assert envelope.signed.payload == honest.signed.payload


@given(st.binary(max_size=200))
def test_garbage_is_refused_in_our_own_words(data: bytes) -> None:
    """Whatever bytes arrive, the answer is an error of ours."""
    with pytest.raises(MalformedError):
        UnverifiedEnvelope.parse(data)


@given(sections=st.dictionaries(st.sampled_from(["s1", "s2", "s3"]), st.binary(min_size=1, max_size=40), min_size=3))
def test_what_is_composed_is_what_is_read(sections: dict[str, bytes]) -> None:
    """Sections and key block come back byte for byte from the wire."""
    parts = sorted(sections.items())
    protected = protect(header(referral_members()))
    wire = compose(protected, signing_key(LINE), kid=sealing_kid(SHELTER), key=b"block", sections=parts)
    envelope = UnverifiedEnvelope.parse(wire).verify(signing_verifier(LINE))
    assert (envelope.key, dict(envelope.sections), envelope.payload.protected) == (b"block", sections, protected)
