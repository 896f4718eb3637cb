"""What a person, the organisation or an authority changes about a consent that was recorded.

PRODUCT §4. Each change adds to the record, narrows every statement that came from it, or makes a new one where more is
agreed to, and gives a new receipt: all in one transaction. Taking back needs no reason and is never refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from pydantic import Field

from adapters.consents import DEFAULT_USES, MAX_CONSENT_FILE, Keep, Recorded, yield_to
from adapters.issuing import issue, receipt_now, revise
from adapters.office import Office
from adapters.store.store import Transaction
from consent.answering import Answering, answered, renewal
from consent.answers import Circumstances, ConsentEvent, FileNumber, PrivacyNotice, Restriction, Sitting
from consent.projection import effective
from consent.record import ConsentRecord, Pair
from consent.revision import Ending, chosen, endings, extended, next_moment, outranked, refusals
from consent.statement import ConsentStatement, RegisteredStatement
from consent.validity import sitting_of
from consent.vocabulary import PurposeCode, SectionCode
from keys.documents import Address, Document, Listing, Time, format_time, parse, validate
from keys.errors import MalformedError

__all__ = [
    "AnswersFile",
    "Change",
    "Ended",
    "NewAnswers",
    "RestrictionNotice",
    "Withdrawal",
    "read_answers",
    "record_change",
    "restrict",
    "withdrawn_by_code",
]

_BY: Final[Mapping[str, Ending]] = {
    "organisation": "dpv:ConsentRevoked",
    "authority": "dpv:ConsentInvalidated",
}


class AnswersFile(Document):
    """Answers that came later: who answered and how it was then, the notice read, each answer.

    The events name the questions of the record by their `pid`.
    """

    circumstances: Circumstances
    privacy_notice: PrivacyNotice | None = None
    events: Listing[ConsentEvent] = Field(min_length=1, max_length=500)
    max_uses: int = Field(default=DEFAULT_USES, ge=1, le=100)


class RestrictionNotice(Document):
    """What a person wants kept back (LRSSS s.7), whatever they agree to; a list that is left out covers everything."""

    person: FileNumber
    sections: Listing[SectionCode] | None = Field(default=None, min_length=1)
    purposes: Listing[PurposeCode] | None = Field(default=None, min_length=1)
    recipients: Listing[Address] | None = Field(default=None, min_length=1)
    until: Time | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The person takes back what they agreed to: for these purposes and recipients, all of it when none is named."""

    purposes: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The organisation revokes the consents of a record, or an authority invalidates them."""

    by: Literal["organisation", "authority"]


@dataclass(frozen=True, slots=True)
class NewAnswers:
    """The person answers what was left open, or agrees again to what ran out."""

    how: Answering
    file: AnswersFile


Change: TypeAlias = Withdrawal | Ended | NewAnswers


def read_answers(data: bytes) -> AnswersFile:
    """Read a file of answers; raises `MalformedError` with every fault, its pointer, line and column."""
    return parse(AnswersFile, data, limit=MAX_CONSENT_FILE)


def record_change(
    office: Office, record_id: str, change: Change, *, contact_phone: str, keep: Keep
) -> tuple[Recorded, ...]:
    """Change one record; it comes first, then the person's other records that a refusal narrowed.

    Raises `MalformedError`: record-unknown; purpose-not-in-record and recipient-not-in-record; for new answers as
    `consent.answering.answered` and `adapters.issuing.issue` do; `StoreError`, and what `keep` raises.
    """
    with office.store.transaction() as tx:
        record = tx.papers.record(record_id)
        if record is None:
            raise MalformedError("record-unknown")
        if isinstance(change, NewAnswers):
            changed = _answer(office, tx, record, change, contact_phone)
        else:
            named = (change.purposes, change.recipients) if isinstance(change, Withdrawal) else ((), ())
            state: Ending = "dpv:ConsentWithdrawn" if isinstance(change, Withdrawal) else _BY[change.by]
            changed = (_end(office, tx, record, state, chosen(record, *named), contact_phone),)
        keep(changed)
    return changed


def restrict(office: Office, notice: RestrictionNotice, *, contact_phone: str, keep: Keep) -> tuple[Recorded, ...]:
    """Keep a restriction notice of a person and narrow every statement of theirs; their records, as they now are.

    A person without a record has it kept for the day when there is one.
    """
    at, worker = office.now(), office.author
    members = notice.model_dump(mode="json", exclude_none=True, exclude={"person"})
    with office.store.transaction() as tx:
        standing = validate(Restriction, members | {"at": format_time(at), "worker": worker})
        tx.papers.add_restriction(notice.person, standing, at)
        changed = []
        for record in tx.papers.records_of(notice.person):
            longer = extended(record, restrictions=[standing])
            changed.append(_kept(office, tx, longer, max(at, longer.events[-1].event_time), contact_phone))
        keep(tuple(changed))
    return tuple(changed)


def withdrawn_by_code(
    office: Office, tx: Transaction, statement: str, at: datetime, *, contact_phone: str, keep: Keep
) -> bool:
    """Write down that a person took a statement of ours back by its code at `at`, as the broker told; False if not so.

    It is not so when the statement is none of ours, or ended by its period. The signed version that says so is put in
    the outbox like any other, so that the journal has our word as well, and there is a new receipt; being told again
    changes nothing. Raises what `keep` raises.
    """
    record = tx.papers.record(tx.papers.record_of(statement) or "")
    if record is None:
        return False
    held = next(item for item in tx.papers.statements_of(record.header.record_id) if item.document.id == statement)
    if at >= held.document.not_after:
        return False
    granted = {(grant.purpose, grant.recipient) for grant in held.document.grants}
    pairs = {(item.pid, each) for item, each in record.asked if (item.purpose, each) in granted}
    moment = next_moment(record, at)
    events = endings(record, "dpv:ConsentWithdrawn", moment, office.author, pairs)
    if events:
        keep((_kept(office, tx, extended(record, events), moment, contact_phone),))
    return True


def _end(
    office: Office,
    tx: Transaction,
    record: ConsentRecord,
    state: Ending,
    pairs: frozenset[Pair],
    contact_phone: str,
) -> Recorded:
    at = next_moment(record, office.now())
    longer = extended(record, endings(record, state, at, office.author, pairs))
    return _kept(office, tx, longer, at, contact_phone)


def _kept(office: Office, tx: Transaction, record: ConsentRecord, at: datetime, contact_phone: str) -> Recorded:
    """Keep a record that only lost something, with the statements that follow from it."""
    tx.papers.save_record(record, at)
    made = revise(office, tx, record, at)
    return Recorded(record.header.record_id, made, receipt_now(office, tx, record, at, contact_phone))


def _answer(
    office: Office, tx: Transaction, record: ConsentRecord, change: NewAnswers, contact_phone: str
) -> tuple[Recorded, ...]:
    now, file = office.now(), change.file
    again = renewal(record, _registered(tx, record), now)
    events = _in_their_sitting(record, file)
    ask = again.ask if change.how == "renew" else ()
    longer, given = answered(record, events, change.how, ask, now)
    others = [each for each in tx.papers.records_of(record.header.pii_principal_id) if each != record]
    longer = extended(longer, *outranked(longer, refusals(others), now, office.author))
    at = max(now, longer.events[-1].event_time)
    tx.papers.save_record(longer, at)
    made: tuple[ConsentStatement, ...] = revise(office, tx, longer, at)
    code = None
    if given:
        hold = _carried(longer, given, again.hold, at) if change.how == "renew" else {}
        new, code = issue(office, tx, longer, at, max_uses=file.max_uses, only=given | hold.keys(), uses_left=hold)
        made = (new, *made)
    receipt = receipt_now(office, tx, longer, at, contact_phone, code)
    first = Recorded(longer.header.record_id, made, receipt)
    return (first, *yield_to(office, tx, longer, others, contact_phone))


def _in_their_sitting(record: ConsentRecord, file: AnswersFile) -> tuple[ConsentEvent, ...]:
    """The answers of a file, each with who gave it and after which notice, where that differs from the first day."""
    notice = file.privacy_notice or record.processing.privacy_notice
    sitting = Sitting(circumstances=file.circumstances, privacy_notice=notice)
    first = Sitting(circumstances=record.circumstances, privacy_notice=record.processing.privacy_notice)
    return tuple(event.model_copy(update={"sitting": None if sitting == first else sitting}) for event in file.events)


def _registered(tx: Transaction, record: ConsentRecord) -> list[RegisteredStatement]:
    """The statements of a record with the uses that our own referrals spent, the newest first."""
    found = []
    for held in tx.papers.statements_of(record.header.record_id):
        sent = tx.dossiers.of_statement(held.document.id)
        spent = [(each.header.purpose, each.header.to) for each in sent]
        uses = {grant.gid: spent.count((grant.purpose, grant.recipient)) for grant in held.document.grants}
        found.append(RegisteredStatement(held.document, held.sha256, uses))
    return found


def _carried(record: ConsentRecord, given: frozenset[Pair], hold: Mapping[Pair, int], at: datetime) -> dict[Pair, int]:
    """Of what holds without being asked again: what the same kind of person answered, under the same law."""
    answers = {each.pair: each.event for each in effective(record, at) if each.event is not None}
    people = {pair: sitting_of(record, event).circumstances for pair, event in answers.items()}
    now = {(people[pair].given_by, people[pair].jurisdiction) for pair in given if pair in people}
    return {
        pair: left
        for pair, left in hold.items()
        if pair in people and (people[pair].given_by, people[pair].jurisdiction) in now
    }
