"""Vectors of sealing: padding, the contexts that bind each part to its header, one section, and a whole envelope.

The contexts are written here from the words of PROTOCOL §4; what is random was made once and must open.
"""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.hazmat.primitives import hpke

from consent.envelope import compose
from keys import strictjson
from keys.documents import b64url, from_b64url, sha256_hex
from keys.signing import sign
from tests.builders import ENVELOPE_ID, LINE, SHELTER, changed, referral_members, sealing_key, sealing_kid, signing_key
from tests.vectors.cases.key_material import seed
from tests.vectors.cases.once import Once

__all__ = ["envelope", "padding", "sealing"]

Json = dict[str, Any]

_PADDED = (
    (0, 1024),
    (1, 1024),
    (1019, 1024),
    (1020, 1024),
    (1021, 2048),
    (2044, 2048),
    (2045, 4096),
    (100_000, 131_072),
)
_TEXTS = {
    "identity": b'{"alias":"Personne-Fictive","age_band":"25-54"}',
    "contact": b'{"reach":"through-worker"}',
    "housing": b'{"tonight":"nowhere-known","nights_needed":3}',
}


def padding() -> Json:
    """Sizes before and after; one whole example; and paddings to refuse."""
    word = b"Invent\xc3\xa9e"
    padded = len(word).to_bytes(4) + word + bytes(1024 - 4 - len(word))
    refused = {
        "a length beyond the end": (2000).to_bytes(4) + padded[4:],
        "a byte other than zero": padded[:-1] + b"\x01",
        "twice the size": padded + bytes(1024),
        "a shorter text and its remains": (3).to_bytes(4) + padded[4:],
        "nothing": b"",
    }
    return {
        "sizes": [{"data": data, "padded": size} for data, size in _PADDED],
        "example": {"data": b64url(word), "padded": b64url(padded)},
        "refused": [{"name": name, "padded": b64url(data)} for name, data in refused.items()],
    }


def _lp(text: str) -> bytes:
    return len(text.encode()).to_bytes(4) + text.encode()


def _context(protected: str, sid: str, section: str) -> bytes:
    return b"passerelle/section/1\x00" + hashlib.sha256(protected.encode()).digest() + _lp(sid) + _lp(section)


def _info(protected: str, kid: str) -> bytes:
    return b"passerelle/key/1\x00" + hashlib.sha256(protected.encode()).digest() + _lp(kid)


def _padded(text: bytes) -> bytes:
    whole = len(text).to_bytes(4) + text
    size = 1024
    while size < len(whole):
        size *= 2
    return whole + bytes(size - len(whole))


def _section(once: Once, key: bytes, context: bytes, text: bytes) -> bytes:
    def make() -> bytes:
        encryptor = Cobblestone256Encryptor(key, context)
        return encryptor.update(_padded(text)) + encryptor.finalize()

    return once.value(make, b"section", key, context, text)


def _key_block(once: Once, kid: str, info: bytes, text: bytes) -> bytes:
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    recipient = sealing_key(kid.partition("#")[0]).public.load()
    return once.value(lambda: suite.encrypt(text, recipient, info), b"key block", kid.encode(), info, text)


def _sealed(once: Once, protected: str) -> tuple[Json, bytes, dict[str, bytes]]:
    """Each part with what it was made of, the key block, and the sections."""
    kid, details, keys, sections = sealing_kid(SHELTER), [], {}, {}
    for number, (code, text) in enumerate(_TEXTS.items(), start=1):
        sid, key = f"s{number}", seed(f"section {number}")
        context = _context(protected, sid, code)
        sections[sid] = _section(once, key, context, text)
        keys[sid] = b64url(key)
        details.append(
            {"sid": sid, "section": code, "key": keys[sid], "context": b64url(context), "text": b64url(text)}
        )
    info, plain = _info(protected, kid), strictjson.dumps(keys)
    block = _key_block(once, kid, info, plain)
    return {"kid": kid, "info": b64url(info), "key_block_text": b64url(plain), "slots": details}, block, sections


