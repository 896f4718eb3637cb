"""The forms of a referral: closed, short, from lists where possible, and honest about violence."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.answers import ANSWERS, read_answers
from adapters.rendering import TERMS, section_lines
from adapters.sections import FORMS, MAX_SECTION, encode_section, form_of, parse_section
from adapters.words import words
from consent.vocabulary import SECTIONS
from keys import strictjson
from keys.documents import Document, b64url
from keys.errors import MalformedError
from tests.invented import ABSENT, Json, changed

VALID: Mapping[str, Json] = {
    "identity": {
        "given_name": "Canari",
        "family_name": "Personne-Fictive",
        "birth_date": "1990-02-28",
        "pronoun": "she",
    },
    "contact": {
        "reach": "direct",
        "channels": [
            {"channel": "sms", "value": "450 555-0123", "safe_to_leave_message": "no", "best_time": "morning"},
        ],
    },
    "situation": {
        "needs": [{"need": "food", "urgency": "routine", "since": "weeks"}],
        "household": {"adults": 1, "children": 2, "animal": "no"},
        "languages": ["fr", "ar"],
        "interpreter": "wanted",
        "mobility": "with-help",
        "digital": "no-access",
        "note": "Deux lignes\ninventées.",
    },
    "housing": {"tonight": "hosted", "nights_needed": 2, "arrears": "none", "address": "1, rue Inventée"},
    "income-rights": {"benefits": ["social-assistance"], "missing_documents": ["lease"]},
    "migration-status": {"migration": "asylum-seeker"},
    "health-note": {"note": "Ne peut pas monter d’escalier.", "accessibility": ["step-free"]},
    "safety": {"violence": "suspected", "danger": "possible", "do_not_contact": ["former-partner"]},
    "worker": {
        "name": "Intervenante Inventée",
        "team": "Équipe",
        "phone": "450 555-0100",
        "email": "e@example.invalid",
    },
    "outcome": {"outcome": "served", "appointment": "2026-03-04T15:00:00.000Z", "rank": "1-5", "note": "À bientôt."},
    "documents": {
        "items": [
            {
                "type": "lease",
                "sha256": "ab" * 32,
                "size": 12,
                "name": "lease.pdf",
                "sealed_sha256": "cd" * 32,
                "key": b64url(bytes(32)),
            }
        ]
    },
    "justification": {"text": "Personne inventée, introuvable."},
}
"""One valid section of each form, with every field that it can have."""


def read(section: str, members: object) -> Document:
    """A section read as if it had just been opened."""
    return parse_section(section, f"{section}/1", strictjson.dumps(members))


def refusal(section: str, changes: Mapping[str, object]) -> tuple[str, str]:
    """The slug and the place of what is wrong once a valid section is changed."""
    with pytest.raises(MalformedError) as caught:
        read(section, changed(VALID[section], changes))
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize("section", VALID)
def test_a_valid_section_reads_back_as_it_was_written(section: str) -> None:
    """What is sealed is what was read, byte for byte in meaning."""
    assert strictjson.loads(encode_section(read(section, VALID[section])), limit=MAX_SECTION) == VALID[section]


def test_every_section_has_a_form() -> None:
    """All sections of the vocabulary are written here, and nothing else is."""
    assert {form.partition("/")[0] for form in FORMS} == set(SECTIONS) == set(VALID)
    assert form_of("documents") == "documents/1"
    with pytest.raises(MalformedError, match="unknown-code"):
        form_of("diary")


@pytest.mark.parametrize(("section", "form"), [("identity", "identity/2"), ("identity", "contact/1"), ("x", "x/1")])
def test_another_form_is_refused(section: str, form: str) -> None:
    """A newer form, another section's form and an unknown section are not guessed at."""
    with pytest.raises(MalformedError, match="unknown-form"):
        parse_section(section, form, strictjson.dumps(VALID["identity"]))


@given(st.sampled_from(sorted(VALID)), st.text(min_size=1, max_size=20))
def test_an_unknown_field_is_refused_and_never_echoed(section: str, name: str) -> None:
    """A closed form has no room for anything else, and the refusal repeats nothing of what was sent."""
    members = {**VALID[section], f"canari-{name}": "Canari-Secret"}
    with pytest.raises(MalformedError) as caught:
        read(section, members)
    assert "unknown-field" in {fault.code for fault in caught.value.faults}
    assert "Canari-Secret" not in repr(caught.value) + words.explain(caught.value, "fr")


