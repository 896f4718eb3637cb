"""The sentences of the partner's program that people read, in French and in English."""

from __future__ import annotations

from keys.words import Words

__all__ = ["words"]

words = Words("adapters", "journal", "consent", "keys")
"""Looks a key up in `adapters/labels`, then in those of the cores it stands on."""
