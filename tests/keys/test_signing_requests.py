"""What a root signs when asked, and what it refuses whoever asks."""

import base64
import itertools
import json
from typing import Any

import pytest

from keys.errors import ForgedError, MalformedError
from keys.identity import RootPublic, root_verifiers
from keys.signing import SignedDocument, media_type
from keys.signing_requests import ROOT_KINDS, SigningRequest
from keys.statements import replay
from tests.keys.builders import ADDRESS, NOW, OTHER, ChainBuilder, full_chain, root, sealing_key, signing_key


def _request(kind: str, content: object) -> bytes:
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    wire = {"payloadType": media_type(kind), "payload": base64.b64encode(payload).decode()}
    return json.dumps(wire).encode()


def _publication(use: Any = "signing", public: bytes | RootPublic | None = None, **settings: Any) -> bytes:  # noqa: ANN401 - any argument of the builder
    chain = ChainBuilder().with_root()
    return chain.publication(use, public or signing_key().public_bytes, **settings).payload


AGREEMENT = {
    "v": 1,
    "parties": [
        {"address": OTHER, "root_fingerprint": root("other", OTHER).public.fingerprint},
        {"address": ADDRESS, "root_fingerprint": root().public.fingerprint, "legal_name": "Refuge inventé"},
    ],
}
SIGNATURE = {"v": 1, "by": ADDRESS, "agreement": "agr_x@1"}


def _malformed(data: bytes) -> tuple[str, str]:
    with pytest.raises(MalformedError) as caught:
        SigningRequest.parse(data)
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize(
    ("kind", "content"),
    [("key-statement", _publication()), ("agreement", AGREEMENT), ("agreement-signature", SIGNATURE)],
    ids=["key-statement", "agreement", "agreement-signature"],
)
def test_each_kind_is_signed_by_both_halves(kind: str, content: object) -> None:
    """The exact bytes of the request come back signed twice, and parse as a document of that kind."""
    request = SigningRequest.parse(_request(kind, content))
    signed = request.sign(root())
    assert signed.payload == request.payload
    assert signed.sha256 == request.sha256
    again = SignedDocument.parse(signed.encode(), kind)
    again.verify(root_verifiers(ADDRESS, root().public))


def test_a_signed_statement_extends_the_chain() -> None:
    """What the root signed on request is what the chain takes."""
    chain = ChainBuilder().with_root()
    signed = SigningRequest.parse(_request("key-statement", _publication())).sign(root())
    assert replay([(chain.documents[0], NOW, 0), (signed, NOW, 1)]).keys[1].kid == signing_key().kid


def test_exact_bytes_are_signed_whatever_their_spacing() -> None:
    """Nothing is written anew: spaces and order stay as they came."""
    payload = b'{ "by":"' + ADDRESS.encode() + b'",\n"v" : 1}'
    assert SigningRequest.parse(_request("agreement-signature", payload)).sign(root()).payload == payload


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("key-statement", _publication(org=OTHER)),
        ("agreement-signature", {**SIGNATURE, "by": OTHER}),
        ("agreement-signature", {"v": 1, "org": ADDRESS}),
        ("agreement-signature", {"v": 1, "by": [ADDRESS]}),
        ("agreement", {**AGREEMENT, "parties": AGREEMENT["parties"][:1]}),  # type: ignore[index]  # a JSON value
        ("agreement", {"v": 1, "parties": ADDRESS}),
        ("agreement", {"v": 1, "parties": [ADDRESS, None, 1]}),
        ("agreement", {"v": 1, "by": ADDRESS}),
        ("agreement", {"v": 1, "parties": [{"address": ADDRESS, "root_fingerprint": root("x").public.fingerprint}]}),
        ("agreement", {"v": 1, "parties": [{"address": OTHER, "root_fingerprint": root().public.fingerprint}]}),
    ],
    ids=itertools.count(),
)
def test_a_root_speaks_for_its_organisation_only(kind: str, content: object) -> None:
    """Another organisation's document, or an agreement that pins another root, is not signed."""
    with pytest.raises(ForgedError) as caught:
        SigningRequest.parse(_request(kind, content)).sign(root())
    assert caught.value.code == "other-organisation"


@pytest.mark.parametrize("kind", ["statement", "envelope", "receipt", "ack", "capacity", "agreements", ""])
def test_other_kinds_are_not_for_the_root(kind: str) -> None:
    """Consents, envelopes and the rest are signed by everyday keys: the root refuses even to show them."""
    assert kind not in ROOT_KINDS
    assert _malformed(_request(kind, {"v": 1, "org": ADDRESS})) == ("not-for-root", "/payloadType")


def test_statements_of_everyday_keys_are_not_for_the_root() -> None:
    """A sealing key is published by a signing key; the root's signature there would be refused by everyone."""
    payload = _publication("sealing", sealing_key().public.data)
    assert _malformed(_request("key-statement", payload)) == ("not-for-root", "/payload/use")


def test_revocations_are_for_the_root() -> None:
    """A revocation is signed on request."""
    chain = full_chain()
    payload = chain.revocation(signing_key().kid).payload
    assert chain.add(SigningRequest.parse(_request("key-statement", payload)).sign(root())).replay().seq == 4


@pytest.mark.parametrize(
    ("data", "code", "pointer"),
    [
        (b"", "not-json", ""),
        (b"{}", "missing-field", "/payloadType"),
        (b'{"payloadType":"x","payload":"","signatures":[]}', "unknown-field", "/signatures"),
        (_request("agreement", b"[]"), "wrong-type", "/payload"),
        (_request("agreement", b"{}"), "out-of-range", "/payload/v"),
        (_request("agreement", b'{"v":true}'), "out-of-range", "/payload/v"),
        (_request("agreement", b'{"v":2}'), "out-of-range", "/payload/v"),
        (_request("agreement", b'{"v":1,"v":1}'), "duplicate-key", "/v"),
        (_request("key-statement", b'{"v":1}'), "missing-field", "/org"),
        (b"x" * 300_000, "too-large", ""),
    ],
    ids=itertools.count(),
)
def test_a_request_of_another_form_is_malformed(data: bytes, code: str, pointer: str) -> None:
    """What cannot be read in one way only is not signed."""
    with pytest.raises(MalformedError) as caught:
        SigningRequest.parse(data)
    assert (code, pointer) in {(fault.code, fault.pointer) for fault in caught.value.faults}


def test_a_request_is_carried_as_it_was_made() -> None:
    """What is written to the file is what the offline machine reads; what no root signs is not even written."""
    payload = _publication()
    request = SigningRequest.of("key-statement", payload)
    assert request.payload == payload
    assert SigningRequest.parse(request.encode()) == request
    with pytest.raises(MalformedError, match="not-for-root"):
        SigningRequest.of("ack", b'{"v":1}')
