"""The rule packs: which legal basis is open in which place, on which article, and what holds it in its bounds."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import tabular
from consent.agreement import Article, Party
from consent.authority import LEGAL_RULES, Ground, LegalRule, ask, grounds_open_to, legal_rules, pack, review_of
from consent.passage import Gate, Granted, Refused
from consent.remedies import WHO_CAN_FIX
from consent.vocabulary import JURISDICTIONS, SECTIONS
from keys.errors import MalformedError
from keys.words import Language
from tests import house_words
from tests.builders import (
    HEALTH,
    LINE,
    SHELTER,
    agreement,
    emergency_terms,
    message_members,
    referral_members,
    reply_members,
)
from tests.consent.refusals_by_ground import FRENCH, law
from tests.consent.refused_cases import Changes, on_evidence

LANGUAGES: tuple[Language, ...] = get_args(Language)
GATES: tuple[Gate, ...] = get_args(Gate)


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_of_a_pack_cites_its_article_and_its_review(jurisdiction: str, language: Language) -> None:
    """Each rule has its article in both languages, and one that no jurist reviewed is shown as such."""
    law_there = pack(jurisdiction)
    assert law_there.consent
    assert law_there.emergencies
    for rule in law_there.rules:
        assert rule.jurisdiction == jurisdiction
        assert any(letter.isdigit() for letter in rule.article(language))
        assert rule.reviewed_by is None
        assert (
            review_of(rule, language)
            == {"en": "Not reviewed by a jurist.", "fr": "Non relue par un juriste."}[language]
        )


def test_a_reviewed_rule_names_who_reviewed_it() -> None:
    """Once a jurist signs for a rule, people read who it was."""
    rule = next(iter(_rules_with("yes,\n", "yes,Me Personne-Fictive\n").values()))
    assert review_of(rule, "fr") == "Relue par Me Personne-Fictive."
    assert review_of(rule, "en") == "Reviewed by Me Personne-Fictive."


def test_only_sure_articles_are_in_the_packs() -> None:
    """France has two articles of its own; Québec has none that is sure, so a consent is asked there."""
    assert [rule.code for rule in pack("FR").sharing] == ["FR-CASF-L345-2-10", "FR-CSP-L1110-4"]
    assert pack("CA-QC").sharing == ()
    with pytest.raises(KeyError):
        pack("BE")


def test_no_pack_asks_for_a_witness_yet() -> None:
    """Whether a spoken consent needs a witness is a row that a jurist can change, not code."""
    assert {place: pack(place).witness_for_spoken for place in JURISDICTIONS} == {"CA-QC": False, "FR": False}


@pytest.mark.parametrize("rule", LEGAL_RULES.values(), ids=lambda rule: rule.code)
def test_an_article_of_law_stays_narrow(rule: LegalRule) -> None:
    """The person is told; nothing restricted passes; what is not about health carries no note on it."""
    assert rule.inform_person
    kinds = {SECTIONS[section].sensitivity for section in rule.sections}
    assert kinds <= ({"ordinary", "sensitive", "special"} if rule.kind == "care-team" else {"ordinary", "sensitive"})
    assert house_words.loosely_typeset({"fr": rule.article_fr, "title": rule.title_fr}) == []
    assert "'" not in rule.title("fr") + rule.title("en") + rule.article("fr") + rule.article("en")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("legal-sharing", "consent", "unknown-code"),
        ("legal-sharing", "emergency", "unknown-code"),
        ("FR-CASF-L345-2-10", "CASF-L345-2-10", "wrong-form"),
        ("FR-CSP-L1110-4,care-team", "FR-CASF-L345-2-10,care-team", "duplicate-code"),
        ("day-centre;outreach,siao", "day-centre;everyone,siao", "unknown-code"),
        ("identity;contact;situation;housing;worker;outcome", "", "missing-field"),
        ("identity;contact", "identity;diary", "unknown-code"),
        ("referral-shelter;referral-housing;follow-up", "", "missing-field"),
        ("outcome,yes,", "outcome,,", "missing-field"),
    ],
)
def test_the_law_is_never_widened_by_a_slip(old: str, new: str, code: str) -> None:
    """One changed cell in the table stops the program: an empty list never means everything."""
    with pytest.raises(MalformedError) as caught:
        _rules_with(old, new)
    assert caught.value.code == code


def _rules_with(old: str, new: str) -> Any:  # noqa: ANN401 - what the module returns
    text = tabular.shipped("legal_rules")
    assert old in text
    return legal_rules(text.replace(old, new, 1))


def _asked(changes: Changes, owner: str = SHELTER, number: int = 0) -> tuple[Article, Party, Party]:
    document = agreement(changes)
    sender, recipient = document.party(LINE), document.party(owner)
    assert sender is not None
    assert recipient is not None
    return document.articles[number], sender, recipient


EVERYTHING = {"/articles/0/authorities": ["consent", "emergency", "legal-sharing", "care-team"]}
SOIGNANTS: Changes = FRENCH | EVERYTHING | {"/parties/0/roles/0": "health", "/articles/0/from": ["health"]}


@pytest.mark.parametrize(
    ("changes", "owner", "purpose", "kinds"),
    [
        ({}, SHELTER, None, ["consent", "consent-representative"]),
        (emergency_terms(), SHELTER, None, ["consent", "consent-representative", "emergency"]),
        (EVERYTHING, SHELTER, None, ["consent"]),
        (EVERYTHING | {"/articles/0/emergency": True}, SHELTER, None, ["consent", "emergency"]),
        (FRENCH | EVERYTHING, SHELTER, None, ["consent", "legal-sharing"]),
        (FRENCH | EVERYTHING, SHELTER, "referral-shelter", ["consent", "legal-sharing"]),
        (FRENCH | EVERYTHING, SHELTER, "referral-newcomer", ["consent"]),
        (FRENCH | EVERYTHING, SHELTER, "referral-food", []),
        (FRENCH | EVERYTHING, HEALTH, None, ["consent"]),
        (SOIGNANTS, HEALTH, "referral-health", ["consent", "care-team"]),
        (SOIGNANTS, SHELTER, None, ["consent"]),
        (FRENCH | EVERYTHING | {"/articles/0/from": ["food-aid"]}, SHELTER, None, []),
        (FRENCH | EVERYTHING | {"/parties/1/jurisdiction": "CA-QC"}, SHELTER, None, ["consent"]),
    ],
)
def test_a_sender_is_shown_the_grounds_that_are_open(
    changes: Changes, owner: str, purpose: str | None, kinds: list[str]
) -> None:
    """What the article accepts and the law of the place opens to both roles, in the order in which it is asked."""
    found = grounds_open_to(*_asked(changes, owner), purpose)
    assert [ground.kind for ground in found] == kinds
    assert all(ground.rules for ground in found)


def test_a_sender_is_shown_the_article_of_the_ground() -> None:
    """Choosing legal sharing gives the rule to show: its title, and whether the person is told."""
    ground = ask("legal-sharing", *_asked(FRENCH | EVERYTHING))
    assert isinstance(ground, Ground)
    (rule,) = ground.rules
    assert isinstance(rule, LegalRule)
    assert (rule.code, rule.inform_person) == ("FR-CASF-L345-2-10", True)


@pytest.mark.parametrize(
    ("kind", "changes", "because"),
    [
        (None, {}, "legal-ground-unclear"),
        ("hunch", {}, "legal-ground-unclear"),
        ("legal-sharing", EVERYTHING, "legal-ground-unclear"),
        ("care-team", FRENCH | EVERYTHING, "legal-ground-unclear"),
        ("legal-sharing", {}, "article-authority"),
        ("emergency", {}, "article-authority"),
        ("emergency", EVERYTHING, "article-authority"),
    ],
)
def test_an_unclear_ground_says_whom_to_ask(kind: str | None, changes: Changes, because: str) -> None:
    """A ground that nobody can name, or that no rule of law is sure of, is refused with somebody to turn to."""
    refused = ask(kind, *_asked(changes))
    assert isinstance(refused, Refused)
    assert refused.because == because
    assert WHO_CAN_FIX[because] == "coordination"


@pytest.mark.parametrize("gate", GATES)
def test_what_the_law_lets_pass_passes(gate: Gate) -> None:
    """A referral, a message and an answer between actors of a SIAO, at both gates."""
    evidence = law()
    known: dict[str, Any] = {} if gate == "deposit" else {"gate": gate}
    for members in (referral_members(), message_members(), reply_members()):
        assert isinstance(on_evidence(members, **evidence, **known), Granted)


@given(
    roles=st.tuples(*[st.sampled_from(["siao", "line-115", "health", "mental-health", "food-aid", "line-211"])] * 2),
    places=st.tuples(*[st.sampled_from(["FR", "FR", "CA-QC"])] * 2),
    rule=st.sampled_from(sorted(LEGAL_RULES)),
    kind=st.sampled_from(["legal-sharing", "care-team"]),
    purpose=st.sampled_from(["referral-shelter", "referral-health", "referral-newcomer"]),
)
def test_whatever_passes_under_the_law_is_within_its_rule(
    roles: tuple[str, str], places: tuple[str, str], rule: tuple[str, str], kind: str, purpose: str
) -> None:
    """Both roles, both places, the purpose and every section are of the one rule that the statement names."""
    ends: dict[str, object] = {f"/parties/{number}/roles/0": role for number, role in enumerate(roles)}
    ends |= {f"/parties/{number}/jurisdiction": place for number, place in enumerate(places)}
    granted: dict[str, object] = {"/grants/0/purpose": purpose, "/grants/0/geo": ["FR", "CA-QC"]}
    cited = {"/authority/article": rule[1], "/authority/kind": kind}
    evidence = law(ends | {"/articles/0/from": [LINE]}, cited | granted)
    answer = on_evidence(referral_members({"/purpose": purpose}), **evidence)
    if isinstance(answer, Granted):
        held = LEGAL_RULES[rule]
        assert (held.kind, places) == (kind, (held.jurisdiction,) * 2)
        assert roles[0] in held.from_roles
        assert roles[1] in held.to_roles
        assert purpose in held.purposes
        assert {"identity", "contact", "housing"} <= set(held.sections)
