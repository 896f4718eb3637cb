"""What one row of a vocabulary table says: a code, its words in both languages, and what the code implies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Self, get_args

from consent.delays import AnswerDelay
from consent.tabular import Row
from keys.words import Language

__all__ = [
    "REASON_GROUPS",
    "SENSITIVITIES",
    "STATUSES",
    "Degree",
    "DocumentType",
    "Likelihood",
    "Need",
    "Outcome",
    "Priority",
    "Reason",
    "ReasonGroup",
    "Section",
    "Sensitivity",
    "Speaker",
    "Status",
    "Term",
    "label",
    "words_of",
]

Status = Literal[
    "draft",
    "requested",
    "accepted",
    "rejected",
    "in-progress",
    "on-hold",
    "completed",
    "failed",
    "cancelled",
    "entered-in-error",
]
"""Where a referral stands (PRODUCT §5): FHIR Task statuses as HL7 Gravity restricts them."""
Sensitivity = Literal["ordinary", "sensitive", "restricted", "special", "by-type"]
"""How delicate a category of data is (PRODUCT §6); `by-type`: each attached document tells its own."""
ReasonGroup = Literal["supply", "rule", "person", "consent", "safety", "system", "other"]
Degree = Literal["yes", "partly", "no"]
Likelihood = Literal["yes", "maybe", "no"]
Speaker = Literal["party", "broker"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)
SENSITIVITIES: Final[tuple[Sensitivity, ...]] = get_args(Sensitivity)
REASON_GROUPS: Final[tuple[ReasonGroup, ...]] = get_args(ReasonGroup)
_DEGREES: Final[tuple[Degree, ...]] = get_args(Degree)
_LIKELIHOODS: Final[tuple[Likelihood, ...]] = get_args(Likelihood)
_SPEAKERS: Final[tuple[Speaker, ...]] = get_args(Speaker)


@dataclass(frozen=True, slots=True)
class Term:
    """A code and the words people read for it in French and in English."""

    code: str
    fr: str
    en: str

    @classmethod
    def read(cls, row: Row) -> Self:
        """Make the entry of one row; raises `MalformedError` for an empty cell or an unknown code."""
        return cls(*words_of(row))


@dataclass(frozen=True, slots=True)
class Section(Term):
    """One category of data in a referral, sealed on its own (PRODUCT §6)."""

    sensitivity: Sensitivity
    off_by_default: bool
    """True where the section stays empty unless the service requires it."""

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        sensitivity = row.choice("sensitivity", SENSITIVITIES)
        return cls(*words_of(row), sensitivity=sensitivity, off_by_default=row.flag("off_by_default"))


@dataclass(frozen=True, slots=True)
class DocumentType(Term):
    """A kind of paper that can be attached or asked for; its sensitivity is that of the attachment."""

    sensitivity: Sensitivity

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        sensitivity = row.choice("sensitivity", SENSITIVITIES)
        if sensitivity == "by-type":
            raise row.fault("unknown-code", "sensitivity")
        return cls(*words_of(row), sensitivity=sensitivity)


@dataclass(frozen=True, slots=True)
class Need(Term):
    """What a person needs, with its codes in HL7 Gravity (CC0) and data·inclusion (Licence Ouverte 2.0)."""

    gravity: str
    data_inclusion: str

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        return cls(*words_of(row), gravity=row.text("gravity"), data_inclusion=row.text("data_inclusion"))


@dataclass(frozen=True, slots=True)
class Reason(Term):
    """Why a referral was declined, put on hold, cancelled or failed (PRODUCT §5)."""

    group: ReasonGroup
    allowed_on: tuple[str, ...]
    """The statuses this reason may lead to."""
    said_by: Speaker
    """`broker` for the broker's own reasons, which no party may claim."""
    unmet_need: Likelihood
    les_emplois: tuple[str, ...]
    primero: str | None
    gravity: str | None
    note: str | None

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        return cls(
            *words_of(row),
            group=row.choice("group", REASON_GROUPS),
            allowed_on=row.several("allowed_on", STATUSES),
            said_by=row.choice("said_by", _SPEAKERS),
            unmet_need=row.choice("unmet_need", _LIKELIHOODS),
            les_emplois=row.several("les_emplois", mark="|"),
            primero=row.optional("primero"),
            gravity=row.optional("gravity"),
            note=row.optional("note"),
        )


@dataclass(frozen=True, slots=True)
class Priority(Term):
    """How soon help is needed, and the answer delay where an agreement sets no other."""

    default_answer_delay: AnswerDelay

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        try:
            delay = AnswerDelay.parse(row.text("default_answer_delay"))
        except ValueError:
            raise row.fault("wrong-form", "default_answer_delay") from None
        return cls(*words_of(row), default_answer_delay=delay)


@dataclass(frozen=True, slots=True)
class Outcome(Term):
    """What a completed referral came to, and whether the need counts as met (PRODUCT §7)."""

    counts_as_met: Degree

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        return cls(*words_of(row), counts_as_met=row.choice("counts_as_met", _DEGREES))


def label(term: Term, language: Language) -> str:
    """The words of a code in the reader's language."""
    return term.en if language == "en" else term.fr


def words_of(row: Row) -> tuple[str, str, str]:
    """The code and the words that every row starts with; an empty cell raises `MalformedError`."""
    return row.text("code"), row.text("fr"), row.text("en")
