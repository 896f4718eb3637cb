"""Bad input at every call that takes a body: refused with slug and place, never a 500, never a value repeated."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.envelope import MAX_ENVELOPE
from keys import strictjson
from keys.signing import MAX_DOCUMENT
from tests.builders import AGREEMENT_ID
from tests.gateway.first_day import CANARY
from tests.gateway.world import World, refusal_of, slug

CALLS = {
    "/v1/envelopes": MAX_ENVELOPE,
    "/v1/inbox/lease": 4096,
    "/v1/acks": MAX_DOCUMENT,
    "/v1/consents": MAX_DOCUMENT,
    "/v1/keys": MAX_DOCUMENT,
    f"/v1/agreements/{AGREEMENT_ID}/1/signatures": MAX_DOCUMENT,
    "/v1/services/search": 4096,
}
"""Every call that takes a body, and the most bytes it reads."""
NAMED = CANARY.encode()
BODIES: list[tuple[bytes, int, str]] = [
    (b"", 400, "not-json"),
    (b'{"max":1,', 400, "not-json"),
    (b'{"max":1,"wait":0} x', 400, "not-json"),
    (b'{"a":"%b","a":"%b"}' % (NAMED, NAMED), 400, "duplicate-key"),
    (b"\xef\xbb\xbf{}", 400, "byte-order-mark"),
    (b'{"a":"caf\xe9 %b"}' % NAMED, 400, "not-utf8"),
    ('{"a":"Personne-Fictive Canari"}'.encode("utf-16"), 400, "not-utf8"),
    (b'{"a":' * 17 + b'"%b"' % NAMED + b"}" * 17, 400, "too-deep"),
    (b"[" * 2000 + b"]" * 2000, 400, "too-deep"),
    (b'{"a":NaN}', 400, "number-not-allowed"),
    (b'{"a":1e999}', 400, "number-not-allowed"),
    (b'{"a":9007199254740992}', 400, "number-not-allowed"),
    (b'{"a":"\\ud800 %b"}' % NAMED, 400, "lone-surrogate"),
    (b"[]", 422, "wrong-type"),
    (b'"%b"' % NAMED, 422, "wrong-type"),
    (b"null", 422, "wrong-type"),
    (b'{"%b":null}' % NAMED, 422, "null-not-allowed"),
]


@pytest.mark.parametrize("path", CALLS)
def test_a_body_that_is_no_document_is_refused(world: World, path: str) -> None:
    """Truncated, doubled, nested, wrongly encoded or of another type: its slug, and nothing is written."""
    for body, status, code in BODIES:
        answer = world.line.post(path, body)
        assert refusal_of(answer) == (status, code), body[:40]
        if code != "null-not-allowed":  # there the place is the name itself, which the sender chose
            assert CANARY not in answer.text
    assert world.types() == []


@pytest.mark.parametrize("path", CALLS)
def test_unknown_and_missing_fields_are_named(world: World, path: str) -> None:
    """Every fault is listed with its place, and no value stands in the answer."""
    answer = world.line.post(path, strictjson.dumps({"unexpected": CANARY, "more": [CANARY]}))
    assert refusal_of(answer)[0] == 422
    codes = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert {("/unexpected", "unknown-field"), ("/more", "unknown-field")} <= codes
    assert CANARY not in answer.text


@pytest.mark.parametrize(("path", "limit"), CALLS.items())
def test_a_body_is_read_no_further_than_allowed(world: World, path: str, limit: int) -> None:
    """One byte too many is 413; the last one allowed is read, and refused for what it is."""
    assert refusal_of(world.line.post(path, b" " * (limit + 1))) == (413, "too-large")
    assert refusal_of(world.line.post(path, b" " * limit)) == (400, "not-json")


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "application/json; charset=iso-8859-1"},
        {"Content_Type": "application/vnd.passerelle.capacity+json"},
        {"Content_Type": ""},
        {"Content_Encoding": "gzip"},
    ],
    ids=str,
)
def test_another_media_type_is_not_read(world: World, path: str, headers: dict[str, str]) -> None:
    """Only JSON in UTF-8, uncompressed, or the very kind of the call."""
    assert refusal_of(world.line.post(path, b"{}", **headers)) == (415, "content-type-unsupported")


def test_json_says_its_charset_in_vain(world: World) -> None:
    """UTF-8 may be named, since it is what JSON is in anyway."""
    answer = world.line.post("/v1/inbox/lease", b'{"max":1,"wait":0}', Content_Type="application/json; charset=UTF-8")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/envelopes", 405),
        ("DELETE", "/v1/acks", 405),
        ("PUT", "/v1/keys", 405),
        ("POST", "/v1/events", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", f"/v1/{quote(CANARY)}", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
    ],
)
def test_other_calls_are_refused_as_problems(world: World, method: str, path: str, status: int) -> None:
    """A wrong method or address is explained like every refusal, without repeating the address."""
    answer = world.client.request(method, path)
    assert refusal_of(answer)[0] == status
    assert CANARY not in answer.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_envelope_is_refused_with_a_slug(world: World, data: st.DataObject) -> None:
    """Whatever byte of a valid envelope is changed, cut or doubled, the answer is a 4xx that says why."""
    wire = world.referral()
    place = data.draw(st.integers(0, len(wire) - 1))
    piece = data.draw(st.binary(max_size=3))
    removed = data.draw(st.integers(0, 2))
    mutated = wire[:place] + piece + wire[place + removed :]
    if mutated == wire:
        return
    answer = world.line.deposit(mutated)
    assert 400 <= answer.status_code < 500
    assert slug(answer)
