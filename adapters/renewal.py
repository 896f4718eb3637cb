"""Makes an envelope anew with the same content: when the broker never took the old one, or could not deliver it.

PROTOCOL §2 *Rotation loses nothing*. What the broker never took is exchanged in the outbox, so nothing can arrive
twice. What it took and gave back as undelivered is replaced: the new envelope says which one it stands for, and the
consent is decided again without spending another use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from adapters.headings import renewed
from adapters.judgement import newest_statement
from adapters.office import Office
from adapters.papers import Paper, SealedPapers, seal_papers
from adapters.recipients import agreement_of, recipient_key
from adapters.sealed import SealedHeaders, seal
from adapters.sections import form_of, parse_section
from adapters.store.records import Content, HeldAgreement, HeldStatement, Referral, Shipment
from adapters.store.store import Transaction
from consent.envelope import (
    EventHeader,
    Header,
    MessageHeader,
    ReferralHeader,
    SealedHeader,
    UnverifiedEnvelope,
    compose,
    protect,
)
from keys import strictjson
from keys.documents import Address
from keys.errors import UntrustedKeyError
from keys.sealing_keys import SealingPublicKey

__all__ = ["Keys", "Renewal", "keys_of", "make_anew", "rests_on", "seal_anew", "settle_content"]


@dataclass(frozen=True, slots=True, repr=False)
class Renewal:
    """An envelope made anew: its header, its bytes, and its papers sealed for it."""

    old: Header
    header: Header
    wire: bytes
    papers: SealedPapers | None = None


Keys = Mapping[Address, tuple[str, SealingPublicKey]]
"""The id and key to which each party's envelopes are sealed now, of those who have one that can be trusted."""


def keys_of(office: Office, agreement: HeldAgreement, parties: Iterable[Address]) -> Keys:
    """Look up the keys of parties; never inside a transaction, because the key book reads in one of its own."""
    found = {}
    for party in parties:
        with suppress(UntrustedKeyError):
            found[party] = recipient_key(office, agreement, party)
    return found


def seal_anew(office: Office, shipment: Shipment, *, asked: bool = False) -> bool:
    """Put in the place of an envelope that the broker refused the same content under today's key and agreement.

    False when neither changed and nobody asked for it, when there is no key to seal to, or when what the envelope said
    is not here any more. What names the old envelope as its justification is made anew with it. Nothing is left to do
    where another program made it anew, or settled it, meanwhile.
    """
    unverified = UnverifiedEnvelope.parse(shipment.body)
    header = unverified.header
    with office.store.transaction() as tx:
        referral = tx.dossiers.find(header.ref)
        agreement = agreement_of(office, tx, referral) if referral else None
    if referral is None or agreement is None:
        return False
    keys = keys_of(office, agreement, {header.to, referral.peer})
    if not asked and not _changed(office, unverified, agreement, keys):
        return False
    with office.store.transaction() as tx:
        found = tx.traffic.shipment(shipment.item)
        if found is None or found.state != shipment.state:
            return True
        changes = _current(office, tx, referral, header, asked=asked)
        made = make_anew(office, tx, header, agreement, keys, changes)
        if made is None:
            return False
        _exchange(office, tx, shipment, made)
        for follower in tx.traffic.waiting(header.ref):
            _follow(office, tx, follower, made, agreement, keys)
    return True


def make_anew(
    office: Office,
    tx: Transaction,
    header: Header,
    agreement: HeldAgreement,
    keys: Keys,
    changes: Mapping[str, Any] | None = None,
) -> Renewal | None:
    """The same envelope under a fresh id, sealed to today's key; None when that is impossible now."""
    draft = (office, office.now(), None)
    if isinstance(header, EventHeader):
        fresh = renewed(draft, header, agreement, tx.dossiers.next_seq(header.ref), changes)
        return Renewal(header, fresh, compose(protect(fresh), office.signer()))
    content, recipient = tx.dossiers.content(header.id), keys.get(header.to)
    if content is None or recipient is None or not isinstance(header, ReferralHeader | MessageHeader):
        return None
    fresh = cast("SealedHeaders", renewed(draft, header, agreement, tx.dossiers.next_seq(header.ref), changes))
    kept = tx.attachments.of_envelope(header.id)
    papers = [Paper(item.kind, item.name, item.data) for item in kept if item.data is not None]
    sealed = seal_papers(papers, fresh.id) if papers else None
    sections = _sections(content) | ({"documents": sealed.section} if sealed else {})
    return Renewal(header, fresh, seal(fresh, sections, office.signer(), recipient), sealed)


