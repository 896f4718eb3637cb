"""Papers handed in and fetched: each answer is about what was asked, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.client import GatewayClient
from journal.entries import Opening
from journal.notes import open_note
from keys.documents import b64url, format_time, sha256_hex
from keys.errors import ForgedError, MalformedError
from tests.adapters.answers_double import answer
from tests.adapters.gateway_double import ORIGIN, GatewayDouble
from tests.adapters.papers import (
    AGREEMENT_ID,
    STATEMENT,
    acknowledgement,
    agreement_signature,
    statement,
)
from tests.journal.builders import SALT, entry_bytes
from tests.keys.builders import ADDRESS, NOW, full_chain, root


@pytest.fixture
def gateway() -> GatewayDouble:
    """A gateway that behaves until it is told otherwise."""
    return GatewayDouble()


def test_a_statement_is_registered_with_its_receipt(gateway: GatewayDouble) -> None:
    """The receipt names the statement, its version and its digest."""
    receipt = gateway.client().register_statement(statement())
    assert (receipt.subject, receipt.payload_sha256) == (STATEMENT["id"], statement().sha256)


@pytest.mark.parametrize("changes", [{"statement": "cs_" + "e" * 26}, {"version": 2}, {"payload_sha256": "ab" * 32}])
def test_a_receipt_for_another_statement_is_a_forgery(gateway: GatewayDouble, changes: dict[str, object]) -> None:
    """Another person's statement, another version, or other bytes."""
    named = {"statement": STATEMENT["id"], "version": 1, "payload_sha256": statement().sha256}
    gateway.instead["/v1/consents"] = lambda _: answer(gateway.receipt(named | changes).to_json(), 201)
    with pytest.raises(ForgedError, match="receipt-of-another"):
        gateway.client().register_statement(statement())


def test_acknowledgements_keys_and_signatures_are_handed_in(gateway: GatewayDouble) -> None:
    """Each goes to its own path under its own media type, and its answer is about the same thing."""
    client = gateway.client()
    client.acknowledge(acknowledgement())
    assert client.publish_key(full_chain().documents[1]) == 9
    path = f"/v1/agreements/{AGREEMENT_ID}/2/signatures"
    gateway.instead[path] = lambda _: answer({"v": 1, "missing": ["autre-invente@laval"]})
    assert client.sign_agreement(agreement_signature()) == ("autre-invente@laval",)
    sent = [(request.url.path, request.headers["content-type"]) for request in gateway.requests]
    for path_sent, kind in (("/v1/acks", "ack"), ("/v1/keys", "key-statement"), (path, "agreement-signature")):
        assert (path_sent, f"application/vnd.passerelle.{kind}+json") in sent


def test_a_document_of_another_kind_is_not_sent(gateway: GatewayDouble) -> None:
    """A mix-up is found before anything leaves."""
    client = gateway.client()
    for call in (client.acknowledge, client.publish_key):
        with pytest.raises(MalformedError):
            call(statement())
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("path", "value", "call"),
    [
        ("/v1/acks", {"v": 1, "envelope": "env_" + "z" * 26, "index": 1}, lambda c: c.acknowledge(acknowledgement())),
        (
            "/v1/keys",
            {"v": 1, "org": ADDRESS, "seq": 5, "index": 1, "time": format_time(NOW)},
            lambda c: c.publish_key(full_chain().documents[1]),
        ),
        (
            f"/v1/organisations/{ADDRESS}",
            {
                "v": 1,
                "address": "autre-invente@laval",
                "legal_name": "Autre organisme inventé",
                "jurisdiction": "CA-QC",
                "active": True,
                "root_fingerprint": "A" * 26,
            },
            lambda c: c.organisation(ADDRESS),
        ),
    ],
)
def test_an_answer_about_something_else_is_refused(
    gateway: GatewayDouble, path: str, value: object, call: Callable[[GatewayClient], object]
) -> None:
    """Answers of two calls that were mixed up in between do not pass for one another."""
    gateway.instead[path] = lambda _: answer(value)
    with pytest.raises(ForgedError, match="answer-to-another"):
        call(gateway.client())


# Documents fetched.


def test_an_agreement_is_the_bytes_of_its_digest(gateway: GatewayDouble) -> None:
    """Its bytes are given when they have the digest announced, with the signatures to verify; others never."""
    body = {"v": 1, "payload": b64url(b"{}"), "sha256": sha256_hex(b"{}"), "state": "signing"}
    body["signatures"] = [agreement_signature().to_json()]
    path = f"/v1/agreements/{AGREEMENT_ID}/2"
    gateway.instead[path] = lambda _: answer(body)
    file = gateway.client().agreement(AGREEMENT_ID, 2)
    assert (file.payload, file.state, len(file.signatures)) == (b"{}", "signing", 1)
    gateway.instead[path] = lambda _: answer(body | {"payload": b64url(b"[]")})
    with pytest.raises(ForgedError, match="answer-digest"):
        gateway.client().agreement(AGREEMENT_ID, 2)
    gateway.instead[path] = lambda _: answer(body | {"signatures": [statement().to_json()]})
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().agreement(AGREEMENT_ID, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.organisation("../../oauth/token"),
        lambda client: client.organisation("a@b/c"),
        lambda client: client.agreement("../x", 1),
        lambda client: client.agreement(AGREEMENT_ID + "/../..", 1),
        lambda client: client.tile(1, "../../v1/events"),
        lambda client: client.tile(1, "tile/0/0"),
    ],
)
def test_no_name_leads_out_of_its_path(gateway: GatewayDouble, call: Callable[[GatewayClient], object]) -> None:
    """Names that come from documents of others are checked before they stand in an address."""
    with pytest.raises(MalformedError):
        call(gateway.client())
    assert gateway.requests == []


