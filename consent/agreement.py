"""A protocol of agreement: who may send what to whom, for which purpose, and what each promised.

PROTOCOL §3. Every party signs the same bytes with its offline root; from then on the digest of those bytes is what
envelopes, consents and the journal refer to. The journal holds only the digest, the parties hold the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from consent.articles import Article, Name, Party, TimeZone
from consent.coherence import fault_at, refuse_duplicates
from consent.identifiers import AgreementId, AgreementRef, ArticleNumber, gateway_address, territory_of
from consent.quorum import Quorum, is_address
from keys.documents import Address, Base64Url, Document, Listing, Sha256, Time, Version, fault, parse
from keys.errors import ForgedError, MalformedError
from keys.identity import RootPublic, root_verifiers
from keys.signing import MAX_DOCUMENT, SignedDocument, media_type

__all__ = [
    "AGREEMENT_KIND",
    "CLOSING_PERIOD",
    "ENDING",
    "SIGNATURE_KIND",
    "Agreement",
    "AgreementSignature",
    "AgreementState",
    "Article",
    "BrokerKeys",
    "ImpactAssessment",
    "Party",
    "Quorum",
    "RegisteredAgreement",
    "Retention",
    "TimeZone",
    "read_agreement",
    "verify_signature",
    "warnings",
]

AGREEMENT_KIND = "agreement"
SIGNATURE_KIND = "agreement-signature"
CLOSING_PERIOD = timedelta(days=90)
"""After its end no new referral may start; open ones may be closed for this long (PROTOCOL §3)."""
ENDING: Final[Mapping[str, timedelta]] = MappingProxyType(
    {f"agreement-ends-{days}": timedelta(days=days) for days in (60, 30, 7)}
)
"""The warnings before the end, each by its slug with how long before it is given (PROTOCOL §3), the first one first."""
AgreementState = Literal["signing", "in-force", "suspended", "ended"]


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise fault("wrong-form") from None
    return value


class BrokerKeys(Document):
    """The broker as the parties know it: its address, receipt key, and journal verifier keys (C2SP vkeys)."""

    address: Address
    receipts: Base64Url = Field(min_length=32, max_length=32)
    journal: Listing[Annotated[str, StringConstraints(min_length=10, max_length=4000)]] = Field(
        min_length=2, max_length=2
    )


class Retention(Document):
    """The three clocks of PRODUCT §8, in days: at the broker, at the recipient, and for the evidence."""

    envelope_days: int = Field(ge=1, le=14)
    copy_days: int = Field(ge=1, le=730)
    evidence_days: int = Field(ge=1, le=3650)


class ImpactAssessment(Document):
    """The privacy impact assessment (Québec *EFVP*, P-39.1 s.3.3; RGPD art. 35) without which none comes into force."""

    reference: Name
    approved_on: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]


class Agreement(Document):
    """The whole document, as every party signs it."""

    v: Version
    id: AgreementId
    version: int = Field(ge=1, le=999_999)
    prev: Sha256 | None = None
    territory: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
    broker: BrokerKeys
    parties: Listing[Party] = Field(min_length=2, max_length=500)
    articles: Listing[Article] = Field(min_length=1, max_length=200)
    accession: Listing[Address] = ()
    """Who must sign, besides the newcomer, for a newcomer to join."""
    retention: Retention
    quorum: Quorum
    phone_fallback: Annotated[str, StringConstraints(min_length=3, max_length=40)]
    impact_assessment: ImpactAssessment
    time_zone: TimeZone
    not_before: Time
    not_after: Time

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if (self.prev is None) != (self.version == 1):
            raise fault_at("version-chain", "version" if self.prev is None else "prev")
        if not self.not_before < self.not_after:
            raise fault_at("period-reversed", "not_after")
        if self.broker.address != gateway_address(self.territory):
            raise fault_at("foreign-territory", "broker", "address")
        refuse_duplicates((party.address for party in self.parties), "parties", member="address")
        refuse_duplicates((article.no for article in self.articles), "articles", member="no")
        self._check_addresses()
        self._check_witnesses()
        return self

    def _check_addresses(self) -> None:
        """Everyone named is a party, the parties are of this territory, and the broker is never one of them."""
        for position, party in enumerate(self.parties):
            if territory_of(party.address) != self.territory:
                raise fault_at("foreign-territory", "parties", position, "address")
            if party.address == self.broker.address:
                raise fault_at("broker-as-party", "parties", position, "address")
        known = {party.address for party in self.parties}
        for position, article in enumerate(self.articles):
            for member, names in (("from", article.from_), ("to", article.to)):
                for number, name in enumerate(names):
                    if "@" in name and name not in known:
                        raise fault_at("not-a-party", "articles", position, member, number)
        for number, address in enumerate(self.accession):
            if address not in known:
                raise fault_at("not-a-party", "accession", number)

    def _check_witnesses(self) -> None:
        """No witness is the broker, nor anybody whose root, hence whose keys, the broker could have made up."""
        known = {party.address for party in self.parties}
        for number, text in enumerate(self.quorum.witnesses):
            if is_address(text) and text not in known:
                raise fault_at("not-a-party", "quorum", "witnesses", number)
        broker = self.quorum.held_by(self.broker.journal)
        if broker is not None:
            raise fault_at("witness-is-the-journal", "quorum", "witnesses", broker)

    @property
    def ref(self) -> AgreementRef:
        """`id@version`, as headers name it."""
        return f"{self.id}@{self.version}"

    def party(self, address: Address) -> Party | None:
        """The party at this address, if it is one."""
        return next((party for party in self.parties if party.address == address), None)

    def article(self, number: ArticleNumber) -> Article | None:
        """The article of this number, if there is one."""
        return next((article for article in self.articles if article.no == number), None)


class AgreementSignature(Document):
    """One party's signature of an agreement, by its root; `agreement_sha256` is the digest of the signed bytes."""

    v: Version
    agreement: AgreementId
    version: int = Field(ge=1, le=999_999)
    agreement_sha256: Sha256
    by: Address
    at: Time


