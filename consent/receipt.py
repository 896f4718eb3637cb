"""The receipt a person keeps: what they agreed to, what they refused, and how to change their mind.

PRODUCT §4. It needs no account and holds nothing that identifies the person; what was agreed is read from the
statement, so that the receipt says what can really be shared and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from consent.agreement import TimeZone
from consent.answers import PurposeAsked, RecordId
from consent.record import ConsentRecord, record_commitment
from consent.statement import ConsentStatement, GivenBy
from consent.vocabulary import PURPOSES, SECTIONS, PurposeCode, SectionCode, label
from consent.words import words
from keys.documents import Address, Document, Listing, Time, encode
from keys.errors import ForgedError
from keys.words import Language

__all__ = ["Agreed", "Asked", "ConsentReceipt", "receipt_of", "receipt_text"]

_TIME_ZONES: Final[Mapping[str, str]] = {"CA-QC": "America/Toronto", "FR": "Europe/Paris"}
"""The hour people of a jurisdiction read, where the caller knows no better."""


class Asked(Document):
    """One thing asked: what for, and the organisations by the names the person knows."""

    purpose: PurposeCode
    recipients: Listing[str]


class Agreed(Asked):
    """One thing agreed to: also which sections, and until when."""

    sections: Listing[SectionCode]
    until: Time


class ConsentReceipt(Document):
    """What the receipt says, before it is put in words."""

    reference: RecordId
    collector: str
    contact_phone: str
    collected_at: Time
    given_by: GivenBy
    time_zone: TimeZone
    agreed: Listing[Agreed]
    refused: Listing[Asked]
    undecided: Listing[Asked]
    """Still being thought about, or answered in a way that has no effect: in both cases nothing is shared."""


def receipt_of(
    record: ConsentRecord,
    statement: ConsentStatement,
    names: Mapping[Address, str],
    contact_phone: str,
    *,
    time_zone: str | None = None,
) -> ConsentReceipt:
    """Make the receipt of a record and of the statement that was derived from it.

    `names` gives each organisation's name as the person knows it; the name in the record stands in for a missing one.
    `contact_phone` is the collecting organisation's. Raises `ForgedError` (other-record) for the statement of another
    record.
    """
    if statement.record_commitment != record_commitment(encode(record), record.salt):
        raise ForgedError("other-record", "/record_commitment")
    known = {party.party_id: party.party_name for party in record.party_identification.recipients} | dict(names)
    collector = record.party_identification.collector
    refused = [item for item in record.processing.purposes if _state(record, item) == "dpv:ConsentRefused"]
    granted = {(grant.purpose, grant.recipient) for grant in statement.grants}
    undecided = [
        item
        for item in record.processing.purposes
        if item not in refused and not any((item.purpose, recipient) in granted for recipient in item.recipients)
    ]
    return ConsentReceipt(
        reference=record.header.record_id,
        collector=_on_one_line(names.get(collector.party_id, collector.party_name)),
        contact_phone=_on_one_line(contact_phone),
        collected_at=record.events[-1].event_time,
        given_by=record.circumstances.given_by,
        time_zone=time_zone or _TIME_ZONES[record.circumstances.jurisdiction],
        agreed=_agreed(statement, known),
        refused=tuple(_asked(item, known) for item in refused),
        undecided=tuple(_asked(item, known) for item in undecided),
    )


def receipt_text(receipt: ConsentReceipt, language: Language) -> str:
    """The receipt in plain words, one thing a line, for print or for reading aloud; it ends with a newline."""

    def say(key: str, **parameters: object) -> str:
        return words(f"receipt.{key}", language, **parameters)

    lines = [
        say("title"),
        say("reference", reference=receipt.reference),
        say("collected", collector=receipt.collector, moment=_moment(receipt.collected_at, receipt, language)),
        say("answered", who=words(f"given-by.{receipt.given_by}", language)),
        "",
        say("agreed") if receipt.agreed else say("nothing-agreed"),
    ]
    for item in receipt.agreed:
        lines += [
            say("item", what=label(PURPOSES[item.purpose], language)),
            say("to", names=", ".join(item.recipients)),
            say("sections", sections=", ".join(label(SECTIONS[code], language) for code in item.sections)),
            say("until", moment=_moment(item.until, receipt, language)),
        ]
    lines += ["", say("refused") if receipt.refused else say("nothing-refused")]
    lines += _not_shared(receipt.refused, language)
    if receipt.undecided:
        lines += ["", say("undecided"), *_not_shared(receipt.undecided, language)]
    withdraw = say("withdraw", collector=receipt.collector, phone=receipt.contact_phone)
    lines += ["", say("nothing-blocked"), withdraw]
    return "\n".join(lines) + "\n"


def _not_shared(items: tuple[Asked, ...], language: Language) -> list[str]:
    return [
        words(
            "receipt.item-to",
            language,
            what=label(PURPOSES[item.purpose], language),
            names=", ".join(item.recipients),
        )
        for item in items
    ]


def _state(record: ConsentRecord, item: PurposeAsked) -> str | None:
    event = record.answer(item.pid)
    return event.event_state if event else None


def _agreed(statement: ConsentStatement, known: Mapping[Address, str]) -> tuple[Agreed, ...]:
    """The grants, those that differ only by their recipient put together as the person was asked."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for grant in statement.grants:
        together.setdefault((grant.purpose, grant.sections), []).append(_name(grant.recipient, known))
    return tuple(
        Agreed(purpose=purpose, sections=sections, recipients=tuple(recipients), until=statement.not_after)
        for (purpose, sections), recipients in together.items()
    )


def _asked(item: PurposeAsked, known: Mapping[Address, str]) -> Asked:
    return Asked(purpose=item.purpose, recipients=tuple(_name(address, known) for address in item.recipients))


def _name(address: Address, known: Mapping[Address, str]) -> str:
    return _on_one_line(known.get(address, address))


def _on_one_line(text: str) -> str:
    """A name as one line of visible characters: a line break in it could pass for a line of the receipt."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _moment(moment: datetime, receipt: ConsentReceipt, language: Language) -> str:
    """A day and an hour as they are said where the person lives."""
    local = moment.astimezone(ZoneInfo(receipt.time_zone))
    return words(
        "receipt.moment",
        language,
        day=words("receipt.first-day", language) if local.day == 1 else local.day,
        month=words(f"month.{local.month}", language),
        year=local.year,
        hour=local.hour,
        minute=f"{local.minute:02d}",
    )
