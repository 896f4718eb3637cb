"""Vectors of what witnesses do: cosigned checkpoints, calls to a witness, proofs of entries, policies of quorums.

Written here from C2SP tlog-cosignature, tlog-witness, tlog-proof and tlog-policy, over the tree of `tree.json`: leaf
number n is the four bytes of n, big-endian.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from keys.documents import b64url
from tests.builders import SHELTER
from tests.vectors.cases.key_material import seed
from tests.vectors.cases.once import Once
from tests.vectors.cases.tree import (
    ORIGIN,
    consistency,
    journal_keys,
    merkle_path,
    merkle_root,
    std_base64,
    subtree_message,
    vkey_text,
)

__all__ = ["log_proofs", "policies", "witnesses"]

Json = dict[str, Any]

_PUBLIC: Final = "temoin-invente.example/t1"
_SIZE, _OLD, _INDEX = 300, 200, 137
_SECONDS: Final = 1_795_348_800
_LEAVES: Final = [number.to_bytes(4) for number in range(_SIZE)]
_MOMENT: Final = "2026-11-22T12:00:00.000Z"


@dataclass(frozen=True)
class _Signed:
    """The text of a checkpoint, the journal's two signature lines, and those of the two witnesses."""

    text: str
    own: tuple[str, str]
    public: str
    shelter: str

    def note(self, *lines: str) -> str:
        """The note with these lines below the journal's own."""
        return "".join([self.text, "\n", *self.own, *lines])


def _keys() -> tuple[Ed25519PrivateKey, MLDSA44PrivateKey]:
    classic = Ed25519PrivateKey.from_private_bytes(seed("witness ed25519"))
    return classic, MLDSA44PrivateKey.from_seed_bytes(seed("witness mldsa44"))


def _vkeys() -> dict[str, tuple[bytes, str]]:
    """Key id and vkey by what the key is."""
    (classic, lasting), (public, shelter) = journal_keys(), _keys()
    return {
        "journal ed25519": vkey_text(ORIGIN, b"\x01", classic.public_key().public_bytes_raw()),
        "journal mldsa44": vkey_text(ORIGIN, b"\x06", lasting.public_key().public_bytes_raw()),
        "witness ed25519": vkey_text(_PUBLIC, b"\x04", public.public_key().public_bytes_raw()),
        "witness mldsa44": vkey_text(SHELTER, b"\x06", shelter.public_key().public_bytes_raw()),
    }


def _line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"— {name} {std_base64(key_id + signature)}\n"


def _signed(once: Once, size: int = _SIZE) -> _Signed:
    (classic, lasting), (public, shelter), vkeys = journal_keys(), _keys(), _vkeys()
    root, time = merkle_root(_LEAVES[:size]), _SECONDS.to_bytes(8)
    text = f"{ORIGIN}\n{size}\n{std_base64(root)}\n"
    by_journal, by_shelter = (subtree_message(name, _SECONDS, size, root) for name in (ORIGIN, SHELTER))
    lasting_signature = time + once.value(lambda: lasting.sign(by_journal), b"note", by_journal)
    own = (
        _line(ORIGIN, vkeys["journal ed25519"][0], classic.sign(text.encode())),
        _line(ORIGIN, vkeys["journal mldsa44"][0], lasting_signature),
    )
    signature = once.value(lambda: shelter.sign(by_shelter), b"witness", by_shelter)
    return _Signed(
        text,
        own,
        _line(_PUBLIC, vkeys["witness ed25519"][0], time + public.sign(_classic_message(text))),
        _line(SHELTER, vkeys["witness mldsa44"][0], time + signature),
    )


def _classic_message(text: str) -> bytes:
    return f"cosignature/v1\ntime {_SECONDS}\n{text}".encode()


def witnesses(once: Once) -> Json:
    """A checkpoint that two witnesses cosigned, notes to refuse, and the call that asks a witness for its signature."""
    signed, vkeys = _signed(once), _vkeys()
    return {
        "vkeys": {name: vkey for name, (_, vkey) in vkeys.items()},
        "seeds": {name: b64url(seed(name)) for name in vkeys},
        "signed_at": _MOMENT,
        "messages": {
            "witness ed25519": b64url(_classic_message(signed.text)),
            "witness mldsa44": b64url(subtree_message(SHELTER, _SECONDS, _SIZE, merkle_root(_LEAVES))),
        },
        "accepted": [
            {"note": signed.note(signed.public, signed.shelter), "seen_by": ["witness ed25519", "witness mldsa44"]},
            {"note": signed.note(signed.shelter), "seen_by": ["witness mldsa44"]},
            {"note": signed.note(), "seen_by": []},
        ],
        "refused": _refused_notes(signed, _signed(once, _OLD)),
        "call": _call(signed),
    }


