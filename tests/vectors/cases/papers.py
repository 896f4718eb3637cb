"""Vectors of the papers a referral rests on: an agreement and its signatures, a statement and what may follow it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from consent.agreement import SIGNATURE_KIND, Agreement
from consent.statement import STATEMENT_KIND
from keys import strictjson
from keys.documents import b64url, encode, format_time, sha256_hex, validate
from keys.identity import RootKey
from keys.signing import SignedDocument, sign
from tests.builders import (
    ABSENT,
    AT,
    DAY,
    HEALTH,
    LINE,
    PARTIES,
    SHELTER,
    agreement_members,
    changed,
    root_key,
    statement_members,
)
from tests.builders import signing_key as signing
from tests.vectors.cases.once import Once, kept_signers

__all__ = ["agreement", "statement"]

Json = dict[str, Any]

_SALT = bytes(range(32))


def agreement(once: Once) -> Json:
    """An agreement, each party’s signature, and documents and signatures to refuse."""
    document = validate(Agreement, agreement_members())
    payload = encode(document)
    signed = {address: _signature(once, payload, address) for address in PARTIES}
    return {
        "payload": b64url(payload),
        "sha256": sha256_hex(payload),
        "roots": {address: _public(root_key(address)) for address in PARTIES},
        "signatures": [each.to_json() for each in signed.values()],
        "malformed": _malformed(),
        "forged": _forged(once, payload),
    }


def _public(root: RootKey) -> Json:
    return {"ed25519": b64url(root.public.ed25519), "mldsa65": b64url(root.public.mldsa65)}


def _signature(
    once: Once, payload: bytes, by: str, root: RootKey | None = None, changes: Json | None = None
) -> SignedDocument:
    members = {
        "v": 1,
        "agreement": agreement_members()["id"],
        "version": 1,
        "agreement_sha256": sha256_hex(payload),
        "by": by,
        "at": format_time(AT),
    }
    signers = kept_signers(once, (root or root_key(by)).signers)
    return sign(SIGNATURE_KIND, strictjson.dumps(changed(members, changes or {})), signers)


def _malformed() -> list[Json]:
    cases: list[tuple[str, Json, str, str]] = [
        ("a second version without the first", {"/version": 2}, "version-chain", "/version"),
        (
            "a period that ends before it begins",
            {"/not_after": "2026-01-01T05:00:00.000Z"},
            "period-reversed",
            "/not_after",
        ),
        (
            "a party of another territory",
            {"/parties/1/address": "refuge-lavoie@fr"},
            "foreign-territory",
            "/parties/1/address",
        ),
        ("the broker as a party", {"/parties/1/address": "gateway@laval"}, "broker-as-party", "/parties/1/address"),
        ("the same party twice", {"/parties/1/address": LINE}, "duplicate-entry", "/parties/1/address"),
        (
            "an article for somebody who is not a party",
            {"/articles/0/to/0": "autre-invente@laval"},
            "not-a-party",
            "/articles/0/to/0",
        ),
        ("no impact assessment", {"/impact_assessment": ABSENT}, "missing-field", "/impact_assessment"),
        ("a clock that does not exist", {"/time_zone": "America/Laval"}, "unknown-code", "/time_zone"),
        ("more witnesses asked for than there are", {"/quorum/threshold": 1}, "out-of-range", "/quorum/threshold"),
    ]
    return [
        {"name": name, "text": strictjson.dumps(agreement_members(changes)).decode(), "code": code, "pointer": pointer}
        for name, changes, code, pointer in cases
    ]


def _forged(once: Once, payload: bytes) -> list[Json]:
    other = root_key(SHELTER, "another")
    cases = [
        (
            "of another digest",
            _signature(once, payload, LINE, changes={"/agreement_sha256": "00" * 32}),
            "other-agreement",
        ),
        ("of another version", _signature(once, payload, LINE, changes={"/version": 2}), "other-agreement"),
        ("by somebody who is not a party", _signature(once, payload, "autre-invente@laval"), "not-a-party"),
        ("by a root that is not pinned", _signature(once, payload, SHELTER, other), "wrong-signers"),
        ("by one party for another", _signature(once, payload, HEALTH, root_key(LINE)), "wrong-signers"),
        ("by half of a root", _half(_signature(once, payload, LINE)), "wrong-signers"),
    ]
    return [{"name": name, "document": signed.to_json(), "code": code} for name, signed, code in cases]


def _half(signed: SignedDocument) -> SignedDocument:
    return SignedDocument(signed.payload_type, signed.payload, signed.signatures[:1])


def statement() -> Json:
    """A statement and its digest, the commitment to a record, and later versions that may or may not follow it."""
    payload = strictjson.dumps(statement_members())
    signed = sign(STATEMENT_KIND, payload, (signing(LINE),))
    record = b'{"invented":"Personne-Fictive"}'
    commitment = hashlib.sha256(_SALT + record).hexdigest()
    return {
        "document": signed.to_json(),
        "signer": {"kid": signing(LINE).kid, "public_key": b64url(signing(LINE).public_bytes)},
        "sha256": hashlib.sha256(payload).hexdigest(),
        "commitment": {"salt": b64url(_SALT), "record": b64url(record), "sha256": commitment},
        "malformed": _malformed_statements(),
        "successors": _successors(hashlib.sha256(payload).hexdigest()),
    }


def _malformed_statements() -> list[Json]:
    cases: list[tuple[str, Json, str, str]] = [
        ("without an end", {"/not_after": ABSENT}, "missing-field", "/not_after"),
        (
            "for more than a year",
            {"/not_after": format_time(AT + timedelta(days=400))},
            "consent-too-long",
            "/not_after",
        ),
        (
            "an emergency registered beforehand",
            {"/authority/kind": "emergency"},
            "emergency-in-statement",
            "/authority/kind",
        ),
        (
            "given by a parent, said to be the person’s",
            {"/authority/given_by": "parent"},
            "given-by-and-kind",
            "/authority/given_by",
        ),
        (
            "legal sharing that names no article",
            {"/authority/kind": "legal-sharing"},
            "missing-field",
            "/authority/article",
        ),
        ("two grants of one number", {"/grants/1/gid": "g1"}, "duplicate-entry", "/grants/1/gid"),
        ("a refusal", {"/grants/1/refused": True}, "unknown-field", "/grants/1/refused"),
        ("withdrawn, and granting all the same", {"/state": "withdrawn"}, "grants-and-state", "/grants"),
        ("a section that does not exist", {"/grants/0/sections/0": "diary"}, "unknown-code", "/grants/0/sections/0"),
    ]
    return [
        {"name": name, "text": strictjson.dumps(statement_members(changes)).decode(), "code": code, "pointer": pointer}
        for name, changes, code, pointer in cases
    ]


def _successors(sha256: str) -> list[Json]:
    second: Json = {"/version": 2, "/prev": sha256}
    cases: list[tuple[str, Json, str | None, str]] = [
        ("one section fewer", {"/grants/0/sections": ["identity", "contact"]}, None, ""),
        ("one grant fewer", {"/grants/1": ABSENT}, None, ""),
        ("an earlier end", {"/not_after": format_time(AT + DAY)}, None, ""),
        ("withdrawn", {"/state": "withdrawn", "/grants": []}, None, ""),
        ("one section more", {"/grants/0/sections/4": "safety"}, "consent-widened", "/grants/0/sections"),
        ("another recipient", {"/grants/0/recipient": HEALTH}, "consent-widened", "/grants/0/recipient"),
        ("another purpose", {"/grants/0/purpose": "referral-rights"}, "consent-widened", "/grants/0/purpose"),
        ("a use more", {"/grants/0/max_uses": 2}, "consent-widened", "/grants/0/max_uses"),
        ("a jurisdiction more", {"/grants/0/geo/1": "FR"}, "consent-widened", "/grants/0/geo"),
        ("a later end", {"/not_after": format_time(AT + 90 * DAY)}, "consent-widened", "/not_after"),
        ("a grant under another number", {"/grants/1/gid": "g3"}, "consent-widened", "/grants/1/gid"),
        ("another version before it", {"/prev": "00" * 32}, "version-chain", "/prev"),
        ("a version left out", {"/version": 3}, "version-chain", "/version"),
        ("by another organisation", {"/issuer": SHELTER}, "consent-unknown", "/id"),
    ]
    return [
        {
            "name": name,
            "text": strictjson.dumps(statement_members(second | changes)).decode(),
            "code": code,
            "pointer": pointer,
        }
        for name, changes, code, pointer in cases
    ]
