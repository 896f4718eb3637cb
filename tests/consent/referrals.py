"""Referrals in any status and steps that may be taken, valid by default, and the table written down by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from consent.lifecycle import CLOSED, DRAFT, IllegalStep, ReferralState, Step, apply
from consent.transitions import Actor
from consent.vocabulary import STATUSES

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)
ACTORS: tuple[Actor, ...] = get_args(Actor)
# Read from the design by a person and written down again: actors, statuses it starts from, status it leads to
# (`=`: the same), finer status (`-`: none).
EXPECTED = {
    "T01": "requester -- draft -",
    "T02": "requester draft requested deposited",
    "T03": "owner requested requested seen",
    "T04": "broker requested cancelled undeliverable",
    "T05": "owner requested requested under-review",
    "T06": "owner requested requested info-requested",
    "T07": "requester requested requested info-provided",
    "T08": "owner requested accepted -",
    "T09": "owner requested rejected -",
    "T10": "requester requested cancelled withdrawn-by-requester",
    "T11": "broker requested cancelled no-response",
    "T12": "broker requested cancelled consent-ended",
    "T13": "owner accepted in-progress appointment-booked",
    "T14": "owner accepted in-progress service-started",
    "T15": "owner accepted,in-progress on-hold -",
    "T16": "owner on-hold in-progress -",
    "T17": "owner accepted,in-progress,on-hold completed -",
    "T18": "owner accepted,in-progress,on-hold failed -",
    "T19": "requester,owner accepted,in-progress,on-hold cancelled -",
    "T20": "owner accepted,in-progress,on-hold,requested = contact-attempted",
    "T21": "owner rejected,failed requested corrected",
    "T22": (
        "requester draft,requested,accepted,in-progress,on-hold,rejected,cancelled,failed,completed entered-in-error -"
    ),
    "T23": "requester rejected,cancelled,failed = re-referred",
    "T24": "requester rejected,cancelled,failed = follow-up-closed",
    "T25": "requester completed = loop-confirmed",
}
DETAILS: dict[str, dict[str, Any]] = {
    "T02": {"respond_by": NOW + 4 * HOUR},
    "T04": {"reason": "undeliverable"},
    "T06": {"reason": "info-needed", "asked": ("income-rights", "proof-of-income")},
    "T09": {"reason": "no-capacity"},
    "T10": {"reason": "solved-otherwise"},
    "T11": {"reason": "no-response"},
    "T12": {"reason": "consent-withdrawn"},
    "T15": {"reason": "waitlisted", "review_by": NOW + 48 * HOUR},
    "T17": {"outcome": "place-given"},
    "T18": {"reason": "no-show"},
    "T19": {"reason": "person-declined"},
    "T20": {"channel": "phone"},
    "T22": {"reason": "entered-in-error"},
    "T24": {"became": "nothing-available"},
    "T25": {"helped": "partly"},
}
SPARE: dict[str, Any] = {
    "respond_by": NOW + HOUR,
    "asked": ("identity",),
    "review_by": NOW + HOUR,
    "outcome": "served",
    "channel": "sms",
    "became": "solved",
    "helped": "yes",
}
RESERVED = ("no-response", "undeliverable", "consent-withdrawn", "consent-expired")


def actors_of(code: str) -> tuple[str, ...]:
    """Who may take a step, as written down above."""
    return tuple(EXPECTED[code].split()[0].split(","))


def sources_of(code: str) -> tuple[str, ...]:
    """Where a step may start, as written down above."""
    listed = EXPECTED[code].split()[1]
    return () if listed == "--" else tuple(listed.split(","))


def a_state(status: str = "requested", **changes: Any) -> ReferralState:  # noqa: ANN401 any member may change
    """A referral in a status, deposited an hour ago with four hours to answer."""
    state = ReferralState("requested", "deposited", "T02", delay=4 * HOUR, respond_by=NOW + 3 * HOUR)
    chosen = next(known for known in STATUSES if known == status)
    if chosen != "requested":
        state = replace(state, status=chosen, business_status=None, respond_by=None)
    if chosen in CLOSED:
        state = replace(state, closed_at=NOW - HOUR)
    return replace(DRAFT if chosen == "draft" else state, **changes)


def a_state_for(code: str, status: str) -> ReferralState:
    """A referral in a status, in the circumstance that a step calls for besides."""
    if status == "requested" and code == "T07":
        return a_state(status, respond_by=None, paused_left=2 * HOUR)
    if status == "requested" and code == "T11":
        return a_state(status, respond_by=NOW)
    return a_state(status)


def a_step(code: str, **changes: Any) -> Step:  # noqa: ANN401 any member may change
    """A step that brings all it must, by the first actor who may take it."""
    actor = next(known for known in ACTORS if known == actors_of(code)[0])
    return replace(Step(code, actor, NOW), **{**DETAILS.get(code, {}), **changes})


def taken(state: ReferralState, *steps: Step, re_referred: bool = False) -> ReferralState:
    """Where the steps lead; a refused one fails the test with its slug."""
    for step in steps:
        after = apply(state, step, re_referred=re_referred)
        assert isinstance(after, ReferralState), (step.transition, after)
        state = after
    return state


def refused(state: ReferralState, step: Step, *, re_referred: bool = False) -> tuple[str, str]:
    """Why a step is refused and at which member; a step that is taken fails the test."""
    answer = apply(state, step, re_referred=re_referred)
    assert isinstance(answer, IllegalStep), answer
    return answer.because, answer.field
