"""What a signature covers, and every way in which one may be missing, moved or added."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import ForgedError, MalformedError
from keys.identity import Verifier, root_verifiers, verifier
from keys.signing import MAX_SIGNATURES, Signature, SignedDocument, media_type, pae, sign
from tests.keys.builders import ADDRESS, OTHER, root, signing_key

PAYLOAD = b'{"v":1}'
KIND = "statement"


def _verifier() -> Verifier:
    return verifier(ADDRESS, "signing", signing_key().public_bytes)


def _signed() -> SignedDocument:
    return sign(KIND, PAYLOAD, [signing_key()])


def _refused(signed: SignedDocument, *verifiers: Verifier) -> str:
    with pytest.raises(ForgedError) as caught:
        signed.verify(verifiers or (_verifier(),))
    return caught.value.code


def test_the_encoding_is_the_one_of_dsse() -> None:
    """The example of the DSSE v1 specification, and lengths counted in bytes."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


@given(st.text(max_size=20), st.binary(max_size=20), st.text(max_size=20), st.binary(max_size=20))
def test_the_encoding_is_injective(kind: str, payload: bytes, other_kind: str, other: bytes) -> None:
    """Two documents never have the same signed bytes, wherever type and payload are cut."""
    same = pae(kind, payload) == pae(other_kind, other)
    assert same is ((kind, payload) == (other_kind, other))


def test_a_signed_document_travels_unchanged() -> None:
    """Encoding and parsing give the same document, alone or inside another, and it verifies."""
    signed = _signed()
    assert SignedDocument.parse(signed.encode(), KIND) == signed
    assert SignedDocument.from_json(json.loads(json.dumps(signed.to_json())), KIND) == signed
    signed.verify([_verifier()])
    assert signed.keyids == (signing_key().kid,)


def test_both_halves_of_a_root_verify() -> None:
    """A document of a root verifies with both halves, in either order."""
    signed = sign(KIND, PAYLOAD, root().signers)
    signed.verify(root_verifiers(ADDRESS, root().public))
    replace(signed, signatures=signed.signatures[::-1]).verify(root_verifiers(ADDRESS, root().public))


@pytest.mark.parametrize("kept", [0, 1])
def test_one_half_of_a_root_is_not_enough(kept: int) -> None:
    """A stripped half, or one half written twice, is refused."""
    both = root_verifiers(ADDRESS, root().public)
    half = sign(KIND, PAYLOAD, root().signers[kept : kept + 1])
    assert _refused(half, *both) == "wrong-signers"
    assert _refused(replace(half, signatures=half.signatures * 2), *both) == "wrong-signers"


def test_the_signatures_of_both_halves_cannot_be_exchanged() -> None:
    """Each half is verified with its own key, whatever name stands beside the signature."""
    signed = sign(KIND, PAYLOAD, root().signers)
    first, second = signed.signatures
    exchanged = (
        Signature(keyid=first.keyid, sig=second.sig),
        Signature(keyid=second.keyid, sig=first.sig),
    )
    forged = replace(signed, signatures=exchanged)
    assert _refused(forged, *root_verifiers(ADDRESS, root().public)) == "bad-signature"


def test_a_surplus_signature_is_refused() -> None:
    """A second signature, even a good one, is not let through."""
    more = sign(KIND, PAYLOAD, [signing_key(), signing_key("second")])
    assert _refused(more) == "wrong-signers"


def test_a_document_without_signature_verifies_for_nobody() -> None:
    """No signature, or nobody to verify, is never success."""
    bare = replace(_signed(), signatures=())
    assert _refused(bare) == "wrong-signers"
    with pytest.raises(ForgedError):
        bare.verify([])
    with pytest.raises(ForgedError):
        _signed().verify([])


def test_another_key_or_name_is_refused() -> None:
    """Neither a name that belongs to another key nor a key under another name passes."""
    other = signing_key("second")
    signature = _signed().signatures[0]
    renamed = replace(_signed(), signatures=(Signature(keyid=other.kid, sig=signature.sig),))
    assert _refused(renamed) == "wrong-signers"
    assert _refused(renamed, verifier(ADDRESS, "signing", other.public_bytes)) == "bad-signature"
    assert _refused(_signed(), verifier(OTHER, "signing", signing_key().public_bytes)) == "wrong-signers"


