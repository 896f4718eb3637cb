"""What a document takes, and how it names what it refuses."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from keys.documents import (
    Address,
    Base64Url,
    Document,
    Listing,
    Sha256,
    Time,
    Version,
    b64url,
    encode,
    format_time,
    from_b64url,
    new_id,
    parse,
    parse_time,
    validate,
)
from keys.errors import MalformedError


class _Inner(Document):
    name: str = Field(max_length=5)
    code: Literal["a", "b"] = "a"


class _Sample(Document):
    v: Version
    org: Address
    digest: Sha256
    at: Time
    data: Base64Url
    count: int = Field(ge=0, le=9)
    flag: bool = False
    note: str | None = None
    items: Listing[_Inner] = Field(max_length=2)
    either: str | _Inner = "x"
    from_: str = Field(default="x", alias="from")


VALID: dict[str, Any] = {
    "v": 1,
    "org": "refuge-invente@laval",
    "digest": "0" * 64,
    "at": "2027-03-01T14:05:00.000Z",
    "data": "AAE",
    "count": 3,
    "items": [{"name": "abc"}],
}


def _codes(**changes: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    value = {key: item for key, item in {**VALID, **changes}.items() if item is not ...}
    with pytest.raises(MalformedError) as caught:
        validate(_Sample, value)
    return [(fault.code, fault.pointer) for fault in caught.value.faults]


def test_a_valid_document_is_taken_and_written_the_same() -> None:
    """Reading, writing and reading again gives the same document."""
    document = validate(_Sample, VALID)
    assert document.at == datetime(2027, 3, 1, 14, 5, tzinfo=UTC)
    assert document.data == b"\x00\x01"
    assert parse(_Sample, encode(document), limit=1000) == document
    assert b"null" not in encode(document)


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"v": 2}, "out-of-range", "/v"),
        ({"v": True}, "wrong-type", "/v"),
        ({"v": 1.0}, "wrong-type", "/v"),
        ({"v": "1"}, "wrong-type", "/v"),
        ({"count": False}, "wrong-type", "/count"),
        ({"count": -1}, "out-of-range", "/count"),
        ({"count": ...}, "missing-field", "/count"),
        ({"flag": 1}, "wrong-type", "/flag"),
        ({"flag": "true"}, "wrong-type", "/flag"),
        ({"surplus": 1}, "unknown-field", "/surplus"),
        ({"a/b~": 1}, "unknown-field", "/a~1b~0"),
        ({"from_": "y"}, "unknown-field", "/from_"),
        ({"note": None}, "null-not-allowed", "/note"),
        ({"items": [{"name": None}]}, "null-not-allowed", "/items/0/name"),
        ({"items": [{}]}, "missing-field", "/items/0/name"),
        ({"items": [{"name": "toolong"}]}, "too-long", "/items/0/name"),
        ({"items": [{"name": "a", "code": "c"}]}, "unknown-code", "/items/0/code"),
        ({"items": {}}, "wrong-type", "/items"),
        ({"items": [{"name": "a"}] * 3}, "too-long", "/items"),
        ({"org": "Refuge@laval"}, "wrong-form", "/org"),
        ({"org": "refuge@laval\n"}, "wrong-form", "/org"),
        ({"digest": "A" * 64}, "wrong-form", "/digest"),
        ({"data": "AA="}, "bad-base64", "/data"),
        ({"data": "AB"}, "bad-base64", "/data"),
        ({"data": "A+"}, "bad-base64", "/data"),
        ({"data": "A"}, "bad-base64", "/data"),
        ({"data": 12}, "bad-base64", "/data"),
        ({"at": "2027-03-01T14:05:00Z"}, "bad-time", "/at"),
        ({"at": "2027-03-01T14:05:00.000+00:00"}, "bad-time", "/at"),
        ({"at": "2027-02-30T14:05:00.000Z"}, "bad-time", "/at"),
        ({"at": "2027-03-01T14:05:60.000Z"}, "bad-time", "/at"),
        ({"at": "2027-03-01T24:00:00.000Z"}, "bad-time", "/at"),
        ({"at": "٢027-03-01T14:05:00.000Z"}, "bad-time", "/at"),
        ({"at": "1740837900"}, "bad-time", "/at"),
        ({"at": 1740837900}, "bad-time", "/at"),
        ({"either": {"surplus": 1, "name": "a"}}, "unknown-field", "/either/surplus"),
    ],
)
def test_nothing_is_converted_or_ignored(changes: dict[str, Any], code: str, pointer: str) -> None:
    """A field that is missing, unknown, null, of another type or form is refused at its place."""
    assert (code, pointer) in _codes(**changes)


def test_every_fault_is_told_at_once() -> None:
    """A document with several faults names them all, so that it is mended in one go."""
    assert set(_codes(v=2, org="?", items=[{"name": "toolong"}])) == {
        ("out-of-range", "/v"),
        ("wrong-form", "/org"),
        ("too-long", "/items/0/name"),
    }


def test_faults_of_a_file_have_lines_and_columns() -> None:
    """Whoever edits a file is told the line and column of the value, or of what lacks it."""
    data = b'{\n "v": 1,\n "org": "?",\n  "items": [ {} ]\n}'
    with pytest.raises(MalformedError) as caught:
        parse(_Sample, data, limit=1000)
    places = {(fault.pointer, fault.line, fault.column) for fault in caught.value.faults}
    assert {("/org", 3, 9), ("/items/0/name", 4, 14), ("/at", 1, 1)} <= places


@pytest.mark.parametrize("value", [[], "x", 1, None, True])
def test_a_document_is_an_object(value: object) -> None:
    """Anything but a JSON object is refused as a whole."""
    with pytest.raises(MalformedError) as caught:
        validate(_Sample, value, pointer="/inner")
    assert (caught.value.code, caught.value.pointer) == ("wrong-type", "/inner")


def test_a_refusal_repeats_no_value() -> None:
    """What was sent appears nowhere in the error, nor in what is chained to it."""
    canary = "Personne-Fictive"
    with pytest.raises(MalformedError) as caught:
        validate(_Sample, {**VALID, "org": canary, "at": canary, "data": canary + "!", "items": [{"name": canary}]})
    shown = f"{caught.value!r} {caught.value.faults!r} {caught.value.__cause__!r} {caught.value}"
    assert canary not in shown
    assert caught.value.__suppress_context__


def test_a_time_without_zone_is_not_guessed() -> None:
    """Code that forgets the time zone is refused, and another zone is brought to UTC."""
    with pytest.raises(ValidationError):
        _Sample(**{**VALID, "data": b"", "items": (), "at": datetime(2027, 3, 1)})  # noqa: DTZ001 - what is refused
    moment = datetime(2027, 3, 1, 9, 5, 0, 123_999, tzinfo=timezone(timedelta(hours=-5)))
    document = _Sample(**{**VALID, "data": b"", "items": (), "at": moment})
    assert document.at == datetime(2027, 3, 1, 14, 5, 0, 123_000, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_reads_back_as_written(moment: datetime) -> None:
    """Any moment, the year 1 included, is written in the only form that is read, to the millisecond."""
    text = format_time(moment)
    assert len(text) == len("2027-03-01T14:05:00.000Z")
    assert timedelta(0) <= moment - parse_time(text) < timedelta(milliseconds=1)


@given(st.binary(max_size=50))
def test_bytes_have_one_writing(data: bytes) -> None:
    """Base64url reads back as written, and no other text gives the same bytes."""
    text = b64url(data)
    assert from_b64url(text) == data
    for other in (f"{text}=", f" {text}", f"{text}\n"):
        with pytest.raises(ValueError, match=r"^$"):
            from_b64url(other)


def test_ids_are_random_and_well_formed() -> None:
    """An id is its prefix and 26 characters of lowercase base32, never twice the same."""
    ids = {new_id("env") for _ in range(50)}
    assert len(ids) == 50
    for each in ids:
        prefix, _, rest = each.partition("_")
        assert (prefix, len(rest)) == ("env", 26)
        assert set(rest) <= set("abcdefghijklmnopqrstuvwxyz234567")
