"""Receipts: what is true is believed, and no forgery or mix-up ever is."""

from __future__ import annotations

import json

import pytest

from adapters.client import GatewayClient
from adapters.problems import GatewayProblemError
from journal.entries import clear_leaf
from keys.documents import b64url, sha256_hex
from keys.errors import ForgedError, MalformedError, UntrustedKeyError
from keys.identity import SigningKey
from keys.signing import SignedDocument, sign
from tests.adapters.answers_double import answer, event_wire, problem
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.papers import (
    ENVELOPE_ID,
    WIRE,
)
from tests.adapters.shards_double import GATEWAY
from tests.journal.builders import key_entry_bytes
from tests.keys.builders import ADDRESS, NOW, client_key, signing_key


@pytest.fixture
def gateway() -> GatewayDouble:
    """A gateway that behaves until it is told otherwise."""
    return GatewayDouble()


def test_a_deposit_returns_a_verified_receipt(gateway: GatewayDouble) -> None:
    """The receipt names the envelope, its place and moment, and its bytes can be kept as proof."""
    receipt = gateway.client().deposit(WIRE)
    request = gateway.requests[-1]
    assert request.content == WIRE
    assert request.headers["content-type"] == "application/vnd.passerelle.envelope+json"
    kept = SignedDocument.parse(receipt.wire, "receipt")
    kept.verify((gateway.pins.receipts_verifier,))
    said = json.loads(kept.payload)
    assert (said["envelope"], said["index"]) == (receipt.subject, receipt.index)
    assert (receipt.time, receipt.promise, receipt.origin) == (NOW, 60, gateway.pins.journal.origin)
    assert receipt.payload_sha256 == sha256_hex(SignedDocument.parse(WIRE, "envelope").payload)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"envelope": ENVELOPE_ID}, "receipt-of-another"),
        ({"payload_sha256": "ab" * 32}, "receipt-of-another"),
        ({"by": "gateway@fr"}, "receipt-of-another"),
        ({"origin": "passerelle.example/fr/journal/1"}, "wrong-origin"),
        ({"leaf": b64url(clear_leaf(key_entry_bytes(index=0)))}, "receipt-leaf"),
    ],
)
def test_a_receipt_for_something_else_is_a_forgery(
    gateway: GatewayDouble, changes: dict[str, object], code: str
) -> None:
    """Rightly signed, but for another envelope, by another gateway, in another journal, or in clear."""
    gateway.instead["/v1/envelopes"] = lambda _: answer(gateway.envelope_receipt(WIRE, changes).to_json(), 201)
    with pytest.raises(ForgedError) as refused:
        gateway.client().deposit(WIRE)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "changes",
    [
        {"promise": 0},
        {"index": -1},
        {"index": True},
        {"time": "2027-03-01"},
        {"leaf": None},
        {"leaf": ""},
        {"leaf": b64url(b"\x01" + bytes(31))},
        {"v": 2},
        {"extra": 1},
        {"statement": "cs_" + "d" * 26},
    ],
)
def test_a_receipt_of_another_form_is_refused(gateway: GatewayDouble, changes: dict[str, object]) -> None:
    """Unknown members, wrong types and impossible leaves."""
    gateway.instead["/v1/envelopes"] = lambda _: answer(gateway.envelope_receipt(WIRE, changes).to_json(), 201)
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().deposit(WIRE)


@pytest.mark.parametrize(
    "signer",
    [
        SigningKey.generate(GATEWAY, "receipts"),
        SigningKey.generate(GATEWAY, "signing"),
        signing_key(),
    ],
)
def test_a_receipt_signed_by_any_other_key_is_a_forgery(gateway: GatewayDouble, signer: SigningKey) -> None:
    """Only the pinned receipts key speaks for the gateway."""
    receipt = gateway.envelope_receipt(WIRE, signer=signer)
    gateway.instead["/v1/envelopes"] = lambda _: answer(receipt.to_json(), 201)
    with pytest.raises(ForgedError, match="wrong-signers"):
        gateway.client().deposit(WIRE)
    good = gateway.envelope_receipt(WIRE)
    borrowed = receipt.to_json() | {"signatures": [{**good.to_json()["signatures"][0], "sig": "AAAA"}]}  # type: ignore[index]  # JSON in a test
    gateway.instead["/v1/envelopes"] = lambda _: answer(borrowed, 201)
    with pytest.raises(ForgedError, match="bad-signature"):
        gateway.client().deposit(WIRE)


def test_a_refusal_says_why(gateway: GatewayDouble) -> None:
    """The slug, rule and words of the gateway reach the caller, in the language that was asked for."""
    gateway.instead["/v1/envelopes"] = lambda request: problem(
        "consent-ended", 403, rule="R07", title=request.headers["accept-language"]
    )
    client = GatewayClient(gateway.http(), gateway.pins, ADDRESS, client_key(), gateway.clock, language="en")
    with pytest.raises(GatewayProblemError, match="consent-ended") as refused:
        client.deposit(WIRE)
    assert (refused.value.status, refused.value.rule, refused.value.title) == (403, "R07", "en")


