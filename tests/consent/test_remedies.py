"""Every refusal has its words in both languages, and tells who can do something about it."""

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import get_args

import pytest

from consent import (
    agreement,
    answers,
    articles,
    coherence,
    conditions,
    envelope,
    headers,
    lifecycle,
    permissions,
    receipt,
    record,
    statement,
)
from consent.decision import RULES
from consent.remedies import WHO_CAN_FIX, Fixer
from consent.statement import StatementState
from consent.words import words
from keys.words import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
DOCUMENTS = (agreement, answers, articles, coherence, envelope, headers, receipt, record, statement)
SLUG = re.compile(r"[a-z]+(-[a-z0-9]+)+")
# What else looks like a slug in these modules: kinds of document, codes and members of the protocol.
OTHER_WORDS = frozenset(
    {"agreement-signature", "at-deadline", "in-force", "extend-once", "in-progress", "on-hold", "contact-attempted"}
    | {"entered-in-error", "consent-representative", "legal-sharing", "care-team", "within-24h", "info-requested"}
    | {"no-re-referral", "re-referral", "respond-by", "review-by"}
    | {"signed-screen", "signed-paper", "under-14", "14-to-17", "not-answered", "not-asked", "asked-not-given"}
    | {"not-needed", "trusted-person", "needed-but-absent"}
    | {"receipt.nothing-agreed"}
)


def _slugs(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SLUG.fullmatch(node.value):
            yield node.value


DECISION = {slug for module in (conditions, permissions, lifecycle) for slug in _slugs(module)} | {
    f"consent-{state}" for state in get_args(StatementState) if state != "given"
}
SPOKEN_KEYS = {key for key in _slugs(receipt) if words.find(f"receipt.{key}", "en")}
EVERY = (DECISION | {slug for module in DOCUMENTS for slug in _slugs(module)}) - OTHER_WORDS - SPOKEN_KEYS


def test_every_refusal_of_a_decision_tells_who_can_fix_it() -> None:
    """The table of remedies names every slug a decision can answer with, and no other."""
    assert set(WHO_CAN_FIX) == DECISION - OTHER_WORDS
    assert set(WHO_CAN_FIX.values()) == set(get_args(Fixer))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slug_has_its_words(language: Language) -> None:
    """Each slug written in these modules has a title and a remedy, also where the code puts it together."""
    assert len(EVERY) > 90
    missing = [
        slug
        for slug in sorted(EVERY)
        for part in ("title", "remedy")
        if not words.find(f"error.{slug}.{part}", language)
    ]
    assert missing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_and_everybody_who_can_help_has_words(language: Language) -> None:
    """Auditors read rules by their number, people read whom to ask; each is one sentence or name."""
    for number in {rule.number for rules in RULES.values() for rule in rules}:
        assert words(f"rule.{number}", language).endswith(".")
    for fixer in get_args(Fixer):
        assert words(f"who.{fixer}", language)[0].isupper()
