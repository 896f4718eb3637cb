"""Reads the names that stand in the path of a call."""

from __future__ import annotations

__all__ = ["named"]


def named(text: str) -> str:
    """The name as it may be looked for; one with control characters becomes the empty name, which nobody has.

    PostgreSQL cannot even be asked for a text with a NUL.
    """
    return text if text.isprintable() else ""
