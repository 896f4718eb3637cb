"""The code a person keeps, and says aloud to whoever is at hand, to take a consent back.

PROTOCOL §3: 15 random characters of Crockford's base32 and a check character, shown in groups of four. There is one for
each statement. It names nobody and tells nothing; whoever has it can only end what it was made for.

What the check character catches, in a code that was right: any one character read or typed wrong, and any two
characters that changed places, next to each other or not, the check character included. It is counted modulo 31, and
the alphabet has 32 characters, so one pair escapes it: `0` taken for `Z` or `Z` for `0`, and the two of them exchanged.
A code with that slip is one that nobody was ever given.
"""

from __future__ import annotations

import secrets
from typing import Final

from keys.errors import MalformedError

__all__ = ["ALPHABET", "CODE_LENGTH", "check_code", "new_code", "shown"]

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O or U; 75 bits in 15 characters."""
CODE_LENGTH: Final = 16
"""Characters of a code without its spaces, the check character included."""
_MODULUS: Final = 31
_WEIGHTS: Final = tuple(range(1, CODE_LENGTH))
"""Weights all different, none of them nought, and none the check character's own, which is -1 modulo 31."""
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_SEPARATORS: Final = frozenset(" \t\r\n\u00a0\u202f\u2007-\u2010\u2011\u2012\u2013\u2014.")
_LONGEST: Final = 64
"""Characters read at most, separators included."""
_GROUP: Final = 4


def new_code() -> str:
    """A fresh code: 16 characters, without separators."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in _WEIGHTS)
    return drawn + _check_character(drawn)


def check_code(text: str, *, pointer: str = "") -> str:
    """The 16 characters of a code as it was typed or heard.

    As Crockford has it: lower case will do, spaces and hyphens are skipped wherever they are, O reads as 0, I and L as
    1. Raises `MalformedError` (withdrawal-code-wrong) at `pointer` when no code reads so. Whether a code that reads
    well is anybody's is for the broker to say.
    """
    # Only ASCII has its case changed: elsewhere one letter could become two, or one of ours.
    typed = [sign.upper() if sign.isascii() else sign for sign in text[: _LONGEST + 1] if sign not in _SEPARATORS]
    if len(text) > _LONGEST or len(typed) != CODE_LENGTH or not _VALUES.keys() >= set(typed):
        raise MalformedError("withdrawal-code-wrong", pointer)
    code = "".join(ALPHABET[_VALUES[character]] for character in typed)
    if code[-1] != _check_character(code[:-1]):
        raise MalformedError("withdrawal-code-wrong", pointer)
    return code


def shown(code: str) -> str:
    """A code in groups of four, as `ABCD EFGH JKMN PQRS`; raises as `check_code` does."""
    code = check_code(code)
    return " ".join(code[at : at + _GROUP] for at in range(0, CODE_LENGTH, _GROUP))


def _check_character(drawn: str) -> str:
    total = sum(weight * _VALUES[character] for weight, character in zip(_WEIGHTS, drawn, strict=True))
    return ALPHABET[total % _MODULUS]
