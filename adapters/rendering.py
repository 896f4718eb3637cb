"""What a referral says, in words: every field and every answer in the reader's language.

The values of free fields are given as they are; whoever shows them makes them safe for the screen or page at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.answers import ANSWERS
from adapters.words import words
from consent.vocabulary import DOCUMENT_TYPES, NEEDS, OUTCOMES, PRIORITIES, SECTIONS, Term, label
from keys.words import Language

__all__ = ["TERMS", "section_lines"]

TERMS: Final[Mapping[str, Mapping[str, Term]]] = {
    "age_band": ANSWERS["age-band"],
    "pronoun": ANSWERS["pronoun"],
    "reach": ANSWERS["reach"],
    "channel": ANSWERS["channel"],
    "safe_to_leave_message": ANSWERS["yes-no"],
    "best_time": ANSWERS["best-time"],
    "need": NEEDS,
    "urgency": PRIORITIES,
    "since": ANSWERS["since"],
    "animal": ANSWERS["yes-no"],
    "interpreter": ANSWERS["interpreter"],
    "mobility": ANSWERS["mobility"],
    "digital": ANSWERS["digital"],
    "tonight": ANSWERS["tonight"],
    "arrears": ANSWERS["arrears"],
    "benefits": ANSWERS["benefit"],
    "missing_documents": DOCUMENT_TYPES,
    "migration": ANSWERS["migration"],
    "accessibility": ANSWERS["accessibility"],
    "violence": ANSWERS["violence"],
    "danger": ANSWERS["danger"],
    "do_not_contact": ANSWERS["relation"],
    "outcome": OUTCOMES,
    "rank": ANSWERS["rank"],
    "type": DOCUMENT_TYPES,
}
"""For each field that holds codes, the list in which their words are."""
_FOR_PROGRAMS: Final = frozenset({"sha256", "sealed_sha256", "key"})
"""What a paper is checked and opened with; nobody reads it."""


def section_lines(section: str, members: Mapping[str, Any], language: Language) -> Iterator[str]:
    """One section, line by line: its name, then each field with its answer."""
    yield label(SECTIONS[section], language)
    yield from _lines(members, "  ", language)


def _lines(members: Mapping[str, Any], indent: str, language: Language) -> Iterator[str]:
    for name, value in members.items():
        if name in _FOR_PROGRAMS:
            continue
        title = words(f"field.{name}", language)
        if isinstance(value, dict):
            yield f"{indent}{title}"
            yield from _lines(value, indent + "  ", language)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{title}"
            for item in value:
                yield f"{indent}  – " + ", ".join(_lines(item, "", language))
        elif value != []:
            shown = _shown(name, value, language)
            yield words("cli.field", language, indent=indent, title=title, value=shown)


def _shown(name: str, value: object, language: Language) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(name, item, language) for item in value)
    term = TERMS.get(name, {}).get(str(value))
    return str(value) if term is None else label(term, language)
