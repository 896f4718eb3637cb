"""A broker's double that is set back to a backup, and goes on after what somebody saw of its journal."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.pins import pin_code
from adapters.store.records import Alarm
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.partners import Partner

KEPT: Final = ("statements", "receipts", "wires", "referrals", "waiting", "told", "acks", "chains", "papers", "codes")
"""What a broker has in its database, beside its journal."""


@dataclass
class Backup:
    """A copy of a broker's database as it was."""

    broker: BrokerDouble
    held: int = field(init=False)
    kept: dict[str, Any] = field(init=False)
    notes: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Copy it now; the journal is published as far as it goes."""
        self.held = len(self.broker.gateway.leaves)
        self.broker.journal.show(len(self.broker.gateway.shards))
        self.kept = {name: copy.deepcopy(getattr(self.broker, name)) for name in KEPT}
        self.notes = list(self.broker.journal.notes)

    def restore(self) -> None:
        """Put it back; every consent that it holds waits for its issuer."""
        for name, value in copy.deepcopy(self.kept).items():
            setattr(self.broker, name, value)
        self.broker.journal.notes = list(self.notes)
        self.broker.unconfirmed = set(self.broker.statements)

    def restart(self, witness: Partner) -> None:
        """Put it back, and go on after what a partner saw."""
        seen = witness.adapter.office.book.seen()
        assert seen is not None
        witnessed = as_published(self.broker, seen.note)
        self.restore()
        self.broker.clock.forward(seconds=1)
        self.broker.gateway.restart(self.held, witnessed)


def as_published(broker: BrokerDouble, note: bytes) -> bytes:
    """A note with the journal's own signatures, as the broker signed it."""
    return next(each for each in broker.journal.notes if note.startswith(each))


def accept(partner: Partner) -> range:
    """The partner's operator gives the code that the broker's operator read aloud; the lost entries."""
    announced = partner.broker.pins
    return partner.adapter.accept_restart(announced, pin_code(announced))


def codes(alarms: list[Alarm]) -> list[str]:
    """What alarms are about."""
    return [alarm.code for alarm in alarms]