@dataclass(frozen=True, slots=True)
class RegisteredAgreement:
    """An agreement as the broker holds it: the version in force, the digest of its bytes, and its state.

    `ended_at` is the moment at which the state became `ended`; without it nothing says that closing time is left.
    """

    document: Agreement
    sha256: str
    state: AgreementState
    ended_at: datetime | None = None


def warnings(agreement: Agreement, at: datetime) -> tuple[str, ...]:
    """The warnings of `ENDING` that are due at `at`, the most pressing last; none once the end has come."""
    left = agreement.not_after - at
    return tuple(slug for slug, before in ENDING.items() if timedelta(0) < left <= before)


def read_agreement(payload: bytes) -> Agreement:
    """Read the payload of an agreement; raises `MalformedError` with every fault and its place."""
    return parse(Agreement, payload, limit=MAX_DOCUMENT)


def verify_signature(
    signed: SignedDocument, agreement: Agreement, sha256: str, roots: Mapping[Address, RootPublic]
) -> Address:
    """The party that signed, once both halves of its pinned root verify; else `ForgedError`.

    The root is pinned by the fingerprint in the agreement itself, so a root that the broker made up does not pass.
    Raises `MalformedError` for anything but an agreement signature.
    """
    if signed.payload_type != media_type(SIGNATURE_KIND):
        raise MalformedError("wrong-payload-type", "/payloadType")
    signature = parse(AgreementSignature, signed.payload, limit=MAX_DOCUMENT)
    expected = {"agreement": agreement.id, "version": agreement.version, "agreement_sha256": sha256}
    for member, value in expected.items():
        if getattr(signature, member) != value:
            raise ForgedError("other-agreement", f"/{member}")
    party = agreement.party(signature.by)
    if party is None:
        raise ForgedError("not-a-party", "/by")
    root = roots.get(party.address)
    if root is None or root.fingerprint != party.root_fingerprint:
        raise ForgedError("other-root", "/by")
    signed.verify(root_verifiers(party.address, root))
    return party.address
