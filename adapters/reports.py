"""Tells the broker that an envelope did not hold what its header announced: by codes alone, never what was found.

PRODUCT §4. The broker cannot see a false label; whoever opened the envelope can, and signs it. It opens an incident.
"""

from __future__ import annotations

from adapters.office import Office
from adapters.store.records import Received, Shipment
from adapters.store.store import Transaction
from consent.mismatch import MISMATCH_KIND, Mismatch
from consent.passage import Refused
from keys.documents import encode, format_time, validate
from keys.signing import sign

__all__ = ["report_mismatch"]


def report_mismatch(
    office: Office, ref: str, kind: str, section: str | None = None, *, envelope: str | None = None
) -> Shipment | Refused:
    """Sign and queue a report about an envelope of a referral, the first one unless another is named.

    Refused: envelope-unknown (it never came here), section-not-in-envelope, mismatch-already-reported. Raises
    `MalformedError` (unknown-code, missing-field, unexpected-member) and `StoreError`.
    """
    now = office.now()
    with office.store.transaction() as tx:
        received = _received(tx, ref, envelope)
        if received is None:
            return Refused("envelope-unknown", "", "/envelope")
        content = tx.dossiers.content(received.envelope)
        if section is not None and content is not None and section not in content.sections:
            return Refused("section-not-in-envelope", "", "/section")
        members = {
            "v": 1,
            "by": office.address,
            "envelope": received.envelope,
            "payload_sha256": received.payload_sha256,
            "kind": kind,
            "at": format_time(now),
        } | ({"section": section} if section is not None else {})
        signed = sign(MISMATCH_KIND, encode(validate(Mismatch, members)), (office.signer(),))
        item = f"mismatch:{received.envelope}:{kind}:{section or '-'}"
        before = tx.traffic.shipment(item)
        if before is not None and before.state in {"pending", "done"}:
            return Refused("mismatch-already-reported", "", "/kind")
        shipment = Shipment(item, "mismatch", item, signed.encode(), now)
        tx.traffic.ship(shipment)
    return shipment


def _received(tx: Transaction, ref: str, envelope: str | None) -> Received | None:
    """An envelope that was handed to us under this reference, and opened."""
    referral = tx.dossiers.find(ref)
    if referral is None:
        return None
    name = envelope or (referral.header.id if referral.direction == "received" else "")
    ours = name == referral.header.id or any(content.envelope == name for content in tx.dossiers.contents(ref))
    received = tx.traffic.received(name) if ours else None
    return received if received is not None and received.result == "stored" else None
