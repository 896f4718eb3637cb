"""Where a referral stands: the journal's steps in the journal's order, whoever tells them and whenever they come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.events import fold
from adapters.outgoing import Queued
from adapters.store.records import LoggedStep, Receipt, Referral, StepHeader
from consent.envelope import EventHeader, NoticeHeader, ReferralHeader
from consent.lifecycle import IllegalStep, Step, apply, deposit
from consent.passage import Refused
from keys.documents import validate
from keys.errors import MalformedError
from keys.identity import SigningKey
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived, sent
from tests.envelopes import event_members, notice_members, referral_members
from tests.invented import AT, BROKER, HEALTH, LINE, REF, SHELTER, signing_key

MINUTE = timedelta(minutes=1)
DUE = AT + timedelta(hours=1)


def referral(direction: Any = "received") -> Referral:  # noqa: ANN401 - either direction
    """A referral of the 211 line to the shelter, as one of the two has it."""
    header = validate(ReferralHeader, referral_members())
    peer = LINE if direction == "received" else SHELTER
    return Referral(REF, direction, peer, header, AT, deposited_at=AT, respond_by=DUE)


def step(place: int, ends: tuple[str, str], event: Mapping[str, object], at: datetime | None = None) -> LoggedStep:
    """A step at a place in the journal, from one end to the other."""
    sender, recipient = ends
    members = {"id": f"env_{'abcdefghijklmnopqrstuvwxyz234567'[place]}{'a' * 25}", "from": sender, "to": recipient}
    header: StepHeader
    if sender == BROKER:
        header = validate(NoticeHeader, notice_members() | members | {"event": dict(event)})
    else:
        header = validate(EventHeader, event_members() | members | {"event": dict(event)})
    return LoggedStep(header, Receipt(b"receipt", at or AT + place * MINUTE, place), b"wire")


def ours(place: int, transition: str, **event: object) -> LoggedStep:
    """A step of the owner."""
    return step(place, (SHELTER, LINE), {"transition": transition, **event})


def theirs(place: int, transition: str, **event: object) -> LoggedStep:
    """A step of the requester."""
    return step(place, (LINE, SHELTER), {"transition": transition, **event})


def test_a_referral_begins_when_the_broker_took_it() -> None:
    """Before that it is a draft; from then on its answer is awaited."""
    waiting = referral()
    assert fold(waiting, []).state == deposit(AT, DUE)
    unsent = Referral(REF, "sent", SHELTER, waiting.header, AT)
    assert fold(unsent, []).state.status == "draft"


@pytest.mark.parametrize("direction", ["sent", "received"])
def test_both_sides_fold_the_same_steps_to_the_same_state(direction: str) -> None:
    """The requester's copy and the owner's copy agree, because both follow the journal."""
    steps = [ours(1, "T03"), ours(2, "T08"), ours(3, "T15", reason="waitlisted", review_by="2026-03-05T05:00:00.000Z")]
    state = fold(referral(direction), [*steps, ours(4, "T16"), ours(5, "T17", outcome="served")]).state
    assert (state.status, state.closed_at) == ("completed", AT + 5 * MINUTE)


@given(st.permutations(range(1, 5)))
def test_the_order_in_which_news_arrives_does_not_matter(order: list[int]) -> None:
    """Kept by their place in the journal, steps give one state however they came."""
    steps = {1: ours(1, "T03"), 2: ours(2, "T08"), 3: ours(3, "T14"), 4: ours(4, "T17", outcome="served")}
    known = sorted((steps[place] for place in order), key=lambda item: item.receipt.index)
    assert fold(referral(), known).state.status == "completed"


@pytest.mark.parametrize(
    "trick",
    [
        theirs(1, "T08"),
        ours(1, "T10", reason="other"),
        ours(1, "T16"),
        ours(1, "T17", outcome="served"),
        step(1, (HEALTH, SHELTER), {"transition": "T10", "reason": "other"}),
        step(1, (BROKER, SHELTER), {"transition": "T11", "reason": "no-response"}),
    ],
)
def test_a_step_that_may_not_be_changes_nothing_and_is_named(trick: LoggedStep) -> None:
    """The wrong side, the wrong state, a stranger, or a timer before its time: each is told, none is believed."""
    standing = fold(referral(), [trick, ours(2, "T08")])
    assert (standing.state.status, standing.illegal) == ("accepted", (trick.header.id,))


def test_the_broker_ends_what_nobody_answered() -> None:
    """Silence is an outcome: the broker's own notice closes the referral once the time is over."""
    late = step(9, (BROKER, SHELTER), {"transition": "T11", "reason": "no-response"}, DUE + MINUTE)
    state = fold(referral(), [late]).state
    assert (state.status, state.business_status) == ("cancelled", "no-response")


_EVENTS = [
    {"transition": "T03"},
    {"transition": "T05"},
    {"transition": "T08"},
    {"transition": "T09", "reason": "no-capacity"},
    {"transition": "T14"},
    {"transition": "T16"},
    {"transition": "T17", "outcome": "served"},
    {"transition": "T18", "reason": "no-show"},
]


