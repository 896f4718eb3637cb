"""Where people type freely in a referral, and what each of these places is made to hold.

Every field of `adapters.sections` that takes free text stands here once; a test walks the forms and fails for one
that does not. What a place is made for is no leak there: a phone number among the contact details.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from adapters.leaks.kinds import KINDS, LeakKind
from adapters.referral_sections import ReferralSections
from keys.documents import Document

__all__ = ["FREE_TEXT", "FreeText", "aliases_of", "free_texts", "names_of"]

_CONTACT: Final[frozenset[LeakKind]] = frozenset({"name", "phone", "email", "address", "number"})
_TOLD_OF_THE_SENDER: Final[frozenset[LeakKind]] = frozenset(
    {"name", "phone", "email", "address", "health", "disability", "violence", "migration-status"}
)
FREE_TEXT: Final[Mapping[str, frozenset[LeakKind]]] = MappingProxyType(
    {
        "/identity/family_name": frozenset({"name"}),
        "/identity/given_name": frozenset({"name"}),
        "/identity/alias": frozenset({"name"}),
        "/contact/channels/*/value": _CONTACT,
        "/situation/note": frozenset(),
        "/housing/address": frozenset({"address"}),
        "/health-note/note": frozenset({"health", "disability"}),
        "/worker/name": _TOLD_OF_THE_SENDER,
        # A team may be called after what it treats; the person's name has no place in it.
        "/worker/team": _TOLD_OF_THE_SENDER - {"name"},
        "/worker/phone": _TOLD_OF_THE_SENDER,
        "/worker/email": _TOLD_OF_THE_SENDER,
        "/outcome/note": frozenset(),
        # Whoever reads the name of a paper has the paper, which says more.
        "/documents/items/*/name": frozenset(KINDS),
        # It has to say what happened, and nobody but the auditors can open it.
        "/justification/text": frozenset(KINDS),
    }
)
"""Each free text by its pointer in the sections (`*` for any place in a list), and the kinds at home there."""


@dataclass(frozen=True, slots=True)
class FreeText:
    """One text that somebody typed: its JSON pointer in the referral file, its words, and the kinds at home in it."""

    place: str
    text: str
    at_home: frozenset[LeakKind]


def free_texts(sections: ReferralSections) -> Iterator[FreeText]:
    """Every free text of these sections that is filled, in the order of its place."""
    found = [text for code, section in sections.present().items() for text in _within(section, f"/{code}", f"/{code}")]
    return iter(sorted(found, key=lambda text: text.place))


def _within(value: Any, pointer: str, pattern: str) -> Iterator[FreeText]:  # noqa: ANN401 - a field holds anything
    if isinstance(value, Document):
        for name, field in type(value).model_fields.items():
            key = field.alias or name
            yield from _within(getattr(value, name), f"{pointer}/{key}", f"{pattern}/{key}")
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            yield from _within(item, f"{pointer}/{place}", f"{pattern}/*")
    elif isinstance(value, str) and pattern in FREE_TEXT:
        yield FreeText(f"/sections{pointer}", value, FREE_TEXT[pattern])


def names_of(sections: ReferralSections) -> tuple[str, ...]:
    """The names typed in the identity; the household is counted and names nobody."""
    identity = sections.identity
    return tuple(name for name in (identity.given_name, identity.family_name) if name) if identity else ()


def aliases_of(sections: ReferralSections) -> tuple[str, ...]:
    """What else the person is called: the alias, and whom the contact details name."""
    alias = sections.identity.alias if sections.identity else None
    channels = sections.contact.channels if sections.contact else ()
    named = (_named_in(channel.value) for channel in channels)
    return tuple(name for name in (alias, *named) if name)


def _named_in(value: str) -> str | None:
    """Whom a contact line names: its capitalised words before the first figure (`Mme Inventée, 12, rue…`).

    An electronic address names somebody by the two words or more before its `@`.
    """
    local, at_sign, _ = value.partition("@")
    if at_sign:
        words = [word for word in local.replace("_", ".").replace("-", ".").split(".") if word.isalpha()]
        return " ".join(words) if len(words) > 1 else None
    head = value[: next((place for place, sign in enumerate(value) if sign.isdecimal() or sign in ",;:("), len(value))]
    return " ".join(word for word in head.split() if word[0].isupper()) or None
