"""Signed papers of an invented organisation, valid by default, to be handed to a gateway."""

from __future__ import annotations

from typing import Any

from consent.agreement import AgreementSignature
from keys import strictjson
from keys.documents import encode, format_time
from keys.signing import SignedDocument, sign
from tests.adapters.answers_double import event_wire
from tests.keys.builders import ADDRESS, NOW, root, signing_key

WIRE = event_wire()
"""An envelope to deposit."""
ENVELOPE_ID = "env_" + "b" * 26
AGREEMENT_ID = "agr_" + "c" * 26
STATEMENT: dict[str, Any] = {
    "v": 1,
    "id": "cs_" + "d" * 26,
    "version": 1,
    "record_commitment": "ab" * 32,
    "issuer": ADDRESS,
    "authority": {"kind": "consent", "given_by": "person", "jurisdiction": "CA-QC"},
    "state": "given",
    "not_before": "2027-03-01T14:00:00.000Z",
    "not_after": "2027-05-01T14:00:00.000Z",
    "grants": [
        {
            "gid": "g1",
            "purpose": "referral-shelter",
            "sections": ["identity"],
            "recipient": "autre-invente@laval",
            "max_uses": 1,
            "geo": ["CA-QC"],
            "agreement": AGREEMENT_ID,
        }
    ],
}


def statement(**changes: object) -> SignedDocument:
    """A signed consent statement."""
    return sign("statement", strictjson.dumps(STATEMENT | changes), (signing_key(),))


def acknowledgement() -> SignedDocument:
    """A signed acknowledgement."""
    payload = {"v": 1, "envelope": ENVELOPE_ID, "payload_sha256": "ab" * 32, "by": ADDRESS, "result": "stored"}
    return sign("ack", strictjson.dumps(payload | {"at": format_time(NOW)}), (signing_key(),))


def agreement_signature() -> SignedDocument:
    """A party's signature of an agreement."""
    payload = AgreementSignature(v=1, agreement=AGREEMENT_ID, version=2, agreement_sha256="ab" * 32, by=ADDRESS, at=NOW)
    return sign("agreement-signature", encode(payload), root().signers)
