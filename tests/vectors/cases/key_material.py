"""Vectors of keys: from seed to public key, from public key to identifier and fingerprint, and keys to refuse.

Identifiers and fingerprints are computed here from the words of PROTOCOL §1 and §2, not by the code under test.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, x25519

from keys.documents import b64url

__all__ = ["key_material", "seed"]

Json = dict[str, Any]

ADDRESS = "refuge-lavoie@laval"
_P = 2**255 - 19
_ORDER_EIGHT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")


def seed(name: str) -> bytes:
    """32 fixed bytes by name."""
    return hashlib.sha256(b"passerelle vectors " + name.encode()).digest()


def _kid(use: str, public: bytes) -> str:
    return f"{ADDRESS}#{use}-{hashlib.sha256(public).hexdigest()[:32]}"


def _ed25519(use: str) -> Json:
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed(use)).public_key().public_bytes_raw()
    return {"use": use, "seed": b64url(seed(use)), "public_key": b64url(public), "kid": _kid(use, public)}


def _p256() -> Json:
    scalar = seed("oauth")
    numbers = ec.derive_private_key(int.from_bytes(scalar), ec.SECP256R1()).public_key().public_numbers()
    public = b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    return {"use": "oauth", "scalar": b64url(scalar), "public_key": b64url(public), "kid": _kid("oauth", public)}


def _sealing() -> Json:
    expanded = hashlib.shake_256(seed("sealing")).digest(96)
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    curve = x25519.X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()
    public = lattice + curve
    return {
        "use": "sealing",
        "seed": b64url(seed("sealing")),
        "expanded": b64url(expanded),
        "public_key": b64url(public),
        "kid": _kid("sealing", public),
    }


def _root() -> Json:
    classic = ed25519.Ed25519PrivateKey.from_private_bytes(seed("root ed25519")).public_key().public_bytes_raw()
    lattice = mldsa.MLDSA65PrivateKey.from_seed_bytes(seed("root mldsa65")).public_key().public_bytes_raw()
    digest = hashlib.sha256(b"passerelle/root/1\x00" + classic + lattice).digest()
    digits = str(int.from_bytes(digest) % 10**60).zfill(60)
    return {
        "ed25519_seed": b64url(seed("root ed25519")),
        "mldsa65_seed": b64url(seed("root mldsa65")),
        "ed25519": b64url(classic),
        "mldsa65": b64url(lattice),
        "kids": [_kid("root", classic), _kid("root", lattice)],
        "fingerprint": base64.b32encode(digest).decode()[:26],
        "digits": " ".join(digits[at : at + 5] for at in range(0, 60, 5)),
    }


def _refused() -> list[Json]:
    small = {
        "the identity": (1).to_bytes(32, "little"),
        "the identity with the sign bit": (1 + 2**255).to_bytes(32, "little"),
        "order two": (_P - 1).to_bytes(32, "little"),
        "order four": bytes(32),
        "order eight": _ORDER_EIGHT,
        "order eight, the other": (_P - int.from_bytes(_ORDER_EIGHT, "little")).to_bytes(32, "little"),
    }
    # 2^255 − 19 + 1 is another way to write 1, and so on: RFC 8032 leaves no second spelling.
    spelled_twice = {f"p + {more}": (_P + more).to_bytes(32, "little") for more in (0, 1, 3, 18)}
    sealing = base64.urlsafe_b64decode(_sealing()["public_key"] + "==")
    lattice, curve = sealing[:1184], sealing[1184:]
    faulty = [
        *(("signing", name, key, "key-small-order") for name, key in small.items()),
        *(("signing", name, key, "key-not-canonical") for name, key in spelled_twice.items()),
        ("signing", "no point of the curve", (2).to_bytes(32, "little"), "key-off-curve"),
        ("signing", "one byte short", bytes(31), "key-wrong-size"),
        ("oauth", "a compressed point", b"\x02" + seed("oauth"), "key-wrong-size"),
        ("oauth", "a point off the curve", b"\x04" + bytes(63) + b"\x01", "key-off-curve"),
        (
            "sealing",
            "an X25519 half with the top bit",
            lattice + curve[:31] + bytes([curve[31] | 0x80]),
            "key-not-canonical",
        ),
        ("sealing", "an X25519 half of zeros", lattice + bytes(32), "key-small-order"),
        ("sealing", "an ML-KEM half above the modulus", b"\xff\xff\xff" + lattice[3:] + curve, "key-modulus"),
        ("sealing", "one byte too many", sealing + b"\x00", "key-wrong-size"),
    ]
    return [{"use": use, "name": name, "public_key": b64url(key), "code": code} for use, name, key, code in faulty]


def key_material() -> Json:
    """Keys of one invented organisation from their seeds, and public keys on which nobody should rely."""
    keys = [_ed25519("signing"), _p256(), _sealing()]
    return {"address": ADDRESS, "root": _root(), "keys": keys, "refused": _refused()}
