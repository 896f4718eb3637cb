"""Where the journal stands for this partner: what was read, what was signed for, what is confirmed, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.confirmation import asking, standing
from adapters.lineage import Seen
from adapters.office import Office
from adapters.store.records import Alarm
from adapters.store.watches import Cosigned
from journal.quorum import Confirmation
from keys.errors import PasserelleError

__all__ = ["AgreementStanding", "JournalStanding", "read_standing"]


@dataclass(frozen=True, slots=True)
class AgreementStanding:
    """How far the quorum of one agreement, `ref`, has confirmed the journal; size 0 while it has confirmed nothing."""

    ref: str
    threshold: int
    size: int
    signed_at: datetime | None
    confirmation: Confirmation


@dataclass(frozen=True, slots=True)
class JournalStanding:
    """What is known of the journal here; `witness` tells whether we have a key to sign for it with.

    `signed_for` is how many entries the journal had in the state that we signed for last.
    """

    seen: Seen | None
    cosigned: Cosigned | None
    signed_for: int
    witness: bool
    agreements: tuple[AgreementStanding, ...]
    alarms: tuple[Alarm, ...]


def read_standing(office: Office) -> JournalStanding:
    """Where the journal stands as it was read last; nothing is asked of the gateway. Raises `StoreError`."""
    with office.store.transaction() as tx:
        cosigned, alarms = tx.watches.cosigned(), tx.traffic.alarms()
    seen = office.book.seen()
    return JournalStanding(
        seen=seen,
        cosigned=cosigned,
        signed_for=seen.end(cosigned.note) if seen and cosigned else 0,
        witness=office.identity.witness_key(office.now()) is not None,
        agreements=tuple(_agreements(office)),
        alarms=tuple(alarms),
    )


def _agreements(office: Office) -> list[AgreementStanding]:
    found = []
    for held in asking(office):
        quorum = held.document.quorum
        with office.store.transaction() as tx:
            note = tx.watches.confirmed(held.sha256)
        size, at = 0, None
        names = tuple(each.partition("+")[0] for each in quorum.witnesses)
        told = Confirmation(confirmed=False, seen_by=(), missing=names)
        if note is not None:
            try:
                judged = standing(office, held, note)
                size, at, told = judged.end, judged.opened.signed_at, judged.confirmation
            except PasserelleError:
                size = 0  # Keys are too old to judge by: nothing is confirmed until the journal is read again.
        found.append(AgreementStanding(held.document.ref, quorum.threshold, size, at, told))
    return found