def _refused_notes(signed: _Signed, older: _Signed) -> list[Json]:
    classic_id, _ = _vkeys()["witness ed25519"]
    lasting_id, _ = _vkeys()["witness mldsa44"]
    public = Ed25519PrivateKey.from_private_bytes(seed("witness ed25519"))
    zero = _line(_PUBLIC, classic_id, bytes(8) + public.sign(_classic_message(signed.text)))
    plain = _line(_PUBLIC, classic_id, public.sign(signed.text.encode()))
    cases = [
        ("the Ed25519 cosignature of a smaller checkpoint", signed.note(older.public), "signature-does-not-hold"),
        ("the ML-DSA-44 cosignature of a smaller checkpoint", signed.note(older.shelter), "signature-does-not-hold"),
        ("a cosignature whose time was made zero", signed.note(zero), "signature-does-not-hold"),
        ("a plain signature as a cosignature", signed.note(plain), "signature-does-not-hold"),
        ("a cosignature cut short", signed.note(_line(_PUBLIC, classic_id, bytes(60))), "signature-does-not-hold"),
        ("nothing but a time", signed.note(_line(SHELTER, lasting_id, bytes(8))), "signature-does-not-hold"),
        ("witnesses without the journal", signed.text + "\n" + signed.public + signed.shelter, "signature-missing"),
    ]
    return [{"name": name, "note": note, "code": code} for name, note, code in cases]


def _call(signed: _Signed) -> Json:
    proof = consistency(_OLD, _LEAVES)
    lines = "".join(f"{std_base64(each)}\n" for each in proof)
    note, head = signed.note(), f"old {_OLD}\n{lines}\n"
    cases = [
        ("a size with a leading zero", head.replace("old 200", "old 0200") + note, "wrong-witness-request"),
        ("no empty line", head[:-1] + note, "wrong-hash-line"),
        ("a hash cut short", head.replace("=\n", "\n", 1) + note, "wrong-hash-line"),
        ("64 hashes", f"old {_OLD}\n" + f"{std_base64(bytes(32))}\n" * 64 + "\n" + note, "too-many-hashes"),
        ("carriage returns", head.replace("\n", "\r\n") + note, "wrong-witness-request"),
        ("no checkpoint", head, "wrong-note"),
    ]
    return {
        "old": _OLD,
        "proof": [b64url(each) for each in proof],
        "note": note,
        "request": head + note,
        "refused": [{"name": name, "request": request, "code": code} for name, request, code in cases],
        "answers": [
            {"status": 200, "type": "text/plain; charset=utf-8", "body": signed.public, "means": "cosigned"},
            {"status": 409, "type": "text/x.tlog.size", "body": "123\n", "means": "behind"},
            {"status": 409, "type": "text/plain", "body": "no\n", "means": "witness-saw-another-root"},
            {"status": 422, "type": "text/plain", "body": "no\n", "means": "witness-refuses-the-proof"},
            {"status": 404, "type": "text/plain", "body": "no\n", "means": "witness-knows-no-such-journal"},
            {"status": 403, "type": "text/plain", "body": "no\n", "means": "witness-trusts-no-signature"},
            {"status": 400, "type": "text/plain", "body": "no\n", "means": "witness-calls-it-malformed"},
        ],
    }


