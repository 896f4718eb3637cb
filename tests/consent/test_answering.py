"""Answers that come later: what was put off, what ran out; only what has changed is asked."""

from datetime import datetime, timedelta
from typing import get_args

import pytest

from consent.answering import ROOM_TO_END, Answering, answered, renewal
from consent.answers import ConsentEvent, Restriction
from consent.projection import statement_from
from consent.record import MAX_EVENTS, ConsentRecord
from consent.revision import endings, extended, narrowed
from consent.statement import ConsentStatement, RegisteredStatement, succession_fault
from keys.documents import encode, format_time, sha256_hex, validate
from keys.errors import MalformedError
from tests.builders import (
    ABSENT,
    AGREEMENT_ID,
    AT,
    DAY,
    HEALTH,
    HEALTH_GIVEN,
    NEWCOMERS,
    SHELTER,
    STATEMENT_ID,
    derived_statement,
    record,
)

SHORT: dict[str, object] = HEALTH_GIVEN | {"/events/1/validity_duration": "P30D"}
"""Shelter for 90 days and health for 30: their statement ends after 30."""
MINUTE = timedelta(minutes=1)
P1, P2, P3 = ("p1", SHELTER), ("p2", HEALTH), ("p3", NEWCOMERS)


def event(pid: str, state: str, at: datetime = AT, **members: object) -> ConsentEvent:
    """An answer, spoken and express unless told otherwise."""
    usual: dict[str, object] = {
        "purpose": pid,
        "event_time": format_time(at),
        "event_state": f"dpv:{state}",
        "event_type": "dpv:ExplicitlyExpressedConsent",
        "worker": "int-9",
        "expression": {"how": "spoken", "script": "accueil-211/3"},
    }
    merged = {name: value for name, value in (usual | members).items() if value is not ABSENT}
    return validate(ConsentEvent, merged)


def registered(document: ConsentStatement, **uses: int) -> RegisteredStatement:
    """A statement with its digest and the uses spent."""
    return RegisteredStatement(document, sha256_hex(encode(document)), uses)


def refuses(
    kept: ConsentRecord, given: ConsentEvent, how: Answering, at: datetime = AT, ask: tuple[tuple[str, str], ...] = ()
) -> tuple[str, str]:
    """Why an answer is not taken, and where."""
    with pytest.raises(MalformedError) as caught:
        answered(kept, [given], how, ask, at)
    return caught.value.code, caught.value.pointer


# Renewals.


def test_a_renewal_asks_for_what_ran_out_and_nothing_else() -> None:
    """Health ran out with its statement and is asked; shelter holds for 60 more days and is carried over unasked."""
    kept, held = record(SHORT), registered(derived_statement(SHORT), g1=1)
    over = held.document.not_after
    again = renewal(kept, [held], over)
    assert again.ask == (P2,)
    assert again.hold == {P1: 1}
    assert again.statement_id != held.document.id


def test_what_still_stands_in_its_statement_is_not_carried_twice() -> None:
    """Asked a week early, the new statement holds what was asked; the rest goes on under the old one."""
    held = registered(derived_statement(SHORT))
    early = renewal(record(SHORT), [held], held.document.not_after - 7 * DAY)
    assert (early.ask, early.hold) == ((P2,), {})


def test_uses_that_are_spent_are_not_given_back() -> None:
    """A consent that holds but was used up is not carried over: more uses are a new request."""
    held = registered(derived_statement(SHORT), g1=2)
    assert renewal(record(SHORT), [held], held.document.not_after).hold == {}


def test_the_newest_statement_decides_what_has_run_out() -> None:
    """What was renewed once is judged by the statement it was renewed in."""
    first = registered(derived_statement(SHORT))
    over = first.document.not_after
    longer, given = answered(record(SHORT), [event("p2", "RenewedConsentGiven", over)], "renew", [P2], over)
    made = statement_from(
        longer, agreement_id=AGREEMENT_ID, statement_id="cs_" + "e" * 26, at=over, max_uses=1, only=given
    )
    assert [(grant.purpose, grant.recipient) for grant in made.grants] == [("referral-health", HEALTH)]
    assert made.not_after == over + 90 * DAY
    again = renewal(longer, [registered(made), first], over)
    assert (again.ask, again.hold) == ((P2,), {P1: 2})
    assert renewal(longer, [first], over).hold == {P1: 2, P2: 2}


def test_a_renewal_is_a_new_statement_and_leaves_the_old_one_alone() -> None:
    """No version may extend a period: the renewed consent has an id and a life of its own."""
    first = registered(derived_statement(SHORT))
    over = first.document.not_after
    longer, given = answered(record(SHORT), [event("p2", "RenewedConsentGiven", over)], "renew", [P2], over)
    assert narrowed(longer, first, over - DAY) is None
    made = statement_from(longer, agreement_id=AGREEMENT_ID, statement_id=STATEMENT_ID, at=over, max_uses=1, only=given)
    later = made.model_copy(update={"version": 2, "prev": first.sha256})
    assert succession_fault(first, later) == ("consent-widened", "/not_after")


