"""Every call against a gateway that answers garbage, sends elsewhere, or never ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.client import GatewayClient
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from keys.documents import encode, parse
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.identity import SigningKey
from tests.adapters.answers_double import URL, answer
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.papers import (
    AGREEMENT_ID,
    WIRE,
    acknowledgement,
    agreement_signature,
    statement,
)
from tests.adapters.shards_double import GATEWAY
from tests.keys.builders import ADDRESS, client_key, full_chain


@pytest.fixture
def gateway() -> GatewayDouble:
    """A gateway that behaves until it is told otherwise."""
    return GatewayDouble()


CALLS: list[Callable[[GatewayClient], object]] = [
    lambda client: client.deposit(WIRE),
    lambda client: client.lease(5, 0),
    lambda client: client.acknowledge(acknowledgement()),
    lambda client: client.events(0, 0),
    lambda client: client.register_statement(statement()),
    lambda client: client.publish_key(full_chain().documents[1]),
    lambda client: client.organisation(ADDRESS),
    lambda client: client.agreements(),
    lambda client: client.agreement(AGREEMENT_ID, 2),
    lambda client: client.sign_agreement(agreement_signature()),
    lambda client: client.search_services({}),
    lambda client: client.openings(0),
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["v", "payload", "payloadType", "signatures", "envelope", "receipt", "events", "next", "services"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
BODIES = st.binary(max_size=100) | JSON_VALUES.map(lambda value: json.dumps(value).encode())
GARBLED = GatewayDouble()


@pytest.mark.parametrize("call", CALLS)
@given(body=BODIES, status=st.sampled_from([200, 201, 202, 204, 400, 401, 403, 500]), json_type=st.booleans())
def test_garbage_gives_only_our_errors(
    call: Callable[[GatewayClient], object],
    body: bytes,
    status: int,
    json_type: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    """Whatever comes back to whichever call, nothing is believed and nothing but `PasserelleError` comes out."""
    headers = {"Content-Type": "application/json" if json_type else "text/html"}

    def garble(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/token":
            return answer({"access_token": "t", "token_type": "DPoP", "expires_in": 300})
        return httpx2.Response(status, headers=headers, content=body)

    with httpx2.Client(transport=httpx2.MockTransport(garble)) as http:
        client = GatewayClient(http, GARBLED.pins, ADDRESS, client_key(), GARBLED.clock)
        try:
            believed = call(client)
        except PasserelleError:
            return
    # Lists may truly be empty; nothing else can be made up.
    assert believed in ((), [])


@pytest.mark.parametrize("call", CALLS)
def test_no_call_follows_a_redirect_or_reads_a_web_page(call: Callable[[GatewayClient], object]) -> None:
    """Neither takes a token, a proof or a referral anywhere else."""
    gateway = GatewayDouble()
    elsewhere: list[str] = []

    def redirect(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/token":
            return answer({"access_token": "t", "token_type": "DPoP", "expires_in": 300})
        elsewhere.append(request.url.host)
        if len(elsewhere) > 1:
            return httpx2.Response(200, html="<p>Bienvenue</p>")
        return httpx2.Response(307, headers={"Location": "https://autre.example/"})

    with httpx2.Client(transport=httpx2.MockTransport(redirect), follow_redirects=True) as http:
        client = GatewayClient(http, gateway.pins, ADDRESS, client_key(), gateway.clock)
        with pytest.raises(GatewayProblemError, match="gateway-redirects"):
            call(client)
        with pytest.raises(GatewayUnreachableError, match="answer-not-from-gateway"):
            call(client)
    assert set(elsewhere) == {URL.removeprefix("https://")}


def test_an_answer_larger_than_its_call_deserves_is_dropped(gateway: GatewayDouble) -> None:
    """A receipt of a gigabyte is not read."""
    pieces = 0

    def endless() -> Iterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    gateway.instead["/v1/envelopes"] = lambda _: httpx2.Response(201, headers=headers, content=endless())
    with pytest.raises(MalformedError, match="answer-too-large"):
        gateway.client().deposit(WIRE)
    assert pieces == 2


def test_pins_hold_for_the_whole_client(gateway: GatewayDouble) -> None:
    """A gateway that announces new keys is still judged by the pinned ones."""
    client = gateway.client()
    gateway.receipts = SigningKey.generate(GATEWAY, "receipts")
    with pytest.raises(ForgedError, match="wrong-signers"):
        client.deposit(WIRE)
    assert parse(type(client.pins), encode(client.pins), limit=100_000) == client.pins