def log_proofs(once: Once) -> Json:
    """The proof of an entry in its text form, and proofs to refuse: some do not read, some do not hold."""
    signed = _signed(once)
    note = signed.note(signed.public)
    hashes = [std_base64(each) for each in merkle_path(_INDEX, _LEAVES)]

    def text(header: str = "c2sp.org/tlog-proof@v1\n", index: str = f"index {_INDEX}\n", *lines: str) -> str:
        return header + index + "".join(f"{each}\n" for each in lines or hashes) + "\n" + note

    spelled = [
        ("another version", text("c2sp.org/tlog-proof@v2\n"), "wrong-proof"),
        ("an index with a leading zero", text(index="index 0137\n"), "wrong-proof"),
        ("extra data after the index", text(index=f"index {_INDEX}\nextra AAAA\n"), "wrong-hash-line"),
        ("empty extra data", text(index=f"extra \nindex {_INDEX}\n"), "wrong-proof"),
        ("a hash that is too short", text("c2sp.org/tlog-proof@v1\n", "index 137\n", "AAAA"), "wrong-hash-line"),
        ("no checkpoint", text().partition("\n\n")[0] + "\n\n", "wrong-note"),
    ]
    false = [
        ("another index", text(index="index 136\n")),
        ("an index beyond the journal", text(index=f"index {_SIZE}\n")),
        ("a hash too few", text("c2sp.org/tlog-proof@v1\n", f"index {_INDEX}\n", *hashes[:-1])),
        ("a hash too many", text("c2sp.org/tlog-proof@v1\n", f"index {_INDEX}\n", *hashes, std_base64(bytes(32)))),
        ("hashes in another order", text("c2sp.org/tlog-proof@v1\n", f"index {_INDEX}\n", *hashes[::-1])),
    ]
    return {
        "leaf": b64url(_LEAVES[_INDEX]),
        "index": _INDEX,
        "accepted": [
            {"text": text(), "extra": None},
            {"text": text(index=f"extra {std_base64(b'en plus')}\nindex {_INDEX}\n"), "extra": b64url(b"en plus")},
        ],
        "refused": [{"name": name, "text": each, "code": code} for name, each, code in spelled],
        "false": [{"name": name, "text": each, "code": "proof-does-not-hold"} for name, each in false],
    }


def _small_key(number: int) -> str:
    """The vkey of one of a few more witnesses, by Ed25519."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"policy %d" % number).digest())
    return vkey_text(f"t{number}.example", b"\x04", private.public_key().public_bytes_raw())[1]


def policies() -> Json:
    """Policies with who confirms and who does not, by the names of the witnesses; and policies to refuse."""
    five = "".join(
        f"witness {name} {_small_key(number)}\n" for number, name in enumerate(("X1", "X2", "X3", "Y1", "Y2"))
    )
    nested = f"{five}group X 2 X1 X2 X3\ngroup Y any Y1 Y2\ngroup both all X Y\nquorum both\n"
    refused = [
        ("no quorum", five, "wrong-policy-quorum", None),
        ("two quorums", f"{five}quorum X1\nquorum X2\n", "wrong-policy-quorum", 7),
        ("a witness defined later", f"quorum X1\n{five}", "unknown-witness", 1),
        ("a group inside itself", f"{five}group g any g\nquorum g\n", "unknown-witness", 6),
        ("a witness in two groups", f"{five}group g any X1\ngroup h any X1\nquorum h\n", "duplicate-entry", 7),
        ("a name defined twice", f"{five}group X1 any X2\nquorum X1\n", "duplicate-entry", 6),
        ("one key under two names", f"{five}witness Z {_small_key(0)}\nquorum Z\n", "duplicate-entry", 6),
        ("a threshold of nobody", f"{five}group g 0 X1 X2\nquorum g\n", "wrong-policy-line", 6),
        ("a threshold out of reach", f"{five}group g 3 X1 X2\nquorum g\n", "out-of-range", 6),
        ("a witness called none", f"witness none {_small_key(0)}\nquorum none\n", "wrong-name", 1),
        ("a carriage return", "quorum none\r\n", "wrong-policy-line", 1),
        ("no newline at the end", "quorum none", "wrong-policy-line", 1),
    ]
    return {
        "accepted": [
            {
                "text": f"# two of three, and one of two\n\n{nested}",
                "confirmed_by": [["X1", "X2", "Y1"], ["X1", "X3", "Y2"], ["X1", "X2", "X3", "Y1", "Y2"]],
                "not_confirmed_by": [[], ["X1", "X2", "X3"], ["X1", "Y1", "Y2"], ["Y1", "Y2"]],
            },
            {"text": f"{five}quorum Y2\n", "confirmed_by": [["Y2"]], "not_confirmed_by": [["X1", "X2", "X3", "Y1"]]},
            {"text": "\tquorum  none \n", "confirmed_by": [[]], "not_confirmed_by": []},
        ],
        "refused": [
            {"name": name, "text": text, "code": code} | ({} if line is None else {"line": line})
            for name, text, code, line in refused
        ],
    }
