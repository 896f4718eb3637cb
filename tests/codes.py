"""Withdrawal codes for the tests, completed by the definition of their check character."""

from __future__ import annotations

from consent.withdrawal_code import ALPHABET


def completed(drawn: str) -> str:
    """Fifteen characters with their check character: the sum of place times value, modulo 31."""
    total = sum(place * ALPHABET.index(sign) for place, sign in enumerate(drawn, start=1))
    return drawn + ALPHABET[total % 31]
