"""Keeps from leaving what waits in the outbox and may leave no more: it was taken back, or it was a mistake.

PRODUCT §4. It happens in the very transaction of the act that takes it back: a gateway that was out of reach all day
gets nothing that the person withdrew meanwhile. What may have left already is not undone here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.erasure import ERASED, erase
from adapters.events import CLOSED_HERE
from adapters.judgement import known_referral, taken_back
from adapters.store.records import Referral, Shipment
from adapters.store.store import Transaction
from consent.envelope import Event, EventHeader, Header, ReferralHeader, SealedHeader, UnverifiedEnvelope
from consent.statement import RegisteredStatement
from keys.documents import Address

__all__ = ["CANCELLED", "end_unsent", "hold_back", "was_taken_back"]

CANCELLED: Final = "referral-cancelled"
"""Why what waited behind a referral that was cancelled before it left will not leave."""
_ERASING: Final = "T22"
_PROVIDED: Final = "T07"


def hold_back(address: Address, tx: Transaction, statement: RegisteredStatement, at: datetime) -> None:
    """Drop every sealed envelope of ours that cites a consent and that its newest version does not cover any more.

    Those that the broker refused for good as well, which a person could have tried again. The referral is told why;
    what it says stays here in clear, as of any referral that did not leave, and its sealed bytes go. What was handed
    over without an answer the broker may have: it is brought once more, behind the word that ends the consent, so
    that the broker says whether it has it and can take it no more.
    """
    for shipment in tx.traffic.settled("pending", "refused"):
        header = _header(shipment)
        if not isinstance(header, SealedHeader) or header.authority is None:
            continue
        if header.authority.statement != statement.document.id:
            continue
        agreement = tx.papers.agreement(header.agreement)
        refused = taken_back(header, agreement, statement, known_referral(address, tx, header.ref), at)
        if refused is not None:
            if shipment.state == "pending" and shipment.attempts:
                tx.traffic.put_behind(shipment.item, f"{statement.document.id}@{statement.document.version}")
            else:
                _drop(tx, shipment, refused)
            first = isinstance(header, ReferralHeader) and (shipment.state == "refused" or not shipment.attempts)
            _drop_behind(tx, shipment, header.ref, refused, whole=first)
            tx.dossiers.note_problem(header.ref, refused)


def was_taken_back(shipment: Shipment) -> bool:
    """Whether an envelope waited for a later version of its consent than it cites: the one that takes it back."""
    header = _header(shipment)
    cited = header.authority if isinstance(header, SealedHeader) else None
    # What waits behind another thing than a version of its consent, such as a message behind a paper, was not.
    statement, _, version = (shipment.after or "").rpartition("@")
    return cited is not None and statement == cited.statement and version != str(cited.version)


def end_unsent(tx: Transaction, referral: Referral, event: Event, at: datetime) -> bool:
    """End a referral of ours here that was cancelled (T10) or entered in error (T22) before it left; false otherwise.

    Nothing of it leaves then, not even that it ended: nobody was told that it began.
    """
    ended = CLOSED_HERE.get(event.transition)
    carrier = tx.traffic.shipment(referral.header.id)
    if ended is None or referral.direction != "sent" or carrier is None:
        return False
    if carrier.attempts or carrier.state not in {"pending", "dropped"}:
        return False  # The broker may have it, whatever we heard of it.
    erasing = event.transition == _ERASING
    why = ERASED if erasing else CANCELLED
    waiting = [each for each in tx.traffic.waiting() if not each.attempts]
    for shipment in waiting:
        if shipment.lane == referral.ref or shipment.after == carrier.item:
            _drop(tx, shipment, why)
    closed = replace(referral, status=ended.status, business_status=ended.business_status, problem=None)
    tx.dossiers.save(closed)
    if erasing:
        erase(tx, referral.ref, at)
        for shipment in waiting:  # Also why an emergency was declared, when nobody was told of it.
            if shipment.lane == referral.ref:
                tx.dossiers.take_content(shipment.item)
    return True


def _drop(tx: Transaction, shipment: Shipment, why: str) -> None:
    """Drop something with its papers, and keep no bytes that will never leave."""
    for each in (*tx.traffic.papers_of(shipment.item), shipment):
        if tx.traffic.settle(each.item, "dropped", problem=why):
            tx.traffic.rewrite(each.item, b"")


def _drop_behind(tx: Transaction, dropped: Shipment, lane: str, why: str, *, whole: bool) -> None:
    """Drop what waits for an envelope that does not leave, and the step that says it did; `whole`: all of its lane."""
    for each in tx.traffic.waiting():
        told = _header(each)
        provided = isinstance(told, EventHeader) and told.event.transition == _PROVIDED
        if each.after == dropped.item or (each.lane == lane and (whole or provided)):
            _drop(tx, each, why)


def _header(shipment: Shipment) -> Header | None:
    if shipment.kind != "envelope" or not shipment.body:
        return None
    return UnverifiedEnvelope.parse(shipment.body).header
