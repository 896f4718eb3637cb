"""Signing in: one fresh proof per request, tokens renewed in time, and never more than one retry for each reason."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from urllib.parse import parse_qs

import httpx2
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from adapters.exchange import Answer, Exchange, Question
from adapters.problems import GatewayProblemError
from adapters.proofs import ASSERTION_SECONDS, ProofKey, client_assertion
from adapters.tokens import AccessTokens, SignedInExchange
from keys.documents import from_b64url
from keys.errors import MalformedError, PasserelleError
from tests.adapters.answers_double import URL, answer
from tests.adapters.gateway_double import GatewayDouble
from tests.keys.builders import NOW, client_key


class SignedIn:
    """A partner's sign-in at a gateway."""

    def __init__(self, gateway: GatewayDouble) -> None:
        """With a proof key of its own."""
        proofs = ProofKey()
        exchange = Exchange(gateway.http())
        self.tokens = AccessTokens(exchange, gateway.pins, gateway.key, gateway.clock, proofs)
        self.exchange = SignedInExchange(exchange, self.tokens, gateway.clock, proofs)

    def ask(self, path: str = "/v1/events?after=0&wait=0") -> Answer:
        """Any question of the interface."""
        return self.exchange.ask(Question("GET", URL + path, {}, None, 100_000))


def asked(gateway: GatewayDouble) -> list[str]:
    """The paths asked for since the last call of this function."""
    paths = [request.url.path for request in gateway.requests]
    gateway.requests.clear()
    return paths


def members(token: str, part: int) -> dict[str, object]:
    """The header (0) or the claims (1) of a JWT."""
    value: dict[str, object] = json.loads(from_b64url(token.split(".")[part]))
    return value


def test_the_first_call_learns_both_nonces_and_the_next_needs_one_request() -> None:
    """The gateway checks every assertion, proof, nonce and token, and is content."""
    gateway = GatewayDouble()
    partner = SignedIn(gateway)
    assert partner.ask().status == 200
    assert asked(gateway) == ["/oauth/token"] * 2 + ["/v1/events"] * 2
    assert partner.ask().status == 200
    assert asked(gateway) == ["/v1/events"]


def test_a_token_is_renewed_half_a_minute_before_it_ends() -> None:
    """One that could end on the way is not used; the nonces known are used again."""
    gateway = GatewayDouble()
    partner = SignedIn(gateway)
    partner.ask()
    gateway.clock.forward(seconds=269)
    asked(gateway)
    partner.ask()
    assert asked(gateway) == ["/v1/events"]
    gateway.clock.forward(seconds=1)
    partner.ask()
    assert asked(gateway) == ["/oauth/token", "/v1/events"]


def test_a_token_that_ended_early_is_replaced_once() -> None:
    """A gateway that forgot its tokens gives another, and the call is made again by itself."""
    gateway = GatewayDouble()
    partner = SignedIn(gateway)
    partner.ask()
    gateway.tokens.clear()
    asked(gateway)
    assert partner.ask().status == 200
    assert asked(gateway) == ["/v1/events", "/oauth/token", "/v1/events"]


def test_a_gateway_that_takes_no_token_is_not_asked_for_ever() -> None:
    """After one fresh token the refusal stands, whatever it asks for."""
    gateway = GatewayDouble()
    gateway.instead["/v1/events"] = lambda _: httpx2.Response(401)
    assert SignedIn(gateway).ask().status == 401
    assert asked(gateway).count("/v1/events") == 2


def test_a_new_nonce_costs_one_retry() -> None:
    """Nonces change whenever the gateway likes, at both ends separately."""
    gateway = GatewayDouble()
    partner = SignedIn(gateway)
    partner.ask()
    gateway.nonces = {"/oauth/token": "token-nonce-2", "/v1": "interface-nonce-2"}
    asked(gateway)
    assert partner.ask().status == 200
    assert asked(gateway) == ["/v1/events"] * 2
    gateway.tokens.clear()
    assert partner.ask().status == 200
    assert asked(gateway) == ["/v1/events", "/oauth/token", "/oauth/token", "/v1/events"]


@pytest.mark.parametrize(
    ("nonce", "requests"), [({"DPoP-Nonce": "fresh"}, 2), ({}, 1), ({"DPoP-Nonce": 'in"valid'}, 1)]
)
def test_a_gateway_that_always_wants_a_nonce_is_not_asked_for_ever(nonce: dict[str, str], requests: int) -> None:
    """One retry when it offers a nonce of the form of RFC 9449, none when it does not."""
    gateway = GatewayDouble()
    challenge = {"WWW-Authenticate": 'DPoP realm="x", error="use_dpop_nonce"'} | nonce
    gateway.instead["/v1/events"] = lambda _: httpx2.Response(401, headers=challenge)
    assert SignedIn(gateway).ask().status == 401
    assert asked(gateway).count("/v1/events") == requests
    gateway.instead["/oauth/token"] = lambda _: httpx2.Response(400, headers=nonce, json={"error": "use_dpop_nonce"})
    with pytest.raises(GatewayProblemError, match="sign-in-refused"):
        SignedIn(gateway).ask()
    assert asked(gateway) == ["/oauth/token"] * requests


