"""The kinds of leak, and the section of a referral where each kind is protected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

__all__ = ["BELONGS_IN", "KINDS", "Leak", "LeakKind"]

LeakKind = Literal[
    "name", "phone", "email", "address", "number", "health", "disability", "violence", "migration-status"
]
KINDS: Final[tuple[LeakKind, ...]] = get_args(LeakKind)
"""Every kind, in the order in which the evaluation prints them."""
BELONGS_IN: Final[Mapping[LeakKind, str]] = MappingProxyType(
    {
        "name": "identity",
        "phone": "contact",
        "email": "contact",
        "address": "housing",
        "health": "health-note",
        "disability": "health-note",
        "violence": "safety",
        "migration-status": "migration-status",
    }
)
"""The section made for each kind (PRODUCT §6); other identifying numbers have none, and are left out."""


@dataclass(frozen=True, slots=True)
class Leak:
    """Something in a free text that says what another section protects; it holds a place, never what was found."""

    place: str
    """JSON pointer of the text in the referral file; empty where a text was read by itself."""
    start: int
    """Offset of its first character in that text, in code points."""
    end: int
    """Offset after its last character."""
    kind: LeakKind
    belongs_in: str | None
    """Code of the section that protects it, where one does."""