@given(st.lists(st.sampled_from(_EVENTS), max_size=6))
def test_folding_is_the_state_machine_and_nothing_else(events: list[dict[str, str]]) -> None:
    """Each legal step leads where the one state machine leads; each other one is listed as illegal."""
    steps = [step(place, (SHELTER, LINE), event) for place, event in enumerate(events, start=1)]
    state, illegal = deposit(AT, DUE), []
    for item in steps:
        event = item.event
        taken = apply(
            state, Step(event.transition, "owner", item.receipt.at, reason=event.reason, outcome=event.outcome)
        )
        if isinstance(taken, IllegalStep):
            illegal.append(item.header.id)
        else:
            state = taken
    assert (fold(referral(), steps).state, list(fold(referral(), steps).illegal)) == (state, illegal)


def test_an_illegal_step_is_refused_here_before_anything_leaves(laval: Town) -> None:
    """Wrong state, missing reason, reserved reason, unknown code: told at once, and the broker hears nothing."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    deposits = len(broker.deposits)
    assert shelter.adapter.start(ref) == Refused("transition-not-from-here", "", "/event/transition")
    assert line.adapter.accept(ref) == Refused("transition-not-yours", "", "/event/transition")
    assert shelter.adapter.decline(ref, "no-response") == Refused("reason-reserved", "", "/event/reason")
    with pytest.raises(MalformedError, match="unknown-code"):
        shelter.adapter.complete(ref, "miracle")
    assert line.adapter.step("ref_" + "z" * 26, broker_event()) == Refused("referral-unknown", "", "/ref")
    assert len(broker.deposits) == deposits


def broker_event() -> Any:  # noqa: ANN401 - any valid event
    """A valid event."""
    return validate(EventHeader, event_members()).event


def test_steps_that_wait_count_as_taken(laval: Town) -> None:
    """Offline, one may go on: seen, accepted, completed; but not accept twice."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    for act in (shelter.adapter.seen, shelter.adapter.accept):
        assert isinstance(act(ref), Queued)
    assert shelter.adapter.accept(ref) == Refused("transition-not-from-here", "", "/event/transition")
    assert isinstance(shelter.adapter.complete(ref, "served"), Queued)
    assert shelter.adapter.show(ref).state.status == "requested"


def test_a_referral_may_be_withdrawn_before_its_answer_came(laval: Town) -> None:
    """It may have left: the withdrawal follows it out of the door, in order."""
    broker, line, shelter = laval
    queued = sent(line)
    line.client.cut_off("deposit")
    line.adapter.outbox.flush()
    broker.clock.forward(seconds=5)
    assert isinstance(line.adapter.cancel(queued.ref, "other"), Queued)
    line.adapter.sync()
    assert broker.referrals[queued.ref].state.status == "cancelled"
    assert line.adapter.show(queued.ref).state.business_status == "withdrawn-by-requester"
    shelter.adapter.sync()
    assert shelter.adapter.show(queued.ref).state.status == "cancelled"


def _event(line_key: SigningKey, **members: object) -> tuple[EventHeader, SigningKey]:
    usual = event_members() | {"from": LINE, "to": SHELTER, "event": {"transition": "T10", "reason": "other"}}
    return validate(EventHeader, usual | members), line_key


def test_an_event_with_a_signature_of_somebody_else_is_an_alarm_and_is_passed_over(laval: Town) -> None:
    """The stream goes on behind it, and the referral does not move."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    with shelter.store.transaction() as tx:
        [agreement] = tx.papers.agreements()
    forged, key = _event(signing_key(LINE, "stolen"), ref=ref, agreement_sha256=agreement.sha256)
    broker.tell(forged, lambda: key)
    assert shelter.adapter.sync().told == [""]
    assert [alarm.code for alarm in shelter.adapter.alarms()] == ["key-unknown"]
    assert shelter.adapter.show(ref).state.status == "requested"
    line.adapter.cancel(ref, "other")
    line.adapter.sync()
    shelter.adapter.sync()
    assert shelter.adapter.show(ref).state.status == "cancelled"


def test_news_ahead_of_the_journal_is_read_again_later(laval: Town) -> None:
    """The cursor stays before an event whose key cannot be judged yet, and nothing is lost."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.accept(ref)
    shelter.adapter.sync()
    stream = line.adapter.stream
    assert (stream.work(), stream.behind) == ([], True)
    line.adapter.read_journal()
    assert (stream.work(), stream.behind) == ([ref], False)
    assert (stream.work(), stream.behind) == ([], False)


def test_news_about_a_referral_not_leased_yet_waits_for_it(laval: Town) -> None:
    """A withdrawal read before its referral takes effect as soon as the referral is here."""
    _, line, shelter = laval
    queued = sent(line)
    line.adapter.outbox.flush()
    line.adapter.cancel(queued.ref, "solved-otherwise")
    line.adapter.sync()
    shelter.adapter.read_journal()
    assert shelter.adapter.stream.work() == [queued.ref]
    assert shelter.adapter.referrals() == []
    shelter.adapter.sync()
    assert shelter.adapter.referrals()[0].status == "cancelled"


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_crash_while_reading_news_neither_misses_nor_doubles(laval: Town, cut: str) -> None:
    """The cursor and the step are one transaction."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.accept(ref)
    shelter.adapter.sync()
    line.adapter.read_journal()
    getattr(line.client, cut)["events"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        line.adapter.stream.work()
    line.restart()
    line.adapter.stream.work()
    line.adapter.stream.work()
    assert [item.event.transition for item in line.adapter.show(ref).steps] == ["T08"]