def settle_content(tx: Transaction, made: Renewal, at: datetime) -> None:
    """Keep under the new envelope what the old one said, and have the referral name the new one."""
    old, fresh = made.old, made.header
    if not isinstance(fresh, SealedHeader):
        return
    tx.dossiers.move_content(old.id, fresh.id)
    tx.attachments.erase_of(old.id)
    if made.papers is not None:
        made.papers.keep(tx, fresh.id, fresh.ref, at)
    referral = tx.dossiers.find(fresh.ref)
    if referral is not None and isinstance(fresh, ReferralHeader):
        tx.dossiers.save(replace(referral, header=fresh, problem=None))


def rests_on(statement: HeldStatement | None) -> dict[str, Any]:
    """The member of a header that cites a consent in its newest version; nothing where it is not ours."""
    if statement is None:
        return {}
    document = statement.document
    return {"authority": {"statement": document.id, "version": document.version, "sha256": statement.sha256}}


def _changed(office: Office, unverified: UnverifiedEnvelope, agreement: HeldAgreement, keys: Keys) -> bool:
    """Whether an envelope made today would differ in what the broker refused: a key, or the agreement's version."""
    header, key = unverified.header, unverified.payload.key
    other_signer = unverified.signed.keyids[0] != office.signer().kid
    if other_signer or header.agreement != agreement.document.ref:
        return True
    return key is not None and header.to in keys and keys[header.to][0] != key.kid


def _current(office: Office, tx: Transaction, referral: Referral, header: Header, *, asked: bool) -> dict[str, Any]:
    """What an envelope made today says otherwise than it did.

    An answer that was asked for in the past is not asked for so; a consent is cited in another version only when a
    person asks, who was told that the first one was refused.
    """
    past = isinstance(header, ReferralHeader) and header.respond_by is not None and header.respond_by <= office.now()
    cites = asked and isinstance(header, SealedHeader) and header.authority is not None
    cited = rests_on(newest_statement(office, tx, referral)) if cites else {}
    return cited | ({"respond_by": None} if past else {})


def _exchange(office: Office, tx: Transaction, shipment: Shipment, made: Renewal) -> None:
    """Put an envelope made anew in the old one's place in the outbox, its papers before it."""
    now, fresh = office.now(), made.header
    for paper in tx.traffic.papers_of(made.old.id):
        tx.traffic.settle(paper.item, "dropped", problem="envelope-replaced")
        tx.traffic.rewrite(paper.item, b"")
    last = made.papers.ship(tx, fresh.id, f"papers:{fresh.id}", now) if made.papers else None
    settle_content(tx, made, now)
    tx.traffic.exchange(shipment.item, Shipment(fresh.id, "envelope", fresh.ref, made.wire, now, after=last))


def _follow(
    office: Office, tx: Transaction, shipment: Shipment, made: Renewal, agreement: HeldAgreement, keys: Keys
) -> None:
    """Make anew a referral that waits behind its justification, so that it names the justification that will leave."""
    header = UnverifiedEnvelope.parse(shipment.body).header if shipment.kind == "envelope" else None
    emergency = header.emergency if isinstance(header, SealedHeader) else None
    if header is None or emergency is None or emergency.justification is None:
        return
    if emergency.justification.envelope != made.old.id:
        return
    named = {"envelope": made.header.id, "sha256": UnverifiedEnvelope.parse(made.wire).signed.sha256}
    members = emergency.model_dump(mode="json", exclude_none=True) | {"justification": named}
    again = make_anew(office, tx, header, agreement, keys, {"emergency": members})
    if again is not None:
        _exchange(office, tx, shipment, again)


def _sections(content: Content) -> dict[str, Any]:
    return {
        code: parse_section(code, form_of(code), strictjson.dumps(said))
        for code, said in content.sections.items()
        if code != "documents"
    }
