"""The calls about single cases: each answer is about what was asked and of a limited size, or it is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest

from adapters.client import GatewayClient
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from consent.envelope import UnverifiedEnvelope
from keys import strictjson
from keys.attachments import MAX_SEALED_ATTACHMENT
from keys.documents import format_time, sha256_hex
from keys.errors import ForgedError, MalformedError
from keys.identity import SigningKey
from keys.signing import SignedDocument, sign
from tests.adapters.answers_double import answer, event_wire, problem
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.shards_double import GATEWAY
from tests.keys.builders import ADDRESS, NOW, signing_key

ENVELOPE, OTHER = "env_" + "b" * 26, "env_" + "c" * 26
STATEMENT = "cs_" + "d" * 26
INCIDENT = "inc_" + "a" * 26
SEALED = b"sealed bytes"
DIGEST = sha256_hex(SEALED)
PLACE = f"/v1/attachments/{DIGEST}"
REVIEWS = f"/v1/emergencies/{ENVELOPE}/review"


@pytest.fixture
def gateway() -> GatewayDouble:
    """A gateway that behaves until it is told otherwise."""
    return GatewayDouble()


def signed(kind: str, /, **members: object) -> SignedDocument:
    """A document of ours."""
    payload = {"v": 1, "by": ADDRESS, "at": format_time(NOW)} | members
    return sign(kind, strictjson.dumps(payload), (signing_key(),))


def mismatch() -> SignedDocument:
    """A report about the envelope."""
    return signed("mismatch", envelope=ENVELOPE, payload_sha256="ab" * 32, kind="other")


def review() -> SignedDocument:
    """The review of an emergency."""
    about = {"envelope": ENVELOPE, "payload_sha256": "ab" * 32, "reviewer": "int-2", "verdict": "justified"}
    return signed("emergency-review", **about)


def word() -> SignedDocument:
    """The answer to the end of a consent."""
    about = {"statement": STATEMENT, "version": 1, "envelopes": [ENVELOPE], "answer": "deleted"}
    return signed("withdrawal-answer", **about)


def brought(**changes: object) -> dict[str, object]:
    """What the gateway answers to a paper."""
    members = {"v": 1, "envelope": ENVELOPE, "sha256": DIGEST, "size": len(SEALED), "until": format_time(NOW)}
    return members | changes


def test_a_paper_is_brought_and_fetched_as_bytes(gateway: GatewayDouble) -> None:
    """Under its digest, for its envelope; what comes back is handed on as it is, to be checked by who opens it."""
    gateway.instead[PLACE] = lambda request: (
        answer(brought(), 201)
        if request.method == "PUT"
        else httpx2.Response(200, headers={"Content-Type": "application/octet-stream"}, content=SEALED)
    )
    client = gateway.client()
    client.put_attachment(ENVELOPE, DIGEST, SEALED)
    assert client.get_attachment(ENVELOPE, DIGEST) == SEALED
    put, got = [request for request in gateway.requests if request.url.path == PLACE]
    assert (put.method, put.content, put.headers["content-type"]) == ("PUT", SEALED, "application/octet-stream")
    assert [request.url.params["envelope"] for request in (put, got)] == [ENVELOPE, ENVELOPE]


@pytest.mark.parametrize("changes", [{"envelope": OTHER}, {"sha256": "ab" * 32}, {"size": 1}])
def test_another_paper_in_the_answer_is_a_forgery(gateway: GatewayDouble, changes: Mapping[str, object]) -> None:
    """Another envelope, another digest, another size."""
    gateway.instead[PLACE] = lambda _: answer(brought(**changes), 201)
    with pytest.raises(ForgedError, match="answer-to-another"):
        gateway.client().put_attachment(ENVELOPE, DIGEST, SEALED)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx2.Response(200, headers={"Content-Type": "text/html"}, content=b"<html>"), GatewayUnreachableError),
        (
            httpx2.Response(
                200,
                headers={"Content-Type": "application/octet-stream"},
                content=bytes(MAX_SEALED_ATTACHMENT + 1),
            ),
            MalformedError,
        ),
        (
            httpx2.Response(
                200,
                headers={"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"},
                content=gzip.compress(bytes(1 << 20)),
            ),
            MalformedError,
        ),
        (problem("attachment-unknown", 404), GatewayProblemError),
    ],
)
def test_a_fetch_never_takes_more_or_else_than_a_sealed_paper(
    gateway: GatewayDouble, response: httpx2.Response, error: type[Exception]
) -> None:
    """A page of somebody in between, one byte too many, an answer that unfolds, a refusal."""
    gateway.instead[PLACE] = lambda _: response
    with pytest.raises(error):
        gateway.client().get_attachment(ENVELOPE, DIGEST)


@pytest.mark.parametrize("place", [("env_x", DIGEST), (ENVELOPE, "../keys"), (ENVELOPE, "AB" * 32)])
def test_a_place_cannot_lead_elsewhere(gateway: GatewayDouble, place: tuple[str, str]) -> None:
    """An id or a digest of another form is not even asked for."""
    with pytest.raises(MalformedError):
        gateway.client().get_attachment(*place)
    with pytest.raises(MalformedError):
        gateway.client().put_attachment(*place, SEALED)
    assert gateway.requests == []


Call = Callable[[GatewayClient], Any]
RECEIPTED: list[tuple[str, Call, SignedDocument, dict[str, object]]] = [
    (
        "/v1/mismatches",
        lambda c: c.report_mismatch(mismatch()),
        mismatch(),
        {"envelope": ENVELOPE, "incident": INCIDENT},
    ),
    (REVIEWS, lambda c: c.review_emergency(ENVELOPE, review()), review(), {"reviewed": ENVELOPE}),
]


@pytest.mark.parametrize(("path", "call", "document", "named"), RECEIPTED)
def test_a_case_gets_a_receipt_that_is_kept(
    gateway: GatewayDouble, path: str, call: Call, document: SignedDocument, named: dict[str, object]
) -> None:
    """For exactly this document, about this envelope, by the pinned gateway."""
    receipt = {"payload_sha256": document.sha256} | named
    gateway.instead[path] = lambda _: answer(gateway.receipt(receipt).to_json(), 201)
    assert call(gateway.client()).payload_sha256 == document.sha256


@pytest.mark.parametrize(("path", "call", "document", "named"), RECEIPTED)
@pytest.mark.parametrize("forgery", ["digest", "envelope", "signer"])
def test_a_forged_receipt_of_a_case_is_not_believed(
    gateway: GatewayDouble,
    path: str,
    call: Call,
    document: SignedDocument,
    named: dict[str, object],
    forgery: str,
) -> None:
    """For other bytes, about another envelope, or signed by somebody else."""
    receipt = {"payload_sha256": document.sha256} | named
    if forgery == "digest":
        receipt["payload_sha256"] = "ab" * 32
    if forgery == "envelope":
        receipt |= {name: OTHER for name, value in named.items() if value == ENVELOPE}
    signer = SigningKey.generate(GATEWAY, "receipts") if forgery == "signer" else None
    gateway.instead[path] = lambda _: answer(gateway.receipt(receipt, signer=signer).to_json(), 201)
    with pytest.raises(ForgedError):
        call(gateway.client())


def test_a_word_about_a_withdrawal_is_answered_about_itself(gateway: GatewayDouble) -> None:
    """The same statement and the same answer, or it is a forgery."""
    path = "/v1/withdrawals/answers"
    said = {"v": 1, "statement": STATEMENT, "answer": "deleted", "index": 4}
    gateway.instead[path] = lambda _: answer(said)
    gateway.client().answer_withdrawal(word())
    for changes in ({"answer": "kept"}, {"statement": "cs_" + "e" * 26}):
        told = answer(said | changes)
        gateway.instead[path] = lambda _, told=told: told  # type: ignore[misc]  # the default holds this turn's answer
        with pytest.raises(ForgedError, match="answer-to-another"):
            gateway.client().answer_withdrawal(word())


def test_a_question_holds_the_header_and_nothing_else(gateway: GatewayDouble) -> None:
    """The header in clear, unsigned; the answer in words, read strictly."""
    header = UnverifiedEnvelope.parse(event_wire()).header
    rules = [{"rule": "R01", "title": "Droit", "verdict": "refused", "because": "scope-missing", "remedy": "Demandez."}]
    gateway.instead["/v1/explain"] = lambda _: answer({"v": 1, "decision": "refused", "rules": rules})
    told = gateway.client().explain(header)
    assert (told.decision, told.rules[0].because) == ("refused", "scope-missing")
    asked = json.loads(gateway.requests[-1].content)
    assert (asked.keys(), asked["header"]["ref"]) == ({"v", "header"}, header.ref)
    gateway.instead["/v1/explain"] = lambda _: answer({"v": 1, "decision": "perhaps", "rules": rules})
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().explain(header)
