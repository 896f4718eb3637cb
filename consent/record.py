"""The full record of what a person was asked and what they answered; it stays with the organisation that asked.

Structure of ISO/IEC TS 27560:2023: header, processing, party identification, events; its pieces are in
`consent.answers`. PRODUCT §4: refusals, requests and the person's circumstances never leave this record; the broker
only ever sees the statement that is projected from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from consent.answers import (
    EXPRESS,
    GIVEN,
    Circumstances,
    ConsentEvent,
    ConsentState,
    Expression,
    Parties,
    PartyIdentification,
    PrivacyNotice,
    Processing,
    PurposeAsked,
    RecordHeader,
    RecordId,
)
from consent.coherence import fault_at, refuse_duplicates
from consent.identifiers import AgreementId, StatementId
from consent.statement import MAX_DURATION, MAX_GRANTS, ConsentStatement
from consent.vocabulary import PURPOSES, SECTIONS
from keys.documents import Base64Url, Document, Listing, encode, format_time, validate
from keys.errors import Fault, MalformedError

__all__ = [
    "MAX_RECORD",
    "Circumstances",
    "ConsentEvent",
    "ConsentRecord",
    "ConsentState",
    "Expression",
    "Parties",
    "PartyIdentification",
    "PrivacyNotice",
    "Processing",
    "PurposeAsked",
    "RecordHeader",
    "RecordId",
    "ineffective",
    "record_commitment",
    "statement_from",
]

MAX_RECORD = 64 * 1024
"""The largest record read, in bytes."""
SALT_BYTES = 32
"""Bytes of salt in a commitment (PROTOCOL §3)."""


class ConsentRecord(Document):
    """The whole record; `salt` keeps the commitment to it from being guessed."""

    header: RecordHeader
    processing: Processing
    party_identification: Parties
    circumstances: Circumstances
    events: Listing[ConsentEvent] = Field(min_length=1, max_length=500)
    salt: Base64Url

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if len(self.salt) != SALT_BYTES:
            raise fault_at("wrong-form", "salt")
        asked = self.processing.purposes
        refuse_duplicates((item.pid for item in asked), "processing", "purposes", member="pid")
        parties = self.party_identification.recipients
        refuse_duplicates((p.party_id for p in parties), "party_identification", "recipients", member="party_id")
        self._check_questions({party.party_id for party in parties})
        self._check_answers({item.pid for item in asked})
        return self

    def _check_questions(self, identified: set[str]) -> None:
        met: set[tuple[str, str]] = set()
        for position, item in enumerate(self.processing.purposes):
            place = ("processing", "purposes", position)
            refuse_duplicates(item.sections, *place, "sections")
            for number, recipient in enumerate(item.recipients):
                if recipient not in identified:
                    raise fault_at("party-not-identified", *place, "recipients", number)
                if (item.purpose, recipient) in met:
                    # Two questions about the same thing could get two answers that contradict each other.
                    raise fault_at("duplicate-entry", *place, "recipients", number)
                met.add((item.purpose, recipient))
        if len(met) > MAX_GRANTS:
            raise fault_at("too-long", "processing", "purposes")

    def _check_answers(self, pids: set[str]) -> None:
        before: datetime | None = None
        for position, event in enumerate(self.events):
            if event.purpose not in pids:
                raise fault_at("purpose-not-asked", "events", position, "purpose")
            if before is not None and event.event_time < before:
                raise fault_at("events-out-of-order", "events", position, "event_time")
            before = event.event_time

    def answer(self, pid: str) -> ConsentEvent | None:
        """The answer that holds for a question: the last one; None when nobody asked it yet."""
        return next((event for event in reversed(self.events) if event.purpose == pid), None)

    @property
    def given(self) -> Iterator[tuple[PurposeAsked, ConsentEvent]]:
        """The questions that were answered yes, with that answer."""
        for item in self.processing.purposes:
            event = self.answer(item.pid)
            if event is not None and event.event_state in GIVEN:
                yield item, event


def record_commitment(record_bytes: bytes, salt: bytes) -> str:
    """SHA-256(salt ‖ record bytes) in hexadecimal: ties a statement to a record without telling what is in it."""
    return hashlib.sha256(salt + record_bytes).hexdigest()


def ineffective(record: ConsentRecord) -> tuple[str, ...]:
    """Why consents that were given have no effect all the same, each slug once; empty when none is at fault.

    The essentials of LRSSS s.6, P-39.1 s.14 and RGPD art. 7 and 9: informed, express where delicate, given by who may
    give it, limited in time.
    """
    return tuple(dict.fromkeys(slug for item, event in record.given for slug in _flaws(record, item, event)))


def statement_from(
    record: ConsentRecord, *, agreement_id: AgreementId, statement_id: StatementId, at: datetime, max_uses: int
) -> ConsentStatement:
    """The first version of the statement to register: what was given, has effect and still holds at `at`.

    One grant for each purpose and recipient; the period ends with the answer that ends first. The commitment is to the
    bytes that `keys.documents.encode` writes, which are the ones to keep. Raises `MalformedError` (nothing-given).
    """
    holding = [
        (item, event)
        for item, event in record.given
        if event.event_time <= at < event.event_time + event.lasts and not _flaws(record, item, event)
    ]
    if not holding:
        flaws = tuple(Fault(slug, "/events") for slug in ineffective(record))
        raise MalformedError("nothing-given", faults=(Fault("nothing-given", "/events"), *flaws))
    circumstances = record.circumstances
    kind = "consent" if circumstances.given_by == "person" else "consent-representative"
    members = {
        "v": 1,
        "id": statement_id,
        "version": 1,
        "record_commitment": record_commitment(encode(record), record.salt),
        "issuer": record.party_identification.collector.party_id,
        "authority": {"kind": kind} | circumstances.model_dump(include={"given_by", "jurisdiction"}),
        "state": "given",
        "not_before": format_time(at),
        "not_after": format_time(min(event.event_time + event.lasts for _, event in holding)),
        "grants": _grants(record, [item for item, _ in holding], agreement_id, max_uses),
    }
    return validate(ConsentStatement, members)


def _grants(
    record: ConsentRecord, items: list[PurposeAsked], agreement_id: AgreementId, max_uses: int
) -> list[dict[str, object]]:
    pairs = [(item, recipient) for item in items for recipient in item.recipients]
    return [
        {
            "gid": f"g{number}",
            "purpose": item.purpose,
            "sections": list(item.sections),
            "recipient": recipient,
            "max_uses": max_uses,
            "geo": list(item.geographic_restrictions or (record.circumstances.jurisdiction,)),
            "agreement": agreement_id,
        }
        for number, (item, recipient) in enumerate(pairs, start=1)
    ]


def _flaws(record: ConsentRecord, item: PurposeAsked, event: ConsentEvent) -> tuple[str, ...]:
    circumstances = record.circumstances
    uninformed = circumstances.interpreter == "needed-but-absent" or circumstances.assistance == "asked-not-given"
    silent = event.expression is None or event.event_type in {None, "dpv:ImpliedConsent"}
    flaws = {
        "notice-missing": record.processing.privacy_notice is None,
        "consent-not-understood": uninformed,
        "consent-not-expressed": silent,
        "express-consent-missing": not silent and event.event_type != EXPRESS and _delicate(item),
        "consent-by-wrong-person": not _may_consent(circumstances),
        "consent-too-long": event.lasts > MAX_DURATION,
    }
    return tuple(slug for slug, found in flaws.items() if found)


def _delicate(item: PurposeAsked) -> bool:
    """Whether the purpose, or a section that is not ordinary, asks for express consent (P-39.1 s.12; RGPD art. 9)."""
    return PURPOSES[item.purpose].sensitive or any(SECTIONS[code].sensitivity != "ordinary" for code in item.sections)


def _may_consent(circumstances: Circumstances) -> bool:
    """In Québec a parent or tutor answers before 14, from then on the minor (PRODUCT §4); no adult's parent does."""
    if circumstances.age == "adult":
        return circumstances.given_by != "parent"
    if circumstances.jurisdiction != "CA-QC":
        return True
    if circumstances.age == "under-14":
        return circumstances.given_by in {"parent", "tutor"}
    return circumstances.age != "14-to-17" or circumstances.given_by == "person"
