"""A referral in clear, as a partner's software writes it in a file.

PRODUCT §6. It exists only inside the adapters of the two partners: what travels is sealed (`adapters.sealed`).
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, model_validator

from adapters.leaks.overrides import Override
from adapters.referral_sections import ReferralSections
from adapters.sections import MAX_SECTION, JustificationText
from consent.answers import RecordId
from consent.coherence import fault_at
from consent.headers import Emergency
from consent.identifiers import Author, ReferralId, ServiceId
from consent.vocabulary import GroundCode, NeedCode, PriorityCode, PurposeCode
from keys.documents import Address, Document, Listing, Time, parse, validate

__all__ = ["MAX_REFERRAL_FILE", "EmergencyFile", "ReferralFile", "ReferralSections", "read_referral", "read_sections"]

MAX_REFERRAL_FILE: Final = 12 * MAX_SECTION
"""Bytes of a referral file: every section filled to the brim, and some room."""
MAX_OVERRIDES: Final = 40


class EmergencyFile(Document):
    """A declared emergency, in place of a consent: the legal ground, our own directive, why nobody could be asked.

    The justification goes sealed to the auditors of the agreement, and to nobody else. `worker` is the pseudonym of
    who declares it, when that is not the author of the file.
    """

    ground: GroundCode
    directive: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
    justification: JustificationText
    worker: Author | None = None

    def declared_by(self, worker: str) -> Emergency:
        """The emergency as headers carry it, without naming its justification yet."""
        named = {"ground": self.ground, "directive": self.directive, "worker": self.worker or worker}
        return validate(Emergency, named)


class ReferralFile(Document):
    """One referral to send: to whom, what for, on which consent or emergency, and its sections."""

    to: Address
    service: ServiceId | None = None
    purpose: PurposeCode
    priority: PriorityCode
    need: NeedCode | None = None
    respond_by: Time | None = None
    consent: RecordId | None = None
    emergency: EmergencyFile | None = None
    part_of: ReferralId | None = None
    author: Author | None = None
    sections: ReferralSections
    overrides: Listing[Override] = Field(default=(), max_length=MAX_OVERRIDES)

    @model_validator(mode="after")
    def _rests_on_one_thing(self) -> Self:
        if self.consent is None and self.emergency is None:
            raise fault_at("missing-field", "consent")
        if self.consent is not None and self.emergency is not None:
            raise fault_at("unexpected-member", "emergency")
        return self

    @model_validator(mode="after")
    def _fits_its_purpose(self) -> Self:
        housing = self.sections.housing
        if self.purpose == "referral-violence" and housing and housing.address:
            raise fault_at("address-with-violence", "sections", "housing", "address")
        if self.sections.migration_status and self.service is None:
            raise fault_at("migration-without-service", "sections", "migration-status")
        return self


class _Supplement(Document):
    sections: ReferralSections
    overrides: Listing[Override] = Field(default=(), max_length=MAX_OVERRIDES)


def read_referral(data: bytes) -> ReferralFile:
    """Read a referral file; raises `MalformedError` with every fault, its pointer, line and column."""
    return parse(ReferralFile, data, limit=MAX_REFERRAL_FILE)


def read_sections(data: bytes) -> tuple[ReferralSections, tuple[Override, ...]]:
    """Read a file that adds sections to a referral already sent; raises as `read_referral` does."""
    supplement = parse(_Supplement, data, limit=MAX_REFERRAL_FILE)
    return supplement.sections, supplement.overrides
