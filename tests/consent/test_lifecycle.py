"""The life of a referral: its clock, its pauses, its corrections, its follow-up, and what no sequence can do."""

import ast
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.lifecycle import (
    CLOSED,
    DRAFT,
    FOLLOW_UP_TIME,
    IllegalStep,
    ReferralState,
    Step,
    apply,
    closed,
    deposit,
    possible,
)
from consent.transitions import Actor
from consent.vocabulary import REASONS, STATUSES, Status
from consent.words import words
from keys.errors import MalformedError
from tests.consent.referrals import (
    ACTORS,
    EXPECTED,
    NOW,
    RESERVED,
    SPARE,
    a_state,
    a_state_for,
    a_step,
    actors_of,
    refused,
    sources_of,
    taken,
)
from tests.repository import SOURCES

HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)


def test_dates_to_come_are_to_come() -> None:
    """A review date or a time to answer that is not later than the step is refused."""
    assert refused(a_state("accepted"), a_step("T15", review_by=NOW)) == ("review-date-past", "review_by")
    assert refused(DRAFT, a_step("T02", respond_by=NOW)) == ("respond-by-past", "respond_by")
    assert taken(a_state("accepted"), a_step("T15", review_by=NOW + MOMENT)).review_by == NOW + MOMENT


def test_a_deposit_starts_the_clock() -> None:
    """A deposited referral is requested and has all the agreed time to be answered."""
    state = deposit(NOW, NOW + 4 * HOUR)
    assert state == ReferralState("requested", "deposited", "T02", delay=4 * HOUR, respond_by=NOW + 4 * HOUR)
    assert not closed(state)
    with pytest.raises(MalformedError) as caught:
        deposit(NOW, NOW)
    assert (caught.value.code, caught.value.pointer) == ("respond-by-past", "/respond_by")


def test_silence_is_an_outcome_at_the_deadline_and_not_before() -> None:
    """The broker says no-response from the moment agreed on, never earlier, never while the clock is paused."""
    state = deposit(NOW, NOW + HOUR)
    assert refused(state, a_step("T11", at=NOW + HOUR - MOMENT)) == ("deadline-not-reached", "")
    assert taken(state, a_step("T11", at=NOW + HOUR)).business_status == "no-response"
    paused = taken(state, a_step("T06"))
    assert refused(paused, a_step("T11", at=NOW + 99 * HOUR)) == ("deadline-not-reached", "")


def test_a_review_extends_the_time_once() -> None:
    """Putting under review gives the agreed time once more, and putting under review again gives nothing."""
    once = taken(deposit(NOW, NOW + HOUR), a_step("T05"))
    assert (once.respond_by, once.extended) == (NOW + 2 * HOUR, True)
    again = taken(once, a_step("T03"), a_step("T05"))
    assert (again.respond_by, again.business_status) == (NOW + 2 * HOUR, "under-review")


def test_asking_pauses_the_clock_and_the_answer_resumes_it() -> None:
    """What was left when the owner asked is what is left when the requester has answered."""
    asked = taken(deposit(NOW, NOW + 4 * HOUR), a_step("T06", at=NOW + HOUR))
    assert (asked.respond_by, asked.paused_left, asked.info_requested) == (None, 3 * HOUR, True)
    answered = taken(asked, a_step("T07", at=NOW + 50 * HOUR))
    assert (answered.respond_by, answered.info_requested) == (NOW + 53 * HOUR, False)
    assert refused(answered, a_step("T07")) == ("info-not-requested", "")
    assert refused(deposit(NOW, NOW + HOUR), a_step("T07")) == ("info-not-requested", "")


def test_asking_again_gives_no_time_back() -> None:
    """A second question while the clock is paused keeps what was left; one after the deadline leaves nothing."""
    asked = taken(deposit(NOW, NOW + 4 * HOUR), a_step("T06", at=NOW + HOUR), a_step("T06", at=NOW + 9 * HOUR))
    assert asked.paused_left == 3 * HOUR
    late = taken(deposit(NOW, NOW + HOUR), a_step("T06", at=NOW + 2 * HOUR))
    assert (late.paused_left, late.info_requested) == (timedelta(0), True)
    assert taken(late, a_step("T07", at=NOW + 3 * HOUR)).respond_by == NOW + 3 * HOUR


