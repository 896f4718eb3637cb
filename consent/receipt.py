"""The receipt a person keeps: what they agreed to, what they refused, and how to change their mind.

PRODUCT §4. It needs no account and holds nothing that identifies the person; what was agreed is read from the
statement, so that the receipt says what can really be shared and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import Field

from consent.agreement import TimeZone
from consent.answers import PurposeAsked, RecordId, Restriction
from consent.record import ConsentRecord, record_commitment
from consent.statement import ConsentStatement, GivenBy, Grant
from consent.validity import Standing, standing
from consent.vocabulary import PURPOSES, SECTIONS, PurposeCode, SectionCode, label
from consent.withdrawal_code import shown
from consent.words import words
from keys.documents import Address, Document, Listing, Time, encode
from keys.errors import ForgedError
from keys.words import Language

__all__ = ["Agreed", "Asked", "ConsentReceipt", "KeptBack", "receipt_of", "receipt_text"]

_TIME_ZONES: Final[Mapping[str, str]] = {"CA-QC": "America/Toronto", "FR": "Europe/Paris"}
"""The hour people of a jurisdiction read, where the caller knows no better."""
_ENDED: Final[frozenset[Standing]] = frozenset({"withdrawn", "revoked", "invalidated", "expired"})


class Asked(Document):
    """One thing asked: what for, and the organisations by the names the person knows."""

    purpose: PurposeCode
    recipients: Listing[str]


class Agreed(Asked):
    """One thing agreed to: also which sections, and until when."""

    sections: Listing[SectionCode]
    until: Time


class KeptBack(Document):
    """One restriction notice: what is not passed on, whatever else was agreed; an absent list means everything."""

    sections: Listing[SectionCode] | None = None
    purposes: Listing[PurposeCode] | None = None
    recipients: Listing[str] | None = None
    until: Time | None = None


class ConsentReceipt(Document):
    """What the receipt says, before it is put in words."""

    reference: RecordId
    collector: str
    contact_phone: str
    collected_at: Time
    """The moment of the last answer or notice that the receipt tells of."""
    given_by: GivenBy
    time_zone: TimeZone
    agreed: Listing[Agreed]
    refused: Listing[Asked]
    ended: Listing[Asked] = ()
    """Agreed to before and over now: taken back, run out, or ended by the organisation or an authority."""
    undecided: Listing[Asked]
    """Still being thought about, or answered in a way that has no effect: in both cases nothing is shared."""
    restricted: Listing[KeptBack] = ()
    withdrawal_code: str | None = Field(default=None, pattern=r"^[0-9A-Z]{16}$")
    """Of the consent given with this receipt; whoever has it can end that consent, and do nothing else."""
    withdrawal_page: str | None = None
    """Where the code can be typed, when nobody is at hand to hear it."""


def receipt_of(
    record: ConsentRecord,
    statements: Sequence[ConsentStatement],
    names: Mapping[Address, str],
    contact_phone: str,
    *,
    at: datetime,
    time_zone: str | None = None,
    code: str | None = None,
    page: str | None = None,
) -> ConsentReceipt:
    """Make the receipt of a record at a moment, and of the newest version of each statement that came from it.

    `names` gives each organisation's name as the person knows it; the name in the record stands in for a missing one.
    `contact_phone` is the collecting organisation's; `code` the withdrawal code of a statement made just now, `page`
    the address of the page that takes it. Raises `ForgedError` (other-record) for the statement of another record, and
    `MalformedError` (withdrawal-code-wrong).
    """
    for statement in statements:
        if not _comes_from(record, statement):
            raise ForgedError("other-record", "/record_commitment")
    known = {party.party_id: party.party_name for party in record.party_identification.recipients} | dict(names)
    collector = record.party_identification.collector
    granted = _granted(statements, at)
    told = _sorted(record, set(granted), at, known)
    return ConsentReceipt(
        reference=record.header.record_id,
        collector=_on_one_line(names.get(collector.party_id, collector.party_name)),
        contact_phone=_on_one_line(contact_phone),
        collected_at=max([record.events[-1].event_time, *(notice.at for notice in record.restrictions)]),
        given_by=record.circumstances.given_by,
        time_zone=time_zone or _TIME_ZONES[record.circumstances.jurisdiction],
        agreed=_agreed(granted, known),
        refused=told["refused"],
        ended=told["ended"],
        undecided=told["undecided"],
        restricted=tuple(_kept_back(notice, known) for notice in record.restrictions if notice.holds(at)),
        withdrawal_code=None if code is None else shown(code).replace(" ", ""),
        withdrawal_page=page,
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
            say("sections", sections=_codes(item.sections, language)),
            say("until", moment=_moment(item.until, receipt, language)),
        ]
    lines += ["", say("refused") if receipt.refused else say("nothing-refused")]
    lines += _not_shared(receipt.refused, language)
    for key, items in (("ended", receipt.ended), ("undecided", receipt.undecided)):
        lines += ["", say(key), *_not_shared(items, language)] if items else []
    if receipt.restricted:
        lines += ["", say("restricted"), *(_restriction(each, receipt, language) for each in receipt.restricted)]
    lines += ["", say("nothing-blocked"), *_withdrawing(receipt, language)]
    return "\n".join(lines) + "\n"


def _withdrawing(receipt: ConsentReceipt, language: Language) -> Iterator[str]:
    """How to change one's mind: by voice at any partner with the code, on the page, or by calling the collector."""
    if receipt.withdrawal_code is not None:
        yield ""
        yield words("receipt.code-title", language)
        groups = shown(receipt.withdrawal_code)
        yield words("receipt.code", language, code=groups)
        for group in groups.split():
            said = ", ".join(words(f"receipt.spelled.{sign}", language) for sign in group)
            yield words("receipt.code-said", language, group=group, said=said)
        if receipt.withdrawal_page is not None:
            yield words("receipt.page", language, page=receipt.withdrawal_page)
    elif receipt.agreed:
        yield words("receipt.code-before", language)
    yield words("receipt.withdraw", language, collector=receipt.collector, phone=receipt.contact_phone)


