"""The table of steps: each row legal where it says, and nowhere else, for no one else, with nothing else."""

from itertools import product

import pytest

from consent import tabular
from consent.lifecycle import IllegalStep, ReferralState, Step, apply
from consent.transitions import TRANSITIONS, Transition
from consent.vocabulary import REASONS, STATUSES, terms
from keys.errors import MalformedError
from tests.consent.referrals import (
    ACTORS,
    DETAILS,
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

REASONS_BY_STEP = {
    "T04": "undeliverable",
    "T06": "info-needed",
    "T09": (
        "no-capacity waitlisted no-compatible-place no-funds service-closed out-of-hours language-gap not-eligible"
        " missing-document out-of-area wrong-service duplicate already-served person-declined not-mobile"
        " category-not-consented safety-risk other"
    ),
    "T10": "duplicate already-served unreachable person-declined solved-otherwise deceased safety-risk other",
    "T11": "no-response",
    "T12": "consent-withdrawn consent-expired",
    "T15": "no-capacity waitlisted assessment-needed missing-document barrier category-not-consented other",
    "T18": "no-funds unreachable no-show person-declined barrier not-mobile other",
    "T19": "duplicate already-served unreachable person-declined solved-otherwise deceased safety-risk other",
    "T22": "entered-in-error",
}


@pytest.mark.parametrize("code", EXPECTED)
def test_a_step_is_taken_from_each_of_its_statuses(code: str) -> None:
    """Each row leads from every status it names to the status and the finer status it names."""
    target, finer = EXPECTED[code].split()[2:]
    for status, actor in product(sources_of(code), actors_of(code)):
        after = taken(a_state_for(code, status), a_step(code, actor=actor), re_referred=code == "T23")
        assert after.status == (status if target == "=" else target)
        assert after.business_status == (None if finer == "-" else finer)
        assert after.last_transition == code


@pytest.mark.parametrize("code", EXPECTED)
def test_no_step_starts_elsewhere(code: str) -> None:
    """From every other status the step is refused, whatever it brings."""
    for status in set(STATUSES) - set(sources_of(code)):
        answer = refused(a_state_for(code, status), a_step(code), re_referred=code == "T23")
        assert answer == ("transition-not-from-here", "transition")


@pytest.mark.parametrize("code", EXPECTED)
def test_nobody_takes_the_step_of_another(code: str) -> None:
    """An actor the row does not name is refused, from every status."""
    for status, actor in product(STATUSES, set(ACTORS) - set(actors_of(code))):
        answer = refused(a_state_for(code, status), a_step(code, actor=actor), re_referred=code == "T23")
        assert answer == ("transition-not-yours", "transition")


def test_the_table_has_these_rows_and_no_other() -> None:
    """A row that comes or goes is a decision: it is written down in this test too."""
    assert list(TRANSITIONS) == list(EXPECTED)


@pytest.mark.parametrize("code", ["", "T00", "T26", "t03", "T03 ", "Inventée"])
def test_an_invented_step_is_refused(code: str) -> None:
    """A step outside the table is refused without being repeated."""
    answer = apply(a_state(), Step(code, "owner", NOW))
    assert answer == IllegalStep("transition-unknown", "transition")
    assert not code or code not in repr(answer)


@pytest.mark.parametrize("code", EXPECTED)
def test_a_step_takes_its_own_reasons_only(code: str) -> None:
    """Of all thirty reasons and of an invented one, a step takes exactly those that fit where it leads."""
    allowed = set(REASONS_BY_STEP.get(code, "").split())
    assert set(TRANSITIONS[code].reasons) == allowed
    for status, actor in product(sources_of(code), actors_of(code)):
        for reason in (*REASONS, "invented"):
            step = a_step(code, actor=actor, reason=reason)
            answer = apply(a_state_for(code, status), step, re_referred=code == "T23")
            assert isinstance(answer, ReferralState) == (reason in allowed), (status, actor, reason)
            if reason not in allowed:
                reserved = reason in RESERVED and actor != "broker"
                assert answer == IllegalStep("reason-reserved" if reserved else "reason-not-allowed", "reason")


@pytest.mark.parametrize("code", REASONS_BY_STEP)
def test_a_reason_may_not_be_left_out(code: str) -> None:
    """Declined, cancelled, failed, on hold, asked for information: never without a coded reason."""
    for status in sources_of(code):
        assert refused(a_state_for(code, status), a_step(code, reason=None)) == ("reason-required", "reason")


@pytest.mark.parametrize(
    ("code", "field", "slug"),
    [
        ("T02", "respond_by", "respond-by-required"),
        ("T06", "asked", "asked-required"),
        ("T15", "review_by", "review-date-required"),
        ("T17", "outcome", "outcome-required"),
        ("T20", "channel", "channel-required"),
        ("T24", "became", "became-required"),
        ("T25", "helped", "helped-required"),
    ],
)
def test_a_detail_may_not_be_left_out(code: str, field: str, slug: str) -> None:
    """Each step that asks for a detail is refused without it, and with a code that is not in its list."""
    for status in sources_of(code):
        absent = () if field == "asked" else None
        assert refused(a_state_for(code, status), a_step(code, **{field: absent})) == (slug, field)
    if not field.endswith("_by"):
        forged = ("identity", "Inventée") if field == "asked" else "Inventée"
        status = sources_of(code)[0]
        assert refused(a_state_for(code, status), a_step(code, **{field: forged})) == ("unknown-code", field)


@pytest.mark.parametrize("code", EXPECTED)
def test_nothing_else_travels_with_a_step(code: str) -> None:
    """A detail that the row does not ask for is refused: what is not needed is not sent in clear."""
    for status, field in product(sources_of(code), SPARE):
        if field not in DETAILS.get(code, {}):
            answer = refused(a_state_for(code, status), a_step(code, **{field: SPARE[field]}), re_referred=True)
            assert answer == ("detail-not-expected", field)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (",owner,info-needed", ",owner,no-response", ("reason-not-allowed", "/transitions/reasons")),
        (",broker,undeliverable", ",broker,safety-risk", ("reason-not-allowed", "/transitions/reasons")),
        (",owner,info-needed", ",owner,no-show", ("reason-not-allowed", "/transitions/reasons")),
        ("draft,requested,deposited", "sketch,requested,deposited", ("unknown-code", "/transitions/sources")),
        ("accepted,,owner", "agreed,,owner", ("unknown-code", "/transitions/target")),
        ("accepted,,owner", "accepted,,", ("missing-field", "/transitions/actors")),
        (",extend-once,", ",extend-twice,", ("unknown-code", "/transitions/respond_by")),
        ("T25,", "T24,", ("duplicate-code", "/transitions")),
    ],
)
def test_a_slip_in_the_table_stops_it(old: str, new: str, fault: tuple[str, str]) -> None:
    """An unknown status, actor, clock or code, or a reason in the wrong mouth, is refused when the table is read."""
    text = tabular.shipped("transitions")
    assert old in text
    with pytest.raises(MalformedError) as caught:
        terms(Transition, "transitions", text.replace(old, new, 1))
    assert (caught.value.code, caught.value.pointer) == fault
