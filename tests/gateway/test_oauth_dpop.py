"""A proof is good for one call, at one place, with one token, by one key, for two minutes, once."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gateway.oauth.dpop import CLOCK_SKEW, Proof, ProvenCall, read_proof
from gateway.oauth.nonces import NONCE_LIFE, fresh_nonce
from gateway.oauth.refusals import SignInError
from tests.gateway.sign_in import (
    ABSENT,
    AT,
    PATH,
    TOKEN_URL,
    URL,
    HeldClock,
    Json,
    Machine,
    SignIn,
    b64,
    ed25519_jwk,
    es256,
    p256_jwk,
    signing_in,
)

NOW = int(AT.timestamp())
SECRET = bytes(range(32))
TOKEN = "an.access.token"
CALL = ProvenCall("GET", URL, "/v1/probe/refuge@laval", TOKEN)
NONCE = fresh_nonce(SECRET, AT)


@pytest.fixture
def machine() -> Machine:
    """A partner's machine."""
    return Machine(HeldClock())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def checked(*headers: str, call: ProvenCall = CALL) -> Proof:
    """Check the headers of a call, the signature included."""
    proof = read_proof(list(headers), call, nonce_secret=SECRET, at=AT)
    proof.verify()
    return proof


def made(machine: Machine, **changes: object) -> str:
    """A proof for `CALL` with changes."""
    return machine.proof(**({"token": TOKEN, "nonce": NONCE} | changes))  # type: ignore[arg-type]  # the changes of a test


def refusal(*headers: str, call: ProvenCall = CALL) -> tuple[str, str]:
    """The slug and the place of a refusal."""
    with pytest.raises(SignInError) as refused:
        checked(*headers, call=call)
    return refused.value.code, refused.value.pointer


def test_a_proper_proof_holds(machine: Machine) -> None:
    """The proof names its key by the RFC 7638 thumbprint, and how long it must be remembered."""
    proof = checked(made(machine, jti="unique"))
    assert proof.key.thumbprint == machine.jkt
    assert proof.once == f"{machine.jkt}\0unique"
    assert proof.until == AT + NONCE_LIFE + CLOCK_SKEW