def _restriction(item: KeptBack, receipt: ConsentReceipt, language: Language) -> str:
    everything = {name: words(f"receipt.every-{name}", language) for name in ("section", "purpose", "recipient")}
    purposes = ", ".join(label(PURPOSES[code], language) for code in item.purposes or ())
    said = words(
        "receipt.kept-back",
        language,
        sections=_codes(item.sections, language) if item.sections else everything["section"],
        purposes=purposes or everything["purpose"],
        names=", ".join(item.recipients) if item.recipients else everything["recipient"],
    )
    until = (
        "" if item.until is None else words("receipt.until", language, moment=_moment(item.until, receipt, language))
    )
    return f"{said}\n{until}" if until else said


def _codes(codes: Sequence[str], language: Language) -> str:
    return ", ".join(label(SECTIONS[code], language) for code in codes)


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


def _comes_from(record: ConsentRecord, statement: ConsentStatement) -> bool:
    """Whether a statement commits to the record, as it is or as it was before its last answers and notices."""
    for notices in range(len(record.restrictions), -1, -1):
        for events in range(len(record.events), 0, -1):
            earlier = {"events": record.events[:events], "restrictions": record.restrictions[:notices]}
            kept = encode(record.model_copy(update=earlier))
            if record_commitment(kept, record.salt) == statement.record_commitment:
                return True
    return False


def _granted(statements: Sequence[ConsentStatement], at: datetime) -> dict[tuple[str, Address], tuple[Grant, datetime]]:
    """By purpose and recipient: the grant that lasts longest, and until when."""
    found: dict[tuple[str, Address], tuple[Grant, datetime]] = {}
    for statement in sorted(statements, key=lambda each: each.not_after):
        if at < statement.not_after:
            found |= {(grant.purpose, grant.recipient): (grant, statement.not_after) for grant in statement.grants}
    return found


def _sorted(
    record: ConsentRecord, granted: set[tuple[str, Address]], at: datetime, known: Mapping[Address, str]
) -> dict[str, tuple[Asked, ...]]:
    """What is not shared, by the heading it stands under, as it was asked."""
    found: dict[str, list[Asked]] = {"refused": [], "ended": [], "undecided": []}
    for item in record.processing.purposes:
        under: dict[str, list[Address]] = {}
        for recipient in item.recipients:
            where = standing(record.answer(item.pid, recipient), at)
            if where == "refused":
                under.setdefault("refused", []).append(recipient)
            elif (item.purpose, recipient) not in granted:
                under.setdefault("ended" if where in _ENDED else "undecided", []).append(recipient)
        for heading, recipients in under.items():
            found[heading].append(_asked(item, recipients, known))
    return {heading: tuple(items) for heading, items in found.items()}


def _agreed(
    granted: Mapping[tuple[str, Address], tuple[Grant, datetime]], known: Mapping[Address, str]
) -> tuple[Agreed, ...]:
    """The grants, those that differ only by their recipient put together as the person was asked."""
    together: dict[tuple[str, tuple[str, ...], datetime], list[str]] = {}
    for grant, until in granted.values():
        together.setdefault((grant.purpose, grant.sections, until), []).append(_name(grant.recipient, known))
    return tuple(
        Agreed(purpose=purpose, sections=sections, recipients=tuple(recipients), until=until)
        for (purpose, sections, until), recipients in together.items()
    )


def _kept_back(notice: Restriction, known: Mapping[Address, str]) -> KeptBack:
    names = None if notice.recipients is None else tuple(_name(address, known) for address in notice.recipients)
    return KeptBack(sections=notice.sections, purposes=notice.purposes, recipients=names, until=notice.until)


def _asked(item: PurposeAsked, recipients: Sequence[Address], known: Mapping[Address, str]) -> Asked:
    return Asked(purpose=item.purpose, recipients=tuple(_name(address, known) for address in recipients))


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
