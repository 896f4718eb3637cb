"""A real broker with one invented partner enrolled, and a machine of that partner that signs in as it should.

Each test changes one thing: a member of a header or of the claims, the key, the clock, a row.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import FastAPI
from httpx2 import Response
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from consent.vocabulary import SCOPES
from gateway.app import create_app
from gateway.broker import Broker, BrokerSettings
from gateway.broker_keys import BrokerKeys, new_broker_keys
from gateway.callers import admit, present
from gateway.oauth.assertions import ASSERTION_TYPE
from gateway.store.migration import migrate
from gateway.store.organisations import Organisation
from gateway.store.store import Store
from keys.documents import Clock
from keys.identity import ClientKey, RootKey, SigningKey
from keys.statements import KeyChain, publish

URL = "https://passerelle.example"
TOKEN_URL = f"{URL}/oauth/token"
PATH = "/v1/probe/refuge%40laval"
ADDRESS = "refuge-invente@laval"
AT = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)
GRANTED = frozenset({"envelope:send", "envelope:receive", "journal:read"})
ABSENT = object()
"""As a change: the member is left out."""

Json = dict[str, Any]
ProofKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class HeldClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime = AT) -> None:
        """Stand at `at`."""
        self.at = at

    def __call__(self) -> datetime:
        """The time."""
        return self.at

    def move(self, **by: float) -> None:
        """Go forward, or back."""
        self.at += timedelta(**by)


def b64(data: bytes) -> str:
    """Base64url without padding, written apart from the code under test."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jws(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A compact JWS of whatever is given, bytes being taken as they are."""
    parts = [b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims)]
    return f"{parts[0]}.{parts[1]}.{b64(sign('.'.join(parts).encode()))}"


def es256(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    """Signs as RFC 7518 §3.4 says: R and S, 32 bytes each."""

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    return sign


def p256_jwk(key: ec.EllipticCurvePrivateKey) -> Json:
    """The public JWK of a P-256 key."""
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}


def ed25519_jwk(key: ed25519.Ed25519PrivateKey) -> Json:
    """The public JWK of an Ed25519 key."""
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}


def changed(members: Json, changes: Json) -> Json:
    """The members with changes made; a change to `ABSENT` leaves the member out."""
    return {name: value for name, value in (members | changes).items() if value is not ABSENT}


class Machine:
    """A partner's machine: its published sign-in key and the key of its proofs."""

    def __init__(self, clock: HeldClock, address: str = ADDRESS, proof_key: ProofKey | None = None) -> None:
        """Make keys for `address`; proofs are signed ES256 unless another key is given."""
        self.clock = clock
        self.address = address
        self.client_key = ClientKey.generate(address)
        self.proof_key: ProofKey = proof_key or ec.generate_private_key(ec.SECP256R1())

    @property
    def jkt(self) -> str:
        """The thumbprint of the proofs' key (RFC 7638)."""
        text = json.dumps(self._jwk(), sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())

    def _jwk(self) -> Json:
        key = self.proof_key
        return ed25519_jwk(key) if isinstance(key, ed25519.Ed25519PrivateKey) else p256_jwk(key)

    def _sign_proof(self, message: bytes) -> bytes:
        key = self.proof_key
        return key.sign(message) if isinstance(key, ed25519.Ed25519PrivateKey) else es256(key)(message)

    def assertion(
        self, header: Json | None = None, sign: Callable[[bytes], bytes] | None = None, **claims: object
    ) -> str:
        """A client assertion with changes."""
        now = int(self.clock.at.timestamp())
        members = {
            "iss": self.address,
            "sub": self.address,
            "aud": URL,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(8),
        }
        head = changed({"alg": "ES256", "kid": self.client_key.kid}, header or {})
        return jws(head, changed(members, claims), sign or es256(self.client_key.private))

    def proof(
        self, *, header: Json | None = None, sign: Callable[[bytes], bytes] | None = None, **claims: object
    ) -> str:
        """A proof for the token endpoint with changes; `token` gives the `ath` of a call."""
        members = {
            "htm": "POST",
            "htu": TOKEN_URL,
            "iat": int(self.clock.at.timestamp()),
            "jti": secrets.token_hex(8),
        }
        token = claims.pop("token", None)
        if token is not None:
            members |= {"htm": "GET", "htu": URL + PATH, "ath": b64(hashlib.sha256(str(token).encode()).digest())}
        is_edwards = isinstance(self.proof_key, ed25519.Ed25519PrivateKey)
        head = {"typ": "dpop+jwt", "alg": "Ed25519" if is_edwards else "ES256", "jwk": self._jwk()}
        return jws(changed(head, header or {}), changed(members, claims), sign or self._sign_proof)


