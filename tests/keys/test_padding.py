"""The size of a sealed section tells its bucket and nothing else, and the filling hides nothing."""

import hashlib
import struct

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from hypothesis import given
from hypothesis import strategies as st

from keys import strictjson
from keys.documents import b64url
from keys.errors import CannotOpenError
from keys.profiles import PQ1
from keys.sealing import SealedParts, Slot, open_sections, pad, seal_sections, unpad
from tests.keys.builders import sealing_key

PROTECTED = b64url(b'{"v":1}')
KID = "refuge-invente@laval#sealing-00"
IDENTITY = Slot("s1", "identity")


@given(st.binary(max_size=3000))
def test_padding_reads_back_and_tells_only_the_bucket(data: bytes) -> None:
    """Padding is undone exactly; its size is a power of two from 1,024, the smallest that fits."""
    padded = pad(data)
    assert unpad(padded) == data
    size = len(padded)
    assert size >= 1024
    assert size & (size - 1) == 0
    assert size == 1024 or size // 2 < len(data) + 4


@given(st.integers(0, 1020), st.integers(0, 1020))
def test_sizes_within_a_bucket_are_the_same(one: int, other: int) -> None:
    """On the wire, two short sections cannot be told apart by their sizes."""
    first = seal_sections(PROTECTED, KID, sealing_key().public, {IDENTITY: b"a" * one})
    second = seal_sections(PROTECTED, KID, sealing_key().public, {IDENTITY: b"b" * other})
    assert len(first.sections["s1"]) == len(second.sections["s1"])
    assert len(first.key) == len(second.key)


def test_the_bucket_changes_at_its_edge() -> None:
    """1,020 bytes fit the smallest bucket and 1,021 take the next."""
    assert [len(pad(bytes(size))) for size in (0, 1020, 1021, 2044, 2045)] == [1024, 1024, 2048, 2048, 4096]


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\x00\x00",
        bytes(4),
        bytes(1023),
        bytes(1025),
        bytes(2048),
        bytes(1023) + b"\x01",
        struct.pack(">I", 1021) + bytes(1020),
        struct.pack(">I", 2**32 - 1) + bytes(1020),
        struct.pack(">I", 1020) + bytes(2044),
    ],
)
def test_any_other_padding_is_refused(padded: bytes) -> None:
    """A length that lies, a bucket that is not the smallest, or filling that is not zeros is refused."""
    with pytest.raises(CannotOpenError) as caught:
        unpad(padded)
    assert caught.value.code == "bad-padding"


def test_a_sender_that_pads_otherwise_is_refused_after_decryption() -> None:
    """A section that verifies but is filled otherwise, a hidden channel, is not released."""
    bound = hashlib.sha256(PROTECTED.encode()).digest()
    context = b"passerelle/section/1\x00" + bound + b"\x00\x00\x00\x02s1" + b"\x00\x00\x00\x08identity"
    section_key = Cobblestone256Encryptor.generate_key()
    encryptor = Cobblestone256Encryptor(section_key, context)
    section = encryptor.update(bytes(1023) + b"\x01") + encryptor.finalize()
    info = b"passerelle/key/1\x00" + bound + struct.pack(">I", len(KID)) + KID.encode()
    block = strictjson.dumps({"s1": b64url(section_key)})
    key = PQ1.suite().encrypt(block, sealing_key().public.load(), info)
    with pytest.raises(CannotOpenError) as caught:
        open_sections(PROTECTED, KID, sealing_key(), SealedParts(key, {"s1": section}), (IDENTITY,))
    assert caught.value.code == "bad-padding"
