"""What the law of a place asks of a consent, each requirement with its article and who reviewed it.

PRODUCT §4 and §8: rule packs per jurisdiction. A requirement is named by the reason it gives when it is not met; the
rows are in `consent/tables/consent_rules.csv`, so that jurists can review them without reading code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from consent import tabular
from consent.tabular import Row
from consent.vocabulary import JURISDICTIONS
from keys.words import Language

__all__ = ["CONSENT_RULES", "ESSENTIALS", "ConsentRule", "ConsentRules", "consent_rules"]

ESSENTIALS: Final = (
    "notice-missing",
    "consent-not-understood",
    "consent-not-free",
    "consent-not-separate",
    "consent-not-expressed",
    "express-consent-missing",
    "consent-by-wrong-person",
    "capacity-missing",
    "witness-missing",
    "consent-too-long",
)
"""Every requirement, in the order in which people are told."""


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """One requirement in one jurisdiction."""

    code: str
    jurisdiction: str
    applies: bool
    """False where the law of the place does not ask for it."""
    article_fr: str
    article_en: str
    reviewed_by: str | None
    """The jurist who reviewed the rule; None is shown to people as "not reviewed"."""

    @classmethod
    def read(cls, row: Row) -> Self:
        """Make the rule of one row; raises `MalformedError` as the reading of every table does."""
        return cls(
            code=row.choice("code", ESSENTIALS),
            jurisdiction=row.choice("jurisdiction", tuple(JURISDICTIONS)),
            applies=row.flag("applies"),
            article_fr=row.text("article_fr"),
            article_en=row.text("article_en"),
            reviewed_by=row.optional("reviewed_by"),
        )

    def article(self, language: Language) -> str:
        """The articles of law the rule rests on, cited as the reader's language does."""
        return self.article_en if language == "en" else self.article_fr


ConsentRules = Mapping[tuple[str, str], ConsentRule]
"""Requirements by code and jurisdiction."""


def consent_rules(text: str | None = None) -> ConsentRules:
    """Read the requirements; `text` replaces the table shipped. Raises `MalformedError` for any slip in it."""
    text = tabular.shipped("consent_rules") if text is None else text
    found = tabular.rows("consent_rules", text, [item.name for item in fields(ConsentRule)])
    return tabular.keyed(found, ConsentRule.read, lambda rule: (rule.code, rule.jurisdiction))


CONSENT_RULES: Final = consent_rules()
