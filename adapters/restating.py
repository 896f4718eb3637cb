"""Says again what our consents are, to a gateway that cannot know any more what became of them.

PROTOCOL §7 *Restore*. After every restore a consent waits until its issuer has said it again, in the newest version
that we know: one that still waits to leave comes by itself, and an older one is never said in its place.
"""

from __future__ import annotations

from datetime import datetime

from adapters.office import Office
from adapters.promises import promised_by
from adapters.store.records import HeldStatement, Shipment
from adapters.store.store import Transaction
from adapters.stream import STREAM
from consent.envelope import SealedHeader, UnverifiedEnvelope

__all__ = ["after_restore", "gives_way", "held_statement", "restate", "restate_cited"]


def after_restore(office: Office) -> list[str]:
    """Prepare for a gateway that was restored to work again; the items that wait to be said again.

    What it will tell us from there on stands behind what we saw of its journal, whatever it told us before. Done as
    often as it refuses everything, it is done once. Raises `StoreError`.
    """
    size = office.book.size
    with office.store.transaction() as tx:
        tx.losses.rewind(STREAM, size)
        return restate(tx, office.now())


def restate(tx: Transaction, at: datetime) -> list[str]:
    """Have the newest version of each of our running consents leave once more; the items."""
    return [item for name, version in tx.losses.newest_statements() for item in _again(tx, name, version, at)]


def restate_cited(tx: Transaction, wire: bytes, at: datetime) -> None:
    """Have the consent that an envelope rests on leave once more, if it is one of ours."""
    header = UnverifiedEnvelope.parse(wire).header
    if not isinstance(header, SealedHeader) or header.authority is None:
        return
    held = held_statement(tx, header.authority.statement)
    if held is not None:
        _again(tx, held.document.id, held.document.version, at)


def gives_way(office: Office, shipment: Shipment) -> bool:
    """Keep back a version that was to be said again, once it has a newer one and stands in the journal as it is.

    Said before the newer one it would let pass, for a moment, what the person has taken back. One that the gateway
    lost is said all the same: without it, it takes none that follows. False for what leaves; raises `StoreError`.
    """
    if shipment.kind != "statement" or not shipment.again:
        return False
    promised, seen = promised_by(office, shipment.receipt or b""), office.book.seen()
    if promised is not None and seen is not None and seen.loses(promised.origin, promised.index, promised.at):
        return False
    with office.store.transaction() as tx:
        held = held_statement(tx, shipment.lane)
        is_newest = held is None or shipment.item == f"{shipment.lane}@{held.document.version}"
        return not is_newest and tx.traffic.settle(shipment.item, "done")


def held_statement(tx: Transaction, statement: str) -> HeldStatement | None:
    """A consent statement of ours in its newest version; None for another organisation's."""
    record = tx.papers.record_of(statement)
    held = tx.papers.statements_of(record) if record else []
    return next((each for each in held if each.document.id == statement), None)


def _again(tx: Transaction, statement: str, version: int, at: datetime) -> list[str]:
    item = f"{statement}@{version}"
    shipment = tx.traffic.shipment(item)
    if shipment is None or shipment.state != "done":
        return []  # It leaves by itself, or the broker never took it and a person knows.
    held = held_statement(tx, statement)
    runs = held is not None and at < held.document.not_after
    return [item] if runs and tx.losses.send_again(item, at) else []
