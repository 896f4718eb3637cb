"""The statement beside its code: both or neither, and nothing else."""

from __future__ import annotations

import json

import pytest

from adapters.registration import compose_registration, read_registration
from keys import strictjson
from keys.errors import MalformedError
from tests.adapters.answers_double import answer
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.papers import acknowledgement, statement
from tests.codes import completed

CODE = completed("0123456789ABCDE")


def test_a_statement_travels_alone_or_beside_its_code() -> None:
    """What is composed is what is read, and the same bytes each time."""
    signed = statement()
    assert read_registration(compose_registration(signed)) == (signed, None)
    assert compose_registration(signed) == signed.encode()
    body = compose_registration(signed, CODE)
    assert read_registration(body) == (signed, CODE)
    assert body == compose_registration(signed, CODE)
    assert json.loads(body) == {"v": 1, "statement": signed.to_json(), "withdrawal_code": CODE}


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"v": 2}, "out-of-range", "/v"),
        ({"extra": 1}, "unknown-field", "/extra"),
        ({"withdrawal_code": CODE.lower()}, "wrong-form", "/withdrawal_code"),
        ({"withdrawal_code": CODE[:-1] + "0"}, "withdrawal-code-wrong", "/withdrawal_code"),
        ({"statement": acknowledgement().to_json()}, "wrong-payload-type", "/statement/payloadType"),
        ({"statement": {}}, "missing-field", "/statement/payloadType"),
    ],
)
def test_a_registration_with_a_slip_is_refused(changes: dict[str, object], code: str, pointer: str) -> None:
    """Another version, an unknown field, a code that cannot be one, something else than a statement."""
    body = {"v": 1, "statement": statement().to_json(), "withdrawal_code": CODE} | changes
    with pytest.raises(MalformedError) as caught:
        read_registration(strictjson.dumps(body))
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    assert CODE not in repr(caught.value)


def test_the_client_posts_a_code_as_plain_json_and_a_version_as_a_statement() -> None:
    """The media type tells the broker which of the two it is; the receipt is for the statement either way."""
    gateway = GatewayDouble()
    signed = statement()
    for code, media_type in ((CODE, "application/json"), (None, "application/vnd.passerelle.statement+json")):
        receipt = gateway.client().register_statement(signed, code)
        request = gateway.requests[-1]
        assert request.headers["content-type"] == media_type
        assert request.content == compose_registration(signed, code)
        assert receipt.payload_sha256 == signed.sha256


def test_a_withdrawal_by_code_sends_the_code_and_learns_the_moment() -> None:
    """Whatever the spelling, the broker gets 16 characters; the receipt is the pinned gateway's."""
    gateway = GatewayDouble()
    moment = gateway.client().withdraw_by_code(f"{CODE[:4]}-{CODE[4:8]} {CODE[8:].lower()}")
    assert json.loads(gateway.requests[-1].content) == {"v": 1, "code": CODE}
    assert gateway.requests[-1].url.path == "/v1/withdrawals"
    assert moment == gateway.clock()


def test_a_code_that_cannot_be_one_is_not_even_sent() -> None:
    """A slip of the tongue is told at once, and tells the broker nothing."""
    gateway = GatewayDouble()
    with pytest.raises(MalformedError, match="withdrawal-code-wrong"):
        gateway.client().withdraw_by_code(CODE[:-1] + "0")
    assert gateway.requests == []


@pytest.mark.parametrize(
    "members", [{"statement": "cs_" + "d" * 26}, {"withdrawal": "planned"}, {"withdrawal": None}, {"time": None}]
)
def test_a_withdrawal_receipt_that_says_more_is_not_believed(members: dict[str, object]) -> None:
    """The answer says nothing of what was withdrawn; a receipt of something else is no answer."""
    gateway = GatewayDouble()
    gateway.instead["/v1/withdrawals"] = lambda _: answer(gateway.receipt({"withdrawal": "done"} | members).to_json())
    with pytest.raises(MalformedError, match="answer-malformed"):
        gateway.client().withdraw_by_code(CODE)
