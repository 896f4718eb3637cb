"""An invented territory: four organisations with real keys, and the agreement between them.

The organisations are made up. Keys are derived from their owner's address, so that they are made once.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from consent.agreement import AGREEMENT_KIND, SIGNATURE_KIND, Agreement, AgreementState, RegisteredAgreement
from keys import strictjson
from keys.documents import b64url, encode, format_time, sha256_hex, validate
from keys.identity import RootKey, SigningKey, Verifier, key_id, verifier
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument, sign

Json = dict[str, Any]

AT: Final = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
"""A Monday at ten in Laval."""
DAY: Final = timedelta(days=1)
TERRITORY: Final = "laval"
BROKER: Final = "gateway@laval"
LINE: Final = "ligne-211@laval"
SHELTER: Final = "refuge-lavoie@laval"
HEALTH: Final = "equipe-sm@laval"
NEWCOMERS: Final = "carrefour-accueil@laval"
AUDITORS: Final = "conseil-audit@laval"
"""A party of `emergency_agreement` only."""
PARTIES: Final[Mapping[str, tuple[str, str]]] = {
    LINE: ("Ligne 211 Inventée", "line-211"),
    SHELTER: ("Refuge Lavoie Inventé", "shelter"),
    HEALTH: ("Équipe Inventée en santé mentale", "mental-health"),
    NEWCOMERS: ("Carrefour Inventé d’accueil", "newcomers-centre"),
}
AGREEMENT_ID: Final = "agr_" + "c" * 26
STATEMENT_ID: Final = "cs_" + "d" * 26
REF: Final = "ref_" + "a" * 26
PARENT: Final = "ref_" + "p" * 26
ENVELOPE_ID: Final = "env_" + "b" * 26
JUSTIFICATION_ID: Final = "env_" + "j" * 26
UNDELIVERED_ID: Final = "env_" + "u" * 26
RECORD_ID: Final = "rec_" + "e" * 26
SCOPES: Final = frozenset({"envelope:send", "envelope:receive"})
ABSENT: Final = object()
"""The value of a change that takes a member out."""


def changed(members: Mapping[str, Any], changes: Mapping[str, object]) -> Json:
    """A deep copy of JSON members with the value at each JSON pointer replaced, added, or taken out (`ABSENT`)."""
    made: Json = copy.deepcopy(dict(members))
    for pointer, value in changes.items():
        *path, last = (int(part) if part.isdigit() else part for part in pointer.split("/")[1:])
        node: Any = made
        for part in path:
            node = node[part]
        if value is ABSENT:
            del node[last]
        elif isinstance(node, list) and last == len(node):
            node.append(copy.deepcopy(value))
        else:
            node[last] = copy.deepcopy(value)
    return made


def _seed(text: str) -> bytes:
    return hashlib.sha256(f"passerelle tests {text}".encode()).digest()


@cache
def root_key(address: str, name: str = "") -> RootKey:
    """The root of an organisation; another `name` gives another root of the same address."""
    return RootKey(address, _seed(f"{address} root ed25519 {name}"), _seed(f"{address} root mldsa65 {name}"))


@cache
def signing_key(address: str, name: str = "") -> SigningKey:
    """The signing key of an organisation."""
    return SigningKey(address, "receipts" if name == "receipts" else "signing", _seed(f"{address} signing {name}"))


@cache
def signing_verifier(address: str, name: str = "") -> Verifier:
    """What verifies the signatures of `signing_key`."""
    return verifier(address, "signing", signing_key(address, name).public_bytes)


@cache
def sealing_key(address: str) -> SealingKey:
    """The sealing key of an organisation."""
    return SealingKey(_seed(f"{address} sealing"))


def sealing_kid(address: str) -> str:
    """The key id of `sealing_key`."""
    return key_id(address, "sealing", sealing_key(address).public.data)


def _articles() -> list[Json]:
    return [
        {
            "no": "1",
            "purposes": ["referral-shelter", "referral-health", "referral-newcomer"],
            "sections": ["identity", "contact", "situation", "housing", "health-note", "worker"],
            "from": ["line-211"],
            "to": [SHELTER, "mental-health", "newcomers-centre"],
            "authorities": ["consent", "consent-representative"],
            "clear": ["need"],
            "answer_delays": {"tonight": "1 hour"},
            "emergency": False,
            "text_fr": "La ligne 211 oriente vers les services.",
            "text_en": "The 211 line refers to the services.",
        },
        {
            "no": "2",
            "purposes": ["referral-rights"],
            "sections": ["identity", "situation"],
            "from": ["shelter", "newcomers-centre"],
            "to": [LINE],
            "authorities": ["consent"],
            "text_fr": "Les services s’adressent à la ligne 211.",
            "text_en": "The services write to the 211 line.",
        },
    ]


def agreement_members(changes: Mapping[str, object] | None = None) -> Json:
    """The JSON members of an agreement: the 211 line refers to everyone (1), and each may refer to the line (2)."""
    members: Json = {
        "v": 1,
        "id": AGREEMENT_ID,
        "version": 1,
        "territory": TERRITORY,
        "broker": {
            "address": BROKER,
            "receipts": b64url(signing_key(BROKER, "receipts").public_bytes),
            "journal": ["journal vkey one", "journal vkey two"],
        },
        "parties": [
            {
                "address": address,
                "legal_name": name,
                "root_fingerprint": root_key(address).public.fingerprint,
                "roles": [role],
                "jurisdiction": "CA-QC",
            }
            for address, (name, role) in PARTIES.items()
        ],
        "articles": _articles(),
        "retention": {"envelope_days": 14, "copy_days": 90, "evidence_days": 1095},
        "quorum": {"threshold": 0, "witnesses": []},
        "phone_fallback": "450 555-0100",
        "impact_assessment": {"reference": "EFVP inventée 2026-1", "approved_on": "2026-01-15"},
        "time_zone": "America/Toronto",
        "not_before": "2026-02-01T05:00:00.000Z",
        "not_after": "2027-02-01T05:00:00.000Z",
    }
    return changed(members, changes or {})


def agreement(changes: Mapping[str, object] | None = None) -> Agreement:
    """The agreement as a document."""
    return validate(Agreement, agreement_members(changes))


def signed_agreement(document: Agreement, address: str = LINE) -> SignedDocument:
    """The agreement as one party's root signs it."""
    return sign(AGREEMENT_KIND, encode(document), root_key(address).signers)


