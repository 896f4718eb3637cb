"""What a person may decide about a leak, and the words they read before deciding."""

from __future__ import annotations

from typing import get_args

import pytest

from adapters.leaks import KINDS, OVERRIDE_REASONS, Leak, LeakKind, Override, find_leaks, remaining, suggestion
from adapters.leaks.overrides import read_override_reasons
from adapters.words import words
from keys.documents import validate
from keys.errors import MalformedError
from keys.words import Language
from tests.adapters.leaks.referrals import sections
from tests.invented import Json

NOTE = "/sections/situation/note"
DECIDED: Json = {"place": NOTE, "kind": "health", "reason": "person-asked"}


def test_an_override_leaves_one_kind_in_one_text() -> None:
    """The other kinds of that text, and that kind elsewhere, still stand in the way."""
    text = "Zélie est enceinte."
    leaks = find_leaks(sections({"/situation/note": text, "/outcome/note": text}))
    left = remaining(leaks, [validate(Override, DECIDED)])
    assert len(leaks) == 4
    assert {(leak.place, leak.kind) for leak in left} == {
        (NOTE, "name"),
        ("/sections/outcome/note", "name"),
        ("/sections/outcome/note", "health"),
    }


def test_nothing_is_left_aside_without_an_override() -> None:
    """Silence decides nothing."""
    leaks = find_leaks(sections({"/situation/note": "Elle est enceinte."}))
    assert remaining(leaks, []) == leaks != ()


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("reason", "because", "unknown-code"),
        ("reason", "x" * 41, "too-long"),
        ("kind", "wealth", "unknown-code"),
        ("place", "situation", "wrong-form"),
        ("place", "/" + "x" * 120, "too-long"),
        ("note", "x", "unknown-field"),
    ],
)
def test_an_override_is_a_closed_form(member: str, value: str, code: str) -> None:
    """A reason comes from its list, a kind from its own, and there is no room for a sentence."""
    with pytest.raises(MalformedError) as caught:
        validate(Override, {**DECIDED, member: value})
    assert (caught.value.code, caught.value.pointer) == (code, f"/{member}")


def test_reasons_have_words_in_both_languages() -> None:
    """The list is the one of the design, and a table with a slip is refused by line."""
    expected = {"needed-for-safety", "not-about-a-person", "service-name", "person-asked", "other"}
    assert set(OVERRIDE_REASONS) == expected
    assert all(term.fr and term.en for term in OVERRIDE_REASONS.values())
    with pytest.raises(MalformedError, match="duplicate-code"):
        read_override_reasons("code,fr,en\nother,Autre,Other\nother,Autre,Other\n")


@pytest.mark.parametrize("language", get_args(Language))
def test_every_kind_says_what_to_do_instead(language: Language) -> None:
    """Each has a title and a suggestion of its own, in both languages, that repeats nothing of the text."""
    leaks = [Leak(NOTE, 0, 5, kind, None) for kind in get_args(LeakKind)]
    suggestions = [suggestion(leak, language) for leak in leaks]
    assert len(set(suggestions)) == len(KINDS) == len({words(f"leak.{kind}.title", language) for kind in KINDS})
