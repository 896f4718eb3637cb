"""A signed token is read in one way only, or not at all."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth.compact import MAX_COMPACT, read
from gateway.oauth.refusals import SignInError
from tests.gateway.sign_in import b64, jws

HEADER = {"alg": "ES256"}
CLAIMS = {"jti": "1"}


def refused(text: str) -> str:
    """Where the text is refused, always under the slug the caller gave."""
    with pytest.raises(SignInError, match="proof-invalid") as refusal:
        read(text, "proof-invalid")
    return refusal.value.pointer


def test_the_three_parts_are_read() -> None:
    """Header, claims, signature and the exact bytes that were signed come out."""
    text = jws(HEADER, CLAIMS, lambda _message: b"signature")
    token = read(text, "proof-invalid")
    assert (token.header, token.claims, token.signature) == (HEADER, CLAIMS, b"signature")
    assert token.signed == text.rpartition(".")[0].encode()


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (b'{"alg":"none","alg":"ES256"}', b"{}"),
        (b"{}", b'{"htm":"GET","htm":"POST"}'),
        (b'{"jwk":{"x":"1","x":"2"}}', b"{}"),
        (b"[]", b"{}"),
        (b"{}", b'"claims"'),
        (b"{}", b"null"),
        (b"", b"{}"),
        (b"{}", b""),
        (b"{}{}", b"{}"),
        (b"\xef\xbb\xbf{}", b"{}"),
        (b'{"x":"\xff"}', b"{}"),
        (b'{"x":"\\ud800"}', b"{}"),
        (b"{}", b'{"exp":NaN}'),
        (b"{}", b'{"exp":1e999}'),
        (b"{}", b'{"exp":99999999999999999999}'),
        (b"{}", b'{"x":' * 20 + b"1" + b"}" * 20),
    ],
)
def test_json_that_two_programs_could_read_differently_is_refused(header: bytes, claims: bytes) -> None:
    """Duplicate members, other values than objects, what is not UTF-8 or not a number: none is interpreted."""
    assert refused(jws(header, claims, lambda _message: b"s")) == ""


def test_an_extension_is_refused_wherever_it_comes_from() -> None:
    """RFC 7515 §4.1.11: `crit` names what must be understood, and nothing is."""
    assert refused(jws(HEADER | {"crit": ["exp"]}, CLAIMS, lambda _message: b"s")) == "/crit"


@pytest.mark.parametrize("spoil", ["=", "\n", "+", "/", " ", "é", "%3D", ".", "\u00a0"])
def test_base64url_has_one_spelling(spoil: str) -> None:
    """Padding, line breaks, the other alphabet and a fourth part are refused."""
    text = jws(HEADER, CLAIMS, lambda _message: b"s" * 64)
    assert refused(text + spoil) == ""
    assert refused(text.replace(".", f"{spoil}.", 1)) == ""


def test_stray_bits_are_refused() -> None:
    """The last character of a part has bits that mean nothing: only zeros are taken, so no second text exists."""
    text = jws(HEADER, CLAIMS, lambda _message: b"\0" * 64)
    assert text.endswith("A")
    assert refused(f"{text[:-1]}B") == ""


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "{}", "null"])
def test_what_is_not_a_compact_jws_is_refused(text: str) -> None:
    """Fewer or more than three parts, or empty ones, are nothing."""
    assert refused(text) == ""


def test_the_length_is_limited_before_anything_is_read() -> None:
    """4,096 characters are read; one more is not."""
    padded = jws(HEADER, {"pad": ""}, lambda _message: b"")
    room = MAX_COMPACT - len(padded)
    claims = json.dumps({"pad": "x" * (room * 3 // 4)}).encode()
    longest = f"{b64(json.dumps(HEADER).encode())}.{b64(claims)}."
    longest += "A" * ((MAX_COMPACT - len(longest)) // 4 * 4)
    assert len(longest) > MAX_COMPACT - 4
    assert read(longest, "proof-invalid").claims["pad"]
    assert refused(longest + "AAAA") == ""


@given(st.text(max_size=200))
def test_no_text_does_anything_but_be_refused(text: str) -> None:
    """Whatever is sent instead of a token is refused under the slug, and never breaks the reader."""
    refused(text)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=70))
def test_no_bytes_in_the_three_parts_break_the_reader(header: bytes, claims: bytes, signature: bytes) -> None:
    """Three well-encoded parts of anything give two objects or a refusal."""
    with suppress(SignInError):
        token = read(f"{b64(header)}.{b64(claims)}.{b64(signature)}", "proof-invalid")
        assert isinstance(token.header, dict)
        assert isinstance(token.claims, dict)
