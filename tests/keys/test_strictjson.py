"""What the reader of JSON takes, and where it says that a refusal is."""

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import strictjson
from keys.errors import MalformedError

LIMIT = 10_000
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-strictjson.MAX_INTEGER, strictjson.MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def _refusal(data: bytes, limit: int = LIMIT) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        strictjson.loads(data, limit=limit)
    return caught.value


@pytest.mark.parametrize(
    ("data", "code", "pointer", "line", "column"),
    [
        (b'\xef\xbb\xbf{"a":1}', "byte-order-mark", "", 1, 1),
        (b'{"a":\n "\xff"}', "not-utf8", "", 2, 3),
        (b'{"a":"\xed\xa0\x80"}', "not-utf8", "", 1, 7),
        ('{"a":1}'.encode("utf-16"), "not-utf8", "", 1, 1),
        (b"", "not-json", "", 1, 1),
        (b'{"a":1', "not-json", "", 1, 7),
        (b'{"a":1} x', "not-json", "", 1, 9),
        (b'{"a":1}{}', "not-json", "", 1, 8),
        (b"{'a':1}", "not-json", "", 1, 2),
        (b'{"a":01}', "not-json", "", 1, 7),
        (b'{"a":"\x01"}', "not-json", "", 1, 7),
        (b'{"a":\x0b1}', "not-json", "", 1, 6),
        (b'{"a":1,\n "b":2, "a":3}', "duplicate-key", "/a", 2, 13),
        (b'[{"x":{"a":1,"\\u0061":2}}]', "duplicate-key", "/0/x/a", 1, 23),
        (b'[{"a":1,"a":2},', "duplicate-key", "/0/a", 1, 13),
        (b'{"a":[1,\nNaN]}', "number-not-allowed", "/a/1", 2, 1),
        (b'{"a":-Infinity}', "number-not-allowed", "/a", 1, 6),
        (b'{"a":1e999}', "number-not-allowed", "/a", 1, 6),
        (b'{"a":9007199254740992}', "number-not-allowed", "/a", 1, 6),
        (b'{"a":[-9007199254740992]}', "number-not-allowed", "/a/0", 1, 7),
        (b'{"a":' + b"9" * 5000 + b"}", "number-not-allowed", "/a", 1, 6),
        (b'{"a":"\\ud800"}', "lone-surrogate", "/a", None, None),
        (b'{"a":["\\udc00\\ud800"]}', "lone-surrogate", "/a/0", None, None),
        (b'{"a":{"\\ud800":1}}', "lone-surrogate", "/a", None, None),
        (b"[" * 17 + b"]" * 17, "too-deep", "/0" * 16, None, None),
        (b"[" * 5000 + b"]" * 5000, "too-deep", None, None, None),
    ],
)
def test_each_refusal_says_where(
    data: bytes, code: str, pointer: str | None, line: int | None, column: int | None
) -> None:
    """Every deviation from PROTOCOL §0 is refused under its own slug, at its own place."""
    error = _refusal(data)
    fault = error.faults[0]
    assert error.code == code
    assert pointer in (None, fault.pointer)
    assert (fault.line, fault.column) == (line, column)


def test_the_limits_are_the_last_values_taken() -> None:
    """The largest integers, the deepest nesting and the last byte allowed are taken."""
    assert strictjson.loads(b"[9007199254740991,-9007199254740991]", limit=LIMIT) == [2**53 - 1, 1 - 2**53]
    assert strictjson.loads(b"[" * 16 + b"]" * 16, limit=LIMIT) != []
    assert strictjson.loads(b"[1]", limit=3) == [1]
    assert _refusal(b"[1] ", limit=3).code == "too-large"


def test_a_pair_of_surrogates_is_one_character() -> None:
    """An escaped character outside the first plane is whole, and is taken."""
    assert strictjson.loads(b'"\\ud83d\\ude00"', limit=LIMIT) == "\U0001f600"


def test_a_pointer_commands_no_terminal() -> None:
    """A key made of an escape sequence or half a character comes back, in the place, as replacement characters."""
    assert _refusal(b'{"\\u001b[2J":1,"\\u001b[2J":2}').pointer == "/\ufffd[2J"
    assert _refusal(b'{"\\ud800":1,"\\ud800":2}').pointer.encode() == "/\ufffd".encode()
    assert strictjson.escaped("a/b~c" + "x" * 100) == "a~1b~0c" + "x" * 59


@given(VALUES)
def test_what_is_written_reads_back_equal(value: object) -> None:
    """Any allowed value written by us or by Python's own writer is read back as the same value."""
    for data in (strictjson.dumps(value), json.dumps(value).encode(), json.dumps(value, indent=1).encode()):
        assert strictjson.loads(data, limit=100_000) == value


@given(st.binary(max_size=200) | st.text('{}[]",:\\u01dae+-N \n', max_size=60).map(str.encode))
def test_garbage_is_only_ever_malformed(data: bytes) -> None:
    """Whatever bytes come in, they are read or refused as malformed; no other exception escapes."""
    with contextlib.suppress(MalformedError):
        assert strictjson.loads(data, limit=LIMIT) == json.loads(data)


@given(st.text('{}[]",:\\u01dae+-N \n', max_size=60))
def test_every_place_can_be_written(text: str) -> None:
    """The place of any refusal is text that can be sent and printed."""
    try:
        strictjson.loads(text.encode(), limit=LIMIT)
    except MalformedError as refused:
        error = refused
    else:
        return
    assert error.pointer.encode().decode() == error.pointer
    assert error.pointer.isprintable()


@given(VALUES)
def test_every_value_has_its_position(value: object) -> None:
    """`positions` gives each value once, in order, at the offset where it starts."""
    text = json.dumps(value, indent=1)
    found = list(strictjson.positions(text))
    assert found[0] == ("", 0)
    assert len(found) == _count(value)
    for _, offset in found:
        assert json.JSONDecoder().raw_decode(text, offset)


def _count(value: object) -> int:
    return 1 + sum(_count(child) for _, child in strictjson.children(value))


def test_what_json_cannot_say_is_not_written() -> None:
    """A value without a JSON form is a fault of the program that writes it."""
    with pytest.raises(ValueError, match="JSON"):
        strictjson.dumps({"a": math.nan})
