"""Whatever is sent instead of a token, an assertion or a proof gets a refusal that explains itself, never an error."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.sign_in import PATH, URL, SignIn, b64, es256, jws, signing_in

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=80)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignIn]:
    """One broker for all of these, as nothing that is refused changes anything."""
    with signing_in(tmp_path_factory.mktemp("garbage")) as made:
        yield made


def call(desk: SignIn, token: str, proof: str) -> None:
    """Present both at the protected page: it answers with a problem document."""
    sent = [(b"Authorization", f"DPoP {token}".encode("latin-1")), (b"DPoP", proof.encode("latin-1"))]
    answer = desk.client.get(PATH, headers=sent)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].startswith(f"{URL}/problems/")
    assert answer.headers["DPoP-Nonce"]


def ask(desk: SignIn, assertion: str, proof: str) -> None:
    """Present both at the token endpoint: it answers with an OAuth error."""
    form = {"grant_type": "client_credentials", "client_assertion": assertion, "resource": URL}
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    answer = desk.client.post("/oauth/token", data=form, headers=[(b"DPoP", proof.encode("latin-1"))])
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_client", "invalid_dpop_proof", "use_dpop_nonce"}
    assert answer.json()["title"]


def spoiled(text: str, place: int, character: str) -> str:
    """The text with one character changed."""
    place %= len(text)
    if text[place] == character:
        character = "A" if character != "A" else "B"
    return text[:place] + character + text[place + 1 :]


PLACE = st.integers(0, 2000)
CHARACTER = st.sampled_from("ABCxyz019-_.=+/ ,é") | st.characters(min_codepoint=0x21, max_codepoint=0xFF)


@given(place=PLACE, character=CHARACTER, which=st.sampled_from(["token", "proof"]))
def test_no_altered_token_or_proof_passes(desk: SignIn, place: int, character: str, which: str) -> None:
    """One character changed anywhere in a good token, or in a good proof, and the call is refused."""
    token = desk.token()
    good = token
    if which == "token":
        token = spoiled(token, place, character)
    proof = desk.machine.proof(token=token, nonce=desk.nonce())
    if which == "proof":
        proof = spoiled(proof, place, character)
    call(desk, token, proof)
    assert desk.call(token=good).status_code == 200


@given(place=PLACE, character=CHARACTER, which=st.sampled_from(["assertion", "proof"]))
def test_no_altered_assertion_or_proof_gets_a_token(desk: SignIn, place: int, character: str, which: str) -> None:
    """One character changed anywhere in a good assertion, or in the proof beside it, and there is no token."""
    assertion, proof = desk.machine.assertion(), desk.machine.proof(nonce=desk.nonce())
    if which == "assertion":
        ask(desk, spoiled(assertion, place, character), proof)
    else:
        ask(desk, assertion, spoiled(proof, place, character))


@given(token=HEADER_TEXT, proof=HEADER_TEXT)
def test_no_text_in_the_headers_breaks_a_call(desk: SignIn, token: str, proof: str) -> None:
    """Any text a header can carry is answered with a reason."""
    call(desk, token, proof)


@given(assertion=st.text(max_size=80), proof=HEADER_TEXT)
def test_no_text_in_the_form_breaks_the_token_endpoint(desk: SignIn, assertion: str, proof: str) -> None:
    """Any text, in the form or in the header, is answered with a reason."""
    ask(desk, assertion, desk.machine.proof(nonce=desk.nonce()))
    ask(desk, desk.machine.assertion(), proof)


@given(body=st.binary(max_size=200))
def test_no_body_breaks_the_token_endpoint(desk: SignIn, body: bytes) -> None:
    """Any bytes sent as a form are answered with a reason."""
    answer = desk.client.post(
        "/oauth/token", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request", "invalid_dpop_proof"}


def altered_members(text: str, part: int, name: str, value: object) -> list[Any]:
    """The header and claims of a JWS, with one member changed in one of them."""
    members = [json.loads(base64.urlsafe_b64decode(piece + "==")) for piece in text.split(".")[:2]]
    members[part][name] = value
    return members


NAMES = st.sampled_from(["typ", "alg", "jwk", "kid", "crit", "iss", "sub", "aud", "exp", "nbf", "iat", "jti"])
MATTERS = [(0, name) for name in ("typ", "alg", "jwk", "crit")] + [
    (1, name) for name in ("htm", "htu", "iat", "nonce", "ath")
]


@given(part=st.sampled_from([0, 1]), name=NAMES, value=JSON)
def test_no_value_in_a_signed_assertion_breaks_anything(desk: SignIn, part: int, name: str, value: object) -> None:
    """Any JSON value as any member, properly signed, gives a token or a reason, never an error."""
    header, claims = altered_members(desk.machine.assertion(), part, name, value)
    assertion = jws(header, claims, es256(desk.machine.client_key.private))
    answer = desk.ask(form={"client_assertion": assertion})
    assert answer.status_code == 200 or answer.json()["error"] == "invalid_client"


@given(member=st.sampled_from(MATTERS), value=JSON)
def test_no_value_in_a_signed_proof_passes(desk: SignIn, member: tuple[int, str], value: object) -> None:
    """Any JSON value as a member that matters, properly signed, is a reason to refuse."""
    key = desk.machine.proof_key = ec.generate_private_key(ec.SECP256R1())
    token = desk.token()
    header, claims = altered_members(desk.machine.proof(token=token, nonce=desk.nonce()), *member, value)
    call(desk, token, jws(header, claims, es256(key)))


@given(members=st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "d", "k", "n", "e"]), JSON))
def test_no_key_in_a_proof_breaks_anything(desk: SignIn, members: dict[str, Any]) -> None:
    """Any JSON as the members of a key is a reason to refuse."""
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(b"\1" * 32), "y": b64(b"\1" * 32)} | members
    token = desk.token()
    call(desk, token, desk.machine.proof(token=token, header={"jwk": jwk}, nonce=desk.nonce()))