def test_the_thumbprint_is_the_one_of_rfc_8037() -> None:
    """The example key of RFC 8037 appendix A has the thumbprint printed there."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    machine = Machine(HeldClock(), proof_key=ed25519.Ed25519PrivateKey.from_private_bytes(seed))
    assert checked(made(machine)).key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("algorithm", ["Ed25519", "EdDSA"])
def test_ed25519_proves_too(algorithm: str) -> None:
    """The other algorithm, under both its names."""
    machine = Machine(HeldClock(), proof_key=ed25519.Ed25519PrivateKey.generate())
    assert checked(made(machine, header={"alg": algorithm})).key.thumbprint == machine.jkt


def test_exactly_one_header(machine: Machine) -> None:
    """RFC 9449 §4.3: none is missing, two are one too many, whether on two lines or joined by a proxy."""
    first, second = made(machine), made(machine)
    assert refusal() == ("proof-missing", "")
    assert refusal(first, second) == ("proof-invalid", "")
    assert refusal(f"{first}, {second}") == ("proof-invalid", "")
    assert refusal("") == ("proof-invalid", "")


@pytest.mark.parametrize(
    ("header", "place"),
    [
        *(({"typ": typ}, "/typ") for typ in (ABSENT, None, "JWT", "at+jwt", "DPOP+JWT", "application/dpop+jwt", 1)),
        *(({"alg": alg}, "/alg") for alg in (ABSENT, None, "none", "HS256", "RS256", "ES384", "es256", ["ES256"])),
        *(({"jwk": jwk}, "/jwk") for jwk in (ABSENT, None, {}, "key", [], {"kty": "EC"}, {"kty": "RSA", "n": "AQAB"})),
        *(({"crit": crit}, "/crit") for crit in (["jwk"], [], None, "x")),
    ],
)
def test_the_header_is_of_a_proof(machine: Machine, header: Json, place: str) -> None:
    """Another type of JWT, another algorithm, no key or an unknown extension: not a proof."""
    assert refusal(made(machine, header=header)) == ("proof-invalid", place)


@pytest.mark.parametrize(
    ("claims", "place"),
    [
        *(({"htm": value}, "/htm") for value in (ABSENT, "POST", "get", "", None, ["GET"])),
        *(({"jti": value}, "/jti") for value in (ABSENT, "", 1, None, "j" * 257)),
        *(({"ath": value}, "/ath") for value in (ABSENT, "", None, b64(hashlib.sha256(b"another").digest()), TOKEN)),
        *(({"iat": value}, "/iat") for value in (ABSENT, None, True, str(NOW), NOW - 120, NOW + 121, -1, 10**15)),
    ],
)
def test_the_claims_are_of_this_call(machine: Machine, claims: Json, place: str) -> None:
    """Another method, no identifier, another token or another time: not this call."""
    assert refusal(made(machine, **claims)) == ("proof-invalid", place)


@pytest.mark.parametrize("age", [119, 0, -120, 0.25])
def test_a_client_may_be_two_minutes_off(machine: Machine, age: float) -> None:
    """An `iat` less than 120 s old, or up to 120 s in the future, is taken."""
    assert checked(made(machine, iat=NOW - age)).key.thumbprint == machine.jkt


@pytest.mark.parametrize(
    "url",
    [
        f"{URL}{PATH}",
        f"{URL}/v1/probe/refuge@laval",
        f"{URL}/v1/prob%65/refuge%40laval",
        f"{URL}{PATH}?after=7&wait=30",
        f"{URL}{PATH}#part",
        f"HTTPS://PASSERELLE.EXAMPLE{PATH}",
        f"{URL}:443{PATH}",
    ],
)
def test_the_place_may_be_written_in_equivalent_ways(machine: Machine, url: str) -> None:
    """RFC 9449 §4.3 and RFC 3986 §6.2: query and fragment apart, the same address is the same address."""
    assert checked(made(machine, htu=url)).key.thumbprint == machine.jkt


@pytest.mark.parametrize(
    "url",
    [
        ABSENT,
        None,
        "",
        7,
        PATH,
        URL,
        f"{URL}/v1/probe",
        f"{URL}/v1/probe/refuge@laval/",
        f"{URL}/v1/probe/REFUGE@laval",
        f"{URL}//v1/probe/refuge@laval",
        f"{URL}/v1/x/../probe/refuge@laval",
        f"{URL}/v1/probe/refuge%2540laval",
        f"{URL}/v1/probe/refuge%ff@laval",
        f"http://passerelle.example{PATH}",
        f"https://other.example{PATH}",
        f"https://passerelle.example.other.example{PATH}",
        f"https://passerelle.example@other.example{PATH}",
        f"https://user@passerelle.example{PATH}",
        f"https://@passerelle.example{PATH}",
        f"{URL}:8443{PATH}",
        f"{URL}:port{PATH}",
        f"https://[::1{PATH}",
        f"{URL}{PATH}\n",
        f"https://passerelle\n.example{PATH}",
        f" {URL}{PATH}",
        f"{URL}{PATH} ",
        f"https://passerelle。example{PATH}",
        f"{URL}/{'a' * 2048}",
        TOKEN_URL,
    ],
)
def test_another_place_is_another_call(machine: Machine, url: object) -> None:
    """A proof for another path, host, port or scheme is refused, and so is a spelling that two readers split apart."""
    assert refusal(made(machine, htu=url)) == ("proof-invalid", "/htu")


def test_the_path_of_the_public_url_counts(machine: Machine) -> None:
    """Behind a proxy that serves the broker under a path, the proof names the address seen from outside."""
    call = ProvenCall("GET", f"{URL}/passerelle", CALL.path, TOKEN)
    checked(made(machine, htu=f"{URL}/passerelle{PATH}"), call=call)
    assert refusal(made(machine), call=call) == ("proof-invalid", "/htu")


def test_a_proof_without_a_token_needs_no_hash(machine: Machine) -> None:
    """At the token endpoint there is nothing to hash yet."""
    call = ProvenCall("POST", URL, "/oauth/token")
    assert checked(machine.proof(nonce=NONCE), call=call).key.thumbprint == machine.jkt


def _private_key_inside(key: ec.EllipticCurvePrivateKey) -> Json:
    return p256_jwk(key) | {"d": b64(key.private_numbers().private_value.to_bytes(32))}


@pytest.mark.parametrize(
    "alter",
    [
        _private_key_inside,
        lambda key: p256_jwk(key) | {"k": "c2VjcmV0"},
        lambda key: p256_jwk(key) | {"x": "AAAA"},
        lambda key: p256_jwk(key) | {"x": p256_jwk(key)["x"] + "="},
        lambda key: p256_jwk(key) | {"x": 7},
        lambda key: p256_jwk(key) | {"y": b64(b"\1" * 32)},
        lambda key: p256_jwk(key) | {"y": b64(b"\0" + b"\1" * 32)},
        lambda key: p256_jwk(key) | {"crv": "P-384"},
        lambda key: p256_jwk(key) | {"kty": "OKP"},
        lambda key: p256_jwk(key) | {"kty": ["EC"]},
        lambda _key: {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\0" * 32)},
        lambda _key: {"kty": "OKP", "crv": "Ed25519", "x": b64(b"\1" + b"\0" * 31)},
        lambda _key: {"kty": "OKP", "crv": "X25519", "x": b64(b"\11" + b"\0" * 31)},
        lambda _key: {"kty": "oct", "k": b64(b"secret")},
    ],
)
def test_only_a_sound_public_key_proves_anything(machine: Machine, alter: Callable[[Any], Json]) -> None:
    """Private, secret, malformed and weak keys are refused; one of the weak would verify any signature."""
    assert refusal(made(machine, header={"jwk": alter(machine.proof_key)})) == ("proof-invalid", "/jwk")


@pytest.mark.parametrize(
    "sign",
    [
        lambda _message: b"",
        lambda _message: b"\0" * 64,
        lambda _message: b"\xff" * 64,
        es256(ec.generate_private_key(ec.SECP256R1())),
        ed25519.Ed25519PrivateKey.generate().sign,
        lambda message: hmac.digest(b"", message, "sha256"),
    ],
)
def test_only_the_holder_of_the_key_signs(machine: Machine, sign: Callable[[bytes], bytes]) -> None:
    """Everything else may fit: without the private key there is no proof."""
    assert refusal(made(machine, sign=sign)) == ("proof-invalid", "")


def test_the_algorithm_is_the_one_of_the_key() -> None:
    """A header may not announce another algorithm than its key's."""
    edwards = Machine(HeldClock(), proof_key=ed25519.Ed25519PrivateKey.generate())
    assert refusal(made(edwards, header={"alg": "ES256"})) == ("proof-invalid", "")
    curve = Machine(HeldClock())
    assert refusal(made(curve, header={"alg": "Ed25519"})) == ("proof-invalid", "")


def test_another_key_in_the_header_does_not_fit_the_signature(machine: Machine) -> None:
    """The key that is named is the key that must have signed."""
    other = {"jwk": ed25519_jwk(ed25519.Ed25519PrivateKey.generate()), "alg": "EdDSA"}
    assert refusal(made(machine, header=other)) == ("proof-invalid", "")


@pytest.mark.parametrize("where", ["jku", "x5u", "x5c", "kid"])
def test_addresses_of_keys_are_never_followed(machine: Machine, where: str) -> None:
    """Only the embedded key counts; an address beside it is not even looked at."""
    assert checked(made(machine, header={where: "https://other.example/keys"})).key.thumbprint == machine.jkt