@pytest.mark.parametrize(
    ("section", "changes", "expected"),
    [
        ("identity", {"/given_name": ABSENT, "/family_name": ABSENT}, ("identity-without-name", "")),
        ("identity", {"/age_band": "25-54"}, ("birth-date-or-age-band", "/age_band")),
        ("identity", {"/birth_date": ABSENT}, ("birth-date-or-age-band", "")),
        ("identity", {"/birth_date": "1990-02-30"}, ("bad-date", "/birth_date")),
        ("identity", {"/birth_date": "19900228"}, ("wrong-form", "/birth_date")),
        ("identity", {"/pronoun": "xx"}, ("unknown-code", "/pronoun")),
        ("identity", {"/given_name": "x" * 121}, ("too-long", "/given_name")),
        ("identity", {"/given_name": ""}, ("too-short", "/given_name")),
        ("identity", {"/given_name": " Canari"}, ("wrong-form", "/given_name")),
        ("identity", {"/given_name": "a\u001b[2Jb"}, ("wrong-form", "/given_name")),
        ("identity", {"/given_name": "a\u202eb"}, ("wrong-form", "/given_name")),
        ("identity", {"/given_name": "a\nb"}, ("wrong-form", "/given_name")),
        ("contact", {"/reach": "prohibited"}, ("contact-prohibited", "/channels")),
        ("contact", {"/channels": ABSENT}, ("contact-without-channel", "")),
        ("contact", {"/channels/0/channel": "fax"}, ("unknown-code", "/channels/0/channel")),
        ("contact", {"/channels/0/safe_to_leave_message": True}, ("wrong-type", "/channels/0/safe_to_leave_message")),
        ("situation", {"/needs": []}, ("too-short", "/needs")),
        ("situation", {"/needs/0/need": "riches"}, ("unknown-code", "/needs/0/need")),
        ("situation", {"/needs/1": VALID["situation"]["needs"][0]}, ("duplicate-entry", "/needs/1/need")),
        ("situation", {"/household/adults": True}, ("wrong-type", "/household/adults")),
        ("situation", {"/household/children": 21}, ("out-of-range", "/household/children")),
        ("situation", {"/languages": ["fr", "fr"]}, ("duplicate-entry", "/languages")),
        ("situation", {"/languages/0": "French"}, ("wrong-form", "/languages/0")),
        ("situation", {"/note": "x" * 301}, ("too-long", "/note")),
        ("housing", {"/nights_needed": 0}, ("out-of-range", "/nights_needed")),
        ("housing", {"/tonight": ABSENT}, ("missing-field", "/tonight")),
        ("income-rights", {"/missing_documents/0": "diary"}, ("unknown-code", "/missing_documents/0")),
        ("migration-status", {"/note": "x"}, ("unknown-field", "/note")),
        ("health-note", {"/note": "x" * 601}, ("too-long", "/note")),
        ("health-note", {"/note": ABSENT, "/accessibility": []}, ("missing-field", "")),
        ("safety", {"/violence": "maybe"}, ("unknown-code", "/violence")),
        ("safety", {"/address": "1, rue Inventée"}, ("unknown-field", "/address")),
        ("outcome", {"/appointment": "2026-03-04T15:00:00Z"}, ("bad-time", "/appointment")),
        ("outcome", dict.fromkeys(("/outcome", "/appointment", "/rank", "/note"), ABSENT), ("missing-field", "")),
    ],
)
def test_what_a_form_does_not_allow_is_refused_at_its_place(
    section: str, changes: Mapping[str, object], expected: tuple[str, str]
) -> None:
    """One change at a time to a valid section, each refused with its slug and its pointer."""
    assert refusal(section, changes) == expected


def test_an_oversized_section_is_not_even_parsed() -> None:
    """The limit comes first."""
    with pytest.raises(MalformedError, match="too-large"):
        parse_section("health-note", "health-note/1", b" " * (MAX_SECTION + 1))


@given(st.binary(max_size=200))
def test_garbage_is_only_ever_malformed(data: bytes) -> None:
    """Whatever the bytes of an opened section are, no other error leaves the reader."""
    with pytest.raises(MalformedError):
        parse_section("identity", "identity/1", data)


def _names(model: type[Document]) -> set[str]:
    found = set(model.model_fields)
    for name in ("Channel", "NeedItem", "Household", "DocumentItem"):
        if name in str(model.__annotations__):
            found |= set(getattr(__import__("adapters.sections", fromlist=[name]), name).model_fields)
    return found


def test_every_field_has_its_words_and_every_code_its_list() -> None:
    """A reader sees words in both languages for each field, and for each answer."""
    never_shown = {"sha256", "sealed_sha256", "key"}
    names = set().union(*(_names(model) for model in FORMS.values())) - never_shown
    for name in names:
        assert all(words.find(f"field.{name}", language) for language in ("fr", "en")), name
    assert set(TERMS) <= names
    coded = {"tonight", "rank", "violence", "migration", "benefits", "since", "outcome", "need", "urgency"}
    assert coded <= set(TERMS)


def test_the_lists_of_answers_are_checked_like_any_table() -> None:
    """A duplicate, an empty word or another header in the table stops the program at the line."""
    header = "list,code,fr,en\n"
    for row, slug in (
        ("a,x,X,X\na,x,Y,Y\n", "duplicate-code"),
        ("a,x,,X\n", "missing-field"),
        ("a,x,X\n", "table-columns"),
    ):
        with pytest.raises(MalformedError, match=slug):
            read_answers(header + row)
    assert read_answers(header + "a,x,X,X\nb,x,Y,Y\n")["b"]["x"].fr == "Y"
    assert all("not-answered" in ANSWERS[name] for name in ("age-band", "violence", "tonight", "benefit", "migration"))


@pytest.mark.parametrize("section", VALID)
def test_every_answer_is_shown_in_words(section: str) -> None:
    """No code and no field's own name reaches a reader, in either language."""
    for language in ("fr", "en"):
        shown = "\n".join(section_lines(section, VALID[section], language))
        for code in (
            "she",
            "sms",
            "routine",
            "hosted",
            "step-free",
            "former-partner",
            "asylum-seeker",
            "served",
            "1-5",
        ):
            assert f": {code}" not in shown
        assert "_" not in shown
