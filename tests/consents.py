"""The consent of an invented person: the record, and the statement that the 211 line registers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from consent.projection import statement_from
from consent.record import ConsentRecord
from consent.statement import STATEMENT_KIND, ConsentStatement, RegisteredStatement
from keys.documents import b64url, encode, format_time, sha256_hex, validate
from keys.identity import SigningKey
from keys.signing import SignedDocument, sign
from tests.invented import (
    AGREEMENT_ID,
    AT,
    DAY,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARTIES,
    RECORD_ID,
    SHELTER,
    STATEMENT_ID,
    Json,
    changed,
    signing_key,
)


def statement_members(changes: Mapping[str, object] | None = None) -> Json:
    """The JSON members of a statement: shelter is granted to the shelter, health to the mental-health team."""
    common = {"max_uses": 1, "geo": ["CA-QC"], "agreement": AGREEMENT_ID}
    members: Json = {
        "v": 1,
        "id": STATEMENT_ID,
        "version": 1,
        "record_commitment": "ab" * 32,
        "issuer": LINE,
        "authority": {"kind": "consent", "given_by": "person", "jurisdiction": "CA-QC"},
        "state": "given",
        "not_before": format_time(AT - DAY),
        "not_after": format_time(AT + 89 * DAY),
        "grants": [
            {
                "gid": "g1",
                "purpose": "referral-shelter",
                "sections": ["identity", "contact", "housing", "worker"],
                "recipient": SHELTER,
            }
            | common,
            {
                "gid": "g2",
                "purpose": "referral-health",
                "sections": ["identity", "health-note"],
                "recipient": HEALTH,
            }
            | common,
        ],
    }
    return changed(members, changes or {})


def statement(changes: Mapping[str, object] | None = None) -> ConsentStatement:
    """The statement as a document."""
    return validate(ConsentStatement, statement_members(changes))


def registered_statement(
    changes: Mapping[str, object] | None = None, uses: Mapping[str, int] | None = None
) -> RegisteredStatement:
    """The statement as the broker holds it."""
    document = statement(changes)
    return RegisteredStatement(document, sha256_hex(encode(document)), uses or {})


def signed_statement(document: ConsentStatement, signer: SigningKey | None = None) -> SignedDocument:
    """The statement as its issuer signs it, unless another signer is given."""
    return sign(STATEMENT_KIND, encode(document), (signer or signing_key(document.issuer),))


def _asked() -> list[Json]:
    return [
        {
            "pid": "p1",
            "purpose": "referral-shelter",
            "sections": ["identity", "contact", "housing", "worker"],
            "recipients": [SHELTER],
        },
        {
            "pid": "p2",
            "purpose": "referral-health",
            "sections": ["identity", "health-note"],
            "recipients": [HEALTH],
        },
        {"pid": "p3", "purpose": "referral-newcomer", "sections": ["identity"], "recipients": [NEWCOMERS]},
    ]


def record_members(changes: Mapping[str, object] | None = None) -> Json:
    """The record behind `statement_members`: shelter given, health refused, newcomers' services put off."""
    organisations = [{"party_id": address, "party_name": name} for address, (name, _) in PARTIES.items()]
    spoken = {"how": "spoken", "script": "accueil-211/3"}
    answer = {"event_time": format_time(AT - timedelta(minutes=5)), "worker": "int-7"}
    given = {"event_state": "dpv:ConsentGiven", "event_type": "dpv:ExplicitlyExpressedConsent", "expression": spoken}
    members: Json = {
        "header": {
            "schema_version": "https://w3id.org/dpv/schema/dpv-27560#record",
            "record_id": RECORD_ID,
            "pii_principal_id": "personne-fictive-1",
        },
        "processing": {
            "privacy_notice": {"id": "avis-211", "version": "2026.1"},
            "language": "fr-CA",
            "purposes": _asked(),
        },
        "party_identification": {
            "collector": organisations[0] | {"party_phone": "2-1-1"},
            "recipients": organisations[1:],
        },
        "circumstances": {
            "given_by": "person",
            "age": "adult",
            "jurisdiction": "CA-QC",
            "assistance": "not-asked",
            "interpreter": "not-needed",
        },
        "events": [
            answer | {"purpose": "p1"} | given,
            answer | {"purpose": "p2", "event_state": "dpv:ConsentRefused"},
            answer | {"purpose": "p3", "event_state": "dpv:ConsentRequestDeferred"},
        ],
        "salt": b64url(bytes(range(32))),
    }
    return changed(members, changes or {})


def record(changes: Mapping[str, object] | None = None) -> ConsentRecord:
    """The record as a document."""
    return validate(ConsentRecord, record_members(changes))


HEALTH_GIVEN: dict[str, object] = {
    "/events/1/event_state": "dpv:ConsentGiven",
    "/events/1/event_type": "dpv:ExplicitlyExpressedConsent",
    "/events/1/expression": {"how": "signed-screen", "evidence_sha256": "ab" * 32},
}
"""The changes by which health is given as well."""


def derived_statement(changes: Mapping[str, object] | None = None, **how: Any) -> ConsentStatement:  # noqa: ANN401 - any of its
    """The statement derived from the record with changes; `how` replaces arguments of `statement_from`."""
    usual: dict[str, Any] = {"agreement_id": AGREEMENT_ID, "statement_id": STATEMENT_ID, "at": AT, "max_uses": 2}
    return statement_from(record(changes), **(usual | how))