def test_lists_are_read(gateway: GatewayDouble) -> None:
    """The caller's agreements, an organisation, and services found."""
    listing = {"agreement": f"{AGREEMENT_ID}@2", "sha256": "ab" * 32, "state": "in-force"}
    gateway.instead["/v1/agreements"] = lambda _: answer({"agreements": [listing]})
    gateway.instead["/v1/services/search"] = lambda request: answer(
        {"services": [{"id": "s1", "asked": json.loads(request.content)}], "count": 9}
    )
    organisation = {"v": 1, "address": ADDRESS, "legal_name": "Refuge inventé", "jurisdiction": "CA-QC"}
    gateway.instead[f"/v1/organisations/{ADDRESS}"] = lambda _: answer(
        organisation | {"active": True, "root_fingerprint": root().public.fingerprint}
    )
    client = gateway.client()
    assert [found.agreement for found in client.agreements()] == [f"{AGREEMENT_ID}@2"]
    assert client.organisation(ADDRESS).root_fingerprint == root().public.fingerprint
    assert client.search_services({"need": "emergency-shelter"}) == [
        {"id": "s1", "asked": {"need": "emergency-shelter"}}
    ]


def test_openings_are_given_as_they_must_be_to_open(gateway: GatewayDouble) -> None:
    """A salt of another length opens nothing; a stream that goes back is refused."""
    opening = {"index": 3, "entry": b64url(entry_bytes(index=3)), "salt": b64url(SALT)}
    path = "/v1/journal/openings"
    gateway.instead[path] = lambda _: answer({"openings": [opening], "next": 4})
    page = gateway.client().openings(0)
    assert (page.openings[0].opening, page.next) == (Opening(entry_bytes(index=3), SALT), 4)
    broken = iter([{"openings": [opening | {"salt": "AA"}], "next": 4}, {"openings": [], "next": 2}])
    gateway.instead[path] = lambda _: answer(next(broken))
    for _ in range(2):
        with pytest.raises(MalformedError, match="answer-malformed"):
            gateway.client().openings(3)


def test_a_cosignature_is_brought_with_the_note(gateway: GatewayDouble) -> None:
    """The answer must be about the same size; anything else is not an answer to it."""
    path = "/v1/journal/cosignatures"
    note = gateway.note()
    gateway.instead[path] = lambda _: answer({"v": 1, "size": 0, "time": format_time(NOW)}, 201)
    gateway.client().cosign("line", note)
    sent = json.loads(gateway.requests[-1].content)
    assert sent == {"v": 1, "origin": ORIGIN, "size": 0, "cosignature": "line", "note": b64url(note)}
    gateway.bustle(1)
    with pytest.raises(ForgedError, match="answer-to-another"):
        gateway.client().cosign("line", gateway.note())
    garbled: list[object] = [{}, {"v": 1}, [], {"v": 1, "size": "0", "time": format_time(NOW)}]
    for garbage in garbled:
        gateway.instead[path] = lambda _, garbage=garbage: answer(garbage, 201)  # type: ignore[misc]  # bound in a loop
        with pytest.raises(MalformedError, match="answer-malformed"):
            gateway.client().cosign("line", note)


def test_the_archive_is_read_forward_only(gateway: GatewayDouble) -> None:
    """A page that goes back, is out of order, or does not move would be read for ever."""
    path, note, since = "/v1/journal/checkpoints", b64url(gateway.note()), NOW - timedelta(seconds=1)
    items = [{"size": size, "time": format_time(NOW), "note": note} for size in (3, 3, 5)]
    gateway.instead[path] = lambda _: answer({"checkpoints": items, "next": 6})
    page = gateway.client().checkpoints(1, 3, since)
    assert [(each.size, each.time) for each in page] == [(3, NOW), (3, NOW), (5, NOW)]
    for after, moment in ((4, since), (3, NOW), (5, NOW)):
        with pytest.raises(MalformedError, match="answer-malformed"):
            gateway.client().checkpoints(1, after, moment)
    gateway.instead[path] = lambda _: answer({"checkpoints": [], "next": 3})
    assert gateway.client().checkpoints(1, 3, since) == ()
    gateway.instead[path] = lambda _: answer({"checkpoints": items[::-1], "next": 6})
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().checkpoints(1, 3, since)


def test_the_public_journal_is_read_without_saying_who_reads(gateway: GatewayDouble) -> None:
    """Neither a token nor a proof goes along, so that nobody learns whose keys are looked up."""
    gateway.bustle(3)
    client = gateway.client()
    assert open_note(client.checkpoint(1), gateway.pins.vkeys).checkpoint.size == 3
    assert client.tile(1, "tile/entries/000.p/3") == gateway.files()["tile/entries/000.p/3"]
    assert {request.url.path.startswith("/v1/journal/") for request in gateway.requests} == {True}
    assert not any({"authorization", "dpop"} & set(request.headers) for request in gateway.requests)
