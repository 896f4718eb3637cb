"""The kinds of fields that the sections of a referral are made of: short lines, notes, days, codes.

Text is read as it was written: neither control characters nor those that reverse the direction of what follows.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from keys.documents import fault

__all__ = [
    "NO_CONTROLS",
    "NO_CONTROLS_BUT_LINES",
    "Code",
    "Day",
    "FileName",
    "LanguageTag",
    "Line",
    "Note",
    "listed_once",
    "said",
]

# Neither control characters nor those that reverse the direction of what follows: text is read as it was written.
NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
NO_CONTROLS_BUT_LINES: Final = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"


def said(text: str) -> str:
    """The text, unless spaces stand around it; raises wrong-form at its place."""
    # Spaces around or alone would be a value that looks empty to its reader.
    if text != text.strip():
        raise fault("wrong-form")
    return text


def _is_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise fault("bad-date") from None
    return text


def listed_once(items: tuple[str, ...]) -> tuple[str, ...]:
    """The items, unless one repeats; raises duplicate-entry at their place."""
    if len(set(items)) != len(items):
        raise fault("duplicate-entry")
    return items


Line = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=NO_CONTROLS), AfterValidator(said)]
"""One short line of text."""
Note = Annotated[
    str, StringConstraints(min_length=1, max_length=300, pattern=NO_CONTROLS_BUT_LINES), AfterValidator(said)
]
"""A few sentences; lists come first and this says only what they cannot."""
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_is_date)]
"""A calendar day, `YYYY-MM-DD`."""
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
"""A spoken language, ISO 639 in two or three letters."""
Code = Annotated[str, StringConstraints(max_length=40)]
"""A code; which ones there are, the list beside it tells."""
FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._ -]*$"),
    AfterValidator(said),
]
"""The name of a paper: it can neither lead to another folder nor hide."""