def sealing(once: Once) -> Json:
    """The parts of one sealed referral, how each was made, and changes after which nothing opens."""
    protected = b64url(strictjson.dumps(referral_members()))
    made, block, sections = _sealed(once, protected)
    parts = {sid: b64url(data) for sid, data in sections.items()}
    return made | {
        "seed": b64url(sealing_key(SHELTER).seed),
        "protected": protected,
        "key_block": b64url(block),
        "sections": parts,
        "refused": [
            {
                "name": "another header",
                "change": {"/protected": protected[:-1] + ("A" if protected[-1] != "A" else "B")},
            },
            {"name": "another key id", "change": {"/kid": sealing_kid(LINE)}},
            {"name": "another recipient", "change": {"/seed": b64url(sealing_key(LINE).seed)}},
            {
                "name": "two sections in each other’s place",
                "change": {"/sections/s1": parts["s2"], "/sections/s2": parts["s1"]},
            },
            {"name": "a section under another name", "change": {"/slots/0/section": "situation"}},
            {"name": "a section cut short", "change": {"/sections/s3": b64url(sections["s3"][:-16])}},
            {"name": "a flipped bit in a section", "change": {"/sections/s2": b64url(_flipped(sections["s2"]))}},
            {"name": "a flipped bit in the key block", "change": {"/key_block": b64url(_flipped(block))}},
            {"name": "a section too many", "change": {"/sections/s4": parts["s1"]}},
        ],
    }


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def envelope(once: Once) -> Json:
    """A whole referral on the wire, what it says once opened, and envelopes to refuse at the first step that fails."""
    protected = strictjson.dumps(referral_members())
    made, block, sections = _sealed(once, b64url(protected))
    sender = signing_key(LINE)
    wire = compose(protected, sender, kid=made["kid"], key=block, sections=sections.items())
    outer = strictjson.loads(wire, limit=len(wire))
    return {
        "id": ENVELOPE_ID,
        "sender": {"kid": sender.kid, "seed": b64url(sender.seed), "public_key": b64url(sender.public_bytes)},
        "recipient": {"kid": made["kid"], "seed": b64url(sealing_key(SHELTER).seed)},
        "payload_sha256": sha256_hex(_payload(outer)),
        "wire": outer,
        "opened": {code: text.decode() for code, text in _TEXTS.items()},
        "malformed": _malformed(outer, protected),
        "forged": _forged(outer),
    }


def _payload(outer: Json) -> bytes:
    return from_b64url(outer["payload"].rstrip("=").replace("+", "-").replace("/", "_"))


def _resigned(outer: Json, protected: bytes | None = None, change: Json | None = None) -> Json:
    """The envelope with another header or payload, signed by its real sender: only its form is at fault."""
    payload = strictjson.loads(_payload(outer), limit=1 << 20)
    if protected is not None:
        payload["protected"] = b64url(protected)
    document = _sign(strictjson.dumps(changed(payload, change or {})))
    return outer | document


def _sign(payload: bytes) -> Json:
    return sign("envelope", payload, (signing_key(LINE),)).to_json()


def _case(name: str, outer: Json, wire: Json, code: str, pointer: str) -> Json:
    """A faulty envelope, as the members in which it differs from the valid one."""
    change = {f"/{member}": value for member, value in wire.items() if outer.get(member) != value}
    return {"name": name, "change": change, "code": code, "pointer": pointer}


def _malformed(outer: Json, protected: bytes) -> list[Json]:
    members = strictjson.loads(protected, limit=len(protected))
    fourth = {"sid": "s4", "section": "worker", "schema": "worker/1"}
    # Each is told at its place in the header, below /payload/protected.
    headers: list[tuple[str, Json, str, str]] = [
        ("a kind that does not exist", {"/typ": "letter"}, "unknown-code", "/typ"),
        ("a header that says true for 1", {"/v": True}, "wrong-type", "/v"),
        ("a life of more than fourteen days", {"/exp": "2026-03-16T14:59:00.001Z"}, "envelope-life", "/exp"),
        ("sent to oneself", {"/to": LINE}, "sent-to-oneself", "/to"),
        ("slots out of order", {"/slots/0/sid": "s2"}, "slots-out-of-order", "/slots/0/sid"),
        ("another form", {"/slots/0/schema": "contact/1"}, "schema-of-another-section", "/slots/0/schema"),
        ("a purpose that does not exist", {"/purpose": "referral-moon"}, "unknown-code", "/purpose"),
    ]
    faulty = [
        _case(
            name, outer, _resigned(outer, strictjson.dumps(changed(members, change))), code, f"/payload/protected{at}"
        )
        for name, change, code, at in headers
    ]
    unsealed = _resigned(outer, strictjson.dumps(changed(members, {"/slots/3": fourth})))
    misdirected = _resigned(outer, change={"/key/kid": sealing_kid(LINE)})
    return [
        *faulty,
        _case("a member that does not exist", outer, outer | {"note": "x"}, "unknown-field", "/note"),
        _case("a slot without its section", outer, unsealed, "sections-and-slots", "/payload/sections"),
        _case("sealed to somebody else", outer, misdirected, "key-of-somebody-else", "/payload/key/kid"),
    ]


def _forged(outer: Json) -> list[Json]:
    other = outer["sections"]["s1"]
    swapped = changed(outer, {"/sections/s2": other})
    return [
        _case("a section of another slot", outer, swapped, "digest-mismatch", "/sections/s2"),
        _case("a section left out", outer, outer | {"sections": {"s1": other}}, "digest-mismatch", "/sections"),
        _case("another key block", outer, outer | {"key": "AAAA"}, "digest-mismatch", "/key"),
        _case("another priority under the old signature", outer, _relabelled(outer), "bad-signature", ""),
    ]


def _relabelled(outer: Json) -> Json:
    payload = strictjson.loads(_payload(outer), limit=1 << 20)
    header = strictjson.loads(from_b64url(payload["protected"]), limit=1 << 20)
    payload["protected"] = b64url(strictjson.dumps(header | {"priority": "routine"}))
    return outer | {"payload": _sign(strictjson.dumps(payload))["payload"]}
