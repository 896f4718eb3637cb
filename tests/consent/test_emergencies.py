"""An emergency is a legal act within narrow bounds: each way around them is tried here."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.conditions import CLOCK_SKEW
from consent.decision import RULES
from consent.emergencies import lawful_ground, necessary_sections, rule_of, short_life
from consent.envelope import SealedHeader
from consent.passage import Case, Gate, Granted, Passage, Refused
from consent.vocabulary import EMERGENCY_RULES, GROUNDS, JURISDICTIONS
from keys.documents import format_time
from tests.builders import (
    AT,
    AUDITORS,
    DAY,
    HEALTH,
    JUSTIFICATION_ID,
    LINE,
    SCOPES,
    SHELTER,
    UNDELIVERED_ID,
    Json,
    changed,
    decided,
    declared_emergency,
    emergency_agreement,
    emergency_members,
    emergency_message_members,
    emergency_reply_members,
    emergency_terms,
    header,
    justification,
    justification_members,
    message_members,
    open_emergency,
    open_referral,
    referral_members,
    registered_agreement,
)
from tests.consent.refusals_by_ground import GONE
from tests.consent.refused_cases import on_evidence, slot

Members = Callable[[dict[str, object]], Json]
KINDS: dict[str, Members] = {
    "emergency-referral": emergency_members,
    "emergency-message": emergency_message_members,
    "justification": justification_members,
}
GATES: tuple[Gate, ...] = ("deposit", "pickup")


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_declared_emergency_passes_without_a_consent(kind: str, gate: Gate) -> None:
    """At both gates, by the rules of its own kind, and under no grant; the referral begins, the rest moves nothing."""
    granted = decided(KINDS[kind]({}), gate=gate)
    assert isinstance(granted, Granted)
    asked = "justification-pickup" if (kind, gate) == ("justification", "pickup") else kind
    assert granted.rules == tuple(rule.number for rule in RULES[asked])
    assert (granted.grant, granted.statement) == (None, None)
    assert (granted.next_state is not None) == (kind == "emergency-referral" and gate == "deposit")


def test_the_owner_answers_under_the_same_emergency() -> None:
    """The law that counts is that of the place where the referral started, whatever the owner's."""
    _granted(decided(emergency_reply_members()))
    elsewhere = registered_agreement(emergency_terms() | {"/parties/1/jurisdiction": "FR"})
    made = header(emergency_reply_members())
    case = Case(Passage("deposit", made, open_emergency()), SCOPES, elsewhere, None, AT)
    assert rule_of(case) == EMERGENCY_RULES["person-in-danger-unable", "CA-QC"]


def test_every_ground_has_its_rule_in_every_place() -> None:
    """A ground that people may choose is one that the law of each place knows, for 24 hours at most."""
    assert set(EMERGENCY_RULES) == {(ground, place) for ground in GROUNDS for place in JURISDICTIONS}
    assert {rule.max_hours for rule in EMERGENCY_RULES.values()} == {24}


@pytest.mark.parametrize("members", [emergency_members, emergency_message_members])
def test_a_ground_without_a_law_opens_nothing(members: Members) -> None:
    """R33, R34 and R35 refuse by themselves what no rule of the law lets pass, whoever calls them."""
    made = header(members({}))
    assert isinstance(made, SealedHeader)
    assert made.emergency is not None
    unheard = made.model_copy(update={"emergency": made.emergency.model_copy(update={"ground": "convenience"})})
    case = Case(Passage("deposit", unheard, open_emergency()), SCOPES, emergency_agreement(), None, AT)
    for rule in (lawful_ground, necessary_sections, short_life):
        assert rule(case) == ("emergency-ground", "/emergency/ground")


@given(
    issued=st.timedeltas(timedelta(days=-3), timedelta(minutes=4)),
    life=st.timedeltas(timedelta(minutes=1), timedelta(days=3)),
    members=st.sampled_from([emergency_members, emergency_message_members, emergency_reply_members]),
)
def test_no_play_with_its_dates_makes_it_wait_longer(issued: timedelta, life: timedelta, members: Members) -> None:
    """Neither a late nor an early `iat` makes it wait for more than a day and two minutes of skew."""
    made = members({"/iat": format_time(AT + issued), "/exp": format_time(AT + issued + life)})
    read = header(made)
    in_time = read.iat <= AT + CLOCK_SKEW and read.exp > AT
    assert isinstance(decided(made), Granted) == (in_time and read.exp - read.iat <= DAY)
    assert not isinstance(decided(made), Granted) or read.exp <= AT + DAY + CLOCK_SKEW


@pytest.mark.parametrize("section", ["housing", "health-note", "income-rights", "documents", "justification"])
def test_a_message_is_no_way_around_the_list_of_sections(section: str) -> None:
    """What the referral could not carry, no later message carries either, to the owner or under another name."""
    article = {"/articles/0/sections": ["identity", "contact", section]}
    refused = on_evidence(emergency_message_members(), slot(0, section), agreement=article)
    assert refused == Refused("emergency-section", "R34", "/slots/0/section")
    consented = on_evidence(message_members(), slot(0, section), referral=open_emergency(), agreement=article)
    assert consented == Refused("consent-unknown", "R15", "/authority/statement")


def test_a_consent_is_not_stretched_by_an_emergency() -> None:
    """A message under an emergency adds nothing to a referral that rests on a consent."""
    refused = decided(emergency_message_members(), referral=open_referral())
    assert refused == Refused("emergency-of-another-referral", "R38", "/emergency/justification")


