"""The shared words: complete, reviewed, and the only ones a document may carry."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest
from pydantic import create_model

from consent import tabular, vocabulary
from consent.delays import AnswerDelay
from consent.terms import REASON_GROUPS, SENSITIVITIES
from consent.transitions import TRANSITIONS, Actor, TransitionCode
from consent.vocabulary import (
    ASKED_FOR,
    AUTHORITY_KINDS,
    DOCUMENT_TYPES,
    EMERGENCY_RULES,
    NEEDS,
    NON_TAKE_UP,
    OUTCOMES,
    PRIORITIES,
    PURPOSES,
    REASONS,
    SCOPES,
    SECTIONS,
    STATUSES,
    Purpose,
    Reason,
    Section,
    Term,
    label,
)
from consent.words import words
from keys.documents import Document, validate
from keys.errors import MalformedError
from tests import house_words
from tests.repository import ROOT

DRAFTS = ROOT.parent / "shared" / "domain"
TABLES: dict[str, Mapping[str, Term]] = {
    "sections": SECTIONS,
    "documents": DOCUMENT_TYPES,
    "purposes": PURPOSES,
    "needs": NEEDS,
    "reasons": REASONS,
    "priorities": PRIORITIES,
    "outcomes": OUTCOMES,
    "non_take_up": NON_TAKE_UP,
    "grounds": vocabulary.GROUNDS,
    "jurisdictions": vocabulary.JURISDICTIONS,
    "roles": vocabulary.ROLES,
    "channels": vocabulary.CHANNELS,
    "became": vocabulary.BECAME,
    "helped": vocabulary.HELPED,
    "kept_grounds": vocabulary.KEPT_GROUNDS,
    "transitions": TRANSITIONS,
}
FIELD_TYPES: list[tuple[Any, str]] = [
    (vocabulary.PurposeCode, "referral-shelter"),
    (vocabulary.SectionCode, "health-note"),
    (vocabulary.DocumentCode, "identity-document"),
    (vocabulary.AskedCode, "proof-of-income"),
    (vocabulary.NeedCode, "shelter-tonight"),
    (vocabulary.ReasonCode, "no-capacity"),
    (vocabulary.PriorityCode, "tonight"),
    (vocabulary.OutcomeCode, "place-given"),
    (vocabulary.NonTakeUpCode, "gave-up-waiting"),
    (vocabulary.GroundCode, "child-in-danger"),
    (vocabulary.RoleCode, "line-211"),
    (vocabulary.ChannelCode, "in-person"),
    (vocabulary.BecameCode, "nothing-available"),
    (vocabulary.HelpedCode, "partly"),
    (vocabulary.KeptGroundCode, "legal-obligation"),
    (vocabulary.AuthorityKind, "care-team"),
    (vocabulary.Jurisdiction, "CA-QC"),
    (vocabulary.Scope, "envelope:send"),
]


CARRIERS: list[tuple[type[Document], str]] = [
    (create_model("Carrier", __base__=Document, told=(field_type, ...)), code) for field_type, code in FIELD_TYPES
]


def test_every_table_is_read() -> None:
    """No table travels with the package without being read, and none that is read is missing."""
    shipped = {path.stem for path in (ROOT / "consent" / "tables").iterdir()}
    others = {"consent_rules", "emergency_rules", "legal_rules", "incident_codes", "mismatch_kinds"}
    assert shipped == {*TABLES, *others}


@pytest.mark.parametrize("name", TABLES)
def test_every_code_has_words_in_both_languages(name: str) -> None:
    """Each row has a plain code, French set as French is set, and English with its own apostrophe."""
    for code, term in TABLES[name].items():
        assert code == term.code
        assert "." not in code
        assert house_words.loosely_typeset({code: term.fr}) == []
        assert "'" not in term.fr + term.en
    assert len({term.fr for term in TABLES[name].values()}) == len(TABLES[name])
    assert len({term.en for term in TABLES[name].values()}) == len(TABLES[name])


def test_the_label_follows_the_reader() -> None:
    """A code is shown in the reader's language."""
    assert label(NEEDS["shelter-tonight"], "fr") == "Hébergement ce soir"
    assert label(NEEDS["shelter-tonight"], "en") == "Shelter tonight"


