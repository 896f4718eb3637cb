"""What of a consent record reaches the broker: only what was given, has effect, and still holds."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.answers import ConsentState
from consent.record import record_commitment
from consent.statement import DEFAULT_DURATION
from keys.documents import encode, format_time
from keys.errors import MalformedError
from tests.builders import (
    AGREEMENT_ID,
    AT,
    DAY,
    HEALTH,
    HEALTH_GIVEN,
    LINE,
    NEWCOMERS,
    RECORD_ID,
    SHELTER,
    STATEMENT_ID,
    derived_statement,
    record,
    record_members,
)


def test_only_what_was_given_is_granted() -> None:
    """Of shelter given, health refused and newcomers' services put off, the statement grants shelter alone."""
    made = derived_statement()
    (grant,) = made.grants
    assert (grant.gid, grant.purpose, grant.recipient) == ("g1", "referral-shelter", SHELTER)
    assert grant.sections == ("identity", "contact", "housing", "worker")
    assert (grant.max_uses, grant.geo, grant.agreement) == (2, ("CA-QC",), AGREEMENT_ID)
    assert (made.id, made.version, made.prev, made.issuer, made.state) == (STATEMENT_ID, 1, None, LINE, "given")
    assert made.not_before == AT
    assert made.not_after == record().events[0].event_time + DEFAULT_DURATION
    assert made.record_commitment == record_commitment(encode(record()), record().salt)
    assert made.authority.kind == "consent"


def test_the_statement_tells_nothing_else() -> None:
    """Nothing refused, put off or merely asked, and nothing about the person, is in what the broker gets."""
    told = encode(derived_statement()).decode()
    members = record_members()
    kept_home = [HEALTH, NEWCOMERS, "referral-health", "referral-newcomer", "health-note", RECORD_ID, members["salt"]]
    for canary in (*kept_home, members["header"]["pii_principal_id"], "accueil-211", "int-7", "Refused", "adult"):
        assert canary not in told


def test_one_grant_for_each_purpose_and_recipient() -> None:
    """Two recipients of one purpose are two grants, and two purposes given are two more."""
    both = {"/processing/purposes/0/recipients": [SHELTER, NEWCOMERS]}
    made = derived_statement(HEALTH_GIVEN | both | {"/processing/purposes/1/geographic_restrictions": ["FR"]})
    assert [(grant.gid, grant.purpose, grant.recipient, grant.geo) for grant in made.grants] == [
        ("g1", "referral-shelter", SHELTER, ("CA-QC",)),
        ("g2", "referral-shelter", NEWCOMERS, ("CA-QC",)),
        ("g3", "referral-health", HEALTH, ("FR",)),
    ]


def test_a_representative_is_named_as_such() -> None:
    """When somebody else answers for the person, the legal basis says so."""
    minor = {"/circumstances/given_by": "parent", "/circumstances/age": "under-14"}
    authority = derived_statement(minor).authority
    assert (authority.kind, authority.given_by, authority.jurisdiction) == ("consent-representative", "parent", "CA-QC")


def test_the_shortest_answer_ends_thederived_statement() -> None:
    """Among answers of 30 and 90 days, the statement lasts 30: no answer is stretched by another."""
    made = derived_statement(HEALTH_GIVEN | {"/events/1/validity_duration": "P30D"})
    assert made.not_after == record().events[0].event_time + 30 * DAY


@pytest.mark.parametrize("state", [name for name in get_args(ConsentState) if not name.endswith("Given")])
def test_no_other_state_grants_anything(state: str) -> None:
    """Only a consent given, or given again, reaches the broker."""
    with pytest.raises(MalformedError) as caught:
        derived_statement({"/events/0/event_state": state})
    assert (caught.value.code, caught.value.pointer) == ("nothing-given", "/events")


def test_a_renewed_consent_is_given() -> None:
    """The other DPV state valid for processing grants as well."""
    assert derived_statement({"/events/0/event_state": "dpv:RenewedConsentGiven"}).grants


def test_the_last_answer_holds() -> None:
    """A consent that was given and then withdrawn is not given; one refused and then given is."""
    later = {"event_time": format_time(AT - DAY / 1440), "worker": "int-7"}
    withdrawn = later | {"purpose": "p1", "event_state": "dpv:ConsentWithdrawn"}
    with pytest.raises(MalformedError, match="nothing-given"):
        derived_statement({"/events/3": withdrawn})
    members = record_members(HEALTH_GIVEN)
    given = members["events"][1] | later
    granted = {grant.purpose for grant in derived_statement({"/events/3": given}).grants}
    assert granted == {"referral-shelter", "referral-health"}


def test_an_answer_that_ended_grants_nothing() -> None:
    """An answer of one day holds for that day and no longer; one of tomorrow does not hold yet."""
    moment = record().events[0].event_time
    assert derived_statement({"/events/0/validity_duration": "P1D"}, at=moment).grants
    for at in (moment + DAY, moment - DAY):
        with pytest.raises(MalformedError, match="nothing-given"):
            derived_statement({"/events/0/validity_duration": "P1D"}, at=at)


@pytest.mark.parametrize(
    ("argument", "value", "pointer"),
    [
        ("max_uses", 0, "/grants/0/max_uses"),
        ("max_uses", 101, "/grants/0/max_uses"),
        ("statement_id", RECORD_ID, "/id"),
        ("agreement_id", "agr_1", "/grants/0/agreement"),
    ],
)
def test_wrong_arguments_are_refused_in_our_words(argument: str, value: object, pointer: str) -> None:
    """A number of uses or an identifier that no statement may hold is refused with its place."""
    with pytest.raises(MalformedError) as caught:
        derived_statement(None, **{argument: value})
    assert caught.value.pointer == pointer


@given(
    states=st.tuples(*[st.sampled_from(get_args(ConsentState))] * 3),
    days=st.tuples(*[st.integers(1, 366)] * 3),
    elapsed=st.integers(0, 370),
)
def test_no_statement_allows_more_than_was_given(states: tuple[str, ...], days: tuple[int, ...], elapsed: int) -> None:
    """Whatever was answered and however late it is, grants are of purposes given, within the time of each."""
    changes: dict[str, object] = {}
    for number, (state, length) in enumerate(zip(states, days, strict=True)):
        changes |= {
            f"/events/{number}/event_state": state,
            f"/events/{number}/event_type": "dpv:ExplicitlyExpressedConsent",
            f"/events/{number}/expression": {"how": "signed-paper", "kept_at": "armoire 2"},
            f"/events/{number}/validity_duration": f"P{length}D",
        }
    made, moment = record(changes), record().events[0].event_time
    allowed = {
        item.purpose: moment + length * DAY
        for item, state, length in zip(made.processing.purposes, states, days, strict=True)
        if state.endswith("Given") and elapsed < length
    }
    if not allowed:
        with pytest.raises(MalformedError, match="nothing-given"):
            derived_statement(changes, at=moment + elapsed * DAY)
        return
    statement = derived_statement(changes, at=moment + elapsed * DAY)
    assert {grant.purpose for grant in statement.grants} == set(allowed)
    assert statement.not_after == min(allowed.values())