def test_the_signature_covers_type_and_payload() -> None:
    """The same bytes as another kind of document, or one byte more, do not verify."""
    assert _refused(replace(_signed(), payload_type=media_type("ack"))) == "bad-signature"
    assert _refused(replace(_signed(), payload=PAYLOAD + b" ")) == "bad-signature"


@given(st.integers(0, 64 * 8 - 1))
def test_any_flipped_bit_of_a_signature_is_refused(bit: int) -> None:
    """Changing one bit anywhere in a signature breaks it."""
    signature = _signed().signatures[0]
    changed = bytearray(signature.sig)
    changed[bit // 8] ^= 1 << bit % 8
    forged = replace(_signed(), signatures=(Signature(keyid=signature.keyid, sig=bytes(changed)),))
    assert _refused(forged) == "bad-signature"


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("sig", [b"", b"\x00" * 63, b"\x00" * 64, b"\x00" * 3309, b"\x00" * 5000])
def test_a_signature_of_any_size_is_only_ever_refused(half: int, sig: bytes) -> None:
    """A signature of a wrong size is a bad one, not an accident."""
    check = root_verifiers(ADDRESS, root().public)[half]
    with pytest.raises(ForgedError):
        check.verify(sig, b"message")


def test_a_high_s_is_refused() -> None:
    """RFC 8032 §5.1.7: S plus the order of the group is another writing of the signature, and is not taken."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = _signed().signatures[0]
    high = (int.from_bytes(signature.sig[32:], "little") + order).to_bytes(32, "little")
    forged = replace(_signed(), signatures=(Signature(keyid=signature.keyid, sig=signature.sig[:32] + high),))
    assert _refused(forged) == "bad-signature"


def _wire(**changes: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps({**_signed().to_json(), **changes}).encode()


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"payloadType": media_type("ack")}, "wrong-payload-type", "/payloadType"),
        ({"payloadType": media_type(KIND).upper()}, "wrong-payload-type", "/payloadType"),
        ({"payload": "e30"}, "bad-base64", "/payload"),
        ({"payload": "e31="}, "bad-base64", "/payload"),
        ({"payload": "e30=\n"}, "bad-base64", "/payload"),
        ({"payload": "é"}, "bad-base64", "/payload"),
        ({"payload": 1}, "bad-base64", "/payload"),
        ({"signatures": []}, "too-short", "/signatures"),
        ({"signatures": [_signed().to_json()["signatures"][0]] * 3}, "too-long", "/signatures"),  # type: ignore[index]  # a JSON value
        ({"signatures": [{"sig": "AA=="}]}, "missing-field", "/signatures/0/keyid"),
        ({"signatures": [{"keyid": "x" * 201, "sig": "AA=="}]}, "too-long", "/signatures/0/keyid"),
        ({"alg": "none"}, "unknown-field", "/alg"),
    ],
)
def test_a_document_of_another_form_is_malformed(changes: dict[str, Any], code: str, pointer: str) -> None:
    """Another kind, another base64, too many signatures or an algorithm field is refused at its place."""
    with pytest.raises(MalformedError) as caught:
        SignedDocument.parse(_wire(**changes), KIND)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_a_document_inside_another_says_where_it_stands() -> None:
    """The place of a fault starts from the outer document."""
    with pytest.raises(MalformedError) as caught:
        SignedDocument.from_json({**_signed().to_json(), "payload": "?"}, KIND, pointer="/agreements/3")
    assert caught.value.pointer == "/agreements/3/payload"


def test_the_wire_is_what_dsse_says() -> None:
    """Member names and standard base64, which any other reader of DSSE understands."""
    wire = json.loads(_signed().encode())
    assert set(wire) == {"payloadType", "payload", "signatures"}
    assert wire["payloadType"] == "application/vnd.passerelle.statement+json"
    assert base64.b64decode(wire["payload"], validate=True) == PAYLOAD
    assert MAX_SIGNATURES == 2
