"""The pieces of a consent record: what was explained, what was asked of whom, how each answer was given.

Structure of ISO/IEC TS 27560:2023, states and types of the W3C Data Privacy Vocabulary 2.3, where `dpv:` stands for
`https://w3id.org/dpv#`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from consent.articles import Name
from consent.coherence import fault_at, refuse_duplicates
from consent.identifiers import Author
from consent.statement import DEFAULT_DURATION, GivenBy
from consent.vocabulary import Jurisdiction, PurposeCode, SectionCode
from keys.documents import Address, Document, Listing, Sha256, Time

__all__ = [
    "EXPRESS",
    "GIVEN",
    "Capacity",
    "Circumstances",
    "ConsentEvent",
    "ConsentState",
    "ConsentType",
    "Expression",
    "FileNumber",
    "Parties",
    "PartyIdentification",
    "PrivacyNotice",
    "Processing",
    "PurposeAsked",
    "RecordHeader",
    "RecordId",
    "Restriction",
    "Sitting",
]

FileNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""What an organisation calls a person in its own files; never a name."""
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

Capacity = Literal[
    "protection-mandate",
    "tutorship-to-adult",
    "curatorship",
    "temporary-representation",
    "family-authorisation",
    "court-decision",
]
"""What lets somebody answer for another adult; the words are under `capacity` in the labels."""

_Pid = Annotated[str, StringConstraints(pattern=r"^p[1-9][0-9]?$")]
_Phone = Annotated[str, StringConstraints(min_length=3, max_length=40)]


class RecordHeader(Document):
    """Which record this is; `pii_principal_id` is the organisation's own file number, never a name."""

    schema_version: Literal["https://w3id.org/dpv/schema/dpv-27560#record"]
    record_id: RecordId
    pii_principal_id: FileNumber


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
    presented: Literal["on-its-own", "with-others"] | None = None
    """Whether the question stood by itself, on a screen or sheet of its own, where somebody noted it."""


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


class Circumstances(Document):
    """Who answered, under which law, what help they had to understand, and whether they were free to say no."""

    given_by: GivenBy
    age: Literal["under-14", "14-to-17", "adult", "not-answered"]
    jurisdiction: Jurisdiction
    assistance: Literal["not-asked", "given", "asked-not-given"]
    """The help to understand that the law promises to whoever asks for it (LRSSS s.6; P-39.1 s.14)."""
    interpreter: Literal["not-needed", "professional", "trusted-person", "needed-but-absent"]
    freedom: Literal["free", "tied-to-service", "under-pressure"] | None = None
    """Whether refusing was really possible, where somebody noted it: no help may depend on it (RGPD art. 7.4)."""
    capacity: Capacity | None = None
    """What gives a representative the right to answer; only a representative names it."""

    @model_validator(mode="after")
    def _names_its_capacity(self) -> Self:
        if self.capacity is not None and self.given_by != "representative":
            raise fault_at("unexpected-member", "capacity")
        return self


class Sitting(Document):
    """How an answer was taken where that was not on the first day: who answered then, and after which notice."""

    circumstances: Circumstances
    privacy_notice: PrivacyNotice | None = None


class ConsentEvent(Document):
    """One answer to one question at one moment; the last one about a question and a recipient is the one that holds."""

    purpose: _Pid
    recipients: Listing[Address] | None = Field(default=None, min_length=1)
    """The recipients that this answer is about; all those asked about when it is left out."""
    event_time: Time
    event_state: ConsentState
    event_type: ConsentType | None = None
    validity_duration: Annotated[str, StringConstraints(pattern=r"^P[1-9][0-9]{0,4}D$")] | None = None
    """How long the answer holds, in days, such as `P30D` (ISO 8601); 90 days when it is left out."""
    worker: Author
    """Who took the answer down, by the pseudonym that is stable within the organisation."""
    expression: Expression | None = None
    sitting: Sitting | None = None
    """As the record says at its head when it is left out."""

    @model_validator(mode="after")
    def _names_each_recipient_once(self) -> Self:
        refuse_duplicates(self.recipients or (), "recipients")
        return self

    @property
    def lasts(self) -> timedelta:
        """How long the answer holds."""
        return timedelta(days=int(self.validity_duration[1:-1])) if self.validity_duration else DEFAULT_DURATION

    @property
    def ends(self) -> datetime:
        """The moment from which the answer no longer holds."""
        return self.event_time + self.lasts


class Restriction(Document):
    """A person's notice that something must not be passed on (LRSSS s.7); it outranks every grant.

    What is restricted is what every list covers; a list that is left out covers everything.
    """

    at: Time
    sections: Listing[SectionCode] | None = Field(default=None, min_length=1)
    purposes: Listing[PurposeCode] | None = Field(default=None, min_length=1)
    recipients: Listing[Address] | None = Field(default=None, min_length=1)
    until: Time | None = None
    """The moment from which it no longer holds; it has no end when this is left out."""
    worker: Author

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        for member in ("sections", "purposes", "recipients"):
            refuse_duplicates(getattr(self, member) or (), member)
        if self.until is not None and self.until <= self.at:
            raise fault_at("period-reversed", "until")
        return self

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at a moment."""
        return self.at <= at and (self.until is None or at < self.until)

    def forbids(self, purpose: str, recipient: Address, section: str) -> bool:
        """Whether it covers one section sent to one recipient for one purpose."""
        lists: tuple[tuple[Collection[str] | None, str], ...] = (
            (self.purposes, purpose),
            (self.recipients, recipient),
            (self.sections, section),
        )
        return all(listed is None or item in listed for listed, item in lists)
