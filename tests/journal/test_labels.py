"""Every refusal of the journal has its words in both languages."""

from __future__ import annotations

import ast
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import journal
from consent.remedies import WHO_CAN_FIX
from journal.report import CHECKED
from keys.words import Language, Words

WORDS = Words("journal", "consent", "keys")
_SOURCES = sorted(Path(journal.__path__[0]).rglob("*.py"))
_LANGUAGES: tuple[Language, Language] = ("fr", "en")


def slugs_given(*makers: str) -> set[str]:
    """The literal first argument of every call to one of these names in the journal's code."""
    found = set()
    for source in _SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func).split(".")[-1].endswith(makers):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def slugs_raised() -> set[str]:
    """The slug of every error raised, and of every fault found, in the journal's code."""
    return slugs_given("Error", "fault", "fault_at", "Fault", "absent", "Declined")


def words_of(language: Language) -> dict[str, Any]:
    """All that the journal has words for."""
    text = resources.files("journal").joinpath("labels", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def labels(language: Language) -> dict[str, dict[str, str]]:
    """The refusals that the journal has words for."""
    errors: dict[str, dict[str, str]] = words_of(language)["error"]
    return errors


@pytest.mark.parametrize("language", _LANGUAGES)
def test_every_refusal_says_what_is_wrong_and_what_to_do(language: Language) -> None:
    """A person never reads a bare slug."""
    slugs = slugs_raised()
    assert {"proof-does-not-hold", "signature-missing", "wrong-opening", "missing-field"} <= slugs
    for slug in sorted(slugs):
        for part in ("title", "remedy"):
            assert WORDS(f"error.{slug}.{part}", language).endswith(".")


def test_both_languages_know_the_same_refusals_and_no_others() -> None:
    """No sentence is left in one language only, or for a refusal that does not exist any more."""
    assert set(labels("fr")) == set(labels("en")) <= slugs_raised()


@pytest.mark.parametrize("language", _LANGUAGES)
def test_whatever_an_audit_tells_has_its_words(language: Language) -> None:
    """Each promise, each reason why an entry was not judged, and each slug of a rule is told in words."""
    told = words_of(language)["audit"]
    assert set(told["promises"]) == set(CHECKED)
    assert set(told["unjudged"]) == slugs_given("Unjudged", "absent") | {"re-referral-missing"}
    for slug in sorted(WHO_CAN_FIX):
        assert WORDS(f"error.{slug}.title", language)


def test_french_is_typeset_as_french() -> None:
    """A space before double punctuation does not break, and apostrophes are curved."""
    for slug, words in labels("fr").items():
        for sentence in words.values():
            assert "'" not in sentence, slug
            assert not any(f" {mark}" in sentence for mark in ":;!?"), slug
