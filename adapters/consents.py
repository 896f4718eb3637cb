"""Records what a person answered, registers what may pass because of it, and writes the receipt they take home.

PRODUCT §4. The record stays here. The broker gets the statement: grants only, nothing about the person, nothing that
was refused. The receipt lists both, and is written in French and in English.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from adapters.office import Office
from adapters.store.records import HeldAgreement, Shipment
from consent.answers import Circumstances, ConsentEvent, Processing, PurposeAsked
from consent.receipt import ConsentReceipt, receipt_of, receipt_text
from consent.record import ConsentRecord, statement_from
from consent.statement import STATEMENT_KIND, ConsentStatement
from keys import strictjson
from keys.documents import Document, Listing, b64url, encode, new_id, parse, validate
from keys.errors import Fault, MalformedError
from keys.files import write_private
from keys.signing import sign
from keys.words import Language

__all__ = ["MAX_CONSENT_FILE", "ConsentFile", "Recorded", "read_consent", "record_consent", "write_receipt"]

MAX_CONSENT_FILE: Final = 64 * 1024
"""Bytes of the largest consent file."""
DEFAULT_USES: Final = 3
"""How often a grant may be used unless the file says otherwise: once, and twice to refer again."""
_SCHEMA: Final = "https://w3id.org/dpv/schema/dpv-27560#record"
_LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")


class ConsentFile(Document):
    """What a partner writes down: which notice, what was asked of whom, and each answer.

    `person` is the organisation's own file number, never a name. The record adds what only this program knows: its
    id, its salt, and the organisations' names as the agreement spells them.
    """

    person: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    processing: Processing
    circumstances: Circumstances
    events: Listing[ConsentEvent] = Field(min_length=1, max_length=500)
    max_uses: int = Field(default=DEFAULT_USES, ge=1, le=100)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A consent that was kept: the record's id, the statement that waits to be registered, the person's receipt."""

    record_id: str
    statement: ConsentStatement
    receipt: ConsentReceipt


def read_consent(data: bytes) -> ConsentFile:
    """Read a consent file; raises `MalformedError` with every fault, its pointer, line and column."""
    return parse(ConsentFile, data, limit=MAX_CONSENT_FILE)


def record_consent(office: Office, file: ConsentFile, *, contact_phone: str) -> Recorded:
    """Keep a consent and put its statement in the outbox, signed.

    Raises `MalformedError`: nothing-given, agreement-does-not-cover (no one agreement lets everything that was given
    pass), and the faults of a record that contradicts itself; `StoreError`.
    """
    at = office.now()
    with office.store.transaction() as tx:
        agreements = tx.papers.agreements()
    names = _names(agreements)
    record = validate(ConsentRecord, _record(office, file, names, contact_phone))
    agreement = _covering(office, agreements, record)
    statement = statement_from(
        record, agreement_id=agreement.document.id, statement_id=new_id("cs"), at=at, max_uses=file.max_uses
    )
    signed = sign(STATEMENT_KIND, encode(statement), (office.signer(),))
    receipt = receipt_of(record, statement, names, contact_phone, time_zone=agreement.document.time_zone)
    item = f"{statement.id}@{statement.version}"
    with office.store.transaction() as tx:
        tx.papers.add_consent(record, statement, signed, at)
        tx.traffic.ship(Shipment(item, "statement", statement.id, signed.encode(), at))
    return Recorded(record.header.record_id, statement, receipt)


def write_receipt(folder: Path, recorded: Recorded) -> tuple[Path, ...]:
    """Write the receipt as data and in both languages, in private files; raises `FileError`."""
    paths = [folder / f"{recorded.record_id}.json"]
    write_private(paths[0], encode(recorded.receipt))
    for language in _LANGUAGES:
        paths.append(folder / f"{recorded.record_id}.{language}.txt")
        write_private(paths[-1], receipt_text(recorded.receipt, language).encode("utf-8"))
    return tuple(paths)


def _names(agreements: Iterable[HeldAgreement]) -> dict[str, str]:
    """Every party's name, as the newest agreement that has it spells it."""
    found: dict[str, str] = {}
    for agreement in agreements:
        for party in agreement.document.parties:
            found.setdefault(party.address, party.legal_name)
    return found


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


def _covering(office: Office, agreements: list[HeldAgreement], record: ConsentRecord) -> HeldAgreement:
    """The first agreement that lets everything that was given pass; else every question that stands in the way."""
    given = [item for item, _ in record.given]
    if not given:
        raise MalformedError("nothing-given", "/events")
    in_force = [agreement for agreement in agreements if agreement.state == "in-force"]
    for agreement in in_force:
        if all(_lets_pass(office, agreement, item) for item in given):
            return agreement
    uncovered = [item for item in given if not any(_lets_pass(office, agreement, item) for agreement in in_force)]
    places = [record.processing.purposes.index(item) for item in uncovered or given]
    faults = tuple(Fault("agreement-does-not-cover", f"/processing/purposes/{place}") for place in places)
    raise MalformedError("agreement-does-not-cover", faults=faults)


def _lets_pass(office: Office, agreement: HeldAgreement, item: PurposeAsked) -> bool:
    """Whether an agreement has, for every recipient of a question, an article that covers it."""
    document = agreement.document
    sender = document.party(office.address)
    for recipient in item.recipients:
        owner = document.party(recipient)
        if sender is None or owner is None or not office.may_use(agreement, recipient):
            return False
        if not any(
            article.covers_direction(sender, owner)
            and item.purpose in article.purposes
            and set(item.sections) <= set(article.sections)
            for article in document.articles
        ):
            return False
    return True
