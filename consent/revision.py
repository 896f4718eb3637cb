"""What a record becomes when a person takes something back, and the statement that must then follow the old one.

PRODUCT §4. A revision only ever narrows: a purpose or a recipient that was withdrawn or refused goes, a section that
a restriction notice covers goes, and what is left of the statement when nothing is left says how it ended. To go
further is to ask the person again, and is another statement (`consent.answering`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from consent.answers import GIVEN, ConsentEvent, PurposeAsked, Restriction
from consent.record import MAX_RECORD, ConsentRecord, Pair, record_commitment
from consent.statement import ConsentStatement, Grant, RegisteredStatement, StatementState
from consent.validity import permitted
from keys import strictjson
from keys.documents import Address, encode, format_time, validate
from keys.errors import MalformedError

__all__ = ["Ending", "Refusal", "chosen", "endings", "extended", "narrowed", "next_moment", "outranked", "refusals"]

Ending = Literal["dpv:ConsentWithdrawn", "dpv:ConsentRevoked", "dpv:ConsentInvalidated"]
"""How what was given ends before its time: by the person, by the organisation, or by an authority."""
_INSTANT: Final = timedelta(milliseconds=1)
_STATES: Final[dict[str, StatementState]] = {
    "dpv:ConsentRevoked": "revoked",
    "dpv:ConsentInvalidated": "invalidated",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something a person said no to: the sections of a question, for its purpose, to one recipient, at a moment."""

    purpose: str
    recipient: Address
    sections: frozenset[str]
    at: datetime


def narrowed(record: ConsentRecord, statement: RegisteredStatement, at: datetime) -> ConsentStatement | None:
    """The version that must follow `statement` after what the record now says; None when nothing changes.

    What ended stays ended, and a period that is over needs no ending: None as well. What was given again later is not
    put back: a revision never widens (`consent.statement.succession_fault`).
    """
    old = statement.document
    if statement.state != "given" or at >= old.not_after:
        return None
    kept = [left for grant in old.grants if (left := _left_of(grant, record, at)) is not None]
    if tuple(kept) == old.grants:
        return None
    members = old.model_dump(mode="json", exclude_none=True) | {
        "version": old.version + 1,
        "prev": statement.sha256,
        "record_commitment": record_commitment(encode(record), record.salt),
        "state": "given" if kept else _ending(record, old.grants),
        "grants": [grant.model_dump(mode="json", exclude_none=True) for grant in kept],
    }
    return validate(ConsentStatement, members)


def chosen(record: ConsentRecord, purposes: Collection[str], recipients: Collection[Address]) -> frozenset[Pair]:
    """The questions and recipients that a person names by these purposes and recipients; all where none is named.

    Raises `MalformedError` (purpose-not-in-record, recipient-not-in-record) when the record has nothing of the kind, as
    after a slip of the pen.
    """
    if not set(purposes) <= {item.purpose for item in record.processing.purposes}:
        raise MalformedError("purpose-not-in-record")
    if not set(recipients) <= {recipient for _, recipient in record.asked}:
        raise MalformedError("recipient-not-in-record")
    return frozenset(
        (item.pid, recipient)
        for item, recipient in record.asked
        if (not purposes or item.purpose in purposes) and (not recipients or recipient in recipients)
    )


def endings(
    record: ConsentRecord, state: Ending, at: datetime, worker: str, pairs: Collection[Pair]
) -> tuple[ConsentEvent, ...]:
    """The answers that end what was given of these questions and recipients.

    None for what ended already, or was never given: saying it twice changes nothing.
    """
    moment = next_moment(record, at)
    found = []
    for item in record.processing.purposes:
        ended = [recipient for recipient in item.recipients if (item.pid, recipient) in pairs]
        found += _event(record, item, ended, state, moment, worker)
    return tuple(found)


def extended(
    record: ConsentRecord, events: Sequence[ConsentEvent] = (), restrictions: Sequence[Restriction] = ()
) -> ConsentRecord:
    """The record with more answers and notices at its end; raises `MalformedError` as reading the whole does."""
    members: dict[str, Any] = strictjson.loads(encode(record), limit=MAX_RECORD)
    members["events"] += [_members(event) for event in events]
    if restrictions:
        members["restrictions"] = members.get("restrictions", []) + [_members(notice) for notice in restrictions]
    return validate(ConsentRecord, members)


