"""A client assertion is accepted in one form only: everything that another server would also take is refused."""

import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.oauth.assertions import read_assertion
from gateway.oauth.refusals import SignInError
from keys.identity import key_id
from keys.statements import PublishedKey
from tests.gateway.sign_in import (
    ABSENT,
    ADDRESS,
    AT,
    TOKEN_URL,
    URL,
    HeldClock,
    Machine,
    SignIn,
    ed25519_jwk,
    es256,
    p256_jwk,
    signing_in,
)

NOW = int(AT.timestamp())
YEAR = (AT.replace(month=1), AT.replace(month=12))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


@pytest.fixture
def machine() -> Machine:
    """A partner's machine."""
    return Machine(HeldClock())


def place_of(assertion: str) -> str:
    """Where an assertion is refused, before any key is looked at."""
    with pytest.raises(SignInError, match="assertion-invalid") as refusal:
        read_assertion(assertion, issuer=URL, at=AT)
    return refusal.value.pointer


def published(machine: Machine, public: bytes) -> PublishedKey:
    """A key as the broker finds it among the usable ones."""
    return PublishedKey(key_id(machine.address, "oauth", public), "oauth", public, *YEAR, 2)


@pytest.mark.parametrize("typ", [ABSENT, "JWT", "client-authentication+jwt"])
def test_the_type_may_be_absent_or_one_of_two(desk: SignIn, typ: object) -> None:
    """PROTOCOL §5: `typ` is left out, `JWT` or `client-authentication+jwt`."""
    assert desk.ask(form={"client_assertion": desk.machine.assertion({"typ": typ})}).status_code == 200


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "jwt", "JWS", "", None, 1, ["JWT"]])
def test_any_other_type_is_another_document(machine: Machine, typ: object) -> None:
    """What was signed for another purpose, an access token or a proof, is not an assertion."""
    assert place_of(machine.assertion({"typ": typ})) == "/typ"


@pytest.mark.parametrize(
    "audience", [ABSENT, None, [URL], [URL, "https://other.example"], TOKEN_URL, f"{URL}/", "https://other.example", ""]
)
def test_the_audience_is_the_issuer_and_nothing_else(machine: Machine, audience: object) -> None:
    """A list, the token endpoint or another server would let an assertion be used at two places."""
    assert place_of(machine.assertion(aud=audience)) == "/aud"


@pytest.mark.parametrize(
    ("claims", "place"),
    [
        ({"iss": "autre-invente@laval"}, "/iss"),
        ({"sub": "autre-invente@laval"}, "/iss"),
        ({"iss": ABSENT}, "/iss"),
        ({"sub": ABSENT}, "/sub"),
        ({"sub": "Refuge-Invente@laval", "iss": "Refuge-Invente@laval"}, "/sub"),
        ({"sub": f"{ADDRESS}\n", "iss": f"{ADDRESS}\n"}, "/sub"),
        ({"sub": [ADDRESS], "iss": [ADDRESS]}, "/iss"),
        ({"jti": ABSENT}, "/jti"),
        ({"jti": ""}, "/jti"),
        ({"jti": 7}, "/jti"),
        ({"jti": "j" * 257}, "/jti"),
    ],
)
def test_who_signs_and_what_is_unique_are_required(machine: Machine, claims: dict[str, Any], place: str) -> None:
    """`iss`, `sub` and `jti` are there, of the right form, and the first two are the same address."""
    assert place_of(machine.assertion(**claims)) == place


@pytest.mark.parametrize(
    ("ahead", "good"), [(0, False), (0.5, True), (1, True), (300, True), (300.5, False), (301, False)]
)
def test_the_end_is_at_most_five_minutes_ahead(machine: Machine, ahead: float, good: bool) -> None:  # noqa: FBT001 - one column of a table
    """`exp` is in the future, and 300 s ahead at most: a stolen assertion does not last."""
    assertion = machine.assertion(exp=NOW + ahead)
    if good:
        assert read_assertion(assertion, issuer=URL, at=AT).address == ADDRESS
    else:
        assert place_of(assertion) == "/exp"


@pytest.mark.parametrize(
    ("claims", "place"),
    [
        ({"exp": ABSENT}, "/exp"),
        ({"exp": None}, "/exp"),
        ({"exp": True}, "/exp"),
        ({"exp": str(NOW + 60)}, "/exp"),
        ({"exp": -1}, "/exp"),
        ({"exp": 10**15}, "/exp"),
        ({"nbf": NOW + 1}, "/nbf"),
        ({"nbf": "now"}, "/nbf"),
        ({"iat": NOW + 121}, "/iat"),
        ({"iat": False}, "/iat"),
    ],
)
def test_times_are_numbers_and_make_sense(machine: Machine, claims: dict[str, Any], place: str) -> None:
    """A missing, mistyped or absurd time is refused; no skew is allowed but for `iat`."""
    assert place_of(machine.assertion(**claims)) == place