def test_the_sections_and_how_delicate_they_are() -> None:
    """Each section has the sensitivity that was decided; two are empty unless what happens requires them."""
    assert {code: section.sensitivity for code, section in SECTIONS.items()} == {
        "identity": "ordinary",
        "contact": "sensitive",
        "situation": "sensitive",
        "housing": "sensitive",
        "income-rights": "sensitive",
        "migration-status": "restricted",
        "health-note": "special",
        "safety": "restricted",
        "documents": "by-type",
        "worker": "ordinary",
        "outcome": "ordinary",
        "justification": "restricted",
    }
    assert [code for code, section in SECTIONS.items() if section.off_by_default] == [
        "migration-status",
        "justification",
    ]


def test_the_purposes_and_their_sections() -> None:
    """Twelve purposes; no one proposes a restricted section unless safety is what it is for."""
    assert len(PURPOSES) == 12
    assert PURPOSES["referral-shelter"].default_sections == (
        *("identity", "contact", "situation", "housing", "worker"),
    )
    assert PURPOSES["evaluation"].default_sections == ()
    sensitive = {code for code, purpose in PURPOSES.items() if purpose.sensitive}
    assert sensitive == {"referral-health", "referral-mental-health", "referral-violence"}
    for code, purpose in PURPOSES.items():
        kinds = {SECTIONS[section].sensitivity for section in purpose.default_sections}
        assert "special" not in kinds or purpose.sensitive
        assert "restricted" not in kinds or code == "referral-violence"


def test_the_delays_of_the_priorities() -> None:
    """The more urgent, the sooner an answer is due."""
    assert {code: priority.default_answer_delay for code, priority in PRIORITIES.items()} == {
        "routine": AnswerDelay(5, "business day"),
        "urgent": AnswerDelay(4, "hour"),
        "tonight": AnswerDelay(1, "hour"),
        "danger": AnswerDelay(15, "minute"),
    }


def test_the_reasons() -> None:
    """Thirty reasons; four are the broker's own; every one leads somewhere."""
    assert len(REASONS) == 30
    assert {code for code, reason in REASONS.items() if reason.said_by == "broker"} == {
        *("no-response", "undeliverable", "consent-withdrawn", "consent-expired"),
    }
    assert all(reason.allowed_on for reason in REASONS.values())
    assert REASONS["no-capacity"].unmet_need == "yes"
    assert REASONS["solved-otherwise"].les_emplois == ("hired_elsewhere", "training")


def test_emergencies_are_narrow_and_say_who_reviewed_them() -> None:
    """Every ground has a rule in every jurisdiction, for at most 24 h, without the sections of comfort."""
    assert set(EMERGENCY_RULES) == {(ground, place) for ground in vocabulary.GROUNDS for place in ("CA-QC", "FR")}
    for rule in EMERGENCY_RULES.values():
        assert rule.max_hours <= 24
        assert {"identity", "contact", "situation", "safety", "worker"} <= set(rule.sections)
        assert set(rule.sections) <= {"identity", "contact", "situation", "safety", "health-note", "worker"}
        assert rule.reviewed_by is None
    quebec = EMERGENCY_RULES["child-in-danger", "CA-QC"]
    assert quebec.article("fr").startswith("P-39.1, art. 18.1")
    assert quebec.article("en").startswith("P-39.1, s. 18.1")


def test_what_may_be_asked_for_is_never_ambiguous() -> None:
    """A code that is asked for is a section or a type of document, never both."""
    assert not set(SECTIONS) & set(DOCUMENT_TYPES)
    assert set(ASKED_FOR) == set(SECTIONS) | set(DOCUMENT_TYPES)
    assert "by-type" not in {document.sensitivity for document in DOCUMENT_TYPES.values()}


def test_the_closed_lists_of_the_protocol() -> None:
    """Scopes, authority kinds and statuses are those of the protocol and of the product."""
    assert " ".join(SCOPES) == (
        "envelope:send envelope:receive consent:write keys:publish agreement:sign directory:read"
        " directory:write capacity:write journal:read stats:write stats:read"
    )
    assert AUTHORITY_KINDS == ("consent", "consent-representative", "emergency", "legal-sharing", "care-team")
    assert len(STATUSES) == 10


