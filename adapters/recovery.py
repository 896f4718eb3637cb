"""Makes good what the broker lost with a backup: what it had taken from us goes out again, by itself and once.

PROTOCOL §7 *Restore*. Every consent waits there until its issuer has said again what it is; a withdrawal may be among
what was lost. What a person took back meanwhile is not sent again: only the word that takes it back is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from adapters.judgement import known_referral, taken_back
from adapters.lineage import Passed
from adapters.office import Office
from adapters.outbox import UNASKED
from adapters.restating import held_statement, restate
from adapters.store.records import Alarm, Shipment
from adapters.store.store import Transaction
from adapters.stream import STREAM
from consent.envelope import Header, ReferralHeader, SealedHeader, UnverifiedEnvelope
from consent.statement import RegisteredStatement
from journal.notes import open_note
from journal.receipts import read_receipt
from keys.errors import PasserelleError

__all__ = ["CODE_LOST", "PAPERS_LOST", "recover"]

PAPERS_LOST: Final = "lost-with-papers"
"""An envelope cannot be sent again, because its sealed papers are not here any more."""
CODE_LOST: Final = "withdrawal-code-lost"
"""A consent was registered again without its withdrawal code, which only the person has."""
_MARGIN: Final = timedelta(days=1)
"""What leaves no receipt is sent again if it may have left after the backup was made, or so long before."""


def recover(office: Office) -> list[str]:
    """Put in the outbox everything that a restarted journal lost of ours; the items, none once that was done.

    Raises `StoreError`.
    """
    with office.store.transaction() as tx:
        sent: list[str] = []
        for left in tx.losses.open():
            sent += _Recovery(office, tx, left).send()
            tx.losses.close(left)
    return sent


class _Recovery:
    """What is made good after one restart, in one transaction."""

    def __init__(self, office: Office, tx: Transaction, left: Passed) -> None:
        self._office, self._tx, self._now = office, tx, office.now()
        self._left, self._lost = left, left.lost
        self._stuck: set[str] = set()
        self._backup = open_note(left.shown, left.shard.vkeys).signed_at or self._now

    def send(self) -> list[str]:
        """Keys first, then consents, then what rests on them; what was told to us meanwhile is read again."""
        self._tx.losses.rewind(STREAM, self._lost.start)
        return [*self._keys(), *self._statements(), *self._everything_else()]

    def _keys(self) -> list[str]:
        """Our key statements that stand nowhere but in what was lost."""
        places, own = self._tx.losses.key_places(self._office.address), self._tx.keyring.own()
        gone = [seq for seq, known in places if all(place in self._lost for place in known)]
        for seq in gone:
            if not self._tx.losses.send_again(f"key:{seq}", self._now):
                # Who was enrolled by the broker's operator had it journalled from a file.
                self._tx.traffic.ship(Shipment(f"key:{seq}", "key", "keys", own[seq].encode(), self._now))
        return [f"key:{seq}" for seq in gone]

    def _statements(self) -> list[str]:
        """Every version that was lost, and the newest one of each consent that runs still."""
        items = []
        for shipment in self._tx.traffic.settled("done"):
            if shipment.kind != "statement" or not self._is_lost(shipment):
                continue
            items += [shipment.item] if self._tx.losses.send_again(shipment.item, self._now) else []
            held = held_statement(self._tx, shipment.lane)
            if held is not None and self._now < held.document.not_after and shipment.item.endswith("@1"):
                self._tx.traffic.raise_alarm(Alarm(self._now, CODE_LOST, shipment.lane))
        return items + restate(self._tx, self._now)

    def _everything_else(self) -> list[str]:
        items = []
        for shipment in self._tx.traffic.settled("done"):
            if shipment.kind == "envelope" and self._is_lost(shipment):
                items += [shipment.item] if self._send_envelope(shipment) else []
            elif self._may_be_lost(shipment):
                items += [shipment.item] if self._tx.losses.send_again(shipment.item, self._now) else []
        return items

    def _may_be_lost(self, shipment: Shipment) -> bool:
        """Whether a report, a review, an answer or a signature was lost, as far as can be told."""
        if shipment.kind in UNASKED:
            return shipment.next_try >= self._backup - _MARGIN
        return shipment.kind in {"mismatch", "emergency-review"} and self._is_lost(shipment)

    def _send_envelope(self, shipment: Shipment) -> bool:
        if not shipment.body:
            return False  # What it said was erased since, on both sides.
        header = UnverifiedEnvelope.parse(shipment.body).header
        if header.ref in self._stuck:
            return False  # It follows from a referral that does not leave.
        if not self._may_leave(shipment, header):
            self._stuck |= {header.ref} if isinstance(header, ReferralHeader) else set()
            return False
        return self._tx.losses.send_again(shipment.item, self._now)

    def _may_leave(self, shipment: Shipment, header: Header) -> bool:
        """Whether what an envelope says may still pass, and everything that it announces is here."""
        if isinstance(header, SealedHeader) and self._was_taken_back(header):
            return False
        if any(not paper.body for paper in self._tx.traffic.papers_of(shipment.item)):
            self._tx.traffic.raise_alarm(Alarm(self._now, PAPERS_LOST, shipment.item))
            return False
        return True

    def _was_taken_back(self, header: SealedHeader) -> bool:
        """Whether a consent of ours does not cover an envelope any more, in the version that we know."""
        held = held_statement(self._tx, header.authority.statement) if header.authority else None
        if held is None:
            return False
        agreement = self._tx.papers.agreement(header.agreement)
        known = known_referral(self._office.address, self._tx, header.ref)
        statement = RegisteredStatement(held.document, held.sha256)
        return taken_back(header, agreement, statement, known, self._now) is not None

    def _is_lost(self, shipment: Shipment) -> bool:
        """Whether the receipt of a shipment names a place that is gone, or that nobody ever saw signed."""
        if shipment.receipt is None:
            return False
        try:
            promised = read_receipt(shipment.receipt, self._office.pins.receipts_verifier, "")
        except PasserelleError:
            return False  # The gateway was pinned anew since, under another key.
        return promised.origin == self._left.shard.origin and self._left.loses(promised.index, promised.at)
