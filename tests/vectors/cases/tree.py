"""Vectors of the journal: leaves, the tree and its proofs, the files of a small journal, a signed checkpoint.

Roots and proofs are computed here from the recursive definitions of RFC 9162 §2.1, which the code under test does not
use; the texts of notes are written here from C2SP signed-note, tlog-checkpoint and tlog-cosignature.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from keys import strictjson
from keys.documents import b64url
from tests.builders import AGREEMENT_ID, LINE, REF, SHELTER
from tests.vectors.cases.key_material import seed
from tests.vectors.cases.once import Once

__all__ = [
    "ORIGIN",
    "checkpoint",
    "consistency",
    "journal_keys",
    "leaves",
    "merkle_path",
    "merkle_root",
    "merkle_tree",
    "std_base64",
    "subtree_message",
    "vkey_text",
]

Json = dict[str, Any]

ORIGIN = "passerelle.example/laval/journal/1"
_ENVELOPE = "env_" + "b" * 26
_SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 300)
_SHOWN = (1, 2, 3, 5, 8, 13)


def _entry(index: int, kind: str, actor: str, **members: object) -> bytes:
    return strictjson.dumps(
        {"v": 1, "index": index, "time": "2026-11-22T12:00:00.000Z", "type": kind, "actor": actor} | members
    )


_ENDS: Json = {"from": LINE, "to": SHELTER, "ref": REF, "envelope": _ENVELOPE, "payload_sha256": "ab" * 32}
_RELEASED = _entry(7, "envelope.released", SHELTER, **_ENDS)
_SIGNED: Json = {"agreement": f"{AGREEMENT_ID}@1", "agreement_sha256": "cd" * 32}


_SALT = bytes(range(32))
_HIDDEN = b"\x01" + hashlib.sha256(b"passerelle/leaf/1\x00" + _SALT + _RELEASED).digest()
_IN_CLEAR = _entry(8, "agreement.in-force", "gateway@laval", **_SIGNED)


def leaves() -> Json:
    """A commitment and its opening, a leaf in clear, and leaves and openings to refuse."""
    opening = {"entry": b64url(_RELEASED), "salt": b64url(_SALT)}
    return {
        "commitment": {"index": 7, "leaf": b64url(_HIDDEN)} | opening,
        "clear": {"index": 8, "leaf": b64url(b"\x02" + _IN_CLEAR), "entry": b64url(_IN_CLEAR)},
        "refused": _refused_leaves(),
        "unopened": _unopened(),
    }


def _refused_leaves() -> list[Json]:
    without_digest = _entry(8, "agreement.ended", "gateway@laval")
    cases = [
        ("an unknown form", 7, b"\x03" + _HIDDEN[1:], "unknown-leaf"),
        ("a commitment one byte short", 7, _HIDDEN[:-1], "wrong-leaf-size"),
        ("an entry in another place", 9, b"\x02" + _IN_CLEAR, "wrong-index"),
        ("an entry with a member too many", 8, b"\x02" + _IN_CLEAR[:-1] + b',"note":"x"}', "unknown-field"),
        ("an agreement without its digest", 8, b"\x02" + without_digest, "missing-field"),
    ]
    return [{"name": name, "index": index, "leaf": b64url(leaf), "code": code} for name, index, leaf, code in cases]


def _unopened() -> list[Json]:
    secret = _entry(7, "agreement.in-force", "gateway@laval", **_SIGNED)
    secret_leaf = b"\x01" + hashlib.sha256(b"passerelle/leaf/1\x00" + _SALT + secret).digest()
    cases = [
        ("another salt", _HIDDEN, _RELEASED, bytes(32), "wrong-opening"),
        ("another entry", _HIDDEN, _RELEASED + b" ", _SALT, "wrong-opening"),
        ("an agreement in secret", secret_leaf, secret, _SALT, "must-be-clear"),
    ]
    return [
        {"name": name, "leaf": b64url(leaf), "entry": b64url(entry), "salt": b64url(salt), "code": code}
        for name, leaf, entry, salt, code in cases
    ]


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (RFC 9162 §2.1.1)."""
    return 1 << ((count - 1).bit_length() - 1)