def test_what_was_taken_back_refused_or_restricted_is_not_for_renewal() -> None:
    """Nobody is asked again, under the name of a renewal, for what they said no to."""
    held = registered(derived_statement(SHORT))
    over = held.document.not_after
    ended = extended(record(SHORT), endings(record(SHORT), "dpv:ConsentWithdrawn", AT, "int-9", [P2]))
    assert renewal(ended, [held], over).ask == ()
    notice = validate(Restriction, {"at": format_time(AT), "worker": "int-9", "recipients": [HEALTH]})
    assert renewal(extended(record(SHORT), (), [notice]), [held], over).ask == ()
    gone = registered(held.document.model_copy(update={"state": "withdrawn", "grants": ()}))
    assert renewal(record(SHORT), [gone], over).ask == ()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (event("p1", "RenewedConsentGiven", AT + 30 * DAY), "renewal-not-asked"),
        (event("p3", "RenewedConsentGiven", AT + 30 * DAY), "renewal-not-asked"),
        (event("p2", "ConsentGiven", AT + 30 * DAY), "answer-not-allowed"),
        (event("p2", "ConsentRequestDeferred", AT + 30 * DAY), "answer-not-allowed"),
        (event("p2", "RenewedConsentGiven", AT + 40 * DAY), "event-in-future"),
        (event("p2", "RenewedConsentGiven", AT + 5 * DAY, validity_duration="P20D"), "renewal-ends-sooner"),
        (event("p2", "RenewedConsentGiven", AT + 30 * DAY, expression=ABSENT), "consent-not-expressed"),
        (
            event("p2", "RenewedConsentGiven", AT + 30 * DAY, event_type="dpv:ExpressedConsent"),
            "express-consent-missing",
        ),
    ],
)
def test_a_renewal_renews_what_is_asked_and_as_a_consent_must_be_given(given: ConsentEvent, code: str) -> None:
    """Anything wider, shorter, dated ahead or lacking what the law asks for is refused at its place."""
    assert refuses(record(SHORT), given, "renew", AT + 31 * DAY, (P2,)) == (code, "/events/0")


# Questions that were put off.


def test_a_question_that_was_put_off_can_be_answered() -> None:
    """Yes within 24 hours is a consent of its own, which widens nothing that was registered before."""
    longer, given = answered(record(), [event("p3", "ConsentGiven")], "answer", (), AT)
    assert given == {P3}
    assert narrowed(longer, registered(derived_statement()), AT) is None


def test_a_no_is_always_taken() -> None:
    """To a question put off, lapsed, or already answered by a yes, by either door."""
    for how in get_args(Answering):
        for pid, at in (("p3", AT), ("p3", AT + 5 * DAY), ("p1", AT)):
            longer, given = answered(
                record(),
                [event(pid, "ConsentRefused", at, expression=ABSENT)],
                how,
                (),
                at,
            )
            assert given == frozenset()
            assert longer.events[-1].event_state == "dpv:ConsentRefused"


@pytest.mark.parametrize(
    ("given", "at", "code"),
    [
        (event("p3", "ConsentGiven", AT + DAY), AT + DAY, "consent-lapsed"),
        (event("p2", "ConsentGiven"), AT, "question-not-open"),
        (event("p1", "ConsentGiven"), AT, "question-not-open"),
        (event("p3", "ConsentRequestDeferred"), AT, "question-not-open"),
        (event("p3", "RenewedConsentGiven"), AT, "answer-not-allowed"),
        (event("p3", "ConsentUnknown"), AT, "answer-not-allowed"),
        (event("p3", "ConsentGiven", AT + MINUTE), AT, "event-in-future"),
    ],
)
def test_an_answer_that_cannot_be_taken_says_why(given: ConsentEvent, at: datetime, code: str) -> None:
    """A lapsed or closed question has to be put again, as a new consent; thinking it over is not extended."""
    assert refuses(record(), given, "answer", at) == (code, "/events/0")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (event("p9", "ConsentGiven"), ("purpose-not-asked", "/events/0/purpose")),
        (event("p3", "ConsentGiven", recipients=[SHELTER]), ("recipient-not-asked", "/events/0/recipients/0")),
        (event("p3", "ConsentGiven", AT - DAY), ("events-out-of-order", "/events/0/event_time")),
        (event("p3", "ConsentGiven", AT - 5 * MINUTE), ("answers-contradict", "/events/0/event_time")),
    ],
)
def test_an_answer_that_does_not_fit_its_record_is_told_where_it_was_written(
    given: ConsentEvent, expected: tuple[str, str]
) -> None:
    """The place is that in the file of answers, not in the record behind it."""
    assert refuses(record(), given, "answer") == expected


def test_two_answers_at_the_same_moment_contradict_each_other() -> None:
    """Yes and no at one moment: nobody could tell which was meant, so neither is taken."""
    both = [event("p3", "ConsentGiven"), event("p3", "ConsentRefused")]
    for pair in (both, both[::-1]):
        with pytest.raises(MalformedError) as caught:
            answered(record(), pair, "answer", (), AT)
        assert (caught.value.code, caught.value.pointer) == ("answers-contradict", "/events/1/event_time")


def test_there_is_always_room_to_take_something_back() -> None:
    """A record that is nearly full takes no new answer, and every withdrawal."""
    usual = record().events[1]
    many = [
        usual.model_copy(update={"event_time": AT + number * MINUTE}) for number in range(MAX_EVENTS - ROOM_TO_END - 3)
    ]
    full = extended(record(), many)
    at = full.events[-1].event_time + MINUTE
    assert refuses(full, event("p3", "ConsentRefused", at), "answer", at) == ("too-long", "/events")
    assert len(extended(full, endings(full, "dpv:ConsentWithdrawn", at, "int-9", [P1])).events) == len(full.events) + 1
