"""Seals again an envelope whose recipient's key ended while it waited to leave.

PROTOCOL §2 *Rotation loses nothing*. Only ever after the broker refused the old bytes: it never took them, so nothing
can arrive twice.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.headings import renewed
from adapters.office import Office
from adapters.outgoing import recipient_key
from adapters.sealed import SealedHeaders, seal
from adapters.sections import form_of, parse_section
from adapters.store.records import Content, HeldAgreement, Shipment
from consent.envelope import MessageHeader, ReferralHeader, UnverifiedEnvelope
from keys import strictjson
from keys.errors import UntrustedKeyError

__all__ = ["seal_anew"]


def seal_anew(office: Office, shipment: Shipment) -> bool:
    """Put in a refused envelope's place the same content sealed to the recipient's key of today.

    False when it has no other key, or when what the envelope said is not here any more.
    """
    unverified = UnverifiedEnvelope.parse(shipment.body)
    header, key = unverified.header, unverified.payload.key
    if not isinstance(header, ReferralHeader | MessageHeader) or key is None:
        return False
    with office.store.transaction() as tx:
        agreement, content = tx.papers.agreement(header.agreement), tx.dossiers.content(header.id)
    if agreement is None or content is None:
        return False
    try:
        recipient = recipient_key(office, agreement, header.to)
    except UntrustedKeyError:
        return False
    if recipient[0] == key.kid:
        return False
    _exchange(office, shipment, header, agreement, content)
    return True


def _exchange(
    office: Office, shipment: Shipment, header: SealedHeaders, agreement: HeldAgreement, content: Content
) -> None:
    recipient, now = recipient_key(office, agreement, header.to), office.now()
    sections = {
        code: parse_section(code, form_of(code), strictjson.dumps(said)) for code, said in content.sections.items()
    }
    with office.store.transaction() as tx:
        fresh = renewed((office, now, None), header, agreement, tx.dossiers.next_seq(header.ref))
        wire = seal(fresh, sections, office.signer(), recipient)
        tx.dossiers.move_content(header.id, fresh.id)
        referral = tx.dossiers.find(header.ref)
        if referral is not None and isinstance(fresh, ReferralHeader):
            tx.dossiers.save(replace(referral, header=fresh))
        tx.traffic.exchange(shipment.item, Shipment(fresh.id, "envelope", fresh.ref, wire, now))
