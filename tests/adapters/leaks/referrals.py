"""A referral in which everything stands where it belongs; each test puts one thing elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.leaks import Leak, find_in_text
from adapters.referral_sections import ReferralSections
from keys.documents import validate
from keys.words import Language
from tests.invented import Json, changed

SECTIONS: Mapping[str, Json] = {
    "identity": {"given_name": "Zélie", "family_name": "Fictive-Inventée", "alias": "Zaza", "birth_date": "1990-02-28"},
    "contact": {
        "reach": "direct",
        "channels": [
            {"channel": "sms", "value": "450 555-0123", "safe_to_leave_message": "no"},
            {"channel": "letter", "value": "Mme Oriane Imaginée, 12, rue Inventée", "safe_to_leave_message": "no"},
        ],
    },
    "situation": {"needs": [{"need": "food", "urgency": "routine"}], "note": "Deux personnes, un chat."},
    "housing": {"tonight": "hosted", "address": "12, rue Inventée, H7X 9Z9"},
    "health-note": {"note": "Fauteuil roulant ; enceinte, insuline au froid."},
    "worker": {
        "name": "Zélie Intervenante",
        "team": "Équipe violence et santé mentale",
        "phone": "450 555-0100",
        "email": "e@example.invalid",
    },
    "outcome": {"note": "Place trouvée."},
}
"""What each section says when nothing leaks."""


def sections(changes: Mapping[str, object] | None = None) -> ReferralSections:
    """The referral with the value at each JSON pointer replaced, added or taken out."""
    return validate(ReferralSections, changed(SECTIONS, changes or {}))


def told(text: str, *names: str, language: Language | None = None) -> list[tuple[str, str]]:
    """The kind and the words of each leak of one text."""
    return [shown(text, leak) for leak in find_in_text(text, names=names, language=language)]


def shown(text: str, leak: Leak) -> tuple[str, str]:
    """The kind of a leak and the words that it points to."""
    return leak.kind, text[leak.start : leak.end]
