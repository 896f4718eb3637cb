"""What follows when something is taken back: narrower, never wider, and never back to life."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from consent.record import ConsentRecord, record_commitment
from consent.revision import Ending, chosen, endings, extended, narrowed, next_moment, outranked, refusals
from consent.statement import RegisteredStatement, succession_fault
from keys.documents import encode, format_time
from keys.errors import MalformedError
from tests.builders import AT, DAY, HEALTH, HEALTH_GIVEN, NEWCOMERS, SHELTER, record
from tests.revisions import BOTH, LATER, MINUTE, WORKER, first, granted, registered, restriction, withdrawn


@pytest.mark.parametrize(
    ("purposes", "recipients", "left"),
    [
        (["referral-health"], [], [("referral-shelter", SHELTER), ("referral-shelter", NEWCOMERS)]),
        ([], [SHELTER], [("referral-shelter", NEWCOMERS), ("referral-health", HEALTH)]),
        (["referral-shelter"], [NEWCOMERS], [("referral-shelter", SHELTER), ("referral-health", HEALTH)]),
        ([], [], []),
    ],
)
def test_what_is_withdrawn_goes_and_the_rest_stays(
    purposes: list[str], recipients: list[str], left: list[tuple[str, str]]
) -> None:
    """A purpose, a recipient, one recipient of a purpose, or everything; the next version says just that."""
    before, after = first(), withdrawn(record(BOTH), purposes, recipients)
    made = narrowed(after, before, LATER)
    assert granted(made) == left
    assert made is not None
    assert (made.version, made.prev, made.state) == (2, before.sha256, "given" if left else "withdrawn")
    assert made.record_commitment == record_commitment(encode(after), after.salt)
    assert succession_fault(before, made) is None
    assert (made.not_before, made.not_after) == (before.document.not_before, before.document.not_after)


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        ("dpv:ConsentWithdrawn", "withdrawn"),
        ("dpv:ConsentRevoked", "revoked"),
        ("dpv:ConsentInvalidated", "invalidated"),
    ],
)
def test_an_ending_tells_who_ended_it(state: Ending, ending: str) -> None:
    """By the person, by the organisation, or by an authority."""
    made = narrowed(withdrawn(record(BOTH), state=state), first(), LATER)
    assert made is not None
    assert (made.state, made.grants) == (ending, ())


def test_the_last_word_tells_how_it_ended() -> None:
    """What was revoked in part and then withdrawn is withdrawn."""
    partly = withdrawn(record(BOTH), ["referral-health"], state="dpv:ConsentRevoked")
    made = narrowed(withdrawn(partly, at=LATER + DAY), first(), LATER + DAY)
    assert made is not None
    assert made.state == "withdrawn"


def test_nothing_new_is_no_new_version() -> None:
    """An unchanged record, a refusal of what was never given, a notice about something else: nothing to say."""
    before = first()
    assert narrowed(record(BOTH), before, LATER) is None
    assert narrowed(extended(record(BOTH), (), [restriction(recipients=["autre@laval"])]), before, LATER) is None


def test_a_restriction_takes_sections_away_and_whole_grants_with_the_last_one() -> None:
    """The section goes everywhere it was granted; a grant without sections goes too; nothing left is an ending."""
    kept = record(BOTH)
    made = narrowed(extended(kept, (), [restriction(sections=["contact", "health-note"])]), first(), LATER)
    assert made is not None
    assert [grant.sections for grant in made.grants] == [("identity", "housing", "worker")] * 2 + [("identity",)]
    made = narrowed(extended(kept, (), [restriction(sections=["identity", "health-note"])]), first(), LATER)
    assert granted(made) == [("referral-shelter", SHELTER), ("referral-shelter", NEWCOMERS)]
    made = narrowed(extended(kept, (), [restriction()]), first(), LATER)
    assert made is not None
    assert (made.state, made.grants) == ("withdrawn", ())


def test_what_ended_never_comes_back() -> None:
    """Given again in the same record, or a notice that ran out: the old statement stays as narrow as it became."""
    kept = withdrawn(record(BOTH), ["referral-health"])
    second = narrowed(kept, first(), LATER)
    assert second is not None
    again = record(BOTH).answer("p2", HEALTH)
    assert again is not None
    back = again.model_copy(update={"event_time": LATER + DAY})
    assert narrowed(extended(kept, [back]), registered(second), LATER + 2 * DAY) is None
    ended = narrowed(withdrawn(kept), registered(second), LATER)
    assert ended is not None
    assert narrowed(extended(withdrawn(kept), [back]), registered(ended), LATER + 2 * DAY) is None


def test_a_statement_that_is_over_needs_no_ending() -> None:
    """Once its period has run out, or its code was used, there is nothing to narrow."""
    before, after = first(), withdrawn(record(BOTH))
    assert narrowed(after, before, before.document.not_after) is None
    by_code = RegisteredStatement(before.document, before.sha256, ended="withdrawn")
    assert narrowed(after, by_code, LATER) is None


def test_withdrawing_twice_says_it_once() -> None:
    """Taking back what was taken back adds nothing; what was refused or put off is no consent to take back."""
    once = withdrawn(record(BOTH))
    assert len(once.events) == len(record(BOTH).events) + 2
    assert withdrawn(once, at=LATER + DAY) == once
    assert endings(record(), "dpv:ConsentWithdrawn", AT, WORKER, [("p2", HEALTH), ("p3", NEWCOMERS)]) == ()


def test_a_slip_of_the_pen_withdraws_nothing_in_silence() -> None:
    """A purpose or recipient that the record does not have is told, and the value is not repeated."""
    for purposes, recipients, code in (
        (["referral-food"], [], "purpose-not-in-record"),
        ([], ["canari@laval"], "recipient-not-in-record"),
    ):
        with pytest.raises(MalformedError) as caught:
            chosen(record(), purposes, recipients)
        assert caught.value.code == code
        assert "canari" not in repr(caught.value)


def test_a_clock_that_was_put_back_does_not_keep_a_consent_alive() -> None:
    """What is said now comes after everything the record holds."""
    kept = record(BOTH)
    after = withdrawn(kept, at=AT - 100 * DAY)
    assert next_moment(kept, AT - 100 * DAY) == kept.events[-1].event_time + timedelta(milliseconds=1)
    made = narrowed(after, first(), AT)
    assert made is not None
    assert made.state == "withdrawn"


def refused(*, sections: Sequence[str], at: datetime) -> ConsentRecord:
    """Another record of the same person, in which the shelter is refused."""
    return record(
        {
            "/header/record_id": "rec_" + "f" * 26,
            "/processing/purposes/0/sections": list(sections),
            "/events": [
                {
                    "purpose": "p1",
                    "event_time": format_time(at),
                    "event_state": "dpv:ConsentRefused",
                    "worker": WORKER,
                }
            ],
        }
    )


def test_a_refusal_elsewhere_outranks_what_was_given_before_it() -> None:
    """All that was granted for the purpose to the recipient is refused; what else was given stands."""
    kept, sections = record(HEALTH_GIVEN), ["identity", "contact", "housing", "worker", "safety"]
    for at, gone in ((LATER, True), (kept.events[0].event_time, True), (kept.events[0].event_time - MINUTE, False)):
        events, notices = outranked(kept, refusals([refused(sections=sections, at=at)]), LATER, WORKER)
        assert ([event.purpose for event in events], notices) == (["p1"] if gone else [], ())
    made = narrowed(extended(kept, *outranked(kept, refusals([refused(sections=sections, at=LATER)]), LATER, WORKER)),
                    first(HEALTH_GIVEN), LATER)  # fmt: skip
    assert granted(made) == [("referral-health", HEALTH)]


def test_refusing_one_more_section_does_not_take_the_others() -> None:
    """Refusing one thing never blocks the rest: only what was refused is kept back."""
    kept = record()
    assert outranked(kept, refusals([refused(sections=["safety"], at=LATER)]), LATER, WORKER) == ((), ())
    events, notices = outranked(kept, refusals([refused(sections=["safety", "contact"], at=LATER)]), LATER, WORKER)
    made = narrowed(extended(kept, events, notices), first({}), LATER)
    assert made is not None
    assert [grant.sections for grant in made.grants] == [("identity", "housing", "worker")]
    longer = extended(kept, events, notices)
    assert outranked(longer, refusals([refused(sections=["safety", "contact"], at=LATER)]), LATER, WORKER) == ((), ())


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"/restrictions": [{"at": format_time(AT), "worker": "x", "sections": []}]}, "too-short", "sections"),
        ({"/restrictions": [{"at": format_time(AT), "worker": "x", "sections": ["x"]}]}, "unknown-code", "sections/0"),
        (
            {"/restrictions": [{"at": format_time(AT), "worker": "x", "recipients": [SHELTER, SHELTER]}]},
            *("duplicate-entry", "recipients/1"),
        ),
        (
            {"/restrictions": [{"at": format_time(AT), "worker": "x", "until": format_time(AT)}]},
            *("period-reversed", "until"),
        ),
    ],
)
def test_a_notice_with_a_slip_is_refused(changes: dict[str, object], code: str, pointer: str) -> None:
    """Each slip at its own place."""
    with pytest.raises(MalformedError) as caught:
        record(changes)
    assert (caught.value.code, caught.value.pointer) == (code, f"/restrictions/0/{pointer}")