def test_a_client_that_is_not_known_is_told_so() -> None:
    """A key the gateway does not know gives sign-in-refused, and the interface is never asked."""
    gateway = GatewayDouble()
    gateway.instead["/oauth/token"] = lambda _: httpx2.Response(401, json={"error": "invalid_client"})
    with pytest.raises(GatewayProblemError, match="sign-in-refused") as refused:
        SignedIn(gateway).ask()
    assert (refused.value.rule, refused.value.transient) == ("invalid_client", True)
    assert asked(gateway) == ["/oauth/token"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_token_endpoint_is_transient(status: int) -> None:
    """Its pause is kept for whoever retries."""
    gateway = GatewayDouble()
    gateway.instead["/oauth/token"] = lambda _: httpx2.Response(status, headers={"Retry-After": "7"})
    with pytest.raises(GatewayProblemError) as refused:
        SignedIn(gateway).ask()
    assert (refused.value.transient, refused.value.retry_after) == (True, 7)


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "Bearer"},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": ""},
        {"access_token": 3},
        {"expires_in": 0},
        {"expires_in": "300"},
        {"expires_in": 10**9},
        {"expires_in": True},
    ],
)
def test_only_a_bound_token_of_a_sound_form_is_used(changes: dict[str, object]) -> None:
    """A bearer token works for whoever finds it; a token with spaces or lines would forge headers."""
    gateway = GatewayDouble()
    granted = {"access_token": "t", "token_type": "DPoP", "expires_in": 300}
    gateway.instead["/oauth/token"] = lambda _: answer(granted | changes)
    with pytest.raises(MalformedError, match="answer-malformed"):
        SignedIn(gateway).ask()
    assert asked(gateway) == ["/oauth/token"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'{"access_token":"t","access_token":"u"}', b"null"]
)
def test_garbage_for_a_token_is_one_of_our_errors(content: bytes) -> None:
    """Nothing but `PasserelleError` comes out."""
    gateway = GatewayDouble()
    headers = {"Content-Type": "application/json"}
    gateway.instead["/oauth/token"] = lambda _: httpx2.Response(200, headers=headers, content=content)
    with pytest.raises(PasserelleError):
        SignedIn(gateway).ask()


def test_an_assertion_names_one_audience_and_lives_shortly() -> None:
    """`aud` is the issuer alone, `exp` well below 300 s, `jti` never the same twice, `kid` the key's id."""
    first, second = (client_assertion(client_key(), URL, NOW) for _ in range(2))
    claims = members(first, 1)
    assert claims["aud"] == URL
    assert claims["exp"] == int((NOW + timedelta(seconds=ASSERTION_SECONDS)).timestamp())
    assert ASSERTION_SECONDS < 300
    assert claims["jti"] != members(second, 1)["jti"]
    assert members(first, 0) == {"typ": "client-authentication+jwt", "alg": "ES256", "kid": client_key().kid}


def test_a_proof_is_for_one_request_and_gives_no_secret_away() -> None:
    """`htu` has no query, the key is public only, and what is not given is not claimed."""
    proof = ProofKey().proof("GET", f"{URL}/v1/events?after=1#x", NOW)
    assert members(proof, 1)["htu"] == f"{URL}/v1/events"
    assert members(proof, 1).keys() == {"jti", "htm", "htu", "iat"}
    jwk = members(proof, 0)["jwk"]
    assert isinstance(jwk, dict)
    assert jwk.keys() == {"kty", "crv", "x", "y"}
    jws.deserialize_compact(proof, ECKey.import_key(jwk), algorithms=["ES256"])


def test_each_process_has_a_proof_key_of_its_own() -> None:
    """Two of them never sign with the same key."""
    keys = [members(ProofKey().proof("GET", URL, NOW), 0)["jwk"] for _ in range(2)]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("scopes", "asked_for"), [(None, None), (("journal:read", "envelope:send"), "journal:read envelope:send")]
)
def test_a_token_is_for_what_was_granted_unless_less_is_asked(
    scopes: tuple[str, ...] | None, asked_for: str | None
) -> None:
    """Without scopes none is named, which means all that was granted; the language goes along."""
    gateway = GatewayDouble()
    tokens = AccessTokens(
        Exchange(gateway.http()), gateway.pins, gateway.key, gateway.clock, ProofKey(), scopes=scopes, language="en"
    )
    assert tokens.token() == "token-1"
    form = parse_qs(gateway.requests[-1].content.decode())
    assert form.get("scope", [None]) == [asked_for]
    assert gateway.requests[-1].headers["accept-language"] == "en"


def test_threads_share_one_token() -> None:
    """Several long polls that start together sign in once."""
    gateway = GatewayDouble()
    partner = SignedIn(gateway)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(partner.ask().status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    assert asked(gateway).count("/oauth/token") == 2
