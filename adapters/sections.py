"""What a referral can say about a person: one closed form per section, short, and chosen from lists where possible.

PRODUCT §6. A field that is not here does not exist; an answer that is not in its list is refused. Each section is
sealed on its own, under its name and the version of its form (`identity/1`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from adapters.answers import one_of
from adapters.fields import NO_CONTROLS_BUT_LINES, Code, Day, FileName, LanguageTag, Line, Note, listed_once, said
from consent.coherence import fault_at, refuse_duplicates
from consent.vocabulary import DocumentCode, NeedCode, OutcomeCode, PriorityCode
from keys.attachments import ATTACHMENT_KEY_BYTES, MAX_ATTACHMENT
from keys.documents import Base64Url, Document, Listing, Sha256, Time, encode, fault, parse
from keys.errors import MalformedError

__all__ = [
    "FORMS",
    "MAX_SECTION",
    "ContactSection",
    "DocumentItem",
    "DocumentsSection",
    "HealthNoteSection",
    "HousingSection",
    "IdentitySection",
    "IncomeRightsSection",
    "JustificationSection",
    "JustificationText",
    "MigrationStatusSection",
    "OutcomeSection",
    "SafetySection",
    "SituationSection",
    "WorkerSection",
    "encode_section",
    "form_of",
    "parse_section",
]

MAX_SECTION = 16 * 1024
"""Bytes of one section in clear; the longest form filled to the brim needs less than half."""
MAX_DOCUMENTS = 10
"""Papers of one envelope."""


class IdentitySection(Document):
    """Who it is: names or an alias, a birth date or an age band, a pronoun."""

    family_name: Line | None = None
    given_name: Line | None = None
    alias: Line | None = None
    birth_date: Day | None = None
    age_band: Annotated[Code, one_of("age-band")] | None = None
    pronoun: Annotated[Code, one_of("pronoun")] | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not (self.family_name or self.given_name or self.alias):
            raise fault("identity-without-name")
        if self.birth_date is not None and self.age_band is not None:
            raise fault_at("birth-date-or-age-band", "age_band")
        if self.birth_date is None and self.age_band is None:
            raise fault("birth-date-or-age-band")
        return self


class Channel(Document):
    """One way to reach the person, and whether a message may be left there."""

    channel: Annotated[Code, one_of("channel")]
    value: Line
    safe_to_leave_message: Annotated[Code, one_of("yes-no")]
    best_time: Annotated[Code, one_of("best-time")] | None = None


class ContactSection(Document):
    """How to reach the person: directly, through the worker, or not at all."""

    reach: Annotated[Code, one_of("reach")]
    channels: Listing[Channel] = Field(default=(), max_length=6)

    @model_validator(mode="after")
    def _respects_prohibition(self) -> Self:
        if self.reach == "prohibited" and self.channels:
            raise fault_at("contact-prohibited", "channels")
        if self.reach == "direct" and not self.channels:
            raise fault("contact-without-channel")
        return self


class NeedItem(Document):
    """One need, how urgent it is and since when."""

    need: NeedCode
    urgency: PriorityCode
    since: Annotated[Code, one_of("since")] | None = None


class Household(Document):
    """Who needs help together, counted and not named."""

    adults: int = Field(ge=0, le=20)
    children: int = Field(ge=0, le=20)
    animal: Annotated[Code, one_of("yes-no")] | None = None


class SituationSection(Document):
    """What is needed, for how many, in which language, and what makes access harder."""

    needs: Listing[NeedItem] = Field(min_length=1, max_length=10)
    household: Household | None = None
    languages: Annotated[Listing[LanguageTag], AfterValidator(listed_once)] = Field(default=(), max_length=6)
    interpreter: Annotated[Code, one_of("interpreter")] | None = None
    mobility: Annotated[Code, one_of("mobility")] | None = None
    digital: Annotated[Code, one_of("digital")] | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _names_each_needlisted_once(self) -> Self:
        refuse_duplicates((item.need for item in self.needs), "needs", member="need")
        return self


class HousingSection(Document):
    """Where the person sleeps tonight and what is at stake; `address` never stands beside violence."""

    tonight: Annotated[Code, one_of("tonight")]
    nights_needed: int | None = Field(default=None, ge=1, le=366)
    arrears: Annotated[Code, one_of("arrears")] | None = None
    address: Line | None = None


class IncomeRightsSection(Document):
    """Which benefits are received and which papers are missing."""

    benefits: Annotated[Listing[Annotated[Code, one_of("benefit")]], AfterValidator(listed_once)] = Field(
        min_length=1, max_length=12
    )
    missing_documents: Annotated[Listing[DocumentCode], AfterValidator(listed_once)] = Field(default=(), max_length=12)


class MigrationStatusSection(Document):
    """The status, one code and nothing more; sent only where the service asked for requires it."""

    migration: Annotated[Code, one_of("migration")]


class HealthNoteSection(Document):
    """What the person needs in order to function, never a diagnosis."""

    note: (
        Annotated[
            str, StringConstraints(min_length=1, max_length=600, pattern=NO_CONTROLS_BUT_LINES), AfterValidator(said)
        ]
        | None
    ) = None
    accessibility: Annotated[Listing[Annotated[Code, one_of("accessibility")]], AfterValidator(listed_once)] = Field(
        default=(), max_length=9
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.note is None and not self.accessibility:
            raise fault("missing-field")
        return self


class SafetySection(Document):
    """Whether violence is known or suspected, the danger, and who must never be contacted."""

    violence: Annotated[Code, one_of("violence")]
    danger: Annotated[Code, one_of("danger")]
    do_not_contact: Annotated[Listing[Annotated[Code, one_of("relation")]], AfterValidator(listed_once)] = Field(
        default=(), max_length=10
    )


class WorkerSection(Document):
    """Who refers: a person or a team, and how colleagues reach them."""

    name: Line
    team: Line | None = None
    phone: Line | None = None
    email: Line | None = None


class OutcomeSection(Document):
    """What came of it, on the way back: a result, an appointment, a place on the list, a note."""

    outcome: OutcomeCode | None = None
    appointment: Time | None = None
    rank: Annotated[Code, one_of("rank")] | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any((self.outcome, self.appointment, self.rank, self.note)):
            raise fault("missing-field")
        return self


class DocumentItem(Document):
    """One paper: what it is, the digest and size of it in clear, the digest of it sealed, and the key that opens it."""

    type: DocumentCode
    sha256: Sha256
    size: int = Field(ge=1, le=MAX_ATTACHMENT)
    name: FileName | None = None
    sealed_sha256: Sha256
    key: Annotated[Base64Url, Field(min_length=ATTACHMENT_KEY_BYTES, max_length=ATTACHMENT_KEY_BYTES)]


class DocumentsSection(Document):
    """The papers that accompany the envelope, each sealed apart (PROTOCOL §4, *Attachments*)."""

    items: Listing[DocumentItem] = Field(min_length=1, max_length=MAX_DOCUMENTS)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        refuse_duplicates((item.sha256 for item in self.items), "items", member="sha256")
        refuse_duplicates((item.sealed_sha256 for item in self.items), "items", member="sealed_sha256")
        return self


JustificationText = Annotated[
    str, StringConstraints(min_length=1, max_length=2000, pattern=NO_CONTROLS_BUT_LINES), AfterValidator(said)
]
"""A page at most."""


class JustificationSection(Document):
    """Why nobody could be asked before an emergency was declared; only the auditors read it."""

    text: JustificationText


FORMS: Final[Mapping[str, type[Document]]] = MappingProxyType(
    {
        "identity/1": IdentitySection,
        "contact/1": ContactSection,
        "situation/1": SituationSection,
        "housing/1": HousingSection,
        "income-rights/1": IncomeRightsSection,
        "migration-status/1": MigrationStatusSection,
        "health-note/1": HealthNoteSection,
        "safety/1": SafetySection,
        "worker/1": WorkerSection,
        "documents/1": DocumentsSection,
        "outcome/1": OutcomeSection,
        "justification/1": JustificationSection,
    }
)
"""Every form by the name that headers carry."""


def form_of(section: str) -> str:
    """The form in which this release writes a section; raises `MalformedError` (unknown-code)."""
    form = f"{section}/1"
    if form not in FORMS:
        raise MalformedError("unknown-code")
    return form


def parse_section(section: str, form: str, data: bytes) -> Document:
    """Read one opened section; raises `MalformedError` for a form unknown here or for anything outside it."""
    model = FORMS.get(form)
    if model is None or form.partition("/")[0] != section:
        raise MalformedError("unknown-form")
    return parse(model, data, limit=MAX_SECTION)


def encode_section(content: Document) -> bytes:
    """The exact bytes of a section, as they will be sealed."""
    return encode(content)
