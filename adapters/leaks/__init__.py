"""The leak check: what a free text tells that another section protects, found before anything is sealed."""

from adapters.leaks.kinds import KINDS, Leak, LeakKind
from adapters.leaks.overrides import OVERRIDE_REASONS, Override, OverrideReason, remaining, suggestion
from adapters.leaks.search import find_in_text, find_leaks

__all__ = [
    "KINDS",
    "OVERRIDE_REASONS",
    "Leak",
    "LeakKind",
    "Override",
    "OverrideReason",
    "find_in_text",
    "find_leaks",
    "remaining",
    "suggestion",
]