def test_a_review_during_a_pause_extends_what_is_left() -> None:
    """The extension is not lost when the clock is paused, and the question stays open."""
    state = taken(deposit(NOW, NOW + 4 * HOUR), a_step("T06", at=NOW + HOUR), a_step("T05", at=NOW + 2 * HOUR))
    assert (state.paused_left, state.extended, state.info_requested) == (7 * HOUR, True, True)


@pytest.mark.parametrize("code", ["T04", "T08", "T09", "T10", "T12", "T22"])
def test_an_answer_stops_the_clock(code: str) -> None:
    """Once answered or ended, no time runs and no question is open, even if the clock was paused."""
    for state in (a_state(), taken(a_state(), a_step("T06"))):
        after = taken(state, a_step(code))
        assert (after.respond_by, after.paused_left, after.info_requested) == (None, None, False)


@pytest.mark.parametrize(("code", "status"), [("T09", "requested"), ("T18", "accepted")])
def test_a_slip_is_corrected_within_a_day(code: str, status: str) -> None:
    """Up to 24 h after it, a refusal or a failure can be undone, and the time to answer starts again."""
    over = taken(a_state(status), a_step(code))
    state = taken(over, a_step("T21", at=NOW + 24 * HOUR))
    assert (state.status, state.respond_by, state.closed_at) == ("requested", NOW + 28 * HOUR, None)
    assert state.follow_up_by is None
    assert refused(over, a_step("T21", at=NOW + 24 * HOUR + MOMENT)) == ("correction-too-late", "")
    assert refused(over, a_step("T21"), re_referred=True) == ("already-re-referred", "")


def test_a_correction_gives_no_second_extension() -> None:
    """Declining by mistake and correcting does not make the time extensible again."""
    state = taken(deposit(NOW, NOW + HOUR), a_step("T05"), a_step("T09"), a_step("T21"), a_step("T05"))
    assert state.respond_by == NOW + HOUR


def test_a_refusal_opens_a_duty_of_fourteen_days() -> None:
    """After a refusal the requester has 14 days to re-refer or to tell what became of the person."""
    over = taken(a_state(), a_step("T09"))
    assert over.follow_up_by == NOW + timedelta(days=14) == NOW + FOLLOW_UP_TIME
    assert taken(over, a_step("T23"), re_referred=True).follow_up_by is None
    assert taken(over, a_step("T24")).follow_up_by is None
    assert taken(over, a_step("T22")).follow_up_by is None
    assert refused(over, a_step("T23")) == ("re-referral-missing", "")
    for code in ("T04", "T10", "T12"):
        assert taken(a_state(), a_step(code)).follow_up_by is None


def test_on_hold_has_a_review_date_until_it_is_left() -> None:
    """The review date stands while waiting, through attempts to make contact, and no longer."""
    waiting = taken(a_state("accepted"), a_step("T15"), a_step("T20"), a_step("T20", channel="sms"))
    assert (waiting.status, waiting.review_by, waiting.contact_attempts) == ("on-hold", NOW + 48 * HOUR, 2)
    assert taken(waiting, a_step("T16")).review_by is None
    assert taken(waiting, a_step("T17")).review_by is None


def test_closing_again_does_not_move_the_date() -> None:
    """A referral closed and later marked as an error keeps the moment it was first closed."""
    over = taken(a_state("accepted"), a_step("T17"))
    assert (over.closed_at, closed(over)) == (NOW, True)
    assert taken(over, a_step("T25", at=NOW + HOUR), a_step("T22", at=NOW + 2 * HOUR)).closed_at == NOW


def test_the_same_referral_from_deposit_to_the_persons_word() -> None:
    """Opened, asked about, answered, accepted, waiting, resumed, completed, confirmed by the person."""
    state = deposit(NOW, NOW + 4 * HOUR)
    for code in ("T03", "T06", "T07", "T08", "T15", "T16", "T20", "T17", "T25"):
        state = taken(state, a_step(code))
    assert (state.status, state.business_status, state.contact_attempts) == ("completed", "loop-confirmed", 1)


def test_what_is_shown_as_possible() -> None:
    """An interface shows the steps that an actor can take from here, and not those whose time is not."""
    state = deposit(NOW, NOW + HOUR)
    assert _codes(state, "owner") == "T03 T05 T06 T08 T09 T20"
    assert _codes(state, "requester") == "T10 T22"
    assert _codes(state, "broker") == "T04 T11 T12"
    assert _codes(state, "broker", at=NOW) == "T04 T12"
    assert _codes(taken(state, a_step("T06")), "requester") == "T07 T10 T22"
    over = taken(state, a_step("T09"))
    assert (_codes(over, "owner", at=NOW), _codes(over, "owner", at=NOW + 25 * HOUR)) == ("T21", "")
    assert _codes(over, "requester") == "T22 T23 T24"
    assert _codes(DRAFT, "requester") == "T02 T22"
    assert [_codes(a_state("entered-in-error"), actor) for actor in ACTORS] == ["", "", ""]


