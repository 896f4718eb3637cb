"""The sentences people read, in French and in English, found by slug.

Each package keeps its words in `labels/fr.toml` and `labels/en.toml`; a shell reads its own and those of the
cores it stands on. A missing word is a programming error and raises `KeyError`: tests read every slug.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

from keys.errors import Fault, PasserelleError

__all__ = ["Language", "Words", "language_of_environment", "language_of_header"]

Language = Literal["fr", "en"]
_ACCEPTED = re.compile(r"\s*(?P<tag>[A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,20})?\s*(?:;\s*q=(?P<q>[01](?:\.\d{0,3})?)\s*)?")


def language_of_header(accept_language: str | None) -> Language:
    """Choose from an `Accept-Language` header (RFC 9110 §12.5.4); French when nothing is asked for."""
    weights: dict[str, float] = {}
    for part in (accept_language or "")[:200].split(","):
        match = _ACCEPTED.fullmatch(part)
        if match:
            tag = match["tag"].lower()
            weights[tag] = max(weights.get(tag, 0.0), float(match["q"] or 1))
    return "en" if weights.get("en", 0.0) > weights.get("fr", 0.0) else "fr"


def language_of_environment() -> Language:
    """Choose as POSIX does: the first of LC_ALL, LC_MESSAGES, LANG that is set; English unless it is French."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "fr" if value.lower().startswith("fr") else "en"
    return "en"


@cache
def _labels(package: str, language: Language) -> dict[str, Any]:
    text = resources.files(package).joinpath("labels", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


class Words:
    """The words of several packages, looked up in order; `Words("keys", "consent")("error.x.title", "fr")`."""

    def __init__(self, *packages: str) -> None:
        """Name the packages whose `labels` folders are read; the first that knows a key gives the sentence."""
        self._packages = packages

    def __call__(self, key: str, language: Language, /, **parameters: object) -> str:
        """The sentence under a dotted key, its `{placeholders}` filled; `KeyError` names an unknown key."""
        found = self.find(key, language)
        if found is None:
            raise KeyError(key)
        return found.format(**parameters) if parameters else found

    def find(self, key: str, language: Language) -> str | None:
        """The sentence under a dotted key, or None when no package knows it."""
        for package in self._packages:
            node: Any = _labels(package, language)
            for part in key.split("."):
                node = node.get(part) if isinstance(node, dict) else None
            if isinstance(node, str):
                return node
        return None

    def explain(self, error: PasserelleError, language: Language) -> str:
        """An error as a person reads it: what is wrong and what to do, then every place, one a line."""
        title = self(f"error.{error.code}.title", language)
        remedy = self(f"error.{error.code}.remedy", language)
        places = [self.place(fault, language) for fault in error.faults]
        return "\n".join([f"{title} {remedy}", *(f"  - {place}" for place in places if place)])

    def place(self, fault: Fault, language: Language) -> str:
        """Where one fault is and what it is; empty when the whole document is meant."""
        parts = []
        if fault.line is not None:
            parts.append(self("place.line", language, line=fault.line, column=fault.column or 1))
        if fault.pointer:
            parts.append(fault.pointer)
        if not parts:
            return ""
        what = self.find(f"error.{fault.code}.title", language) or fault.code
        return f"{', '.join(parts)}: {what}" if language == "en" else f"{', '.join(parts)}\u00a0: {what}"
