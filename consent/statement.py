"""A consent statement: what the broker may let pass, and nothing about who it concerns.

PROTOCOL §3 and PRODUCT §4: signed by the collecting organisation, versioned, grants only. Nothing that was refused
or merely asked is in it, nor any identifier of the person; a salted digest ties it to the record that stays home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from consent.coherence import fault_at, refuse_duplicates
from consent.identifiers import AgreementId, StatementId
from consent.vocabulary import AuthorityKind, Jurisdiction, PurposeCode, SectionCode
from keys.documents import Address, Document, Listing, Sha256, Time, Version, parse
from keys.errors import ForgedError, MalformedError
from keys.identity import Verifier
from keys.signing import MAX_DOCUMENT, SignedDocument, media_type

__all__ = [
    "DEFAULT_DURATION",
    "MAX_DURATION",
    "MAX_GRANTS",
    "STATEMENT_KIND",
    "Authority",
    "ConsentStatement",
    "GivenBy",
    "Grant",
    "RegisteredStatement",
    "StatementState",
    "read_statement",
    "succession_fault",
    "verify_statement",
]

STATEMENT_KIND = "statement"
DEFAULT_DURATION = timedelta(days=90)
"""How long a consent lasts unless its purpose needs less (PRODUCT §4)."""
MAX_DURATION = timedelta(days=366)
"""Endless consent is refused (LRSSS s.6: limited in time); a year is the longest."""
MAX_GRANTS = 100
"""Grants in one statement."""

GrantId = Annotated[str, StringConstraints(pattern=r"^g[1-9][0-9]{0,2}$")]
GivenBy = Literal["person", "parent", "tutor", "representative"]
StatementState = Literal["given", "withdrawn", "revoked", "invalidated"]
"""DPV consent statuses that reach the broker: ended by the person, the organisation, or an authority."""
_CONSENTS = frozenset({"consent", "consent-representative"})


class Authority(Document):
    """The legal basis: which kind, under which law, expressed by whom."""

    kind: AuthorityKind
    article: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    given_by: GivenBy
    jurisdiction: Jurisdiction

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if self.kind == "emergency":
            # An emergency is declared in the envelope itself, where it is short-lived and reviewed (PRODUCT §4).
            raise fault_at("emergency-in-statement", "kind")
        if self.kind in {"legal-sharing", "care-team"} and self.article is None:
            raise fault_at("missing-field", "article")
        if self.kind in _CONSENTS and (self.kind == "consent") != (self.given_by == "person"):
            raise fault_at("given-by-and-kind", "given_by")
        return self


class Grant(Document):
    """One permission: these sections, for this purpose, to exactly this recipient, so many times."""

    gid: GrantId
    purpose: PurposeCode
    sections: Listing[SectionCode] = Field(min_length=1)
    recipient: Address
    max_uses: int = Field(ge=1, le=100)
    geo: Listing[Jurisdiction] = Field(min_length=1)
    agreement: AgreementId

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        refuse_duplicates(self.sections, "sections")
        refuse_duplicates(self.geo, "geo")
        return self


class ConsentStatement(Document):
    """One version of a statement; a later version may only narrow or end it."""

    v: Version
    id: StatementId
    version: int = Field(ge=1, le=999_999)
    prev: Sha256 | None = None
    record_commitment: Sha256
    issuer: Address
    authority: Authority
    state: StatementState
    not_before: Time
    not_after: Time
    grants: Listing[Grant] = Field(max_length=MAX_GRANTS)

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if (self.prev is None) != (self.version == 1):
            raise fault_at("version-chain", "version" if self.prev is None else "prev")
        if not self.not_before < self.not_after:
            raise fault_at("period-reversed", "not_after")
        if self.not_after - self.not_before > MAX_DURATION:
            raise fault_at("consent-too-long", "not_after")
        refuse_duplicates((grant.gid for grant in self.grants), "grants", member="gid")
        if (self.state == "given") != bool(self.grants):
            # A consent that ended grants nothing, and one that grants nothing is not a consent.
            raise fault_at("grants-and-state", "grants")
        return self


@dataclass(frozen=True, slots=True)
class RegisteredStatement:
    """A statement as the broker holds it: the newest version, its digest, and the uses spent by grant.

    `ended` is how it ended otherwise than by a version of its own, as by the person's spoken code.
    """

    document: ConsentStatement
    sha256: str
    uses: Mapping[str, int] = field(default_factory=dict)
    ended: StatementState | Literal["expired"] | None = None

    @property
    def state(self) -> str:
        """Whether it is given, or how it ended."""
        return self.ended or self.document.state


def read_statement(signed: SignedDocument) -> ConsentStatement:
    """Read the payload of a statement, whoever signed it: its issuer tells whose key has to verify.

    Raises `MalformedError` with every fault and its place.
    """
    if signed.payload_type != media_type(STATEMENT_KIND):
        raise MalformedError("wrong-payload-type", "/payloadType")
    return parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)


def verify_statement(signed: SignedDocument, verifier: Verifier) -> ConsentStatement:
    """The statement, once its issuer's signature verifies; else `ForgedError` (PROTOCOL §1: signer = `issuer`).

    `verifier` is a signing key that the chain of the issuer vouches for.
    """
    statement = read_statement(signed)
    if verifier.kid.partition("#")[0] != statement.issuer:
        raise ForgedError("signer-is-not-issuer", "/signatures/0")
    signed.verify((verifier,))
    return statement


def succession_fault(previous: RegisteredStatement | None, new: ConsentStatement) -> tuple[str, str] | None:
    """Why `new` may not follow `previous` (None: it is the first), as (slug, pointer); None when it may.

    Widening is always a new request to the person, hence a new statement (PRODUCT §4).
    """
    if previous is None:
        if new.state != "given":
            return "consent-ended", "/state"
        return None if new.version == 1 else ("version-chain", "/version")
    old = previous.document
    if (old.id, old.issuer) != (new.id, new.issuer):
        return "consent-unknown", "/id"
    if new.version != old.version + 1:
        return "version-chain", "/version"
    if new.prev != previous.sha256:
        return "version-chain", "/prev"
    # What ended by its code stays ended; its issuer may only say so too.
    over = old.state != "given" or (previous.ended is not None and new.state == "given")
    return ("consent-ended", "/state") if over else _widening(old, new)


def _widening(old: ConsentStatement, new: ConsentStatement) -> tuple[str, str] | None:
    if new.authority != old.authority:
        return "consent-widened", "/authority"
    if new.not_before < old.not_before:
        return "consent-widened", "/not_before"
    if new.not_after > old.not_after:
        return "consent-widened", "/not_after"
    known = {grant.gid: grant for grant in old.grants}
    for position, grant in enumerate(new.grants):
        member = _widened_member(known.get(grant.gid), grant)
        if member is not None:
            return "consent-widened", f"/grants/{position}/{member}"
    return None


def _widened_member(old: Grant | None, new: Grant) -> str | None:
    """The member by which a grant goes beyond the one it narrows; None when it stays within."""
    if old is None:
        return "gid"
    for member in ("purpose", "recipient", "agreement"):
        if getattr(new, member) != getattr(old, member):
            return member
    if not set(new.sections) <= set(old.sections):
        return "sections"
    if not set(new.geo) <= set(old.geo):
        return "geo"
    return "max_uses" if new.max_uses > old.max_uses else None
