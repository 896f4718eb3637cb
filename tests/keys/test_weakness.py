"""The keys that nobody may register, made by an attacker who knows the curves."""

from typing import Literal

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import WeakKeyError
from keys.profiles import PQ1
from keys.sealing_keys import MLKEM768_PUBLIC_BYTES, SealingKey, SealingPublicKey
from keys.weakness import check_public_key
from tests.keys.builders import client_key, root, sealing_key, signing_key

P = 2**255 - 19
D = (-121665 * pow(121666, -1, P)) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
Point = tuple[int, int]
Use = Literal["signing", "oauth", "sealing", "witness", "mldsa65"]


def _add(a: Point, b: Point) -> Point:
    """Addition on the Edwards curve of RFC 8032 §5.1."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def _times(number: int, point: Point) -> Point:
    result = (0, 1)
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _root_of(square: int) -> int | None:
    root_ = pow(square, (P + 3) // 8, P)
    for candidate in (root_, root_ * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == square % P:
            return candidate
    return None


def _points_of_small_order() -> set[Point]:
    """The eight multiples of a point of order 8, found by clearing the large factor of random points."""
    for y in range(2, 100):
        x = _root_of((y * y - 1) * pow(D * y * y + 1, -1, P))
        if x is not None:
            cleared = _times(ORDER, (x, y))
            multiples = {_times(k, cleared) for k in range(8)}
            if len(multiples) == 8:
                return multiples
    raise AssertionError


def _encodings() -> list[bytes]:
    """Every 32 bytes that a lenient reader takes for a point of small order, canonical or not."""
    found = set()
    for x, y in _points_of_small_order():
        for written in (y, y + P):
            if written < 2**255:
                signs = (0, 1) if x == 0 else (x & 1,)
                found |= {(written | sign << 255).to_bytes(32, "little") for sign in signs}
    return sorted(found)


SMALL_ORDER = _encodings()
IDENTITY = (1).to_bytes(32, "little")


def _code(use: Use, data: bytes) -> str:
    with pytest.raises(WeakKeyError) as caught:
        check_public_key(use, data)
    return caught.value.code


def test_sound_keys_pass() -> None:
    """Keys made by the system are refused for none of their uses."""
    check_public_key("signing", signing_key().public_bytes)
    check_public_key("oauth", signing_key().public_bytes)
    check_public_key("oauth", client_key().public_bytes)
    check_public_key("sealing", sealing_key().public.data)
    check_public_key("mldsa65", root().public.mldsa65)
    check_public_key("witness", mldsa.MLDSA44PrivateKey.generate().public_key().public_bytes_raw())


def test_there_are_fourteen_encodings_of_small_order() -> None:
    """The attacker's list is complete: eight points, and six more writings of them."""
    assert len(_points_of_small_order()) == 8
    assert len(SMALL_ORDER) == 14


@pytest.mark.parametrize("data", SMALL_ORDER, ids=bytes.hex)
@pytest.mark.parametrize("use", ["signing", "oauth"])
def test_every_small_order_encoding_is_refused(use: Use, data: bytes) -> None:
    """All fourteen are refused, under either name."""
    assert _code(use, data) in {"key-small-order", "key-not-canonical"}


def test_one_signature_for_every_message_is_why() -> None:
    """The library takes one fixed signature under a small-order key for any message; that key is refused here."""
    forged = IDENTITY + bytes(32)
    key = ed25519.Ed25519PublicKey.from_public_bytes(IDENTITY)
    key.verify(forged, b"first message")
    key.verify(forged, b"second message, never signed by anyone")
    assert _code("signing", IDENTITY) == "key-small-order"


