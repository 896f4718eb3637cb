"""Answers that come later: to a question that was put off, or to one whose consent has run out.

PRODUCT §4. Whatever lets more pass than before is a new statement. At a renewal only what has changed is asked: the
consents that ran out. Those that still hold are carried over with the uses they have left, and nobody is asked twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from consent.answers import GIVEN, ConsentEvent
from consent.identifiers import StatementId
from consent.record import MAX_EVENTS, ConsentRecord, Pair
from consent.revision import extended
from consent.statement import Grant, RegisteredStatement
from consent.validity import flaws, permitted, standing
from keys.documents import new_id
from keys.errors import Fault, MalformedError

__all__ = ["Answering", "Renewal", "answered", "renewal"]

Answering = Literal["answer", "renew"]
"""Whether questions that were left open are answered, or consents that ran out are given again."""
ROOM_TO_END: Final = 500
"""Events kept free in a record, so that what was given can always be taken back."""
_OPEN: Final = frozenset({"not-asked", "requested", "deferred"})
_PUT_OFF: Final = frozenset({"dpv:ConsentRequested", "dpv:ConsentRequestDeferred"})
_NO: Final = frozenset({"dpv:ConsentRefused", "dpv:ConsentWithdrawn"})
_YES: Final[Mapping[Answering, str]] = {"answer": "dpv:ConsentGiven", "renew": "dpv:RenewedConsentGiven"}


@dataclass(frozen=True, slots=True)
class Renewal:
    """What giving a consent again comes to: the id of its new statement, what to ask, what holds without asking.

    `ask` are the questions and recipients whose consent has run out or runs out with its statement. `hold` are those
    whose own time is longer than that of the statement they stood in, which is over: each with its uses left.
    """

    statement_id: StatementId
    ask: tuple[Pair, ...]
    hold: Mapping[Pair, int]


def renewal(record: ConsentRecord, statements: Sequence[RegisteredStatement], at: datetime) -> Renewal:
    """What has to be asked to renew a record at a moment; `statements` are all that came from it, the newest first.

    What was refused, withdrawn, restricted or never granted is not for renewal: asking for it is a new request.
    """
    ask, hold = [], {}
    for item, recipient in record.asked:
        event = record.answer(item.pid, recipient)
        if event is None or event.event_state not in GIVEN or not permitted(record, item, recipient, at):
            continue
        for statement, grant in _granted(statements, item.purpose, recipient):
            ends = statement.document.not_after
            if event.ends <= max(at, ends):
                ask.append((item.pid, recipient))
            elif at >= ends and (left := grant.max_uses - statement.uses.get(grant.gid, 0)) > 0:
                hold[item.pid, recipient] = left
    return Renewal(new_id("cs"), tuple(ask), hold)


def answered(
    record: ConsentRecord, events: Sequence[ConsentEvent], how: Answering, ask: Sequence[Pair], at: datetime
) -> tuple[ConsentRecord, frozenset[Pair]]:
    """The record with new answers at its end, and what was said yes to; `ask` is what a renewal asks.

    A no is always taken. Raises `MalformedError` with the place of each fault in `/events`: event-in-future,
    question-not-open, consent-lapsed, renewal-not-asked, renewal-ends-sooner, answer-not-allowed, too-long, whatever a
    consent lacks to have effect, and the faults of a record that contradicts itself.
    """
    if len(record.events) + len(events) > MAX_EVENTS - ROOM_TO_END:
        raise MalformedError("too-long", "/events")
    longer = _extended(record, events)
    faults: list[Fault] = []
    given: set[Pair] = set()
    for position, event in enumerate(events):
        pairs = tuple(_pairs(record, event))
        given |= set(pairs) if event.event_state in GIVEN else set()
        codes = _against(record, event, how, pairs, frozenset(ask), at) or _lacks(longer, event)
        faults += [Fault(code, f"/events/{position}") for code in codes]
    if faults:
        raise MalformedError(faults[0].code, faults=tuple(dict.fromkeys(faults)))
    return longer, frozenset(given)


def _granted(
    statements: Sequence[RegisteredStatement], purpose: str, recipient: str
) -> Iterator[tuple[RegisteredStatement, Grant]]:
    """The newest statement that grants a pair, with the grant; nothing when none does."""
    for statement in statements:
        for grant in statement.document.grants:
            if statement.state in {"given", "expired"} and (grant.purpose, grant.recipient) == (purpose, recipient):
                yield statement, grant
                return


def _extended(record: ConsentRecord, events: Sequence[ConsentEvent]) -> ConsentRecord:
    try:
        return extended(record, events)
    except MalformedError as error:
        # The person at the keyboard has the new answers before them, not the record they go into.
        raise MalformedError(
            error.code, faults=tuple(_in_file(fault, len(record.events)) for fault in error.faults)
        ) from None


def _in_file(fault: Fault, before: int) -> Fault:
    parts = fault.pointer.split("/")
    if parts[1:2] == ["events"] and len(parts) > 2 and int(parts[2]) >= before:  # noqa: PLR2004 - an event's number
        parts[2] = str(int(parts[2]) - before)
    return Fault(fault.code, "/".join(parts))


def _pairs(record: ConsentRecord, event: ConsentEvent) -> Iterator[Pair]:
    for item, recipient in record.asked:
        if item.pid == event.purpose and (event.recipients is None or recipient in event.recipients):
            yield item.pid, recipient


def _against(
    record: ConsentRecord,
    event: ConsentEvent,
    how: Answering,
    pairs: Sequence[Pair],
    ask: frozenset[Pair],
    at: datetime,
) -> tuple[str, ...]:
    """Why an answer cannot be taken now, whatever it lacks; empty when it can."""
    if event.event_time > at:
        return ("event-in-future",)
    if event.event_state in _NO:
        return ()
    if event.event_state != _YES[how] and (how == "renew" or event.event_state not in _PUT_OFF):
        return ("answer-not-allowed",)
    if how == "renew":
        return _against_renewing(record, event, pairs, ask)
    where = {standing(record.answer(*pair), event.event_time) for pair in pairs}
    if "lapsed" in where:
        return ("consent-lapsed",)
    allowed = _OPEN if event.event_state in GIVEN else _OPEN - {"deferred"}
    return () if where <= allowed else ("question-not-open",)


def _against_renewing(
    record: ConsentRecord, event: ConsentEvent, pairs: Sequence[Pair], ask: frozenset[Pair]
) -> tuple[str, ...]:
    if not set(pairs) <= ask:
        return ("renewal-not-asked",)
    before = [earlier.ends for pair in pairs if (earlier := record.answer(*pair)) is not None]
    return ("renewal-ends-sooner",) if any(event.ends <= end for end in before) else ()


def _lacks(record: ConsentRecord, event: ConsentEvent) -> tuple[str, ...]:
    items = [item for item in record.processing.purposes if item.pid == event.purpose]
    return flaws(record, items[0], event) if event.event_state in GIVEN else ()