@pytest.mark.parametrize(("model", "code"), CARRIERS)
@pytest.mark.parametrize("forged", ["", "Inventée", "no-such-code", "referral-shelter ", "IDENTITY"])
def test_a_document_carries_known_codes_only(model: type[Document], code: str, forged: str) -> None:
    """A known code passes; any other is unknown-code at its place and is not repeated."""
    assert vars(validate(model, {"told": code})) == {"told": code}
    with pytest.raises(MalformedError) as caught:
        validate(model, {"told": forged})
    assert (caught.value.code, caught.value.pointer) == ("unknown-code", "/told")
    assert not forged or forged not in repr(caught.value.faults)


def test_a_step_in_a_document_is_a_row_of_the_table() -> None:
    """A step that is not in the table has its own refusal, which tells where the steps are."""
    model: type[Document] = create_model("Carrier", __base__=Document, told=(TransitionCode, ...))
    assert vars(validate(model, {"told": "T25"})) == {"told": "T25"}
    with pytest.raises(MalformedError) as caught:
        validate(model, {"told": "T26"})
    assert (caught.value.code, caught.value.pointer) == ("transition-unknown", "/told")


@pytest.mark.parametrize(
    ("kind", "table", "old", "new", "fault"),
    [
        (Section, "sections", "ordinary,no", "plain,no", ("unknown-code", "/sections/sensitivity", 2)),
        (Section, "sections", "contact,", "identity,", ("duplicate-code", "/sections", 3)),
        (Section, "sections", "Identité", "", ("missing-field", "/sections/fr", 2)),
        (Purpose, "purposes", "housing;worker", "kitchen;worker", ("unknown-code", "/purposes/default_sections", 2)),
        (Reason, "reasons", "rule,requested,party", "rule,asked,party", ("unknown-code", "/reasons/allowed_on", 2)),
        (Reason, "reasons", "rule,requested,party", "rule,requested,me", ("unknown-code", "/reasons/said_by", 2)),
        (vocabulary.Priority, "priorities", "4 hours", "soon", ("wrong-form", "/priorities/default_answer_delay", 3)),
        (vocabulary.DocumentType, "documents", "sensitive", "by-type", ("unknown-code", "/documents/sensitivity", 2)),
    ],
)
def test_a_slip_in_a_table_stops_it(
    kind: type[Term], table: str, old: str, new: str, fault: tuple[str, str, int]
) -> None:
    """One changed cell in a shipped table is refused at its row and column."""
    text = tabular.shipped(table)
    assert old in text
    with pytest.raises(MalformedError) as caught:
        vocabulary.terms(kind, table, text.replace(old, new, 1))
    assert (caught.value.code, caught.value.pointer, caught.value.faults[0].line) == fault


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("worker,24,", "worker,48,", "out-of-range"),
        ("worker,24,", "worker,1.5,", "out-of-range"),
        ("identity;contact", "income;contact", "unknown-code"),
        ("child-in-danger,FR", "child-in-danger,BE", "unknown-code"),
        ("child-in-danger,FR", "child-in-danger,CA-QC", "duplicate-code"),
    ],
)
def test_an_emergency_is_never_widened_by_a_slip(old: str, new: str, code: str) -> None:
    """More than 24 h, an unknown section or place, or a second rule for the same case is refused."""
    text = tabular.shipped("emergency_rules")
    assert old in text
    with pytest.raises(MalformedError) as caught:
        vocabulary.emergency_rules(text.replace(old, new, 1))
    assert caught.value.code == code


def test_other_words_are_complete() -> None:
    """Statuses, finer statuses, actors, authorities and the rest have words in both languages."""
    finer = {transition.business_status for transition in TRANSITIONS.values() if transition.business_status}
    consent_states = ("requested", "given", "refused", "deferred", "withdrawn", "expired", "revoked")
    keys = [
        *(f"status.{status}" for status in STATUSES),
        *(f"business-status.{status}" for status in finer),
        *(f"actor.{actor}" for actor in get_args(Actor)),
        *(f"authority.{kind}" for kind in AUTHORITY_KINDS),
        *(f"sensitivity.{sensitivity}" for sensitivity in SENSITIVITIES),
        *(f"reason-group.{group}" for group in REASON_GROUPS),
        *(f"consent-state.{state}" for state in (*consent_states, "invalidated", "renewed", "unknown")),
    ]
    assert len(finer) == 16
    assert [key for key in keys if not words(key, "fr") or not words(key, "en")] == []