def agreement_signature(
    document: Agreement, address: str, *, root: RootKey | None = None, changes: Mapping[str, object] | None = None
) -> SignedDocument:
    """One party's signature of an agreement, by its own root unless another is given."""
    members = {
        "v": 1,
        "agreement": document.id,
        "version": document.version,
        "agreement_sha256": sha256_hex(encode(document)),
        "by": address,
        "at": format_time(AT),
    }
    payload = strictjson.dumps(changed(members, changes or {}))
    return sign(SIGNATURE_KIND, payload, (root or root_key(address)).signers)


def registered_agreement(
    changes: Mapping[str, object] | None = None, state: AgreementState = "in-force", ended_at: datetime | None = None
) -> RegisteredAgreement:
    """The agreement as the broker holds it."""
    document, sha256 = _usual_agreement() if not changes else _digested(agreement(changes))
    return RegisteredAgreement(document, sha256, state, ended_at)


@cache
def _usual_agreement() -> tuple[Agreement, str]:
    return _digested(agreement())


def _digested(document: Agreement) -> tuple[Agreement, str]:
    return document, sha256_hex(encode(document))


def emergency_terms() -> dict[str, object]:
    """The changes by which the first article opens itself to emergencies, and auditors join the agreement."""
    auditors = {
        "address": AUDITORS,
        "legal_name": "Conseil d’audit Inventé",
        "root_fingerprint": root_key(AUDITORS).public.fingerprint,
        "roles": ["auditor"],
        "jurisdiction": "CA-QC",
    }
    opened = {"/articles/0/emergency": True, "/articles/0/authorities/2": "emergency"}
    return opened | {f"/parties/{len(PARTIES)}": auditors}


def emergency_agreement() -> RegisteredAgreement:
    """An agreement that provides for emergencies, as the broker holds it."""
    return RegisteredAgreement(*_emergency_agreement(), "in-force", None)


@cache
def _emergency_agreement() -> tuple[Agreement, str]:
    return _digested(agreement(emergency_terms()))
