"""Records what a person answered, registers what may pass because of it, and writes the receipt they take home.

PRODUCT §4. The record stays here. The broker gets the statement: grants only, nothing about the person, nothing that
was refused. The receipt lists both, and is written in French and in English. What a person refused or had restricted
in any of their records outranks what they agreed to before, in every one of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from pydantic import Field

from adapters.coverage import party_names
from adapters.issuing import issue, receipt_now, revise
from adapters.office import Office
from adapters.store.store import Transaction
from consent.answers import GIVEN, Circumstances, ConsentEvent, FileNumber, Processing
from consent.receipt import ConsentReceipt
from consent.record import ConsentRecord
from consent.revision import extended, next_moment, outranked, refusals
from consent.statement import ConsentStatement
from keys import strictjson
from keys.documents import Document, Listing, b64url, encode, new_id, parse, validate
from keys.errors import Fault, MalformedError

__all__ = [
    "DEFAULT_USES",
    "MAX_CONSENT_FILE",
    "ConsentFile",
    "Keep",
    "Recorded",
    "read_consent",
    "record_consent",
    "record_of_file",
    "yield_to",
]

MAX_CONSENT_FILE: Final = 64 * 1024
"""Bytes of the largest consent file."""
DEFAULT_USES: Final = 3
"""How often a grant may be used unless the file says otherwise: once, and twice to refer again."""
_SCHEMA: Final = "https://w3id.org/dpv/schema/dpv-27560#record"


class ConsentFile(Document):
    """What a partner writes down: which notice, what was asked of whom, and each answer.

    `person` is the organisation's own file number, never a name. The record adds what only this program knows: its
    id, its salt, the organisations' names as the agreement spells them, and the person's standing restrictions.
    """

    person: FileNumber
    processing: Processing
    circumstances: Circumstances
    events: Listing[ConsentEvent] = Field(min_length=1, max_length=500)
    max_uses: int = Field(default=DEFAULT_USES, ge=1, le=100)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one record: its id, the statement versions put in the outbox, the person's new receipt."""

    record_id: str
    statements: tuple[ConsentStatement, ...]
    receipt: ConsentReceipt

    @property
    def statement(self) -> ConsentStatement:
        """The statement that was made; raises `MalformedError` (nothing-given) when there was nothing to register."""
        if not self.statements:
            raise MalformedError("nothing-given")
        return self.statements[0]


Keep: TypeAlias = Callable[[tuple[Recorded, ...]], object]
"""Keeps the new receipts outside the database, before what they tell of is committed: what it raises undoes that."""


def read_consent(data: bytes) -> ConsentFile:
    """Read a consent file; raises `MalformedError` with every fault, its pointer, line and column."""
    return parse(ConsentFile, data, limit=MAX_CONSENT_FILE)


def record_consent(office: Office, file: ConsentFile, *, contact_phone: str, keep: Keep) -> tuple[Recorded, ...]:
    """Keep a consent and put its statement in the outbox, signed; the new record first, then those it narrowed.

    A person who agreed to nothing has a record and a receipt all the same, and nothing leaves. Raises
    `MalformedError`: nothing-given (what they agreed to has no effect, for the reasons told), agreement-does-not-cover,
    event-in-future, and the faults of a record that contradicts itself; `StoreError`, and what `keep` raises.
    """
    at = office.now()
    with office.store.transaction() as tx:
        others = tx.papers.records_of(file.person)
        record = record_of_file(office, tx, file, contact_phone, at)
        record = extended(record, *outranked(record, refusals(others), at, office.author))
        moment = max(at, record.events[-1].event_time)
        tx.papers.save_record(record, moment)
        made: tuple[ConsentStatement, ...] = ()
        code = None
        answers = (record.answer(item.pid, recipient) for item, recipient in record.asked)
        if any(event is not None and event.event_state in GIVEN for event in answers):
            statement, code = issue(office, tx, record, moment, max_uses=file.max_uses)
            made = (statement,)
        receipt = receipt_now(office, tx, record, moment, contact_phone, code)
        first = Recorded(record.header.record_id, made, receipt)
        changed = (first, *yield_to(office, tx, record, others, contact_phone))
        keep(changed)
    return changed


def yield_to(
    office: Office, tx: Transaction, said: ConsentRecord, others: list[ConsentRecord], contact_phone: str
) -> tuple[Recorded, ...]:
    """Take from a person's other records what they refuse in one; the records that changed."""
    changed = []
    for other in others:
        at = next_moment(other, office.now())
        events, notices = outranked(other, refusals([said]), at, office.author)
        if events or notices:
            record = extended(other, events, notices)
            tx.papers.save_record(record, at)
            made = revise(office, tx, record, at)
            receipt = receipt_now(office, tx, record, at, contact_phone)
            changed.append(Recorded(record.header.record_id, made, receipt))
    return tuple(changed)


def record_of_file(
    office: Office, tx: Transaction, file: ConsentFile, contact_phone: str, at: datetime
) -> ConsentRecord:
    """The record that a consent file makes, with the restriction notices that stand; nothing is kept of it here.

    Raises `MalformedError` (event-in-future, and the faults of a record that contradicts itself).
    """
    late = [place for place, event in enumerate(file.events) if event.event_time > at]
    if late:
        faults = tuple(Fault("event-in-future", f"/events/{place}/event_time") for place in late)
        raise MalformedError("event-in-future", faults=faults)
    record = validate(ConsentRecord, _record(office, file, party_names(tx.papers.agreements()), contact_phone))
    standing = [notice for notice in tx.papers.restrictions_of(file.person) if notice.holds(at)]
    return extended(record, restrictions=standing)


def _record(office: Office, file: ConsentFile, names: Mapping[str, str], contact_phone: str) -> dict[str, Any]:
    asked = dict.fromkeys(address for item in file.processing.purposes for address in item.recipients)
    collector = {"party_id": office.address, "party_name": names.get(office.address, office.address)}
    members: dict[str, Any] = strictjson.loads(encode(file), limit=MAX_CONSENT_FILE * 2)
    return {
        "header": {"schema_version": _SCHEMA, "record_id": new_id("rec"), "pii_principal_id": file.person},
        "processing": members["processing"],
        "party_identification": {
            "collector": collector | {"party_phone": contact_phone},
            "recipients": [{"party_id": address, "party_name": names.get(address, address)} for address in asked],
        },
        "circumstances": members["circumstances"],
        "events": members["events"],
        "salt": b64url(secrets.token_bytes(32)),
    }
