"""The sentences about consent and referrals that people read, in French and in English."""

from __future__ import annotations

from keys.words import Words

__all__ = ["words"]

words = Words("consent", "keys")
"""Looks a key up in `consent/labels`, then in `keys/labels`."""