@given(st.integers(0, 18), st.booleans())
def test_every_non_canonical_encoding_is_refused(excess: int, sign: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """The nineteen values of y from p to 2^255 - 1 are refused with either sign."""
    data = ((P + excess) | (sign << 255)).to_bytes(32, "little")
    assert _code("signing", data) == "key-not-canonical"


@given(st.binary(min_size=32, max_size=32))
def test_what_is_no_point_is_refused(data: bytes) -> None:
    """Random bytes are refused exactly when they are on no point of the curve (or not canonical, or small)."""
    y = int.from_bytes(data, "little") & ~(1 << 255)
    on_curve = _root_of((y * y - 1) * pow(D * y * y + 1, -1, P)) is not None
    if y < P and on_curve and data not in SMALL_ORDER:
        check_public_key("signing", data)
    else:
        assert _code("signing", data)


@pytest.mark.parametrize(
    ("use", "size"),
    [
        *(("signing", size) for size in (0, 31, 33, 64)),
        *(("oauth", size) for size in (0, 31, 33, 64, 66)),
        *(("sealing", size) for size in (0, 32, 1184, 1215, 1217)),
        *(("witness", size) for size in (0, 32, 1311, 1313)),
        *(("mldsa65", size) for size in (0, 32, 1312, 1951, 1953)),
    ],
)
def test_a_key_of_another_size_is_refused(use: Use, size: int) -> None:
    """No key is cut or filled up to the size of its use."""
    assert _code(use, b"\x04" * size) == "key-wrong-size"


def test_p256_points_are_on_the_curve_and_written_whole() -> None:
    """A point off the curve, beyond the field, compressed or at infinity is refused."""
    good = client_key().public_bytes
    assert _code("oauth", good[:-1] + bytes([good[-1] ^ 1])) == "key-off-curve"
    assert _code("oauth", b"\x04" + b"\xff" * 64) == "key-off-curve"
    assert _code("oauth", b"\x04" + bytes(64)) == "key-off-curve"
    assert _code("oauth", b"\x06" + good[1:]) == "key-wrong-size"
    numbers = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), good).public_numbers()
    assert _code("oauth", bytes([2 + numbers.y % 2]) + good[1:33]) == "key-wrong-size"
    assert _code("oauth", b"\x00") == "key-wrong-size"


def _with_curve(curve: bytes) -> bytes:
    return sealing_key().public.data[:MLKEM768_PUBLIC_BYTES] + curve


LOW_ORDER_U = (
    0,
    1,
    P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


@pytest.mark.parametrize("u", LOW_ORDER_U)
def test_low_order_x25519_halves_are_refused(u: int) -> None:
    """The points whose shared secret is always zero are refused as sealing keys."""
    assert _code("sealing", _with_curve(u.to_bytes(32, "little"))) == "key-small-order"


@given(st.integers(0, 18))
def test_non_canonical_x25519_halves_are_refused(excess: int) -> None:
    """U from 2^255 - 19 to 2^255 - 1 is refused."""
    assert _code("sealing", _with_curve((P + excess).to_bytes(32, "little"))) == "key-not-canonical"


def test_a_sealing_key_with_its_top_bit_set_is_refused() -> None:
    """The library seals to such a key and its owner never opens: it is refused at registration."""
    data = bytearray(sealing_key().public.data)
    data[-1] |= 0x80
    sealed = PQ1.suite().encrypt(b"text", SealingPublicKey(bytes(data)).load(), b"")
    with pytest.raises(InvalidTag):
        PQ1.suite().decrypt(sealed, sealing_key().private, b"")
    assert _code("sealing", bytes(data)) == "key-not-canonical"


def test_ml_kem_coefficients_beyond_the_modulus_are_refused() -> None:
    """FIPS 203 §7.2: a coefficient of 3,329 or more is refused, wherever it stands."""
    good = sealing_key().public.data
    for offset in (0, 3 * 100, MLKEM768_PUBLIC_BYTES - 32 - 3):
        data = bytearray(good)
        data[offset : offset + 3] = (3329 | 3329 << 12).to_bytes(3, "little")
        assert _code("sealing", bytes(data)) == "key-modulus"


def test_halves_in_the_wrong_order_are_refused() -> None:
    """X25519 first and ML-KEM after is not a sealing key."""
    data = SealingKey(b"\x07" * 32).public.data
    assert _code("sealing", data[MLKEM768_PUBLIC_BYTES:] + data[:MLKEM768_PUBLIC_BYTES])