def next_moment(record: ConsentRecord, at: datetime) -> datetime:
    """The moment of what is said now: after everything the record holds, even when a clock was put back."""
    return max(at, record.events[-1].event_time + _INSTANT)


def refusals(records: Iterable[ConsentRecord]) -> tuple[Refusal, ...]:
    """Everything that a person said no to, in whichever of their records, and has not answered otherwise there."""
    found = []
    for record in records:
        for item, recipient in record.asked:
            event = record.answer(item.pid, recipient)
            if event is not None and event.event_state == "dpv:ConsentRefused":
                found.append(Refusal(item.purpose, recipient, frozenset(item.sections), event.event_time))
    return tuple(found)


def outranked(
    record: ConsentRecord, said: Iterable[Refusal], at: datetime, worker: str
) -> tuple[tuple[ConsentEvent, ...], tuple[Restriction, ...]]:
    """What refusals given elsewhere take from a record: they outrank what was given before them, or with them.

    A question all of whose sections were refused becomes refused; of another, the sections refused are kept back.
    What the person agreed to after a refusal stands.
    """
    moment, events, notices = next_moment(record, at), [], []
    noes = tuple(said)
    for item, recipient in record.asked:
        event = record.answer(item.pid, recipient)
        if event is None or event.event_state not in GIVEN:
            continue
        later = [no for no in noes if (no.purpose, no.recipient) == (item.purpose, recipient)]
        refused = {section for no in later if no.at >= event.event_time for section in no.sections}
        open_still = set(permitted(record, item, recipient, moment))
        if open_still and open_still <= refused:
            events += _event(record, item, [recipient], "dpv:ConsentRefused", moment, worker)
        elif open_still & refused:
            notices.append(_notice(item, recipient, open_still & refused, moment, worker))
    return tuple(events), tuple(notices)


def _left_of(grant: Grant, record: ConsentRecord, at: datetime) -> Grant | None:
    """What the record still lets stand of a grant; None when nothing does."""
    for item, recipient in record.asked:
        if (item.purpose, recipient) != (grant.purpose, grant.recipient):
            continue
        event = record.answer(item.pid, recipient)
        if event is None or event.event_state not in GIVEN:
            return None
        open_still = permitted(record, item, recipient, at)
        sections = tuple(section for section in grant.sections if section in open_still)
        return grant.model_copy(update={"sections": sections}) if sections else None
    return None


def _ending(record: ConsentRecord, grants: tuple[Grant, ...]) -> StatementState:
    """How a statement ended of which nothing is left: as the last of the answers that took its grants away says."""
    granted = {(grant.purpose, grant.recipient) for grant in grants}
    answers = [record.answer(item.pid, each) for item, each in record.asked if (item.purpose, each) in granted]
    ended = [event for event in answers if event is not None and event.event_state not in GIVEN]
    last = max(ended, key=lambda event: event.event_time, default=None)
    return _STATES.get(last.event_state, "withdrawn") if last else "withdrawn"


def _event(
    record: ConsentRecord,
    item: PurposeAsked,
    recipients: list[Address],
    state: Ending | Literal["dpv:ConsentRefused"],
    moment: datetime,
    worker: str,
) -> list[ConsentEvent]:
    """One answer for those recipients of a question to whom something was given; none when there is no such one."""
    given = []
    for recipient in recipients:
        event = record.answer(item.pid, recipient)
        if event is not None and event.event_state in GIVEN:
            given.append(recipient)
    if not given:
        return []
    members = {"purpose": item.pid, "event_time": format_time(moment), "event_state": state, "worker": worker}
    partly = {"recipients": given} if set(given) != set(item.recipients) else {}
    return [validate(ConsentEvent, members | partly)]


def _notice(item: PurposeAsked, recipient: Address, sections: set[str], at: datetime, worker: str) -> Restriction:
    ordered = [section for section in item.sections if section in sections]
    members = {"at": format_time(at), "sections": ordered, "purposes": [item.purpose], "recipients": [recipient]}
    return validate(Restriction, members | {"worker": worker})


def _members(document: ConsentEvent | Restriction) -> dict[str, Any]:
    return document.model_dump(mode="json", exclude_none=True)
