"""The token endpoint takes one clear form, and answers refusals in words that give nothing away."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.requests import Request
from starlette.types import Message

from gateway.oauth.assertions import ASSERTION_TYPE
from gateway.oauth.forms import MAX_FORM, read_form
from gateway.oauth.refusals import SignInError
from tests.gateway.sign_in import (
    URL,
    SignIn,
    signing_in,
)

REASONS = {"title", "remedy", "error_description", "error"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def refused(answer: Response, error: str, description: str, status: int = 400) -> None:
    """The answer is the OAuth error expected, in the form of RFC 6749 §5.2."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["error_description"] == description
    assert set(answer.json()) == REASONS
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["DPoP-Nonce"]


@pytest.mark.parametrize(
    ("body", "kind", "error", "status"),
    [
        (b"grant_type=a&grant_type=b", None, "parameter-repeated /grant_type", 400),
        (b"grant_type=a&grant%5Ftype=b", None, "parameter-repeated /grant_type", 400),
        (b"resource=a&resource=b", None, "parameter-repeated /resource", 400),
        (b"secret-name=a&secret-name=b", None, "parameter-repeated", 400),
        (b"grant_type", None, "form-malformed", 400),
        (b"scope=%ff", None, "form-malformed", 400),
        (b"scope=\xc3\xa9", None, "form-malformed", 400),
        (b"&".join(b"p%d=1" % n for n in range(33)), None, "form-malformed", 400),
        (b"scope=" + b"a" * MAX_FORM, None, "form-too-large", 413),
        (b'{"grant_type": "client_credentials"}', "application/json", "form-wrong-type", 400),
        (b"scope=a", "multipart/form-data; boundary=x", "form-wrong-type", 400),
        (b"scope=a", "application/x-www-form-urlencoded; charset=iso-8859-1", "form-wrong-type", 400),
        (b"scope=a", "application/x-www-form-urlencoded, text/plain", "form-wrong-type", 400),
        (b"scope=a", "", "form-wrong-type", 400),
        (b"", None, "proof-missing", 400),
        (b"", "application/x-www-form-urlencoded;charset=UTF-8", "proof-missing", 400),
    ],
)
def test_a_form_that_can_be_read_two_ways_is_refused(
    desk: SignIn, body: bytes, kind: str | None, error: str, status: int
) -> None:
    """Repeated, mistyped, oversized and undecodable forms are refused with the place, and never with the value."""
    sent = {"Content-Type": "application/x-www-form-urlencoded" if kind is None else kind}
    answer = desk.client.post("/oauth/token", content=body, headers=sent)
    standard = "invalid_dpop_proof" if error == "proof-missing" else "invalid_request"
    refused(answer, standard, error, status)


def test_two_content_types_are_not_a_form(desk: SignIn) -> None:
    """A second `Content-Type` could make a proxy read another body."""
    sent = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "application/json")]
    answer = desk.client.post("/oauth/token", content=b"scope=a", headers=sent)
    refused(answer, "invalid_request", "form-wrong-type")


def test_an_oversized_form_is_not_read_to_its_end() -> None:
    """A body that never ends is given up as soon as it is too long."""
    chunks = iter([b"a" * 4096] * 1000)

    async def receive() -> Message:
        return {"type": "http.request", "body": next(chunks), "more_body": True}

    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(SignInError, match="form-too-large"):
        asyncio.run(read_form(request))
    assert len(list(chunks)) == 1000 - MAX_FORM // 4096 - 1


@pytest.mark.parametrize(("language", "word"), [("fr-CA", "grant_type"), ("en", "There is no such kind")])
def test_a_refusal_explains_itself_in_both_languages(desk: SignIn, language: str, word: str) -> None:
    """The words are in the language asked for, and the description stays in ASCII (RFC 6749 §5.2)."""
    answer = desk.ask(form={"grant_type": "implicit"}, headers={"Accept-Language": language})
    assert answer.headers["Content-Language"] == language[:2]
    assert word in answer.json()["title"] + answer.json()["remedy"]
    assert answer.json()["error_description"].isascii()


def test_nothing_that_was_sent_comes_back(desk: SignIn) -> None:
    """No refusal repeats a value: the canary stands in every parameter, one after the other."""
    canary = "Canari-Fictif"
    for name in ("grant_type", "client_assertion_type", "client_assertion", "scope", "resource", "client_id", canary):
        answer = desk.ask(form={name: canary})
        assert canary not in answer.text + str(answer.headers)


def test_no_log_holds_a_token(desk: SignIn, caplog: pytest.LogCaptureFixture) -> None:
    """Even at the most talkative level, neither token nor assertion nor proof is written anywhere."""
    caplog.set_level(logging.DEBUG)
    assertion, proof = desk.machine.assertion(), desk.machine.proof(nonce=desk.nonce())
    token = desk.ask(form={"client_assertion": assertion}, proofs=[proof]).json()["access_token"]
    for secret in (token, assertion, proof):
        assert secret.rpartition(".")[2] not in caplog.text


def test_only_post_asks_for_a_token(desk: SignIn) -> None:
    """A token request never stands in a URL, where logs would keep it."""
    answer = desk.client.get("/oauth/token", params={"grant_type": "client_credentials"})
    assert answer.status_code == 405


def test_the_assertion_type_is_the_one_of_rfc_7523() -> None:
    """The name clients must send is the registered one."""
    assert ASSERTION_TYPE == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_a_clock_set_back_costs_one_more_round_trip(desk: SignIn) -> None:
    """A nonce from before the broker's clock was set back is replaced, and the client goes on."""
    desk.clock.move(minutes=10)
    nonce = desk.nonce()
    desk.clock.move(minutes=-5)
    first = desk.ask(proofs=[desk.machine.proof(nonce=nonce)])
    refused(first, "use_dpop_nonce", "nonce-required /nonce")
    assert desk.ask(proofs=[desk.machine.proof(nonce=first.headers["DPoP-Nonce"])]).status_code == 200


def test_a_locked_database_loses_nothing(desk: SignIn) -> None:
    """While another program holds the database the answer is 503; the very same request succeeds afterwards."""
    form = {"client_assertion": desk.machine.assertion()}
    proof = desk.machine.proof(nonce=desk.nonce())
    with closing(sqlite3.connect(str(desk.broker.store.engine.url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = desk.ask(form=form, proofs=[proof])
        assert (answer.status_code, answer.json()["type"]) == (503, f"{URL}/problems/storage-busy")
        assert answer.headers["Retry-After"]
        assert answer.headers["DPoP-Nonce"]
        other.execute("ROLLBACK")
    assert desk.ask(form=form, proofs=[proof]).status_code == 200
