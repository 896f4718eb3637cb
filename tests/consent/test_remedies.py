"""Every refusal has its words in both languages, and tells who can do something about it."""

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import get_args

import pytest

from consent import (
    accession,
    agreement,
    answering,
    answers,
    articles,
    authority,
    coherence,
    conditions,
    emergencies,
    envelope,
    essentials,
    headers,
    lifecycle,
    permissions,
    projection,
    quorum,
    receipt,
    record,
    revision,
    statement,
    validity,
    withdrawal_code,
)
from consent.decision import RULES
from consent.remedies import WHO_CAN_FIX, Fixer
from consent.statement import StatementState
from consent.words import words
from keys.words import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
DOCUMENTS = (
    *(accession, agreement, answering, answers, articles, coherence, envelope, essentials),
    *(headers, projection, quorum, receipt, record, revision, statement, validity, withdrawal_code),
)
SLUG = re.compile(r"[a-z]+(-[a-z0-9]+)+")
RULES_IN = (authority, conditions, emergencies, lifecycle, permissions)
# Groups of labels whose keys are no errors, although these modules name them.
GROUPS = ("capacity", "consent-state", "receipt")
# What else looks like a slug in these modules: kinds of document, codes and members of the protocol.
OTHER_WORDS = frozenset(
    {"agreement-signature", "at-deadline", "in-force", "extend-once", "in-progress", "on-hold", "contact-attempted"}
    | {"entered-in-error", "consent-representative", "legal-sharing", "care-team", "within-24h", "info-requested"}
    | {"no-re-referral", "re-referral", "respond-by", "review-by"}
    | {"signed-screen", "signed-paper", "under-14", "14-to-17", "not-answered", "not-asked", "asked-not-given"}
    | {"not-needed", "trusted-person", "needed-but-absent"}
    | {"on-its-own", "with-others", "tied-to-service", "under-pressure"}
    | {"emergency-unreviewed", "non-delivery", "withdrawal-answered"}
)


def _slugs(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SLUG.fullmatch(node.value):
            yield node.value


# The faults of a table and of a record, of which rules only read the name.
NOT_OF_A_DECISION = frozenset({"wrong-form", "witness-missing"})
DECISION = {slug for module in RULES_IN for slug in _slugs(module)} - NOT_OF_A_DECISION | {
    f"consent-{state}" for state in get_args(StatementState) if state != "given"
}
WRITTEN = DECISION | {slug for module in DOCUMENTS for slug in _slugs(module)}
NAMED = {slug for slug in WRITTEN for group in GROUPS if words.find(f"{group}.{slug}", "en")}
EVERY = WRITTEN - OTHER_WORDS - (NAMED - {slug for slug in NAMED if words.find(f"error.{slug}.title", "en")})


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
