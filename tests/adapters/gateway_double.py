"""A small gateway made of the cores' own primitives: it signs in, receives, journals, and can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.jwk import ECKey, thumbprint

from adapters.client import GatewayClient
from adapters.pins import GatewayPins
from consent.envelope import UnverifiedEnvelope
from consent.statement import ConsentStatement
from journal.entries import Opening, commitment_leaf
from journal.shards import FIRST
from keys import strictjson
from keys.documents import b64url, format_time, from_b64url, parse, sha256_hex
from keys.identity import ClientKey, SigningKey
from keys.signing import SignedDocument, sign
from tests.adapters.answers_double import URL, HeldClock, answer, problem
from tests.adapters.shards_double import GATEWAY, HeldShard, ShardsDouble
from tests.journal.builders import SALT, entry_bytes, journal_signer
from tests.keys.builders import client_key

TERRITORY = "laval"
ORIGIN = f"passerelle.example/{TERRITORY}/journal/1"
Respond = Callable[[httpx2.Request], httpx2.Response]


class GatewayDouble(ShardsDouble):
    """Answers like the broker, over `httpx2.MockTransport`; `instead` replaces the answer to a path."""

    def __init__(self, *, key: ClientKey | None = None, url: str = URL) -> None:
        """Know one client, the organisation of `key`."""
        self.clock = HeldClock()
        self.url = url
        self.key = key or client_key()
        self.receipts = SigningKey.generate(GATEWAY, "receipts")
        self.shards = [HeldShard(journal_signer(ORIGIN), 0)]
        self.leaves: list[bytes] = []
        self.instead: dict[str, Respond] = {}
        self.requests: list[httpx2.Request] = []
        self.tokens: dict[str, tuple[datetime, str]] = {}
        self.nonces = {"/oauth/token": "token-nonce-1", "/v1": "interface-nonce-1"}
        self.token_life = 300
        self.inbox: list[bytes] = []
        self.seen_proofs: set[str] = set()

    # What a partner knows of it.

    @property
    def announced(self) -> dict[str, Any]:
        """The members of `/.well-known/passerelle`."""
        known: dict[str, Any] = {
            "v": 1,
            "address": GATEWAY,
            "territory": TERRITORY,
            "issuer": self.url,
            "receipts": b64url(self.receipts.public_bytes),
            "journal": self._named(FIRST),
        }
        later = range(FIRST + 1, len(self.shards) + 1)
        starts = [{"number": each, "start": self.held(each).start} for each in later]
        told = [
            self._named(each["number"]) | each | {"restarted": self.held(each["number"]).restarted} for each in starts
        ]
        return known | ({"shards": told} if told else {})

    def _named(self, number: int) -> dict[str, Any]:
        signer = self.held(number).signer
        return {"origin": signer.origin, "vkeys": [str(vkey) for vkey in signer.vkeys]}

    @property
    def pins(self) -> GatewayPins:
        """The same, pinned."""
        return parse(GatewayPins, json.dumps(self.announced).encode(), limit=100_000)

    def http(self) -> httpx2.Client:
        """An HTTP client whose every request comes here."""
        return httpx2.Client(transport=httpx2.MockTransport(self.handle))

    def client(self) -> GatewayClient:
        """A partner's client."""
        return GatewayClient(self.http(), self.pins, self.key.address, self.key, self.clock)

    # Its receipts.

    def receipt(self, members: Mapping[str, object], *, signer: SigningKey | None = None) -> SignedDocument:
        """A receipt over a fresh commitment; members given are added or changed, None leaves one out."""
        index = len(self.leaves)
        leaf = commitment_leaf(Opening(entry_bytes(index=index), SALT))
        self.append(leaf)
        payload: dict[str, object] = {
            "v": 1,
            "by": GATEWAY,
            "origin": self.journal.origin,
            "index": index,
            "leaf": b64url(leaf),
            "time": format_time(self.clock()),
            "promise": 60,
        }
        payload = {name: value for name, value in (payload | dict(members)).items() if value is not None}
        return sign("receipt", strictjson.dumps(payload), (signer or self.receipts,))

    def envelope_receipt(
        self, wire: bytes, changes: Mapping[str, object] | None = None, *, signer: SigningKey | None = None
    ) -> SignedDocument:
        """The receipt of an envelope."""
        envelope = UnverifiedEnvelope.parse(wire)
        named = {"envelope": envelope.header.id, "payload_sha256": envelope.signed.sha256}
        return self.receipt(named | dict(changes or {}), signer=signer)

    def delivery(self, wire: bytes) -> dict[str, object]:
        """One leased item."""
        return {"envelope": json.loads(wire), "receipt": self.envelope_receipt(wire).to_json()}

    # Its interface.

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        self.requests.append(request)
        path = request.url.path
        if path in self.instead:
            response = self.instead[path](request)
        elif path == "/.well-known/passerelle":
            response = answer(self.announced)
        elif path.startswith("/v1/journal/") and path != "/v1/journal/openings":
            response = self._public_file(path.removeprefix("/v1/journal/"))
        elif path == "/oauth/token":
            response = self._token(request)
        else:
            response = self._signed_in(request)
        return response

    def _public_file(self, path: str) -> httpx2.Response:
        number = FIRST
        if path.startswith("shards/"):
            _, named, path = path.split("/", 2)
            number = int(named)
        if not FIRST <= number <= len(self.shards):
            return problem("not-found", 404)
        if path == "checkpoint":
            return httpx2.Response(200, content=self.held(number).final or self.note())
        data = self.files(number=number).get(path)
        return problem("not-found", 404) if data is None else httpx2.Response(200, content=data)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        nonce = {"DPoP-Nonce": self.nonces["/oauth/token"]}
        form = {name: values[0] for name, values in parse_qs(request.content.decode(), strict_parsing=True).items()}
        thumb = self._proven(request, self.nonces["/oauth/token"], None)
        if thumb is None:
            return httpx2.Response(400, headers=nonce, json={"error": "use_dpop_nonce"})
        if not self._is_client(form):
            return httpx2.Response(401, headers=nonce, json={"error": "invalid_client"})
        token = f"token-{len(self.tokens) + 1}"
        self.tokens[token] = (self.clock() + timedelta(seconds=self.token_life), thumb)
        granted = {
            "access_token": token,
            "token_type": "DPoP",
            "expires_in": self.token_life,
            "scope": form.get("scope", "all"),
        }
        return httpx2.Response(200, headers=nonce, json=granted | {"unknown_member": True})

    def _is_client(self, form: Mapping[str, str]) -> bool:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.key.public_bytes)
        token = jwt.decode(form["client_assertion"], ECKey.import_key(public), algorithms=["ES256"])
        seconds = int(self.clock().timestamp())
        claims = token.claims
        return (
            form["grant_type"] == "client_credentials"
            and form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            and form["resource"] == self.url
            and token.header["kid"] == self.key.kid
            and token.header["typ"] == "client-authentication+jwt"
            and claims["iss"] == claims["sub"] == self.key.address
            and claims["aud"] == self.url
            and seconds < claims["exp"] <= seconds + 300
            and self._first_use(claims["jti"])
        )

    def _first_use(self, jti: str) -> bool:
        known = jti in self.seen_proofs
        self.seen_proofs.add(jti)
        return not known

    def _proven(self, request: httpx2.Request, nonce: str, token: str | None) -> str | None:
        """The thumbprint of the proof's key, when the proof is one for this very request."""
        proof = request.headers["dpop"]
        header = json.loads(from_b64url(proof.split(".")[0]))
        key = ECKey.import_key(header["jwk"])
        claims = json.loads(jws.deserialize_compact(proof, key, algorithms=["ES256"]).payload or b"")
        expected = {"htm": request.method, "htu": str(request.url).partition("?")[0], "nonce": nonce}
        if token is not None:
            expected["ath"] = b64url(hashlib.sha256(token.encode()).digest())
        stated = {name: claims[name] for name in claims if name not in {"jti", "iat"}}
        good = header["typ"] == "dpop+jwt" and "d" not in header["jwk"] and self._first_use(claims["jti"])
        return thumbprint(header["jwk"]) if good and stated == expected else None

    def _signed_in(self, request: httpx2.Request) -> httpx2.Response:
        nonce = {"DPoP-Nonce": self.nonces["/v1"]}
        scheme, _, token = request.headers["authorization"].partition(" ")
        ends, thumb = self.tokens.get(token, (self.clock(), ""))
        if scheme != "DPoP" or self.clock() >= ends:
            return httpx2.Response(401, headers=nonce | {"WWW-Authenticate": 'DPoP error="invalid_token"'})
        if self._proven(request, self.nonces["/v1"], token) != thumb:
            return httpx2.Response(401, headers=nonce | {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'})
        response = self._business(request)
        response.headers.update(nonce)
        return response

    def _business(self, request: httpx2.Request) -> httpx2.Response:
        path, body = request.url.path, request.content
        if path == "/v1/envelopes":
            return answer(self.envelope_receipt(body).to_json(), 201)
        if path == "/v1/inbox/lease":
            leased = [self.delivery(wire) for wire in self.inbox[: json.loads(body)["max"]]]
            return answer(leased)
        if path == "/v1/events":
            after = int(request.url.params["after"])
            events = [{"cursor": at, **self.delivery(wire)} for at, wire in enumerate(self.inbox, start=1)]
            return answer({"events": events[after:], "next": max(after, len(events))})
        return self._documents(path, body)

    def _documents(self, path: str, body: bytes) -> httpx2.Response:
        sent = json.loads(body) if body else {}
        payload = base64.b64decode(sent.get("statement", sent).get("payload", ""))
        if path == "/v1/withdrawals":
            return answer(self.receipt({"withdrawal": "done"}).to_json())
        if path == "/v1/acks":
            return answer({"v": 1, "envelope": json.loads(payload)["envelope"], "index": 7})
        if path == "/v1/consents":
            statement = parse(ConsentStatement, payload, limit=100_000)
            named = {"statement": statement.id, "version": statement.version, "payload_sha256": sha256_hex(payload)}
            return answer(self.receipt(named).to_json(), 201)
        if path == "/v1/keys":
            stated = json.loads(payload)
            placed = {"index": 9, "time": format_time(self.clock())}
            return answer({"v": 1, "org": stated["org"], "seq": stated["seq"]} | placed, 201)
        return problem("not-found", 404)
