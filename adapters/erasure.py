"""Takes away what a referral said, everywhere it is kept here, and leaves the tombstone: that it was, and its steps.

PRODUCT §4 and §5. One transaction, which is that of the act it follows from: nobody is told that something is gone
while it is still here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from adapters.store.records import Shipment
from adapters.store.store import Transaction
from consent.envelope import SealedHeader, UnverifiedEnvelope

__all__ = ["ERASED", "erase"]

ERASED: Final = "referral-erased"
"""Why something that waited to leave will not leave any more."""


def erase(tx: Transaction, ref: str, at: datetime, also: Iterable[str] = ()) -> None:
    """Take away contents, papers and sealed bytes of a referral; `also` names envelopes that may have left no content.

    What waits to leave about the referral and has anything sealed in it is dropped; steps still leave.
    """
    tx.erased()
    for envelope in {*tx.dossiers.erase(ref, at), *also}:
        tx.traffic.forget(envelope)
    tx.attachments.erase(ref)
    for carrier in tx.traffic.shipped(ref, "envelope"):
        for shipment in (*tx.traffic.papers_of(carrier.item), carrier):
            if shipment.body and _is_sealed(shipment):
                tx.traffic.settle(shipment.item, "dropped", problem=ERASED)
                tx.traffic.rewrite(shipment.item, b"")


def _is_sealed(shipment: Shipment) -> bool:
    if shipment.kind == "attachment":
        return True
    return isinstance(UnverifiedEnvelope.parse(shipment.body).header, SealedHeader)
