"""The pieces of a consent record: what was explained, what was asked of whom, how each answer was given.

Structure of ISO/IEC TS 27560:2023, states and types of the W3C Data Privacy Vocabulary 2.3, where `dpv:` stands for
`https://w3id.org/dpv#`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from consent.articles import Name
from consent.coherence import fault_at
from consent.identifiers import Author
from consent.statement import DEFAULT_DURATION, GivenBy
from consent.vocabulary import Jurisdiction, PurposeCode, SectionCode
from keys.documents import Address, Document, Listing, Sha256, Time

__all__ = [
    "EXPRESS",
    "GIVEN",
    "Circumstances",
    "ConsentEvent",
    "ConsentState",
    "ConsentType",
    "Expression",
    "Parties",
    "PartyIdentification",
    "PrivacyNotice",
    "Processing",
    "PurposeAsked",
    "RecordHeader",
    "RecordId",
]

RecordId = Annotated[str, StringConstraints(pattern=r"^rec_[a-z2-7]{26}$")]
"""One consent record; random, and the reference a person finds on the receipt."""
ConsentState = Literal[
    "dpv:ConsentUnknown",
    "dpv:ConsentRequested",
    "dpv:ConsentRequestDeferred",
    "dpv:ConsentGiven",
    "dpv:RenewedConsentGiven",
    "dpv:ConsentRefused",
    "dpv:ConsentWithdrawn",
    "dpv:ConsentExpired",
    "dpv:ConsentRevoked",
    "dpv:ConsentInvalidated",
]
"""DPV consent statuses; the two that end in `Given` are the only ones valid for processing."""
ConsentType = Literal["dpv:ImpliedConsent", "dpv:ExpressedConsent", "dpv:ExplicitlyExpressedConsent"]
GIVEN = frozenset({"dpv:ConsentGiven", "dpv:RenewedConsentGiven"})
"""The only states under which anything may be sent."""
EXPRESS = "dpv:ExplicitlyExpressedConsent"
"""The type that delicate purposes and sections need."""

_Pid = Annotated[str, StringConstraints(pattern=r"^p[1-9][0-9]?$")]
_Phone = Annotated[str, StringConstraints(min_length=3, max_length=40)]


class RecordHeader(Document):
    """Which record this is; `pii_principal_id` is the organisation's own file number, never a name."""

    schema_version: Literal["https://w3id.org/dpv/schema/dpv-27560#record"]
    record_id: RecordId
    pii_principal_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class PrivacyNotice(Document):
    """The notice that was read or shown before anything was asked."""

    id: Name
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,32}$")]


class PurposeAsked(Document):
    """One question: these sections (`pii_information` in ISO terms), for this purpose, to these recipients."""

    pid: _Pid
    purpose: PurposeCode
    lawful_basis: Literal["dpv:Consent"] = "dpv:Consent"
    sections: Listing[SectionCode] = Field(min_length=1)
    recipients: Listing[Address] = Field(min_length=1)
    geographic_restrictions: Listing[Jurisdiction] = ()
    """Where the recipients may be; the jurisdiction of the record alone when none is named."""


class Processing(Document):
    """What was explained and asked; `language` is the one it was explained in (BCP 47)."""

    privacy_notice: PrivacyNotice | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
    purposes: Listing[PurposeAsked] = Field(min_length=1, max_length=50)


class PartyIdentification(Document):
    """One organisation, under the name the person was told."""

    party_id: Address
    party_name: Name
    party_phone: _Phone | None = None


class Parties(Document):
    """Who collects the consent, and everyone who may receive something."""

    collector: PartyIdentification
    recipients: Listing[PartyIdentification] = Field(min_length=1, max_length=100)


class Expression(Document):
    """How a decision was expressed: spoken after a script, signed on a screen, or signed on paper."""

    how: Literal["spoken", "signed-screen", "signed-paper"]
    script: Name | None = None
    """For spoken consent: the script read aloud, with its version."""
    witness: Author | None = None
    evidence_sha256: Sha256 | None = None
    """For a signature on a screen: the digest of the signed page, kept beside the record."""
    kept_at: Name | None = None
    """For paper: where the organisation keeps the sheet."""

    @model_validator(mode="after")
    def _has_its_proof(self) -> Self:
        proofs = {"spoken": "script", "signed-screen": "evidence_sha256", "signed-paper": "kept_at"}
        for how, member in proofs.items():
            present = getattr(self, member) is not None
            if present != (how == self.how):
                raise fault_at("unexpected-member" if present else "missing-field", member)
        return self


class ConsentEvent(Document):
    """One answer to one question at one moment; the last one about a question is the one that holds."""

    purpose: _Pid
    event_time: Time
    event_state: ConsentState
    event_type: ConsentType | None = None
    validity_duration: Annotated[str, StringConstraints(pattern=r"^P[1-9][0-9]{0,4}D$")] | None = None
    """How long the answer holds, in days, such as `P30D` (ISO 8601); 90 days when it is left out."""
    worker: Author
    """Who took the answer down, by the pseudonym that is stable within the organisation."""
    expression: Expression | None = None

    @property
    def lasts(self) -> timedelta:
        """How long the answer holds."""
        return timedelta(days=int(self.validity_duration[1:-1])) if self.validity_duration else DEFAULT_DURATION


class Circumstances(Document):
    """Who answered, under which law, and what help they had to understand."""

    given_by: GivenBy
    age: Literal["under-14", "14-to-17", "adult", "not-answered"]
    jurisdiction: Jurisdiction
    assistance: Literal["not-asked", "given", "asked-not-given"]
    """The help to understand that the law promises to whoever asks for it (LRSSS s.6; P-39.1 s.14)."""
    interpreter: Literal["not-needed", "professional", "trusted-person", "needed-but-absent"]
