"""A public key is pinned only when it was copied whole, and only if it binds its owner alone."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import PasserelleError, WeakKeyError
from keys.vkeys import ED25519, Vkey, parse_vkey
from tests.journal.builders import ORIGIN, journal_signer

SIGNER = journal_signer()


def code_of_vkey(text: str) -> str:
    """The slug with which a vkey is refused."""
    with pytest.raises(PasserelleError) as caught:
        parse_vkey(text)
    return caught.value.code


def test_vkeys_come_back() -> None:
    """Both keys of a journal are written and read; a published key of another program is read too."""
    for vkey in SIGNER.vkeys:
        assert parse_vkey(str(vkey)) == vkey
    known = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(parse_vkey(known)) == known
    assert parse_vkey(known).key_id == bytes.fromhex("c74f20a3")


def test_a_plus_sign_in_the_key_does_not_confuse_the_reader() -> None:
    """Standard base64 uses the plus sign that also separates the parts of a vkey."""
    vkeys = (journal_signer().vkeys[1] for _ in range(20))
    vkey = next(vkey for vkey in vkeys if str(vkey).count("+") > 2)
    assert parse_vkey(str(vkey)) == vkey


def test_a_vkey_miscopied_is_refused() -> None:
    """Another name, other digits, a truncated key, capitals, missing parts: refused, so that it cannot be pinned."""
    name, key_id, encoded = str(SIGNER.vkeys[0]).split("+", 2)
    assert code_of_vkey(f"autre+{key_id}+{encoded}") == "wrong-vkey"
    assert code_of_vkey(f"{name}+00000000+{encoded}") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{'AB' * 4}+{encoded}") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{key_id}0+{encoded}") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{key_id}+{encoded[:-4]}") == "wrong-key-size"
    assert code_of_vkey(f"{name}+{key_id}+{encoded[:-1]}") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{key_id}+{encoded}\n") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{key_id}+") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{key_id}") == "wrong-vkey"
    assert code_of_vkey(f"+{key_id}+{encoded}") == "wrong-name"
    assert code_of_vkey("") == "wrong-vkey"
    assert code_of_vkey(f"{name}+{key_id}+{'A' * 5000}") == "wrong-vkey"


@pytest.mark.parametrize("kind", [0x00, 0x02, 0x03, 0x05, 0xFF])
def test_other_kinds_of_keys_are_refused(kind: int) -> None:
    """Only the kinds of signature that a journal or its witnesses use can be pinned."""
    encoded = base64.b64encode(bytes([kind]) + bytes(32)).decode()
    assert code_of_vkey(f"x.example+00000000+{encoded}") == "unknown-signature-type"


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_key_under_which_anybody_signs_cannot_be_pinned(point: bytes) -> None:
    """Small-order Ed25519 points, for which one signature fits many texts, are refused."""
    vkey = Vkey(ORIGIN, ED25519, point)
    with pytest.raises(WeakKeyError):
        parse_vkey(str(vkey))


@given(st.text(max_size=80))
def test_garbage_raises_our_errors_only(text: str) -> None:
    """Whatever the text, reading it as a key refuses with an error that callers handle."""
    for vkey in (text, f"a+00000000+{text}", f"{text}+00000000+AA==", "\ud800+00000000+AQ=="):
        with pytest.raises(PasserelleError):
            parse_vkey(vkey)
