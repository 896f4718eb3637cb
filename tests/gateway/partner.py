"""A partner of the broker as its adapter would be: it signs in when it must, calls, and signs what it sends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from httpx2 import Response

from consent.envelope import ENVELOPE_KIND, UnverifiedEnvelope
from gateway.oauth.assertions import ASSERTION_TYPE
from keys import strictjson
from keys.documents import format_time
from keys.identity import ClientKey, SigningKey
from keys.signing import media_type, sign
from keys.statements import revoke
from tests.builders import Json, registered_statement, root_key, signed_statement, signing_key, statement
from tests.gateway.first_day import PARTNER_SCOPES, client_key
from tests.gateway.sign_in import URL, Machine

if TYPE_CHECKING:
    from tests.gateway.world import World


class Partner(Machine):
    """A partner of the broker: signs in when it must, and calls."""

    def __init__(self, world: World, address: str) -> None:
        """Use the keys that were enrolled."""
        super().__init__(world.clock, address)
        self.client_key = client_key(address)
        self.world = world
        self.scopes = PARTNER_SCOPES
        self.spare_keys: list[ClientKey] = []
        self._nonce: str | None = None
        self._token: tuple[str, Any] | None = None

    def token(self) -> str:
        """An access token, kept while it is good."""
        if self._token is None or self.clock.at >= self._token[1]:
            answer = self.ask_token()
            if answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce":
                answer = self.ask_token()
            assert answer.status_code == 200, answer.text
            self._token = answer.json()["access_token"], self.clock.at + timedelta(seconds=280)
        return self._token[0]

    def ask_token(self) -> Response:
        """One token request."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
            "scope": " ".join(sorted(self.scopes)),
            "resource": URL,
        }
        answer = self.world.client.post("/oauth/token", data=form, headers={"DPoP": self.proof(**self._nonced())})
        return self._heard(answer)

    def headers(self, method: str, path: str) -> dict[str, str]:
        """The sign-in headers of one call."""
        token = self.token()
        proof = self.proof(token=token, htm=method, htu=URL + path.partition("?")[0], **self._nonced())
        return {"Authorization": f"DPoP {token}", "DPoP": proof, "Accept-Language": "en"}

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Response:
        """One call, repeated once when the broker asks for a newer nonce."""
        more = {"Content-Type": "application/json"} if body is not None else {}
        more |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._ask(method, path, body, more)
        if 'error="use_dpop_nonce"' in answer.headers.get("www-authenticate", ""):
            answer = self._ask(method, path, body, more)
        return answer

    def _ask(self, method: str, path: str, body: bytes | None, more: Mapping[str, str]) -> Response:
        headers = {**self.headers(method, path), **more}
        return self._heard(self.world.client.request(method, path, content=body, headers=headers))

    def get(self, path: str) -> Response:
        """A signed-in GET."""
        return self.call("GET", path)

    def post(self, path: str, body: bytes, kind: str | None = None, **headers: str) -> Response:
        """A signed-in POST of JSON, or of a signed document of `kind`."""
        return self.call("POST", path, body, **({"Content_Type": media_type(kind)} if kind else {}) | headers)

    def deposit(self, wire: bytes) -> Response:
        """Deposit an envelope."""
        return self.post("/v1/envelopes", wire, ENVELOPE_KIND)

    def lease(self, most: int = 50) -> list[Json]:
        """What the inbox gives now."""
        answer = self.post("/v1/inbox/lease", b'{"max":%d,"wait":0}' % most)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def events(self, after: int = 0) -> Json:
        """What happened after a cursor."""
        answer = self.get(f"/v1/events?after={after}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def ack(self, wire: bytes, changes: Mapping[str, object] | None = None, signer: SigningKey | None = None) -> bytes:
        """A signed acknowledgement of an envelope, with changes to its members."""
        envelope = UnverifiedEnvelope.parse(wire)
        members: dict[str, object] = {
            "v": 1,
            "envelope": envelope.header.id,
            "payload_sha256": envelope.signed.sha256,
            "by": self.address,
            "result": "stored",
            "at": format_time(self.clock.at),
        }
        payload = _json({**members, **(changes or {})})
        return sign("ack", payload, (signer or signing_key(self.address),)).encode()

    def register(self, changes: Mapping[str, object] | None = None) -> Response:
        """Register the builders' consent statement, with changes."""
        return self.post("/v1/consents", signed_statement(statement(changes)).encode(), "statement")

    def withdraw(self) -> Response:
        """Register the version by which the builders' consent ends."""
        ended: Json = {"/version": 2, "/prev": registered_statement().sha256, "/state": "withdrawn", "/grants": []}
        return self.register(ended)

    def revoke(self, kid: str) -> Response:
        """Publish the revocation of one of this partner's keys."""
        with self.world.broker.store.reading() as tx:
            chain = tx.keys.chain(self.address)
        assert chain is not None
        position = (chain.seq, chain.head)
        signed = revoke(position, self.address, kid, "compromised", root_key(self.address).signers)
        return self.post("/v1/keys", signed.encode(), "key-statement")

    def narrow(self, *scopes: str) -> None:
        """Sign in anew, for these scopes only."""
        self.scopes = frozenset(scopes)
        self._token = None

    def sign_in_with(self, key: ClientKey) -> None:
        """Sign in anew, with another of this partner's published keys."""
        self.client_key = key
        self._token = None

    def _nonced(self) -> dict[str, Any]:
        return {} if self._nonce is None else {"nonce": self._nonce}

    def _heard(self, answer: Response) -> Response:
        self._nonce = answer.headers.get("DPoP-Nonce", self._nonce)
        return answer


def _json(members: Mapping[str, object]) -> bytes:
    return strictjson.dumps({name: value for name, value in members.items() if value is not None})
