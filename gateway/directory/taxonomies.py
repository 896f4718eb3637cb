"""Reads what a service is for from the classifications it carries: ours, or others’ through the crosswalk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from consent.vocabulary import NEEDS, PURPOSES
from gateway.directory.listing import ACCESSIBILITY, MAX_NAME, AccessibilityCode
from gateway.directory.reader import Node

__all__ = [
    "ACCESSIBILITY_TAXONOMY",
    "NEEDS_TAXONOMY",
    "PURPOSES_TAXONOMY",
    "accessibility_of",
    "needs_of",
    "purposes_of",
]

NEEDS_TAXONOMY = "passerelle-needs"
PURPOSES_TAXONOMY = "passerelle-purposes"
ACCESSIBILITY_TAXONOMY = "passerelle-accessibility"

_DATA_INCLUSION = "data.inclusion"
_GRAVITY = "gravity"
# Gravity's code for “something else”; it stands beside several of our needs and tells none of them.
_UNSPECIFIED = "sdoh-category-unspecified"


@dataclass(frozen=True, slots=True)
class _Term:
    taxonomy: str
    code: str | None
    node: Node


def needs_of(service: Node) -> tuple[str, ...]:
    """The codes of the needs a service answers, in the order met, each once.

    A term of `passerelle-needs` must be one of our codes (unknown-code otherwise); data·inclusion and HL7
    Gravity terms count for every need that the crosswalk puts beside them; other taxonomies are left alone.
    """
    found: dict[str, None] = {}
    for term in _terms(service):
        if term.taxonomy == NEEDS_TAXONOMY:
            found[_known(term, tuple(NEEDS))] = None
        elif term.taxonomy in (_DATA_INCLUSION, _GRAVITY) and term.code is not None:
            found.update(dict.fromkeys(_crosswalk().get((term.taxonomy, term.code), ())))
    return tuple(found)


def purposes_of(service: Node) -> tuple[str, ...]:
    """The purposes of referral a service accepts (`passerelle-purposes`); unknown-code for any other code."""
    return tuple(
        dict.fromkeys(_known(term, tuple(PURPOSES)) for term in _terms(service) if term.taxonomy == PURPOSES_TAXONOMY)
    )


def accessibility_of(node: Node) -> Iterator[AccessibilityCode]:
    """What a location offers (`passerelle-accessibility`); unknown-code for any other code.

    Nothing is guessed from free text: “no wheelchair access” holds the same words as its contrary.
    """
    for term in _terms(node):
        if term.taxonomy == ACCESSIBILITY_TAXONOMY:
            code = _known(term, ACCESSIBILITY)
            yield next(known for known in ACCESSIBILITY if known == code)


@cache
def _crosswalk() -> dict[tuple[str, str], tuple[str, ...]]:
    table: dict[tuple[str, str], tuple[str, ...]] = {}
    for code, need in NEEDS.items():
        for key in ((_DATA_INCLUSION, need.data_inclusion), (_GRAVITY, need.gravity)):
            if key[1] != _UNSPECIFIED:
                table[key] = (*table.get(key, ()), code)
    return table


def _terms(node: Node) -> Iterator[_Term]:
    for attribute in node.items("attributes"):
        term = attribute.member("taxonomy_term")
        if term is None:
            continue
        detail = term.member("taxonomy_detail")
        names = [term.text("taxonomy", longest=MAX_NAME, cut=True)]
        if detail is not None:
            names += [detail.text(name, longest=MAX_NAME, cut=True) for name in ("name", "uri")]
        taxonomy = next((known for known in map(_recognised, filter(None, names)) if known), "")
        yield _Term(taxonomy, term.text("code", longest=MAX_NAME, cut=True), term)


def _recognised(name: str) -> str | None:
    lowered = name.lower()
    if lowered in (NEEDS_TAXONOMY, PURPOSES_TAXONOMY, ACCESSIBILITY_TAXONOMY):
        return lowered
    # HSDS leaves the name of a taxonomy to whoever writes it: any spelling or address of these two will do.
    letters = re.sub(r"[^a-z0-9]", "", lowered)
    if "datainclusion" in letters:
        return _DATA_INCLUSION
    return _GRAVITY if "gravity" in letters or "sdohcc" in letters else None


def _known(term: _Term, codes: tuple[str, ...]) -> str:
    if term.code is None:
        raise term.node.error("missing-field", "code")
    if term.code not in codes:
        raise term.node.error("unknown-code", "code")
    return term.code
