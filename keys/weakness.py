"""Refuses public keys on which nobody should rely (PROTOCOL §2, *Registration refuses*).

The library loads keys that it should not (small-order Ed25519 points verify one signature for every message; X25519
keys with the top bit set seal but never open), so each check here is made by us, and each has an attacker's test.
"""

from __future__ import annotations

from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, mlkem, x25519

from keys.errors import WeakKeyError
from keys.sealing_keys import MLKEM768_PUBLIC_BYTES, XWING_PUBLIC_BYTES, SealingPublicKey

__all__ = ["check_public_key"]

_P = 2**255 - 19
_D = (-121665 * pow(121666, -1, _P)) % _P
_ORDER_EIGHT_Y = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
"""The y of an Ed25519 point of order 8; with its negative and 0, 1, −1 these are all eight small-order points."""
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_EIGHT_Y, _P - _ORDER_EIGHT_Y})
_ED25519_BYTES = 32
_P256_BYTES = 65
_UNCOMPRESSED_POINT = 0x04
"""The first byte of a point written with both coordinates (SEC 1 §2.3.3)."""
_SIGN_BIT = 1 << 255


def check_public_key(use: Literal["signing", "oauth", "sealing", "witness", "mldsa65"], data: bytes) -> None:
    """Raise `WeakKeyError` unless `data` is a sound public key for `use` (`mldsa65`: the second half of a root)."""
    if use == "signing":
        _check_ed25519(data)
    elif use == "oauth":
        _check_ed25519(data) if len(data) == _ED25519_BYTES else _check_p256(data)
    elif use == "sealing":
        _check_xwing(data)
    else:
        _check_mldsa(mldsa.MLDSA44PublicKey if use == "witness" else mldsa.MLDSA65PublicKey, data)


def _check_ed25519(data: bytes) -> None:
    if len(data) != _ED25519_BYTES:
        raise WeakKeyError("key-wrong-size")
    # The last bit is the sign of x. It tells nothing here: a point and its negative have the same order.
    y = int.from_bytes(data, "little") & ~_SIGN_BIT
    if y >= _P:
        raise WeakKeyError("key-not-canonical")
    if y in _SMALL_ORDER_Y:  # with 1 and −1 go the only points of x = 0, hence every sign without a meaning
        raise WeakKeyError("key-small-order")
    # RFC 8032 §5.1.3: x² = (y² − 1) / (d·y² + 1) must have a root, or the bytes are no point of the curve.
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise WeakKeyError("key-off-curve")


def _check_p256(data: bytes) -> None:
    if len(data) != _P256_BYTES or data[0] != _UNCOMPRESSED_POINT:
        raise WeakKeyError("key-wrong-size")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError:
        raise WeakKeyError("key-off-curve") from None


def _check_xwing(data: bytes) -> None:
    if len(data) != XWING_PUBLIC_BYTES:
        raise WeakKeyError("key-wrong-size")
    lattice, curve = data[:MLKEM768_PUBLIC_BYTES], data[MLKEM768_PUBLIC_BYTES:]
    if int.from_bytes(curve, "little") >= _P:
        raise WeakKeyError("key-not-canonical")
    try:
        mlkem.MLKEM768PublicKey.from_public_bytes(lattice)  # FIPS 203 §7.2, modulus check
    except ValueError:
        raise WeakKeyError("key-modulus") from None
    try:
        # RFC 7748 §6.1: an all-zero shared secret, which the library refuses, betrays a low-order point.
        x25519.X25519PrivateKey.generate().exchange(x25519.X25519PublicKey.from_public_bytes(curve))
    except ValueError:
        raise WeakKeyError("key-small-order") from None
    try:
        SealingPublicKey(data).seal_nothing()
    except ValueError:
        raise WeakKeyError("key-does-not-seal") from None


def _check_mldsa(form: type[mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey], data: bytes) -> None:
    try:
        form.from_public_bytes(data)
    except ValueError:
        raise WeakKeyError("key-wrong-size") from None