def test_the_owner_answers_what_was_found_unjustified_or_is_over() -> None:
    """What the requester may no longer add to, its owner may still answer; the worker who declared it says nothing."""
    for late in ({"not_justified": True}, {"at": AT - 3 * DAY}, {"worker": "int-8"}, {"ground": "child-in-danger"}):
        known = open_emergency(emergency=declared_emergency(**late))
        _granted(decided(emergency_reply_members(), referral=known, worker_barred=True))
    _granted(decided(emergency_message_members(), referral=open_emergency(emergency=declared_emergency(worker=None))))


@pytest.mark.parametrize("moment", [timedelta(milliseconds=1), timedelta(0)])
def test_a_message_goes_while_the_emergency_lasts(moment: timedelta) -> None:
    """Up to the last millisecond of the hours that the law gives to the ground, and not in the next."""
    known = open_emergency(emergency=declared_emergency(at=AT - DAY + moment))
    answer = decided(emergency_message_members(), referral=known)
    assert (answer == Refused("emergency-over", "R38", "/emergency")) == (moment == timedelta(0))


@pytest.mark.parametrize("members", [emergency_members, emergency_message_members, justification_members])
def test_barring_a_worker_takes_back_nothing_that_was_accepted(members: Members) -> None:
    """The right is gone for what is declared from then on; what waits is delivered, the justification first of all."""
    _granted(decided(members({}), gate="pickup", worker_barred=True))


def test_nothing_keeps_the_auditors_from_an_accepted_justification() -> None:
    """The agreement over, amended without them or without emergencies: they still read it; a suspension holds it."""
    over = replace(emergency_agreement(), state="ended")
    amended = registered_agreement({"/parties/0/roles": ["line-211"]})
    for agreement in (over, amended, None):
        _granted(decided(justification_members(), gate="pickup", agreement=agreement))
        assert isinstance(decided(justification_members(), agreement=agreement), Refused)
    suspended = decided(justification_members(), gate="pickup", inactive={AUDITORS})
    assert suspended == Refused("recipient-suspended", "R04", "/to")
    late = decided(justification_members(), gate="pickup", at=AT + DAY)
    assert late == Refused("envelope-expired", "R03", "/exp")


def test_a_message_to_the_owner_is_no_justification_of_another_emergency() -> None:
    """A referral under a consent that was not delivered cannot come again as an emergency that nobody was told of."""
    again = emergency_members({"/replaces": UNDELIVERED_ID})
    untold = decided(again, referral=open_referral(GONE), justification=justification(recipient=SHELTER))
    assert untold == Refused("justification-not-to-auditors", "R36", "/emergency/justification")
    assert decided(again, referral=open_referral(GONE)) == Refused("replaced-differs", "R40", "/replaces")


def test_what_was_not_delivered_is_replaced_under_the_same_emergency() -> None:
    """The justification that was sent counts for the envelope that takes the place of the first."""
    _granted(decided(emergency_members({"/replaces": UNDELIVERED_ID})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"ref": "ref_" + "z" * 26},
        {"sender": HEALTH},
        {"payload_sha256": "00" * 32},
        {"id": "env_" + "z" * 26},
    ],
)
def test_the_justification_is_of_this_referral_by_this_sender_and_whole(wrong: dict[str, str]) -> None:
    """Another referral's, another sender's, another text: none of them justifies."""
    refused = decided(emergency_members(), justification=justification(**wrong))
    assert refused == Refused("justification-missing", "R36", "/emergency/justification")
    _granted(decided(emergency_members(), gate="pickup", justification=None))


def test_a_referral_is_not_its_own_justification() -> None:
    """A header that declares an emergency without naming a justification is read as a justification or not at all."""
    bare = changed(emergency_message_members(), {"/emergency": justification_members()["emergency"]})
    assert decided(bare) == Refused("justification-not-to-auditors", "R39", "/to")
    hidden = changed(justification_members(), slot(0, "identity"))
    assert decided(hidden) == Refused("emergency-section", "R39", "/slots/0/section")


def test_an_emergency_overrides_neither_a_suspension_nor_an_agreement() -> None:
    """A suspended organisation, a suspended agreement and an article not open to emergencies stay what they are."""
    assert decided(emergency_members(), inactive={LINE}) == Refused("sender-suspended", "R04", "/from")
    assert decided(justification_members(), inactive={AUDITORS}) == Refused("recipient-suspended", "R04", "/to")
    suspended = replace(emergency_agreement(), state="suspended")
    assert decided(emergency_members(), agreement=suspended) == Refused("agreement-suspended", "R06", "/agreement")
    shut = on_evidence(emergency_members(), agreement={"/articles/0/emergency": False})
    assert shut == Refused("article-authority", "R12", "/emergency")


def test_a_statement_cannot_stand_for_an_emergency() -> None:
    """An article open to emergencies lets nothing pass under a consent that is not given."""
    opened = on_evidence(referral_members(), agreement=emergency_terms(), statement=None)
    assert opened == Refused("consent-unknown", "R14", "/authority/statement")


def test_explaining_an_emergency_tells_nothing_of_the_justifications_of_others() -> None:
    """A justification that is not the sender's and one that does not exist are answered alike."""
    named = {"envelope": JUSTIFICATION_ID, "sha256": "00" * 32}
    members = emergency_members({"/emergency/justification": named})
    answers = [decided(members, justification=known) for known in (None, justification(sender=HEALTH))]
    assert answers[0] == answers[1]


def _granted(answer: Granted | Refused) -> Granted:
    assert isinstance(answer, Granted), answer
    return answer
