"""Sealed papers: they open whole, under their own envelope and kind, and in no other way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.attachments import (
    MAX_ATTACHMENT,
    MAX_SEALED_ATTACHMENT,
    SealedAttachment,
    open_attachment,
    seal_attachment,
)
from keys.documents import sha256_hex
from keys.errors import CannotOpenError, MalformedError

ENVELOPE, OTHER = "env_" + "a" * 26, "env_" + "b" * 26
PAPER = b"Bail de Personne-Fictive Canari"


def sealed() -> SealedAttachment:
    """The paper, sealed for one envelope."""
    return seal_attachment(PAPER, ENVELOPE, "lease")


def refused(data: bytes, key: bytes, envelope: str = ENVELOPE, kind: str = "lease") -> str:
    """The slug with which bytes do not open."""
    with pytest.raises(CannotOpenError) as caught:
        open_attachment(data, key, envelope, kind)
    return caught.value.code


@given(st.binary(max_size=5000))
@settings(max_examples=40)
def test_a_paper_opens_as_it_was_sealed(data: bytes) -> None:
    """Byte for byte, and the digest is of the sealed bytes; the size tells a power of two and nothing else."""
    made = seal_attachment(data, ENVELOPE, "lease")
    assert open_attachment(made.data, made.key, ENVELOPE, "lease") == data
    assert made.sha256 == sha256_hex(made.data)
    assert len(made.data) in {size + 56 + 16 * (size // 16384 + 1) for size in (1024, 2048, 4096, 8192)}


def test_every_paper_has_a_key_of_its_own() -> None:
    """The same paper twice is two keys and two ciphertexts."""
    first, second = sealed(), sealed()
    assert first.key != second.key
    assert first.data != second.data


def test_it_opens_nowhere_else() -> None:
    """Under another envelope, as another kind, or with another key."""
    made = sealed()
    assert refused(made.data, made.key, OTHER) == "attachment-does-not-open"
    assert refused(made.data, made.key, kind="lease-2") == "attachment-does-not-open"
    assert refused(made.data, bytes(32)) == "attachment-does-not-open"
    assert refused(made.data, made.key[:-1]) == "attachment-does-not-open"


@given(st.integers(min_value=0, max_value=1100))
@settings(max_examples=40)
def test_cut_or_altered_it_does_not_open(place: int) -> None:
    """One byte less at the end, one changed anywhere, one more: nothing of it is released."""
    made = sealed()
    at = place % len(made.data)
    altered = made.data[:at] + bytes([made.data[at] ^ 1]) + made.data[at + 1 :]
    for data in (made.data[:at], altered, made.data + b"\0"):
        assert refused(data, made.key) == "attachment-does-not-open"


def test_the_largest_paper_fills_eight_mebibytes_and_one_byte_more_is_refused() -> None:
    """The limit is that of the padded plaintext; what is larger is neither sealed nor opened."""
    made = seal_attachment(bytes(MAX_ATTACHMENT), ENVELOPE, "lease")
    assert len(made.data) == MAX_SEALED_ATTACHMENT
    with pytest.raises(MalformedError, match="attachment-too-large"):
        seal_attachment(bytes(MAX_ATTACHMENT + 1), ENVELOPE, "lease")
    assert refused(bytes(MAX_SEALED_ATTACHMENT + 1), made.key) == "attachment-does-not-open"
