"""The register of incidents: the eight fields of the regulation, in codes, numbers and dates only."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.incident import (
    FIELDS,
    INCIDENT_CODES,
    Incident,
    completed,
    known_terms,
    of_emergency,
    of_mismatch,
    shown,
)
from consent.mismatch import MISMATCH_KINDS
from keys.errors import MalformedError
from tests import house_words

AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def test_there_are_exactly_eight_fields_in_the_order_of_the_regulation() -> None:
    """Description, circumstances, when, when known, how many, risk, notices, measures."""
    assert FIELDS == (
        "information",
        "circumstances",
        "occurred",
        "aware",
        "persons",
        "risk",
        "notices",
        "measures",
    )


def test_every_code_of_the_register_has_words_in_both_languages() -> None:
    """French set as French is set, English with its own apostrophe, each sentence once a field."""
    for (field, code), term in INCIDENT_CODES.items():
        assert house_words.loosely_typeset({code: term.fr}) == []
        assert "'" not in term.fr + term.en
        assert field in FIELDS
    for kind in MISMATCH_KINDS.values():
        assert house_words.loosely_typeset({kind.code: kind.fr}) == []


def test_an_incident_begins_with_what_is_known() -> None:
    """Risk and notices are for people to judge; a report that names no section says that it is sealed."""
    opened = of_mismatch("other", None, AT, AT)
    assert opened.information == "not-known-sealed"
    assert (opened.risk, opened.notices) == (None, None)
    assert of_emergency(("identity", "contact"), AT, AT).information == "identity;contact"
    assert of_emergency((), AT, AT).information == "not-known-sealed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("information", "identity;health-note"),
        ("circumstances", "loss"),
        ("occurred", "2026-03-02"),
        ("occurred", "~2026-03-02..2026-03-05"),
        ("aware", "2026-03-02T15:00:00.000Z"),
        ("persons", "12"),
        ("persons", "~1200"),
        ("risk", "serious;sensitivity;likelihood"),
        ("notices", "commission:2026-03-04;persons:2026-03-05"),
        ("notices", "none-would-hamper-inquiry"),
        ("measures", "copies-destroyed;people-trained"),
    ],
)
def test_each_field_takes_its_form(field: str, value: str) -> None:
    """Codes, days, periods and numbers are kept as they were written, and can be taken out again."""
    filled = completed(Incident(), {field: value})
    assert getattr(filled, field) == value
    assert completed(filled, {field: ""}) == Incident()


@pytest.mark.parametrize(
    ("field", "value", "because"),
    [
        ("information", "her name and address", "unknown-code"),
        ("information", "identity;identity", "duplicate-entry"),
        ("circumstances", "Personne-Fictive", "unknown-code"),
        ("occurred", "yesterday", "bad-time"),
        ("occurred", "2026-03-05..2026-03-02", "bad-time"),
        ("occurred", "2026-W10-1", "bad-time"),
        ("aware", "2026-02-30", "bad-time"),
        ("aware", "2026-03-01..2026-03-02..2026-03-03", "bad-time"),
        ("persons", "0", "wrong-form"),
        ("persons", "about three", "wrong-form"),
        ("persons", "٣", "wrong-form"),
        ("risk", "sensitivity", "wrong-form"),
        ("risk", "serious;not-serious", "wrong-form"),
        ("notices", "commission", "wrong-form"),
        ("notices", "commission:tomorrow", "bad-time"),
        ("notices", "none-no-serious-risk:2026-03-04", "wrong-form"),
        ("notices", "the-press:2026-03-04", "unknown-code"),
        ("measures", "we apologised", "unknown-code"),
        ("names", "Personne-Fictive", "unknown-field"),
    ],
)
def test_no_sentence_fits_into_a_field(field: str, value: str, because: str) -> None:
    """A slip is told by its field and never repeated."""
    with pytest.raises(MalformedError) as refused:
        completed(Incident(), {field: value})
    assert (refused.value.code, refused.value.pointer) == (because, f"/{field}")
    assert value not in str(refused.value)


@given(st.sampled_from(FIELDS), st.text(min_size=1, max_size=60))
def test_whatever_is_kept_is_made_of_codes_numbers_and_dates(field: str, text: str) -> None:
    """No text that a person could have written as a sentence passes, in any field."""
    try:
        kept = getattr(completed(Incident(), {field: text}), field)
    except MalformedError:
        return
    for item in kept.removeprefix("~").replace("..", ";").split(";"):
        code, _, day = item.partition(":")
        assert code in known_terms(field) or (code + day).strip("0123456789TZ:.-") == ""


def test_a_field_is_shown_in_the_readers_words() -> None:
    """Codes become words, with the day beside a notice; numbers and dates stay."""
    assert shown("risk", "serious;sensitivity", "en") == "Risk of serious injury, Sensitivity of the information"
    assert shown("notices", "persons:2026-03-05", "fr") == "Avis aux personnes concernées (2026-03-05)"
    assert shown("information", "contact", "fr") == "Coordonnées"
    assert shown("persons", "~3", "en") == "~3"
    assert shown("occurred", "2026-03-02T15:00:00.000Z", "en") == "2026-03-02T15:00:00.000Z"
