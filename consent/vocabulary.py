"""The words partners share: what help is for, what is needed, why a referral was declined, what came of it.

Every code is a row of a table in `consent/tables/`, with its words in French and in English, so that people
can review it without reading code. The tables are read once, at import; a slip in them stops the program.
PRODUCT §3 to §6 name them; PROTOCOL §0 makes them the only codes that documents may carry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Annotated, Final, Self, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from consent import tabular
from consent.tabular import Row
from consent.terms import (
    STATUSES,
    DocumentType,
    Need,
    Outcome,
    Priority,
    Reason,
    Section,
    Sensitivity,
    Status,
    Term,
    label,
    words_of,
)
from keys.documents import fault
from keys.words import Language

__all__ = [
    "ASKED_FOR",
    "AUTHORITY_KINDS",
    "BECAME",
    "CHANNELS",
    "DOCUMENT_TYPES",
    "EMERGENCY_RULES",
    "GROUNDS",
    "HELPED",
    "JURISDICTIONS",
    "KEPT_GROUNDS",
    "NEEDS",
    "NON_TAKE_UP",
    "OUTCOMES",
    "PRIORITIES",
    "PURPOSES",
    "REASONS",
    "ROLES",
    "SCOPES",
    "SECTIONS",
    "STATUSES",
    "AskedCode",
    "AuthorityKind",
    "BecameCode",
    "ChannelCode",
    "DocumentCode",
    "DocumentType",
    "EmergencyRule",
    "GroundCode",
    "HelpedCode",
    "Jurisdiction",
    "KeptGroundCode",
    "Need",
    "NeedCode",
    "NonTakeUpCode",
    "Outcome",
    "OutcomeCode",
    "Priority",
    "PriorityCode",
    "Purpose",
    "PurposeCode",
    "Reason",
    "ReasonCode",
    "RoleCode",
    "Scope",
    "Section",
    "SectionCode",
    "Sensitivity",
    "Status",
    "Term",
    "emergency_rules",
    "label",
    "terms",
]

AUTHORITY_KINDS: Final = ("consent", "consent-representative", "emergency", "legal-sharing", "care-team")
"""The legal bases a communication can rest on (PRODUCT §4)."""
SCOPES: Final = (
    "envelope:send",
    "envelope:receive",
    "consent:write",
    "keys:publish",
    "agreement:sign",
    "directory:read",
    "directory:write",
    "capacity:write",
    "journal:read",
    "stats:write",
    "stats:read",
)
"""What an access token may be limited to (PROTOCOL §5)."""


@dataclass(frozen=True, slots=True)
class Purpose(Term):
    """What a person's data are sent for; consent is asked purpose by purpose (PRODUCT §4, §8)."""

    dpv_broader: str
    """The wider purpose in W3C DPV, as a prefixed name."""
    default_sections: tuple[str, ...]
    sensitive: bool
    """True where the purpose alone reveals something sensitive: it needs express consent."""

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`; a section that is not in its table is an unknown code."""
        return cls(
            *words_of(row),
            dpv_broader=row.text("dpv_broader"),
            default_sections=row.several("default_sections", SECTIONS),
            sensitive=row.flag("sensitive"),
        )


@dataclass(frozen=True, slots=True)
class EmergencyRule:
    """What the law of a place lets pass without consent on one ground (PRODUCT §4 *Emergency*)."""

    ground: str
    jurisdiction: str
    article_fr: str
    article_en: str
    sections: tuple[str, ...]
    max_hours: int
    """The longest life of such an envelope."""
    reviewed_by: str | None
    """The jurist who reviewed the rule; None is shown to people as "not reviewed"."""

    @classmethod
    def read(cls, row: Row) -> Self:
        """Make the rule of one row; raises `MalformedError` as `Term.read` does, and for over 24 h."""
        hours = row.text("max_hours")
        if hours not in {str(number) for number in range(1, 25)}:
            raise row.fault("out-of-range", "max_hours")
        return cls(
            ground=row.choice("ground", tuple(GROUNDS)),
            jurisdiction=row.choice("jurisdiction", tuple(JURISDICTIONS)),
            article_fr=row.text("article_fr"),
            article_en=row.text("article_en"),
            sections=row.several("sections", SECTIONS),
            max_hours=int(hours),
            reviewed_by=row.optional("reviewed_by"),
        )

    def article(self, language: Language) -> str:
        """The articles of law the rule rests on, cited as the reader's language does."""
        return self.article_en if language == "en" else self.article_fr


AnyTerm = TypeVar("AnyTerm", bound=Term)


def terms(kind: type[AnyTerm], table: str, text: str | None = None) -> Mapping[str, AnyTerm]:
    """Read a table whose columns are the fields of `kind`, by code and in the table's order.

    `text` replaces the table that travels with the package. Raises `MalformedError` for any slip in it.
    """
    text = tabular.shipped(table) if text is None else text
    found = tabular.rows(table, text, [item.name for item in fields(kind)])
    return tabular.keyed(found, kind.read, lambda term: term.code)


def emergency_rules(text: str | None = None) -> Mapping[tuple[str, str], EmergencyRule]:
    """Read the emergency rules, by ground and jurisdiction; otherwise as `terms` does."""
    text = tabular.shipped("emergency_rules") if text is None else text
    found = tabular.rows("emergency_rules", text, [item.name for item in fields(EmergencyRule)])
    return tabular.keyed(found, EmergencyRule.read, lambda rule: (rule.ground, rule.jurisdiction))


SECTIONS: Final = terms(Section, "sections")
DOCUMENT_TYPES: Final = terms(DocumentType, "documents")
PURPOSES: Final = terms(Purpose, "purposes")
NEEDS: Final = terms(Need, "needs")
REASONS: Final = terms(Reason, "reasons")
PRIORITIES: Final = terms(Priority, "priorities")
OUTCOMES: Final = terms(Outcome, "outcomes")
NON_TAKE_UP: Final = terms(Term, "non_take_up")
"""Why people do not ask for help they need, as outreach workers report it (PRODUCT §7)."""
GROUNDS: Final = terms(Term, "grounds")
"""The grounds of an emergency (PRODUCT §4)."""
JURISDICTIONS: Final = terms(Term, "jurisdictions")
EMERGENCY_RULES: Final = emergency_rules()
ROLES: Final = terms(Term, "roles")
"""What an organisation does in a territory; agreements name parties by address or by role."""
CHANNELS: Final = terms(Term, "channels")
"""How contact was attempted."""
BECAME: Final = terms(Term, "became")
"""What became of a person whose referral was refused (PRODUCT §5, the 14-day duty)."""
HELPED: Final = terms(Term, "helped")
"""Whether it helped, as the person says."""
KEPT_GROUNDS: Final = terms(Term, "kept_grounds")
"""Why a recipient keeps what it was handed although the consent ended (PRODUCT §4)."""
ASKED_FOR: Final[Mapping[str, Term]] = MappingProxyType({**SECTIONS, **DOCUMENT_TYPES})
"""What the owner may ask for before answering: a section or a type of document."""


@dataclass(frozen=True, slots=True, eq=False)
class _OneOf:
    """What makes a text one of the codes of a list; the JSON schema of a document names them all."""

    codes: Collection[str]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {**handler(core), "enum": list(self.codes)}

    def _check(self, code: str) -> str:
        if code not in self.codes:
            raise fault("unknown-code")
        return code


# The types of document fields: a text that is one of the codes; otherwise unknown-code, at its place.
PurposeCode = Annotated[str, _OneOf(PURPOSES)]
SectionCode = Annotated[str, _OneOf(SECTIONS)]
DocumentCode = Annotated[str, _OneOf(DOCUMENT_TYPES)]
AskedCode = Annotated[str, _OneOf(ASKED_FOR)]
NeedCode = Annotated[str, _OneOf(NEEDS)]
ReasonCode = Annotated[str, _OneOf(REASONS)]
PriorityCode = Annotated[str, _OneOf(PRIORITIES)]
OutcomeCode = Annotated[str, _OneOf(OUTCOMES)]
NonTakeUpCode = Annotated[str, _OneOf(NON_TAKE_UP)]
GroundCode = Annotated[str, _OneOf(GROUNDS)]
RoleCode = Annotated[str, _OneOf(ROLES)]
ChannelCode = Annotated[str, _OneOf(CHANNELS)]
BecameCode = Annotated[str, _OneOf(BECAME)]
HelpedCode = Annotated[str, _OneOf(HELPED)]
KeptGroundCode = Annotated[str, _OneOf(KEPT_GROUNDS)]
AuthorityKind = Annotated[str, _OneOf(AUTHORITY_KINDS)]
Jurisdiction = Annotated[str, _OneOf(JURISDICTIONS)]
Scope = Annotated[str, _OneOf(SCOPES)]
