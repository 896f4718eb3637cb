"""Our code against the vectors of padding, sealing and a whole envelope."""

import pytest

from adapters.sections import parse_section
from consent.envelope import SealedHeader, UnverifiedEnvelope
from keys import strictjson
from keys.documents import from_b64url
from keys.errors import CannotOpenError, ForgedError, MalformedError
from keys.identity import verifier
from keys.sealing import SealedParts, Slot, open_sections, pad, unpad
from keys.sealing_keys import SealingKey
from tests.builders import changed
from tests.vectors.vector_files import Json, cases, named, vectors


def test_padding_hides_sizes() -> None:
    """Each size becomes its power of two, and the example its exact bytes and back."""
    content = vectors("padding")
    assert [len(pad(bytes(case["data"]))) for case in content["sizes"]] == [case["padded"] for case in content["sizes"]]
    data, padded = (from_b64url(content["example"][member]) for member in ("data", "padded"))
    assert pad(data) == padded
    assert unpad(padded) == data


@pytest.mark.parametrize("case", cases("padding", "refused"), ids=named)
def test_another_padding_is_refused(case: Json) -> None:
    """A text can be padded in one way only: what else could hide there is refused."""
    with pytest.raises(CannotOpenError):
        unpad(from_b64url(case["padded"]))


def _open(content: Json) -> dict[str, bytes]:
    parts = SealedParts(
        from_b64url(content["key_block"]), {sid: from_b64url(data) for sid, data in content["sections"].items()}
    )
    slots = tuple(Slot(slot["sid"], slot["section"]) for slot in content["slots"])
    return open_sections(content["protected"], content["kid"], SealingKey(from_b64url(content["seed"])), parts, slots)


def test_the_sealed_parts_open() -> None:
    """The key block opens with the recipient’s seed, and each section with the key found there."""
    content = vectors("sealing")
    assert _open(content) == {slot["sid"]: from_b64url(slot["text"]) for slot in content["slots"]}


@pytest.mark.parametrize("case", cases("sealing", "refused"), ids=named)
def test_nothing_opens_after_a_change(case: Json) -> None:
    """Another header, key id, recipient, place or byte: no section opens at all."""
    with pytest.raises(CannotOpenError):
        _open(changed(vectors("sealing"), case["change"]))


def _parsed(change: Json) -> UnverifiedEnvelope:
    return UnverifiedEnvelope.parse(strictjson.dumps(changed(vectors("envelope")["wire"], change)))


def test_the_whole_envelope_opens() -> None:
    """Read, verified, opened, and each section read in its form: the steps of the recipient, in order."""
    content = vectors("envelope")
    sender = content["sender"]
    checks = verifier(sender["kid"].partition("#")[0], "signing", from_b64url(sender["public_key"]))
    envelope = _parsed({}).verify(checks)
    assert (envelope.header.id, envelope.payload_sha256) == (content["id"], content["payload_sha256"])
    header, key = envelope.header, envelope.payload.key
    assert isinstance(header, SealedHeader)
    assert key is not None
    slots = tuple(Slot(slot.sid, slot.section) for slot in header.slots)
    parts = SealedParts(envelope.key or b"", envelope.sections)
    seed = SealingKey(from_b64url(content["recipient"]["seed"]))
    opened = open_sections(envelope.protected, key.kid, seed, parts, slots)
    assert {slot.section: opened[slot.sid].decode() for slot in header.slots} == content["opened"]
    for slot in header.slots:
        parse_section(slot.section, slot.form, opened[slot.sid])


@pytest.mark.parametrize("case", cases("envelope", "malformed"), ids=named)
def test_a_malformed_envelope_is_refused_in_its_place(case: Json) -> None:
    """A fault of form is refused before any signature is looked at, with its pointer."""
    with pytest.raises(MalformedError) as caught:
        _parsed(case["change"])
    assert (caught.value.code, caught.value.faults[0].pointer) == (case["code"], case["pointer"])


@pytest.mark.parametrize("case", cases("envelope", "forged"), ids=named)
def test_a_forged_envelope_is_refused(case: Json) -> None:
    """What travels beside the payload is what was signed, or the envelope is refused."""
    sender = vectors("envelope")["sender"]
    checks = verifier(sender["kid"].partition("#")[0], "signing", from_b64url(sender["public_key"]))
    with pytest.raises(ForgedError) as caught:
        _parsed(case["change"]).verify(checks)
    assert caught.value.code == case["code"]
