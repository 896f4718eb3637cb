"""What one referral says, section by section, as a partner's software writes it; the papers are named by their files.

PRODUCT §6. The rules that look at several sections at once are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.sections import (
    MAX_DOCUMENTS,
    ContactSection,
    HealthNoteSection,
    HousingSection,
    IdentitySection,
    IncomeRightsSection,
    MigrationStatusSection,
    OutcomeSection,
    SafetySection,
    SituationSection,
    WorkerSection,
)
from consent.coherence import fault_at, refuse_duplicates
from consent.vocabulary import DocumentCode
from keys.documents import Document, Listing, fault

__all__ = ["DocumentFile", "ReferralSections"]


class DocumentFile(Document):
    """A paper to send along: what it is, and where its file is, told from the folder of the referral file."""

    type: DocumentCode
    path: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^/\\\x00-\x1f][^\\\x00-\x1f]*$")]


class ReferralSections(Document):
    """The sections of one referral; each is sealed on its own, and only those present are sent."""

    identity: IdentitySection | None = None
    contact: ContactSection | None = None
    situation: SituationSection | None = None
    housing: HousingSection | None = None
    income_rights: IncomeRightsSection | None = Field(default=None, alias="income-rights")
    migration_status: MigrationStatusSection | None = Field(default=None, alias="migration-status")
    health_note: HealthNoteSection | None = Field(default=None, alias="health-note")
    safety: SafetySection | None = None
    worker: WorkerSection | None = None
    outcome: OutcomeSection | None = None
    documents: Listing[DocumentFile] | None = Field(default=None, min_length=1, max_length=MAX_DOCUMENTS)

    @model_validator(mode="after")
    def _agree_with_one_another(self) -> Self:
        if not self.codes():
            raise fault("too-short")
        refuse_duplicates((item.path for item in self.documents or ()), "documents", member="path")
        if self.housing and self.housing.address and self.tells_violence:
            raise fault_at("address-with-violence", "housing", "address")
        return self

    @property
    def tells_violence(self) -> bool:
        """Whether violence is known, suspected, or the reason for help; then nothing may tell where the person is."""
        flagged = self.safety is not None and self.safety.violence in {"yes", "suspected"}
        return flagged or (self.situation is not None and any(item.need == "violence" for item in self.situation.needs))

    def present(self) -> Mapping[str, Document]:
        """The sections that are filled in the file, by code; the one of papers is made when they are sealed."""
        return {code: section for code, section in self._found().items() if isinstance(section, Document)}

    def codes(self) -> tuple[str, ...]:
        """Every section that will be sealed, by code, in the order of their table."""
        return tuple(code for code, section in self._found().items() if section is not None)

    def _found(self) -> Mapping[str, object]:
        return {str(item.alias or name): getattr(self, name) for name, item in type(self).model_fields.items()}