def test_a_failing_gateway_is_not_asked_twice(gateway: GatewayDouble) -> None:
    """Repeating belongs to the durable outbox: here one deposit is one request."""
    gateway.instead["/v1/envelopes"] = lambda _: problem("store-busy", 503)
    with pytest.raises(GatewayProblemError) as refused:
        gateway.client().deposit(WIRE)
    assert refused.value.transient
    assert [request.url.path for request in gateway.requests].count("/v1/envelopes") == 1


def test_the_key_must_be_the_organisations_own(gateway: GatewayDouble) -> None:
    """Signing in with another organisation's key is a mistake in the settings."""
    with pytest.raises(UntrustedKeyError, match="key-of-another"):
        GatewayClient(gateway.http(), gateway.pins, "autre-invente@laval", client_key(), gateway.clock)


# Leases and events.


def test_a_lease_gives_each_envelope_with_its_receipt(gateway: GatewayDouble) -> None:
    """The wire says what was deposited, and the receipt is for exactly that."""
    gateway.inbox = [event_wire(), event_wire(), event_wire()]
    deliveries = gateway.client().lease(2, 30)
    assert [json.loads(delivery.wire) for delivery in deliveries] == [json.loads(wire) for wire in gateway.inbox[:2]]
    assert deliveries[0].receipt.index < deliveries[1].receipt.index
    assert json.loads(gateway.requests[-1].content) == {"max": 2, "wait": 30}
    assert gateway.client().lease(1, 0)[0].receipt.subject == deliveries[0].receipt.subject


def test_an_envelope_of_a_newer_form_is_handed_over_to_be_refused(gateway: GatewayDouble) -> None:
    """Its recipient must be able to answer `schema`; the receipt still binds every byte of the payload."""
    old = json.loads(WIRE)
    newer = sign("envelope", b'{"v":1,"protected":"e30","novelty":1}', (signing_key("sender"),))
    members = {"envelope": ENVELOPE_ID, "payload_sha256": newer.sha256}
    item = {"envelope": newer.to_json() | {"novelty": "x"}, "receipt": gateway.receipt(members).to_json()}
    gateway.instead["/v1/inbox/lease"] = lambda _: answer([item])
    [delivery] = gateway.client().lease(1, 0)
    assert delivery.receipt.subject == ENVELOPE_ID
    other = {"envelope": old | {"novelty": "x"}, "receipt": item["receipt"]}
    gateway.instead["/v1/inbox/lease"] = lambda _: answer([other])
    with pytest.raises(ForgedError, match="receipt-of-another"):
        gateway.client().lease(1, 0)


def test_swapped_receipts_are_found(gateway: GatewayDouble) -> None:
    """Two true receipts, each beside the other's envelope, are two forgeries."""
    first, second = gateway.delivery(event_wire()), gateway.delivery(event_wire())
    swapped = [first | {"receipt": second["receipt"]}, second | {"receipt": first["receipt"]}]
    gateway.instead["/v1/inbox/lease"] = lambda _: answer(swapped)
    with pytest.raises(ForgedError, match="receipt-of-another"):
        gateway.client().lease(2, 0)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [[]],
        [{"envelope": {}, "receipt": {}}],
        [{"envelope": json.loads(WIRE)}],
        [{"envelope": json.loads(WIRE), "receipt": None}],
        [{"envelope": "x", "receipt": "y"}],
        [{}, {}],
    ],
)
def test_a_lease_of_another_form_is_refused(gateway: GatewayDouble, value: object) -> None:
    """No list, items of another form, or more than was asked for."""
    gateway.instead["/v1/inbox/lease"] = lambda _: answer(value)
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().lease(1, 0)


def test_events_come_in_order_by_cursor(gateway: GatewayDouble) -> None:
    """Each page begins after the cursor given and tells where to go on."""
    gateway.inbox = [event_wire(), event_wire()]
    page = gateway.client().events(0, 0)
    assert ([event.cursor for event in page.events], page.next) == ([1, 2], 2)
    assert [json.loads(event.wire) for event in page.events] == [json.loads(wire) for wire in gateway.inbox]
    following = gateway.client().events(2, 0)
    assert (following.events, following.next) == ((), 2)


@pytest.mark.parametrize(("cursors", "following"), [([3, 3], 3), ([4, 3], 4), ([2, 3], 3), ([3, 4], 3), ([], 1)])
def test_a_stream_never_goes_back(gateway: GatewayDouble, cursors: list[int], following: int) -> None:
    """A page that repeats or rewinds would be read for ever, or hide what came between."""
    events = [{"cursor": cursor, **gateway.delivery(event_wire())} for cursor in cursors]
    gateway.instead["/v1/events"] = lambda _: answer({"events": events, "next": following})
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().events(2, 0)
