"""Vectors of signed documents (DSSE) and of a chain of key statements (PROTOCOL §1 and §2)."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

from keys.documents import b64url, format_time
from keys.identity import ClientKey, RootKey, RootPublic, Signer, SigningKey
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument, media_type, pae, sign
from keys.statements import PublishedUse, publish, revoke
from tests.vectors.cases.key_material import ADDRESS, seed
from tests.vectors.cases.once import Once, kept_signers

__all__ = ["key_chain", "signed_documents"]

Json = dict[str, Any]

START = datetime.fromisoformat("2026-11-22T12:00:00.000+00:00")
_PAYLOAD = '{"v":1,"by":"refuge-lavoie@laval","note":"Inventée"}'.encode()
_KIND = "ack"


def _signing() -> SigningKey:
    return SigningKey(ADDRESS, "signing", seed("signing"))


def _encoding(kind: str, body: bytes) -> bytes:
    """DSSE v1: the version, then each part after its length in decimal, all between single spaces."""
    parts = [kind.encode(), body]
    return b" ".join([b"DSSEv1", *(item for part in parts for item in (str(len(part)).encode(), part))])


def signed_documents() -> Json:
    """What is signed, a valid signature, and documents that must not verify."""
    key = _signing()
    encoded = [
        {"payload_type": kind, "payload": b64url(body), "encoding": b64url(_encoding(kind, body))}
        for kind, body in (("http://example.com/HelloWorld", b"hello world"), (media_type(_KIND), _PAYLOAD), ("x", b""))
    ]
    valid: Json = sign(_KIND, _PAYLOAD, (key,)).to_json()
    return {
        "kind": _KIND,
        "seed": b64url(key.seed),
        "signer": {"kid": key.kid, "public_key": b64url(key.public_bytes)},
        "encodings": encoded,
        "signed_bytes": b64url(pae(media_type(_KIND), _PAYLOAD)),
        "valid": valid,
        "refused": _refused(valid),
    }


def _refused(valid: Json) -> list[Json]:
    signature = valid["signatures"][0]
    other = SigningKey(ADDRESS, "signing", seed("another signing"))
    by_another = _first_signature(sign(_KIND, _PAYLOAD, (other,)))
    flipped = bytearray(base64.b64decode(signature["sig"]))
    flipped[0] ^= 1
    cases: list[tuple[str, Json, str]] = [
        ("another payload", {"payload": base64.b64encode(_PAYLOAD + b" ").decode()}, "bad-signature"),
        ("a flipped bit", {"signatures": [signature | {"sig": base64.b64encode(flipped).decode()}]}, "bad-signature"),
        ("another key, same id", {"signatures": [signature | {"sig": by_another["sig"]}]}, "bad-signature"),
        ("another key", {"signatures": [by_another]}, "wrong-signers"),
        ("two signatures", {"signatures": [signature, by_another]}, "wrong-signers"),
        ("the same signature twice", {"signatures": [signature, signature]}, "wrong-signers"),
        ("another kind", {"payloadType": media_type("receipt")}, "wrong-payload-type"),
        ("no signature", {"signatures": []}, "too-short"),
        ("base64 with a stray character", {"payload": valid["payload"] + "A"}, "bad-base64"),
        ("base64url in a DSSE document", {"payload": "_-8="}, "bad-base64"),
        ("a member that does not exist", {"algorithm": "none"}, "unknown-field"),
    ]
    return [{"name": name, "document": valid | change, "code": code} for name, change, code in cases]


def _first_signature(signed: SignedDocument) -> Json:
    return {"keyid": signed.signatures[0].keyid, "sig": base64.b64encode(signed.signatures[0].sig).decode()}


class _Chain:
    """Statements of one organisation, each taken by the journal an hour after the one before."""

    def __init__(self, once: Once) -> None:
        self.once = once
        self.root = RootKey(ADDRESS, seed("root ed25519"), seed("root mldsa65"))
        self.signing = _signing()
        self.second = SigningKey(ADDRESS, "signing", seed("second signing"))
        self.oauth = ClientKey(ADDRESS, seed("oauth"))
        self.sealing = SealingKey(seed("sealing"))
        self.signed: list[SignedDocument] = []

    @property
    def root_signers(self) -> tuple[Signer, ...]:
        return kept_signers(self.once, self.root.signers)

    @property
    def place(self) -> tuple[int, str | None]:
        return len(self.signed), self.signed[-1].sha256 if self.signed else None

    def time(self, number: int) -> datetime:
        return START + timedelta(hours=number)

    def publish(
        self,
        use: PublishedUse,
        public: bytes | RootPublic,
        days: float,
        signers: tuple[Signer, ...],
        place: tuple[int, str | None] | None = None,
    ) -> SignedDocument:
        return publish(place or self.place, ADDRESS, use, public, (START, START + timedelta(days=days)), signers)

    def revoke(self, kid: str, signers: tuple[Signer, ...]) -> SignedDocument:
        return revoke((len(self.signed), self.signed[-1].sha256), ADDRESS, kid, "lost", signers)

    def grow(self) -> None:
        """A root, two signing keys, a sign-in key, a sealing key, and the loss of the first signing key."""
        self.signed.append(self.publish("root", self.root.public, 3650, self.root_signers))
        self.signed.append(self.publish("signing", self.signing.public_bytes, 365, self.root_signers))
        self.signed.append(self.publish("oauth", self.oauth.public_bytes, 90, (self.signing,)))
        self.signed.append(self.publish("sealing", self.sealing.public.data, 7, (self.signing,)))
        self.signed.append(self.publish("signing", self.second.public_bytes, 365, self.root_signers))
        self.signed.append(self.revoke(self.signing.kid, self.root_signers))


def key_chain(once: Once) -> Json:
    """A whole chain with its places in the journal, the keys that it vouches for, and statements to refuse next."""
    chain = _Chain(once)
    chain.grow()
    statements = [
        {"index": 10 * number, "time": format_time(chain.time(number)), "document": signed.to_json()}
        for number, signed in enumerate(chain.signed)
    ]
    return {
        "org": ADDRESS,
        "statements": statements,
        "head": chain.signed[-1].sha256,
        "trusted": _trusted(chain),
        "next": {"index": 100, "time": format_time(chain.time(10))},
        "refused": _refused_next(chain),
    }


def _trusted(chain: _Chain) -> list[Json]:
    """Questions about a key at a moment and a place in the journal, and the answer."""
    at, first, second = format_time(chain.time(8)), chain.signing.kid, chain.second.kid
    sealing = f"{ADDRESS}#sealing-"
    return [
        {"kid": first, "use": "signing", "at": at, "index": 9, "code": "key-unknown"},
        {"kid": first, "use": "signing", "at": at, "index": 10, "code": None},
        {"kid": first, "use": "signing", "at": at, "index": 49, "code": None},
        {"kid": first, "use": "signing", "at": at, "index": 50, "code": "key-revoked"},
        {"kid": second, "use": "signing", "at": at, "index": 50, "code": None},
        {"kid": second, "use": "sealing", "at": at, "index": 50, "code": "key-unknown"},
        {"kid": second, "use": "signing", "at": "2026-11-22T11:59:59.999Z", "index": 50, "code": "key-not-in-period"},
        {
            "kid": chain.oauth.kid,
            "use": "oauth",
            "at": "2027-02-20T12:00:00.000Z",
            "index": 50,
            "code": "key-not-in-period",
        },
        {"kid": sealing + "0" * 32, "use": "sealing", "at": at, "index": 50, "code": "key-unknown"},
    ]


def _refused_next(chain: _Chain) -> list[Json]:
    seq, head = len(chain.signed), chain.signed[-1].sha256
    fresh = SealingKey(seed("second sealing")).public.data
    root, second = chain.root_signers, (chain.second,)
    cases = [
        ("a number left out", chain.publish("sealing", fresh, 7, second, (seq + 1, head)), "chain-conflict"),
        ("a fork", chain.publish("sealing", fresh, 7, second, (seq, chain.signed[-2].sha256)), "chain-conflict"),
        ("a sealing key signed by a revoked key", chain.publish("sealing", fresh, 7, (chain.signing,)), "key-revoked"),
        (
            "a signing key signed by a signing key",
            chain.publish("signing", _public("third"), 365, second),
            "wrong-signers",
        ),
        (
            "a signing key signed by half of the root",
            chain.publish("signing", _public("third"), 365, root[:1]),
            "wrong-signers",
        ),
        ("a sealing key for eight days", chain.publish("sealing", fresh, 8, second), "key-period"),
        (
            "a key that was published before",
            chain.publish("sealing", chain.sealing.public.data, 7, second),
            "key-already-published",
        ),
        (
            "a key that verifies anything",
            chain.publish("oauth", (1).to_bytes(32, "little"), 7, second),
            "key-small-order",
        ),
        ("a revocation by a signing key", chain.revoke(chain.second.kid, second), "wrong-signers"),
        ("a second revocation", chain.revoke(chain.signing.kid, root), "key-unknown"),
        ("a second beginning", chain.publish("root", chain.root.public, 3650, root, (0, None)), "chain-conflict"),
    ]
    return [{"name": name, "document": signed.to_json(), "code": code} for name, signed, code in cases]


def _public(name: str) -> bytes:
    return SigningKey(ADDRESS, "signing", seed(name)).public_bytes
