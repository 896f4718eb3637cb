"""Where each answer stands, and every reason why a consent is without effect."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from consent.answers import Capacity, ConsentState, Sitting
from consent.essentials import CONSENT_RULES, ESSENTIALS, consent_rules
from consent.tabular import shipped
from consent.validity import DEFERRAL, Standing, ineffective, standing, verdicts
from consent.vocabulary import JURISDICTIONS
from consent.words import words
from keys.documents import format_time
from keys.errors import MalformedError
from tests.builders import (
    ABSENT,
    AT,
    DAY,
    HEALTH,
    HEALTH_GIVEN,
    NEWCOMERS,
    SHELTER,
    derived_statement,
    record,
)

GIVEN_AT = AT - timedelta(minutes=5)


MINOR: dict[str, object] = {"/circumstances/age": "under-14"}
YOUTH: dict[str, object] = {"/circumstances/age": "14-to-17"}


@pytest.mark.parametrize(
    ("changes", "slugs"),
    [
        ({}, ()),
        ({"/processing/privacy_notice": ABSENT}, ("notice-missing",)),
        ({"/circumstances/interpreter": "needed-but-absent"}, ("consent-not-understood",)),
        ({"/circumstances/interpreter": "trusted-person"}, ()),
        ({"/circumstances/assistance": "asked-not-given"}, ("consent-not-understood",)),
        ({"/circumstances/assistance": "given"}, ()),
        ({"/events/0/expression": ABSENT}, ("consent-not-expressed",)),
        ({"/events/0/event_type": ABSENT}, ("consent-not-expressed",)),
        ({"/events/0/event_type": "dpv:ImpliedConsent"}, ("consent-not-expressed",)),
        ({"/events/0/event_type": "dpv:ExpressedConsent"}, ("express-consent-missing",)),
        (
            {"/events/0/event_type": "dpv:ExpressedConsent", "/processing/purposes/0/sections": ["identity", "worker"]},
            (),
        ),
        (
            {
                "/events/0/event_type": "dpv:ExpressedConsent",
                "/processing/purposes/0/sections": ["identity"],
                "/processing/purposes/0/purpose": "referral-violence",
            },
            ("express-consent-missing",),
        ),
        (MINOR, ("consent-by-wrong-person",)),
        (MINOR | {"/circumstances/given_by": "parent"}, ()),
        (MINOR | {"/circumstances/given_by": "tutor"}, ()),
        (MINOR | {"/circumstances/given_by": "representative"}, ("consent-by-wrong-person", "capacity-missing")),
        (YOUTH, ()),
        (YOUTH | {"/circumstances/given_by": "parent"}, ("consent-by-wrong-person",)),
        (MINOR | {"/circumstances/jurisdiction": "FR"}, ()),
        ({"/circumstances/given_by": "parent"}, ("consent-by-wrong-person",)),
        ({"/circumstances/given_by": "tutor"}, ()),
        ({"/circumstances/given_by": "representative"}, ("capacity-missing",)),
        ({"/circumstances/given_by": "representative", "/circumstances/capacity": "protection-mandate"}, ()),
        ({"/circumstances/freedom": "free"}, ()),
        ({"/circumstances/freedom": "tied-to-service"}, ("consent-not-free",)),
        ({"/circumstances/freedom": "under-pressure"}, ("consent-not-free",)),
        ({"/processing/purposes/0/presented": "on-its-own"}, ()),
        ({"/processing/purposes/0/presented": "with-others"}, ("consent-not-separate",)),
        ({"/circumstances/age": "not-answered"}, ()),
        ({"/events/0/validity_duration": "P366D"}, ()),
        ({"/events/0/validity_duration": "P367D"}, ("consent-too-long",)),
        (
            MINOR | {"/processing/privacy_notice": ABSENT, "/events/0/validity_duration": "P99999D"},
            ("notice-missing", "consent-by-wrong-person", "consent-too-long"),
        ),
    ],
)
def test_what_makes_a_consent_without_effect(changes: dict[str, object], slugs: tuple[str, ...]) -> None:
    """Each essential that is missing is named, and such a consent never becomes a grant."""
    assert ineffective(record(changes)) == slugs
    if not slugs:
        assert derived_statement(changes).grants
        return
    with pytest.raises(MalformedError) as caught:
        derived_statement(changes)
    assert tuple(fault.code for fault in caught.value.faults) == ("nothing-given", *slugs)


def test_a_consent_without_effect_blocks_no_other() -> None:
    """Of two consents given, the one that was only implied is left out and the other one is granted."""
    changes = HEALTH_GIVEN | {"/events/1/event_type": "dpv:ImpliedConsent"}
    assert ineffective(record(changes)) == ("consent-not-expressed",)
    assert [grant.purpose for grant in derived_statement(changes).grants] == ["referral-shelter"]


def test_a_refusal_needs_no_form() -> None:
    """A refusal without expression or type is no flaw: nobody has to justify a no."""
    refusal = record().answer("p2", HEALTH)
    assert refusal is not None
    assert (refusal.expression, refusal.event_type, ineffective(record())) == (None, None, ())


def reasons(changes: Mapping[str, object] | None = None, at: object = AT) -> list[tuple[str, str, tuple[str, ...]]]:
    """By question: where it stands and why it has no effect."""
    return [(each.item.pid, each.standing, each.reasons) for each in verdicts(record(changes), at)]  # type: ignore[arg-type]  # a moment


def test_every_question_has_its_verdict() -> None:
    """Given, refused and put off are told apart; what has effect tells the sections that may pass."""
    assert reasons() == [
        ("p1", "given", ()),
        ("p2", "refused", ("consent-refused",)),
        ("p3", "deferred", ("consent-deferred",)),
    ]
    first, second, _ = verdicts(record(), AT)
    assert (first.recipient, first.sections) == (SHELTER, ("identity", "contact", "housing", "worker"))
    assert second.sections == ()


def test_every_reason_is_listed_not_the_first_alone() -> None:
    """A consent that ran out, was given by the wrong person, without a notice, and is restricted: all four are told."""
    changes: dict[str, object] = MINOR | {
        "/processing/privacy_notice": ABSENT,
        "/restrictions": [{"at": format_time(AT), "worker": "int-7"}],
    }
    assert reasons(changes, AT + 90 * DAY)[0][1:] == (
        "expired",
        ("consent-expired", "notice-missing", "consent-by-wrong-person", "consent-restricted"),
    )


@pytest.mark.parametrize(
    ("state", "after", "expected"),
    [
        ("dpv:ConsentUnknown", timedelta(0), "unknown"),
        ("dpv:ConsentRequested", 40 * DAY, "requested"),
        ("dpv:ConsentRequestDeferred", DEFERRAL - timedelta(milliseconds=1), "deferred"),
        ("dpv:ConsentRequestDeferred", DEFERRAL, "lapsed"),
        ("dpv:ConsentGiven", -timedelta(milliseconds=1), "not-started"),
        ("dpv:ConsentGiven", timedelta(0), "given"),
        ("dpv:ConsentGiven", 90 * DAY - timedelta(milliseconds=1), "given"),
        ("dpv:RenewedConsentGiven", 90 * DAY, "expired"),
        ("dpv:ConsentRefused", 400 * DAY, "refused"),
        ("dpv:ConsentWithdrawn", timedelta(0), "withdrawn"),
        ("dpv:ConsentExpired", timedelta(0), "expired"),
        ("dpv:ConsentRevoked", timedelta(0), "revoked"),
        ("dpv:ConsentInvalidated", timedelta(0), "invalidated"),
    ],
)
def test_where_an_answer_stands_at_a_moment(state: ConsentState, after: timedelta, expected: Standing) -> None:
    """A request to think it over lapses after 24 hours to the millisecond, a consent with its period."""
    event = record({"/events/0/event_state": state}).answer("p1", SHELTER)
    assert standing(event, GIVEN_AT + after) == expected
    assert standing(None, AT) == "not-asked"


def test_only_a_consent_that_stands_has_no_reason_against_it() -> None:
    """Whatever the state, the moment or the question, effect and reasons exclude each other."""
    for state in get_args(ConsentState):
        for days in (0, 89, 91):
            for each in verdicts(record({"/events/0/event_state": state}), AT + days * DAY):
                assert bool(each.sections) is not bool(each.reasons)
                assert each.standing == "given" or each.reasons


def test_imported_consent_is_never_valid() -> None:
    """Nobody knows how it was given: even with everything else in order it has no effect."""
    assert reasons({"/events/0/event_state": "dpv:ConsentUnknown"})[0] == ("p1", "unknown", ("consent-imported",))


def test_one_signature_for_two_questions_is_no_separate_answer() -> None:
    """The same signed page behind two answers: neither question was put on its own (A-2.1 s.53.1; RGPD art. 7.2)."""
    signed = {"how": "signed-screen", "evidence_sha256": "ab" * 32}
    together = HEALTH_GIVEN | {"/events/0/expression": signed}
    assert [found for _, _, found in reasons(together)][:2] == [("consent-not-separate",)] * 2
    apart = together | {"/events/0/expression": signed | {"evidence_sha256": "cd" * 32}}
    assert [found for _, _, found in reasons(apart)][:2] == [(), ()]


@pytest.mark.parametrize(
    ("notice", "left"),
    [
        ({}, ()),
        ({"sections": ["contact"]}, ("identity", "housing", "worker")),
        ({"sections": ["contact", "health-note"], "recipients": [SHELTER]}, ("identity", "housing", "worker")),
        ({"recipients": [HEALTH]}, ("identity", "contact", "housing", "worker")),
        ({"purposes": ["referral-health"]}, ("identity", "contact", "housing", "worker")),
        ({"purposes": ["referral-shelter"], "sections": ["identity", "contact", "housing", "worker"]}, ()),
        ({"at": format_time(AT + DAY)}, ("identity", "contact", "housing", "worker")),
        ({"until": format_time(AT)}, ("identity", "contact", "housing", "worker")),
        ({"until": format_time(AT + timedelta(milliseconds=1))}, ()),
    ],
)
def test_a_restriction_notice_outranks_what_was_given(notice: dict[str, object], left: tuple[str, ...]) -> None:
    """It covers what all its lists cover, while it holds; nothing left is a consent without effect."""
    first, *_ = verdicts(record({"/restrictions": [{"at": format_time(GIVEN_AT), "worker": "int-7"} | notice]}), AT)
    assert first.sections == left
    assert first.reasons == (() if left else ("consent-restricted",))


def test_each_recipient_has_an_answer_of_its_own() -> None:
    """Yes to one and no to another within one question."""
    changes: dict[str, object] = {
        "/processing/purposes/0/recipients": [SHELTER, NEWCOMERS],
        "/events/3": {
            "purpose": "p1",
            "recipients": [NEWCOMERS],
            "event_time": format_time(AT - timedelta(minutes=1)),
            "event_state": "dpv:ConsentRefused",
            "worker": "int-7",
        },
    }
    found = {each.recipient: each.standing for each in verdicts(record(changes), AT) if each.item.pid == "p1"}
    assert found == {SHELTER: "given", NEWCOMERS: "refused"}


def test_who_answered_later_is_judged_by_that_day() -> None:
    """A parent's answer before fourteen and the minor's own after it: each is judged by its own sitting."""
    later = {"given_by": "parent", "age": "14-to-17", "jurisdiction": "CA-QC"}
    helped = {"assistance": "not-asked", "interpreter": "not-needed"}
    changes: dict[str, object] = MINOR | {
        "/circumstances/given_by": "parent",
        "/events/0/sitting": {"circumstances": later | helped, "privacy_notice": {"id": "avis-211", "version": "2"}},
    }
    assert reasons(changes)[0][2] == ("consent-by-wrong-person",)
    assert reasons(changes | {"/events/0/sitting/circumstances/given_by": "person"})[0][2] == ()
    without_notice: dict[str, object] = {"/events/0/sitting": {"circumstances": later | helped}}
    assert "notice-missing" in reasons(MINOR | without_notice)[0][2]
    assert Sitting.model_fields.keys() == {"circumstances", "privacy_notice"}


def test_a_witness_is_asked_for_where_the_rules_of_the_place_want_one() -> None:
    """A spoken consent without a witness stands in both jurisdictions today, and falls once a rule asks for one."""
    rules = dict(CONSENT_RULES)
    rules["witness-missing", "CA-QC"] = replace(rules["witness-missing", "CA-QC"], applies=True)
    assert ineffective(record(), CONSENT_RULES) == ()
    assert ineffective(record(), rules) == ("witness-missing",)
    assert ineffective(record({"/events/0/expression/witness": "int-8"}), rules) == ()
    assert ineffective(record({"/events/0/expression": {"how": "signed-paper", "kept_at": "armoire 2"}}), rules) == ()
    assert ineffective(record({"/circumstances/jurisdiction": "FR"}), rules) == ()


def test_only_a_representative_names_a_capacity() -> None:
    """A capacity beside a person who answers for themselves contradicts the record."""
    with pytest.raises(MalformedError) as caught:
        record({"/circumstances/capacity": "curatorship"})
    assert caught.value.code == "unexpected-member"


def test_every_requirement_has_its_rule_in_every_jurisdiction() -> None:
    """Each with its articles in both languages; none is reviewed yet, and none pretends to be."""
    assert set(CONSENT_RULES) == {(code, place) for code in ESSENTIALS for place in JURISDICTIONS}
    for rule in CONSENT_RULES.values():
        assert rule.article("fr")
        assert rule.article("en")
        assert rule.article("fr") != rule.article("en")
        assert rule.reviewed_by is None


@pytest.mark.parametrize(
    ("slip", "code"),
    [
        (("notice-missing,CA-QC", "notice-lost,CA-QC"), "unknown-code"),
        (("notice-missing,CA-QC,yes", "notice-missing,CA-QC,maybe"), "unknown-code"),
        (("notice-missing,FR", "notice-missing,CA-QC"), "duplicate-code"),
        (("code,jurisdiction", "code,place"), "table-columns"),
    ],
)
def test_a_slip_in_the_rules_is_refused(slip: tuple[str, str], code: str) -> None:
    """An unknown requirement, an unclear answer, a rule twice, another header."""
    with pytest.raises(MalformedError) as caught:
        consent_rules(shipped("consent_rules").replace(*slip, 1))
    assert caught.value.code == code


def test_states_capacities_and_reasons_have_words() -> None:
    """Every code that a caseworker may read has its words in both languages."""
    for language in ("fr", "en"):
        for each in get_args(Standing):
            assert words(f"consent-state.{each}", language)
        for each in get_args(Capacity):
            assert words(f"capacity.{each}", language)
        for each in (*ESSENTIALS, "consent-not-answered", "consent-lapsed", "consent-restricted", "consent-imported"):
            assert words(f"error.{each}.title", language)