def merkle_root(data: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return _hash(b"\x00", data[0])
    k = _split(len(data))
    return _hash(b"\x01", merkle_root(data[:k]), merkle_root(data[k:]))


def merkle_path(index: int, data: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1."""
    if len(data) == 1:
        return []
    k = _split(len(data))
    if index < k:
        return [*merkle_path(index, data[:k]), merkle_root(data[k:])]
    return [*merkle_path(index - k, data[k:]), merkle_root(data[:k])]


def consistency(old: int, data: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1."""
    if old == len(data):
        return [] if whole else [merkle_root(data)]
    k = _split(len(data))
    if old <= k:
        return [*consistency(old, data[:k], whole=whole), merkle_root(data[k:])]
    return [*consistency(old - k, data[k:], whole=False), merkle_root(data[:k])]


def merkle_tree() -> Json:
    """Roots for many sizes, every inclusion and consistency proof of small trees, and the paths of tiles.

    Leaf number n is the four bytes of n, big-endian.
    """
    data = [number.to_bytes(4) for number in range(max(_SIZES))]
    return {
        "roots": [{"size": size, "root": b64url(merkle_root(data[:size]))} for size in _SIZES],
        "inclusion": [
            {"index": index, "size": size, "proof": [b64url(each) for each in merkle_path(index, data[:size])]}
            for size in _SHOWN
            for index in range(size)
        ],
        "consistency": [
            {"old": old, "new": new, "proof": [b64url(each) for each in consistency(old, data[:new])]}
            for new in _SHOWN
            for old in range(1, new + 1)
        ],
        "tiles": [
            {"path": "tile/0/000", "sha256": _hash(*(_hash(b"\x00", leaf) for leaf in data[:256])).hex()},
            {"path": "tile/0/001.p/44", "sha256": _hash(*(_hash(b"\x00", leaf) for leaf in data[256:300])).hex()},
            {"path": "tile/1/000.p/1", "sha256": _hash(merkle_root(data[:256])).hex()},
            {"path": "tile/entries/001.p/44", "sha256": _hash(*(b"\x00\x04" + leaf for leaf in data[256:300])).hex()},
        ],
        "paths": {
            "accepted": ["tile/0/000", "tile/0/x001/234", "tile/2/999.p/255", "tile/entries/x001/x234/067"],
            "refused": [
                "tile/0/0",
                "tile/0/000.p/0",
                "tile/0/000.p/256",
                "tile/00/000",
                "tile/0/x000/001",
                "tile/64/000",
                "tile/0/../000",
                "/tile/0/000",
                "tile/0/1234",
            ],
        },
    }


def std_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(data).decode()


def vkey_text(name: str, kind: bytes, public: bytes) -> tuple[bytes, str]:
    """The key id and the vkey of C2SP signed-note."""
    key_id = hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]
    return key_id, f"{name}+{key_id.hex()}+{std_base64(kind + public)}"


def checkpoint(once: Once) -> Json:
    """A signed checkpoint, the keys that verify it, and notes to refuse."""
    classic, lasting = journal_keys()
    classic_id, classic_vkey = vkey_text(ORIGIN, b"\x01", classic.public_key().public_bytes_raw())
    lasting_id, lasting_vkey = vkey_text(ORIGIN, b"\x06", lasting.public_key().public_bytes_raw())
    root, seconds = hashlib.sha256(b"a root").digest(), 1_795_348_800
    text = f"{ORIGIN}\n300\n{std_base64(root)}\n"
    cosigned = subtree_message(ORIGIN, seconds, 300, root)
    lasting_signature = seconds.to_bytes(8) + once.value(lambda: lasting.sign(cosigned), b"note", cosigned)
    lines = [
        f"— {ORIGIN} {std_base64(classic_id + classic.sign(text.encode()))}\n",
        f"— {ORIGIN} {std_base64(lasting_id + lasting_signature)}\n",
    ]
    stranger = f"— temoin.example {std_base64(bytes(4) + bytes(64))}\n"
    return {
        "vkeys": [classic_vkey, lasting_vkey],
        "seeds": {"ed25519": b64url(seed("journal ed25519")), "mldsa44": b64url(seed("journal mldsa44"))},
        "origin": ORIGIN,
        "size": 300,
        "root": b64url(root),
        "signed_at": "2026-11-22T12:00:00.000Z",
        "text": text,
        "cosigned": b64url(cosigned),
        "accepted": [text + "\n" + "".join(lines), text + "\n" + "".join([lines[1], stranger, lines[0]])],
        "refused": _refused(text, lines),
    }


def journal_keys() -> tuple[Ed25519PrivateKey, MLDSA44PrivateKey]:
    """The journal's two private keys."""
    classic = Ed25519PrivateKey.from_private_bytes(seed("journal ed25519"))
    return classic, MLDSA44PrivateKey.from_seed_bytes(seed("journal mldsa44"))


def subtree_message(name: str, seconds: int, size: int, root: bytes) -> bytes:
    """What ML-DSA-44 signs of a checkpoint of this journal (C2SP tlog-cosignature)."""
    signer, origin = (bytes([len(each)]) + each.encode() for each in (name, ORIGIN))
    return b"subtree/v1\n\x00" + signer + seconds.to_bytes(8) + origin + bytes(8) + size.to_bytes(8) + root


def _refused(text: str, lines: list[str]) -> list[Json]:
    cases = [
        ("the Ed25519 signature alone", text + "\n" + lines[0], "signature-missing"),
        ("the ML-DSA-44 signature alone", text + "\n" + lines[1], "signature-missing"),
        (
            "another size under the same signatures",
            text.replace("300", "301") + "\n" + "".join(lines),
            "signature-does-not-hold",
        ),
        ("a size with a leading zero", text.replace("300", "0300") + "\n" + "".join(lines), "wrong-checkpoint"),
        ("an extension line", text + "more\n\n" + "".join(lines), "wrong-checkpoint"),
        ("no signature", text + "\n", "wrong-note"),
        ("a hyphen for the dash", text + "\n" + "".join(lines).replace("—", "-"), "wrong-note"),
        ("no final newline", (text + "\n" + "".join(lines))[:-1], "wrong-note"),
    ]
    return [{"name": name, "note": note, "code": code} for name, note, code in cases]
