"""What one partner has in its books at the end of a history: what it sent, received and knows, and what that said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import select

from adapters.partner import Adapter
from adapters.receipts import RECEIPT_KIND
from adapters.registration import read_registration
from adapters.store.records import LoggedStep, Shipment
from adapters.store.tables import ContentRow, InboxRow
from consent.envelope import UnverifiedEnvelope
from consent.headers import EventHeader, NoticeHeader, ReferralHeader, SealedHeader
from consent.statement import ConsentStatement
from keys import strictjson
from keys.documents import parse, sha256_hex
from keys.signing import MAX_DOCUMENT, SignedDocument

Use = tuple[str, str, str]
"""A consent, the purpose and the recipient of one of its grants."""


@dataclass(frozen=True)
class Heading:
    """What an envelope announces, as far as the model looks at it."""

    kind: str
    ref: str
    to: str
    statement: str | None = None
    version: int | None = None
    purpose: str | None = None
    replaces: str | None = None
    transition: str | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parcel:
    """Something that was put in the outbox, what became of it, and the place in the journal that its receipt names."""

    item: str
    kind: str
    lane: str
    state: str
    problem: str | None
    digest: str
    place: int | None
    heading: Heading | None


@dataclass(frozen=True)
class Books:
    """The books of a partner."""

    parcels: tuple[Parcel, ...]
    received: dict[str, str]
    """Each envelope that was handed to it, and its answer."""
    contents: dict[str, str]
    """The digest of what each envelope says, of those that are here in clear."""
    steps: dict[str, tuple[str, ...]]
    """The steps of each referral, in the journal's order."""
    standing: dict[str, str]
    cited: dict[str, str | None]
    """The consent that each referral rests on."""
    erased: frozenset[str]
    alarms: tuple[tuple[str, str], ...]
    uses: dict[Use, int]
    """How often each grant of its own consents may serve."""

    @property
    def envelopes(self) -> dict[str, Parcel]:
        """The envelopes that were put in the outbox, by id."""
        return {parcel.item: parcel for parcel in self.parcels if parcel.kind == "envelope"}


def books(adapter: Adapter) -> Books:
    """Read them; what is sealed is not opened again."""
    store, referrals = adapter.office.store, adapter.referrals()
    standing: dict[str, str] = {each.ref: adapter.show(each.ref).state.status for each in referrals}
    with store.transaction() as tx:
        shipments = tx.traffic.settled("pending", "done", "refused", "dropped")
        rows = tx.session.exec(select(ContentRow)).all()
        return Books(
            parcels=tuple(_parcel(each) for each in shipments if each.kind not in {"key", "agreement-signature"}),
            received={row.envelope: row.result for row in tx.session.exec(select(InboxRow))},
            contents={row.envelope: sha256_hex(row.sections) for row in rows},
            steps={each.ref: _steps(tx.dossiers.steps(each.ref)) for each in referrals},
            standing=standing,
            cited={each.ref: each.header.authority.statement if each.header.authority else None for each in referrals},
            erased=frozenset(each.ref for each in referrals if each.erased_at is not None),
            alarms=tuple((alarm.code, alarm.subject) for alarm in tx.traffic.alarms()),
            uses=_uses(shipments),
        )


def _parcel(shipment: Shipment) -> Parcel:
    place = None
    if shipment.receipt is not None:
        receipt = strictjson.loads(SignedDocument.parse(shipment.receipt, RECEIPT_KIND).payload, limit=MAX_DOCUMENT)
        place = receipt["index"]
    heading, digest = None, ""
    if shipment.kind == "envelope" and shipment.body:
        envelope = UnverifiedEnvelope.parse(shipment.body)
        heading, digest = heading_of(envelope), envelope.signed.sha256
    return Parcel(shipment.item, shipment.kind, shipment.lane, shipment.state, shipment.problem, digest, place, heading)


def heading_of(envelope: UnverifiedEnvelope) -> Heading:
    """What an envelope announces."""
    header = envelope.header
    authority = header.authority if isinstance(header, SealedHeader) else None
    event = header.event if isinstance(header, EventHeader | NoticeHeader) else None
    return Heading(
        header.typ,
        header.ref,
        header.to,
        authority.statement if authority else None,
        authority.version if authority else None,
        header.purpose if isinstance(header, ReferralHeader) else None,
        header.replaces if isinstance(header, SealedHeader) else None,
        event.transition if event else None,
        tuple(slot.section for slot in header.slots) if isinstance(header, SealedHeader) else (),
    )


def _steps(logged: list[LoggedStep]) -> tuple[str, ...]:
    """Each step once: the broker tells its own to both ends, to the second as a copy."""
    seen: dict[str, str] = {}
    for step in logged:
        copied = step.header.notice.copy_of if isinstance(step.header, NoticeHeader) else None
        seen.setdefault(copied or step.header.id, step.event.transition)
    return tuple(seen.values())


def _uses(shipments: Iterable[Shipment]) -> dict[Use, int]:
    """What the first version of each statement allows: a later one takes away grants, and adds no uses."""
    uses: dict[Use, int] = {}
    for shipment in shipments:
        if shipment.kind == "statement" and shipment.body:
            document = parse(ConsentStatement, read_registration(shipment.body)[0].payload, limit=MAX_DOCUMENT)
            for grant in document.grants:
                uses.setdefault((document.id, grant.purpose, grant.recipient), grant.max_uses)
    return uses
