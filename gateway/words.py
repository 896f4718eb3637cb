"""The broker's sentences in French and English: its own words, then those of the cores it stands on."""

from __future__ import annotations

from keys.words import Words

__all__ = ["words"]

words = Words("gateway", "consent", "journal", "keys")
