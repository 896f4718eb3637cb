"""What the broker refused for good: shown until a person tries it again or drops it, and never lost silently."""

from __future__ import annotations

from dataclasses import replace

from adapters.office import Office
from adapters.registration import read_registration
from adapters.renewal import seal_anew
from adapters.store.records import Shipment
from adapters.store.store import Transaction
from consent.envelope import UnverifiedEnvelope
from consent.passage import Refused

__all__ = ["drop", "find_item", "refused_items", "retry"]

SHORTEST = 6
"""How many characters of an item at least are typed to name it."""


def refused_items(office: Office) -> list[Shipment]:
    """Everything that was refused for good, the oldest first; raises `StoreError`."""
    with office.store.transaction() as tx:
        return tx.traffic.settled("refused")


def find_item(office: Office, typed: str) -> Shipment | Refused:
    """What was refused and whose name begins as typed, with or without `env_`.

    Refused: outbox-item-unknown, or outbox-item-ambiguous when several begin so or too little was typed.
    """
    beginning = typed.strip()
    found = [item for item in refused_items(office) if item.item.removeprefix("env_").startswith(_bare(beginning))]
    if len(_bare(beginning)) < SHORTEST or len(found) > 1:
        exact = [item for item in found if item.item == beginning]
        return exact[0] if exact else Refused("outbox-item-ambiguous", "", "/item")
    return found[0] if found else Refused("outbox-item-unknown", "", "/item")


def retry(office: Office, item: Shipment) -> Refused | None:
    """Put something refused back among what waits; an envelope that is out of date is made anew with what it says.

    An envelope and its papers go together. Refused: cannot-resend. Raises `StoreError`.
    """
    if not item.body:
        return Refused("cannot-resend", "", "/item")
    if item.kind == "envelope" and UnverifiedEnvelope.parse(item.body).header.exp <= office.now():
        return None if seal_anew(office, item, asked=True) else Refused("cannot-resend", "", "/item")
    with office.store.transaction() as tx:
        together = _together(tx, item)
        for each in together:
            if each.state == "refused" and each.body:
                tx.traffic.ship(replace(each, next_try=office.now()))
        tx.dossiers.note_problem(together[-1].lane, None)  # The envelope's: its papers may leave in one of their own.
    return None


def drop(office: Office, item: Shipment) -> None:
    """Decide that something refused will not leave; that it was refused, and why, stays. Raises `StoreError`."""
    with office.store.transaction() as tx:
        for each in _together(tx, item):
            if each.state == "refused":
                tx.traffic.settle(each.item, "dropped", problem=each.problem)
                if each.kind == "statement":  # Nobody will ever have the code but the person.
                    tx.traffic.rewrite(each.item, read_registration(each.body)[0].encode())


def _together(tx: Transaction, item: Shipment) -> list[Shipment]:
    """An envelope after its papers, whichever of them is named."""
    if item.kind not in {"envelope", "attachment"}:
        return [item]
    envelope = item.item if item.kind == "envelope" else item.item.split(":")[1]
    carrier = tx.traffic.shipment(envelope)
    return tx.traffic.papers_of(envelope) + ([carrier] if carrier is not None else [])


def _bare(typed: str) -> str:
    return typed.removeprefix("env_")