class SignIn:
    """A broker behind HTTP, its clock, and a machine of the enrolled partner."""

    def __init__(self, broker: Broker, clock: HeldClock, machine: Machine) -> None:
        """Serve `broker` through ASGI."""
        self.broker = broker
        self.clock = clock
        self.machine = machine
        self.client = TestClient(application(broker), base_url="https://an-address-chosen-by-the-caller.example")

    def nonce(self) -> str:
        """A fresh nonce, as every answer of the broker carries one."""
        return self.client.get("/oauth/jwks").headers["DPoP-Nonce"]

    def ask(
        self, *, form: Json | None = None, proofs: list[str] | None = None, headers: Json | None = None, **more: str
    ) -> Response:
        """A token request with changes to its form, its `DPoP` headers or its other headers."""
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.machine.assertion(),
            "scope": "envelope:send",
            "resource": URL,
        }
        if proofs is None:
            proofs = [self.machine.proof(nonce=self.nonce())]
        sent = [("DPoP", proof) for proof in proofs] + list((headers or {}).items())
        return self.client.post("/oauth/token", data=changed(fields, form or {}), headers=sent, **more)  # type: ignore[arg-type]  # httpx2 takes a list of pairs

    def token(self, **form: object) -> str:
        """A token, asked for as one should."""
        answer = self.ask(form=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(
        self,
        *,
        token: str | None = None,
        authorization: list[str] | None = None,
        proofs: list[str] | None = None,
        path: str = PATH,
        **claims: object,
    ) -> Response:
        """A call to the protected page with changes to its proof, or with other headers altogether."""
        token = token or self.token()
        if proofs is None:
            proofs = [self.machine.proof(**({"token": token, "nonce": self.nonce()} | claims))]  # type: ignore[arg-type]  # the changes of a test
        sent = [("Authorization", value) for value in authorization or [f"DPoP {token}"]]
        sent += [("DPoP", proof) for proof in proofs]
        return self.client.get(path, headers=sent)


def application(broker: Broker) -> FastAPI:
    """The broker's application, and one more protected page that tells who called."""
    app = create_app(broker)

    @app.get("/v1/probe/{name}")
    async def probe(request: Request, name: str, scope: str = "envelope:send") -> JSONResponse:
        presented = present(request, broker)
        caller = await broker.store.write(lambda tx: admit(tx, presented, tx.journal.lock(broker.clock())))
        caller.require(scope)
        return JSONResponse({"asked": name, "address": caller.address, "scopes": sorted(caller.scopes)})

    return app


def enrol(broker: Broker, machine: Machine, scopes: frozenset[str] = GRANTED) -> None:
    """Add the machine's organisation: its row, and its key statements from the root to the sign-in key."""
    assert scopes <= set(SCOPES)
    at = broker.clock()
    root = RootKey.generate(machine.address)
    signing = SigningKey.generate(machine.address)
    with broker.store.transaction() as tx:
        organisation = Organisation(
            machine.address, "Refuge Inventé", "ca-qc", active=True, scopes=scopes, root_fingerprint="A" * 26
        )
        tx.organisations.add(organisation)
        year = (at, at + timedelta(days=300))
        signed = publish((0, None), machine.address, "root", root.public, year, root.signers)
        chain = KeyChain.start(signed, at=at, index=0)
        tx.keys.extend(None, chain, signed, at, 0)
        for use, public, days, signers in (
            ("signing", signing.public_bytes, 300, root.signers),
            ("oauth", machine.client_key.public_bytes, 60, (signing,)),
        ):
            period = (at, at + timedelta(days=days))
            signed = publish((chain.seq, chain.head), machine.address, use, public, period, signers)  # type: ignore[arg-type]  # two of the uses
            longer = chain.extend(signed, at=at, index=chain.seq)
            tx.keys.extend(chain, longer, signed, at, chain.seq)
            chain = longer


def opened(folder: Path, url: str, clock: Clock) -> Broker:
    """A broker at this public URL, on an empty database of its own."""
    store = Store(f"sqlite:///{folder / 'broker.sqlite3'}")
    migrate(store)
    settings = BrokerSettings(url, "laval")
    origin = "passerelle.example/laval/journal/2026"
    keys = BrokerKeys.from_stored(new_broker_keys(settings.address, clock()), settings.address, origin)
    with store.transaction() as tx:
        tx.journal.create(settings.territory, origin, clock())
    return Broker(settings, store, keys, clock)


@contextmanager
def second_process(first: SignIn) -> Iterator[SignIn]:
    """The same broker served once more, with a connection of its own to the same database and nothing else shared."""
    store = Store(first.broker.store.engine.url.render_as_string())
    broker = Broker(first.broker.settings, store, first.broker.keys, first.clock)
    try:
        yield SignIn(broker, first.clock, first.machine)
    finally:
        store.close()


@contextmanager
def signing_in(folder: Path) -> Iterator[SignIn]:
    """A broker with a held clock, and one partner enrolled."""
    clock = HeldClock()
    broker = opened(folder, URL, clock)
    machine = Machine(clock)
    enrol(broker, machine)
    try:
        yield SignIn(broker, clock, machine)
    finally:
        broker.store.close()
