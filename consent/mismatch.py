"""A recipient’s signed word that an envelope did not hold what its header announced.

PRODUCT §4: the broker cannot see a false label, whoever opens the envelope can. The report says which kind of gap it is
and in which section, by codes alone: it never repeats what was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, model_validator

from consent.coherence import fault_at
from consent.identifiers import EnvelopeId
from consent.tabular import Row
from consent.terms import Term, words_of
from consent.vocabulary import SectionCode, terms
from keys.documents import Address, Document, Sha256, Time, Version, fault

__all__ = ["MISMATCH_KIND", "MISMATCH_KINDS", "Mismatch", "MismatchCode", "MismatchType"]

MISMATCH_KIND = "mismatch"
"""The kind of the signed document (PROTOCOL §0)."""
Naming = Literal["required", "optional", "none"]
_NAMINGS: Final[tuple[Naming, ...]] = get_args(Naming)


@dataclass(frozen=True, slots=True)
class MismatchType(Term):
    """One kind of gap between what was announced and what was there."""

    section: Naming
    """Whether a report of this kind names the section it is about."""

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`."""
        return cls(*words_of(row), section=row.choice("section", _NAMINGS))


MISMATCH_KINDS: Final = terms(MismatchType, "mismatch_kinds")
"""The closed list of what may be reported."""


def _kind(code: str) -> str:
    if code not in MISMATCH_KINDS:
        raise fault("unknown-code")
    return code


MismatchCode = Annotated[str, AfterValidator(_kind)]


class Mismatch(Document):
    """What a recipient signs: which envelope, by its payload digest, and which kind of gap, in which section.

    A kind that is about a section names it, one that is not names none (missing-field, unexpected-member).
    """

    v: Version
    by: Address
    envelope: EnvelopeId
    payload_sha256: Sha256
    kind: MismatchCode
    section: SectionCode | None = None
    at: Time

    @model_validator(mode="after")
    def _names_its_section(self) -> Self:
        naming = MISMATCH_KINDS[self.kind].section
        if naming == "required" and self.section is None:
            raise fault_at("missing-field", "section")
        if naming == "none" and self.section is not None:
            raise fault_at("unexpected-member", "section")
        return self
