"""The cipher of sections beside a second reader, written here from the C2SP specification and held to its vectors.

The published vectors derive keys with SHA-256; Cobblestone-256, which the library gives us, is the same format with
SHA-512. So the second reader is checked against the vectors first, and then judges the library.
"""

import base64
import hashlib
import itertools
import json
import zlib
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

FILE = Path(cryptography_vectors.__file__).parent / "chunked-encryption/vectors.json"
CHUNK = 16 * 1024
SEALED_CHUNK = CHUNK + 16
SALT, HEAD = 24, 56
KEY = bytes(range(32))
CONTEXT = b"context\x00with a null"


def _vectors() -> list[dict[str, Any]]:
    vectors = json.loads(FILE.read_text())["vectors"]
    return [vector for vector in vectors if vector["aead"] == "AEAD_AES_256_GCM"]


def _read(key: bytes, context: bytes, sealed: bytes, hash_: hashes.HashAlgorithm) -> bytes:
    """The plaintext; `InvalidTag` for anything that the specification does not allow."""
    if len(key) != 32 or len(sealed) < HEAD:
        raise InvalidTag
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + sealed[:SALT] + context
    derived = HKDFExpand(hash_, 32 + 12 + 32, info).derive(key)
    aead, nonce = AESGCM(derived[:32]), int.from_bytes(derived[32:44])
    if derived[44:] != sealed[SALT:HEAD]:
        raise InvalidTag
    body = sealed[HEAD:]
    # The last chunk is always short, perhaps empty: a body of whole chunks only was cut.
    chunks = [body[place : place + SEALED_CHUNK] for place in range(0, len(body) + 1, SEALED_CHUNK)]
    return b"".join(aead.decrypt((nonce ^ number).to_bytes(12), chunk, b"") for number, chunk in enumerate(chunks))


def _open(key: bytes, context: bytes, sealed: bytes) -> bytes:
    decryptor = Cobblestone256Decryptor(key, context)
    return decryptor.update(sealed) + decryptor.finalize()


def _sealed(text: bytes) -> bytes:
    encryptor = Cobblestone256Encryptor(KEY, CONTEXT)
    return encryptor.update(text) + encryptor.finalize()


def test_there_are_vectors_of_both_outcomes() -> None:
    """The vectors of AES-256 are there, those that open and those that must not."""
    outcomes = [vector["expect"] for vector in _vectors()]
    assert outcomes.count("success") >= 9
    assert outcomes.count("failure") >= 20


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: vector["name"])
def test_the_second_reader_agrees_with_the_vectors(vector: dict[str, Any]) -> None:
    """The reader written here opens each vector that opens, to the same bytes, and no other."""
    sealed = base64.b64decode(vector["ciphertext"] or "")
    if vector.get("compressed"):
        sealed = zlib.decompress(sealed)
    key, context = bytes.fromhex(vector["key"]), vector["context"].encode()
    if vector["expect"] == "success":
        text = _read(key, context, sealed, hashes.SHA256())
        assert hashlib.sha256(text).hexdigest() == vector["payload_sha256"]
    else:
        with pytest.raises(InvalidTag):
            _read(key, context, sealed, hashes.SHA256())


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 300 * CHUNK + 5])
def test_the_library_writes_what_the_specification_says(size: int) -> None:
    """What the library seals, the second reader opens, around every edge of a chunk and past 256 chunks."""
    text = (bytes(range(251)) * (size // 251 + 1))[:size]
    sealed = _sealed(text)
    assert _read(KEY, CONTEXT, sealed, hashes.SHA512()) == text
    assert _open(KEY, CONTEXT, sealed) == text


TEXT = bytes(range(256)) * (2 * CHUNK // 256) + b"the end"
SEALED = _sealed(TEXT)
FIRST, SECOND = HEAD + SEALED_CHUNK, HEAD + 2 * SEALED_CHUNK


@pytest.mark.parametrize(
    "damaged",
    [
        SEALED[:SECOND],
        SEALED[:FIRST],
        SEALED[:HEAD],
        SEALED[:SALT],
        SEALED[:-1],
        SEALED + b"\x00",
        SEALED + SEALED[SECOND:],
        SEALED[:HEAD] + SEALED[FIRST:SECOND] + SEALED[HEAD:FIRST] + SEALED[SECOND:],
        SEALED[:FIRST] + SEALED[HEAD:FIRST] + SEALED[SECOND:],
        SEALED[:HEAD] + SEALED[SECOND:],
        _sealed(TEXT)[:HEAD] + SEALED[HEAD:],
        _sealed(TEXT)[:SALT] + SEALED[SALT:],
    ],
    ids=itertools.count(),
)
def test_the_library_refuses_what_the_specification_refuses(damaged: bytes) -> None:
    """Cut, extended, reordered, repeated or spliced messages open for neither reader."""
    with pytest.raises(InvalidTag):
        _read(KEY, CONTEXT, damaged, hashes.SHA512())
    with pytest.raises(InvalidTag):
        _open(KEY, CONTEXT, damaged)


@given(st.integers(0, len(SEALED) * 8 - 1))
def test_no_bit_of_a_long_message_can_change(bit: int) -> None:
    """A flipped bit anywhere, the salt and the commitment included, is refused by both readers."""
    damaged = bytearray(SEALED)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidTag):
        _read(KEY, CONTEXT, bytes(damaged), hashes.SHA512())
    with pytest.raises(InvalidTag):
        _open(KEY, CONTEXT, bytes(damaged))


def test_another_key_or_context_opens_nothing() -> None:
    """The key and the context are committed to: no other pair opens the same bytes."""
    for key, context in ((bytes(32), CONTEXT), (KEY, CONTEXT + b"\x00"), (KEY, b""), (KEY, CONTEXT[:-1])):
        with pytest.raises(InvalidTag):
            _open(key, context, SEALED)