def _codes(state: ReferralState, actor: Actor, at: datetime | None = None) -> str:
    return " ".join(transition.code for transition in possible(state, actor, at=at))


def test_every_refusal_has_words_in_both_languages() -> None:
    """Each slug that the state machine can answer has a title and a remedy in French and in English."""
    tree = ast.parse(SOURCES["consent/lifecycle.py"])
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    slugs = {
        *("transition-unknown", "transition-not-yours", "transition-not-from-here", "reason-required"),
        *("reason-not-allowed", "reason-reserved", "respond-by-required", "respond-by-past", "asked-required"),
        *("review-date-required", "review-date-past", "outcome-required", "channel-required", "unknown-code"),
        *("became-required", "helped-required", "detail-not-expected", "info-not-requested"),
        *("correction-too-late", "already-re-referred", "re-referral-missing", "deadline-not-reached"),
    }
    assert slugs <= literals
    assert all(
        words(f"error.{slug}.{part}", "fr") and words(f"error.{slug}.{part}", "en")
        for slug in slugs
        for part in ("title", "remedy")
    )


def _sent(data: st.DataObject, state: ReferralState, at: datetime) -> Step:
    """A step as anybody could send it, often a plausible one, with any reason or detail now and then."""
    plausible = [code for code in EXPECTED if state.status in sources_of(code)]
    code = data.draw(st.sampled_from(plausible * 5 + list(EXPECTED)))
    step = replace(a_step(code), at=at)
    if step.review_by is not None:
        step = replace(step, review_by=at + HOUR)
    if step.respond_by is not None:
        step = replace(step, respond_by=at + HOUR)
    match data.draw(st.sampled_from(["as it should be"] * 4 + ["actor", "reason", "detail"])):
        case "actor":
            return replace(step, actor=data.draw(st.sampled_from(ACTORS)))
        case "reason":
            return replace(step, reason=data.draw(st.sampled_from([None, *REASONS])))
        case "detail":
            field = data.draw(st.sampled_from(list(SPARE)))
            return replace(step, **{field: SPARE[field]})
        case _:
            return step


@given(st.data(), st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=30))
def test_no_sequence_leaves_the_table(data: st.DataObject, moments: list[tuple[int, bool]]) -> None:
    """Whatever is sent, a referral moves only as written down, and its dates fit where it stands."""
    state, at = DRAFT, NOW
    for hours, re_referred in moments:
        at += hours * HOUR
        step = _sent(data, state, at)
        after = apply(state, step, re_referred=re_referred)
        if isinstance(after, IllegalStep):
            assert words(f"error.{after.because}.title", "fr")
            continue
        target = EXPECTED[step.transition].split()[2]
        assert step.transition in _codes(state, step.actor, at=at).split()
        assert step.actor in actors_of(step.transition)
        assert state.status in sources_of(step.transition)
        assert after.status == (state.status if target == "=" else target)
        _check_dates(state, after)
        state = after


def _check_dates(before: ReferralState, after: ReferralState) -> None:
    assert (after.closed_at is not None) == closed(after) == (after.status in CLOSED)
    assert (after.review_by is not None) == (after.status == "on-hold")
    assert after.follow_up_by is None or after.status == "rejected"
    running = (after.respond_by is not None) + (after.paused_left is not None)
    assert running == (1 if after.status == "requested" else 0)
    assert after.extended >= before.extended
    assert after.contact_attempts - before.contact_attempts == (after.last_transition == "T20")


@given(
    st.sampled_from(list(EXPECTED)),
    st.sampled_from(STATUSES),
    st.sampled_from(["requester", "owner"]),
    st.sampled_from(RESERVED),
    st.booleans(),
)
def test_a_party_never_speaks_as_the_broker(
    code: str,
    status: Status,
    party: Actor,
    reason: str,
    re_referred: bool,  # noqa: FBT001 - hypothesis gives it by position
) -> None:
    """No step of any kind, from anywhere, lets a party claim silence, non-delivery or the end of consent."""
    step = a_step(code, actor=party, reason=reason)
    assert isinstance(apply(a_state_for(code, status), step, re_referred=re_referred), IllegalStep)
