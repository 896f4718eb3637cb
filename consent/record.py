"""The full record of what a person was asked and what they answered; it stays with the organisation that asked.

Structure of ISO/IEC TS 27560:2023: header, processing, party identification, events; its pieces are in
`consent.answers`. PRODUCT §4: refusals, requests, restrictions and the person's circumstances never leave this record;
the broker only ever sees the statement that is projected from it (`consent.projection`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from consent.answers import (
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
    Restriction,
)
from consent.coherence import fault_at, refuse_duplicates
from consent.statement import MAX_GRANTS
from keys.documents import Address, Base64Url, Document, Listing

__all__ = [
    "MAX_EVENTS",
    "MAX_RECORD",
    "Circumstances",
    "ConsentEvent",
    "ConsentRecord",
    "ConsentState",
    "Expression",
    "Pair",
    "Parties",
    "PartyIdentification",
    "PrivacyNotice",
    "Processing",
    "PurposeAsked",
    "RecordHeader",
    "RecordId",
    "record_commitment",
]

MAX_RECORD = 2 * 1024 * 1024
"""The largest record read, in bytes."""
MAX_EVENTS = 2000
"""Events in one record; new answers stop well before, so that there is always room to end what was given."""
SALT_BYTES = 32
"""Bytes of salt in a commitment (PROTOCOL §3)."""

Pair = tuple[str, Address]
"""One question put about one recipient, by the question's `pid`: what a person can answer on its own."""


class ConsentRecord(Document):
    """The whole record; `salt` keeps the commitment to it from being guessed. Events and restrictions only grow."""

    header: RecordHeader
    processing: Processing
    party_identification: Parties
    circumstances: Circumstances
    events: Listing[ConsentEvent] = Field(min_length=1, max_length=MAX_EVENTS)
    # Left out while there is none: a record kept before restrictions existed keeps the bytes that were committed to.
    restrictions: Listing[Restriction] = Field(default=(), max_length=1000, exclude_if=lambda notices: not notices)
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
        self._check_answers({item.pid: item.recipients for item in asked})
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

    def _check_answers(self, recipients: dict[str, tuple[Address, ...]]) -> None:
        before: datetime | None = None
        answered: dict[Pair, datetime] = {}
        for position, event in enumerate(self.events):
            if event.purpose not in recipients:
                raise fault_at("purpose-not-asked", "events", position, "purpose")
            if before is not None and event.event_time < before:
                raise fault_at("events-out-of-order", "events", position, "event_time")
            before = event.event_time
            for number, recipient in enumerate(event.recipients or ()):
                if recipient not in recipients[event.purpose]:
                    raise fault_at("recipient-not-asked", "events", position, "recipients", number)
            for recipient in event.recipients or recipients[event.purpose]:
                if answered.get((event.purpose, recipient)) == event.event_time:
                    # Nobody could tell which of the two the person meant.
                    raise fault_at("answers-contradict", "events", position, "event_time")
                answered[event.purpose, recipient] = event.event_time

    @property
    def asked(self) -> Iterator[tuple[PurposeAsked, Address]]:
        """Every question with each of its recipients, in the order in which they were asked."""
        return ((item, recipient) for item in self.processing.purposes for recipient in item.recipients)

    def answer(self, pid: str, recipient: Address) -> ConsentEvent | None:
        """The answer that holds for a question and a recipient: the last one; None when there is none yet."""
        for event in reversed(self.events):
            if event.purpose == pid and (event.recipients is None or recipient in event.recipients):
                return event
        return None


def record_commitment(record_bytes: bytes, salt: bytes) -> str:
    """SHA-256(salt ‖ record bytes) in hexadecimal: ties a statement to a record without telling what is in it."""
    return hashlib.sha256(salt + record_bytes).hexdigest()