def test_a_client_ahead_by_two_minutes_is_let_in(machine: Machine) -> None:
    """PROTOCOL §0: an `iat` may be up to 120 s in the future; `iat` and `nbf` may also be left out."""
    for claims in ({"iat": NOW + 120}, {"iat": ABSENT, "nbf": NOW}):
        assert read_assertion(machine.assertion(**claims), issuer=URL, at=AT).address == ADDRESS


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ({"alg": "none"}, "/alg"),
        ({"alg": "HS256"}, "/alg"),
        ({"alg": "RS256"}, "/alg"),
        ({"alg": "ES384"}, "/alg"),
        ({"alg": ABSENT}, "/alg"),
        ({"alg": None}, "/alg"),
        ({"crit": ["exp"]}, "/crit"),
        ({"crit": ["b64"], "b64": False}, "/crit"),
        ({"crit": None}, "/crit"),
        ({"crit": []}, "/crit"),
        ({"kid": ABSENT}, "/kid"),
        ({"kid": 1}, "/kid"),
    ],
)
def test_no_other_algorithm_and_no_extension(machine: Machine, header: dict[str, Any], place: str) -> None:
    """Only ES256 and Ed25519 exist, and an extension that must be understood is not (RFC 7515 §4.1.11)."""
    assert place_of(machine.assertion(header)) == place


def _hmac_with(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, "sha256")


def _own_key_in_the_header(machine: Machine) -> tuple[dict[str, Any], Callable[[bytes], bytes]]:
    other = ec.generate_private_key(ec.SECP256R1())
    header = {"jwk": p256_jwk(other), "jku": "https://other.example/keys", "x5u": "https://other.example/x5u"}
    return header, es256(other)


def _other_curve_under_the_same_name(_machine: Machine) -> tuple[dict[str, Any], Callable[[bytes], bytes]]:
    return {"alg": "EdDSA"}, ed25519.Ed25519PrivateKey.generate().sign


def _der(machine: Machine) -> tuple[dict[str, Any], Callable[[bytes], bytes]]:
    return {}, lambda message: machine.client_key.private.sign(message, ec.ECDSA(SHA256()))


@pytest.mark.parametrize(
    "forge",
    [
        _own_key_in_the_header,
        _other_curve_under_the_same_name,
        _der,
        lambda machine: ({}, _hmac_with(machine.client_key.public_bytes)),
        lambda _machine: ({}, lambda _message: b""),
        lambda _machine: ({}, lambda _message: b"\0" * 64),
        lambda _machine: ({}, lambda _message: b"\xff" * 64),
        lambda _machine: ({"kid": f"autre-invente@laval#oauth-{'0' * 32}"}, None),
        lambda machine: ({"kid": machine.client_key.kid.upper()}, None),
    ],
)
def test_only_the_published_key_signs(desk: SignIn, forge: Callable[[Machine], Any]) -> None:
    """A key in the header, an address of a key, the public key as a secret, no signature: none of these gets in."""
    header, sign = forge(desk.machine)
    answer = desk.ask(form={"client_assertion": desk.machine.assertion(header, sign)})
    assert (answer.status_code, answer.json()["error_description"]) == (400, "client-refused")


@pytest.mark.parametrize("algorithm", ["Ed25519", "EdDSA"])
def test_an_ed25519_key_signs_under_both_its_names(machine: Machine, algorithm: str) -> None:
    """RFC 9864 renames EdDSA to Ed25519; clients of both ages sign in."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = published(machine, key.public_key().public_bytes_raw())
    assertion = machine.assertion({"alg": algorithm, "kid": public.kid}, key.sign)
    read_assertion(assertion, issuer=URL, at=AT).verify([public])


def test_a_key_is_never_used_with_another_algorithm(machine: Machine) -> None:
    """The published key decides the algorithm; a header that names another is refused, however it is signed."""
    key = ed25519.Ed25519PrivateKey.generate()
    edwards = published(machine, key.public_key().public_bytes_raw())
    curve = published(machine, machine.client_key.public_bytes)
    for public, algorithm, sign in (
        (edwards, "ES256", key.sign),
        (curve, "Ed25519", es256(machine.client_key.private)),
    ):
        assertion = read_assertion(machine.assertion({"alg": algorithm, "kid": public.kid}, sign), issuer=URL, at=AT)
        with pytest.raises(SignInError, match="client-refused"):
            assertion.verify([public])


def test_the_older_of_two_usable_keys_still_signs_in(machine: Machine) -> None:
    """During a rotation both keys are good: the header says which one was used."""
    older = published(machine, machine.client_key.public_bytes)
    newer = published(machine, Machine(machine.clock).client_key.public_bytes)
    read_assertion(machine.assertion(), issuer=URL, at=AT).verify([newer, older])
    with pytest.raises(SignInError, match="client-refused"):
        read_assertion(machine.assertion(), issuer=URL, at=AT).verify([newer])


def test_an_embedded_key_is_ignored(desk: SignIn) -> None:
    """A `jwk` beside a proper signature changes nothing: nothing in a header is ever trusted or fetched."""
    header = {"jwk": ed25519_jwk(ed25519.Ed25519PrivateKey.generate()), "jku": "https://other.example/keys"}
    assert desk.ask(form={"client_assertion": desk.machine.assertion(header)}).status_code == 200
