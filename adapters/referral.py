"""A referral in clear, as a partner's software writes it in a file and as its reader sees it again.

PRODUCT §6. It exists only inside the adapters of the two partners: what travels is sealed (`adapters.sealed`). The
rules that look at several sections at once are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from adapters.sections import (
    MAX_SECTION,
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
from consent.answers import RecordId
from consent.coherence import fault_at
from consent.identifiers import Author, ReferralId, ServiceId
from consent.vocabulary import NeedCode, PriorityCode, PurposeCode
from keys.documents import Address, Document, Time, fault, parse

__all__ = ["MAX_REFERRAL_FILE", "ReferralFile", "ReferralSections", "read_referral"]

MAX_REFERRAL_FILE: Final = 12 * MAX_SECTION
"""Bytes of a referral file: every section filled to the brim, and some room."""


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
    documents: None = None

    @field_validator("documents", mode="before")
    @classmethod
    def _are_not_carried(cls, _value: object) -> None:
        # Attached papers travel sealed apart from the sections; a list of them without the papers would mislead.
        raise fault("documents-not-carried")

    @model_validator(mode="after")
    def _agree_with_one_another(self) -> Self:
        if not self.present():
            raise fault("too-short")
        if self.housing and self.housing.address and self.tells_violence:
            raise fault_at("address-with-violence", "housing", "address")
        return self

    @property
    def tells_violence(self) -> bool:
        """Whether violence is known, suspected, or the reason for help; then nothing may tell where the person is."""
        flagged = self.safety is not None and self.safety.violence in {"yes", "suspected"}
        return flagged or (self.situation is not None and any(item.need == "violence" for item in self.situation.needs))

    def present(self) -> Mapping[str, Document]:
        """The sections that are filled, by code, in the order of their table."""
        found = {str(item.alias or name): getattr(self, name) for name, item in type(self).model_fields.items()}
        return {code: section for code, section in found.items() if section is not None}


class ReferralFile(Document):
    """One referral to send: to whom, what for, on which consent, and its sections."""

    to: Address
    service: ServiceId | None = None
    purpose: PurposeCode
    priority: PriorityCode
    need: NeedCode | None = None
    respond_by: Time | None = None
    consent: RecordId
    part_of: ReferralId | None = None
    author: Author | None = None
    sections: ReferralSections

    @model_validator(mode="after")
    def _fits_its_purpose(self) -> Self:
        housing = self.sections.housing
        if self.purpose == "referral-violence" and housing and housing.address:
            raise fault_at("address-with-violence", "sections", "housing", "address")
        if self.sections.migration_status and self.service is None:
            raise fault_at("migration-without-service", "sections", "migration-status")
        return self


def read_referral(data: bytes) -> ReferralFile:
    """Read a referral file; raises `MalformedError` with every fault, its pointer, line and column."""
    return parse(ReferralFile, data, limit=MAX_REFERRAL_FILE)
