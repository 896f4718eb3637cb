"""A client library that we did not write signs in over a real socket: somebody else's reading of the same RFCs."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import uvicorn
from jwskate import Jwk
from requests_oauth2client import (
    DPoPKey,
    DPoPToken,
    InvalidClient,
    InvalidScope,
    InvalidTarget,
    OAuth2Client,
    PrivateKeyJwt,
)
from starlette.types import ASGIApp

from gateway.broker import Broker
from keys.identity import ClientKey
from tests.gateway.sign_in import ADDRESS, HeldClock, Machine, application, enrol, opened


@dataclass(frozen=True)
class Served:
    """A broker that listens, and the sign-in key of its only partner."""

    broker: Broker
    url: str
    key: ClientKey

    def client(self, *, aud: str | None = None, key: ClientKey | None = None, alg: str = "ES256") -> OAuth2Client:
        """The independent client, which finds the token endpoint in the metadata."""
        signing = key or self.key
        jwk = Jwk.from_cryptography_key(signing.private, kid=self.key.kid)
        auth = PrivateKeyJwt(ADDRESS, jwk, alg="ES256", aud=aud or self.url)
        found = requests.get(f"{self.url}/.well-known/oauth-authorization-server", timeout=5).json()
        return OAuth2Client(
            found["token_endpoint"], auth=auth, dpop_bound_access_tokens=True, dpop_alg=alg, testing=True
        )


@contextmanager
def listening(app: ASGIApp, door: socket.socket) -> Iterator[None]:
    """Serve `app` on an open socket, in a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A broker on loopback with the true time, as the client reads the true time."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        broker = opened(tmp_path, url, lambda: datetime.now(UTC))
        machine = Machine(HeldClock())
        enrol(broker, machine)
        try:
            with listening(application(broker), door):
                yield Served(broker, url, machine.client_key)
        finally:
            broker.store.close()


def probe(served: Served, token: DPoPToken) -> requests.Response:
    """A call to the protected page, signed by the library."""
    return requests.get(f"{served.url}/v1/probe/refuge@laval?scope=journal:read", auth=token, timeout=5)


def test_an_independent_client_signs_in_and_calls(served: Served) -> None:
    """private_key_jwt, DPoP with nonces at both ends, a token, and a call with it, all by somebody else's code."""
    token = served.client().client_credentials(scope="journal:read", resource=served.url)
    assert isinstance(token, DPoPToken)
    assert (token.token_type, token.scope) == ("DPoP", "journal:read")
    answer = probe(served, token)
    assert (answer.status_code, answer.json()) == (
        200,
        {"asked": "refuge@laval", "address": ADDRESS, "scopes": ["journal:read"]},
    )
    assert probe(served, token).status_code == 200


def test_an_independent_client_may_use_ed25519_for_its_proofs(served: Served) -> None:
    """The library's name for the algorithm is the older one, EdDSA."""
    token = served.client(alg="EdDSA").client_credentials(scope="journal:read", resource=served.url)
    assert isinstance(token, DPoPToken)
    assert probe(served, token).status_code == 200


def test_the_library_s_own_default_audience_is_refused(served: Served) -> None:
    """Left to itself the library signs for the token endpoint: the refusal is one it understands."""
    found = f"{served.url}/oauth/token"
    with pytest.raises(InvalidClient) as refused:
        served.client(aud=found).client_credentials(scope="journal:read", resource=served.url)
    assert refused.value.description == "assertion-invalid /aud"


def test_refusals_are_errors_that_the_library_knows(served: Served) -> None:
    """Another key, a scope that was not granted and another resource are told in the standard words."""
    with pytest.raises(InvalidClient):
        served.client(key=ClientKey.generate(ADDRESS)).client_credentials(resource=served.url)
    with pytest.raises(InvalidScope):
        served.client().client_credentials(scope="consent:write", resource=served.url)
    with pytest.raises(InvalidTarget):
        served.client().client_credentials(scope="journal:read", resource="https://other.example")


def test_a_stolen_token_fails_with_the_thief_s_key(served: Served) -> None:
    """The library signs properly with another key: the token is still not the thief's."""
    token = served.client().client_credentials(scope="journal:read", resource=served.url)
    stolen = DPoPToken(access_token=token.access_token, _dpop_key=DPoPKey.generate())
    answer = probe(served, stolen)
    assert answer.status_code == 401
    assert answer.json()["type"].endswith("/problems/token-wrong-key")
