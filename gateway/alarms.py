"""Settles a false alarm: a checkpoint that a copy of this very database signed, and not another past of the journal.

PROTOCOL §7. A copy that was started with the real keystore signs what this journal never had. Nothing that such a copy
said takes effect here; whoever saw it keeps the evidence, and may go on distrusting the journal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.broker import BrokerSettings
from gateway.store.contradictions import Contradiction
from gateway.store.transaction import Transaction
from keys.documents import Base64Url, Document, Version, b64url, encode, validate
from keys.errors import PasserelleError
from keys.strictjson import MAX_INTEGER

__all__ = ["SETTLED", "AlarmError", "SettledAlarm", "settle_alarm"]

SETTLED = "alarm-settled"
"""The state of the `admin.change` that says so."""


class AlarmError(PasserelleError):
    """There is no such alarm (alarm-unknown), or it was settled before (alarm-settled)."""


class SettledAlarm(Document):
    """Which checkpoint the alarm was about, and why it is none, as the journal keeps it."""

    v: Version
    size: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    root: Base64Url
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def settle_alarm(
    settings: BrokerSettings, tx: Transaction, number: int, reason: str, at: datetime
) -> tuple[Contradiction, bool]:
    """Settle an alarm by its place in the list, from 1; also whether deposits and releases pass again.

    The evidence stays, and the journal says that it was settled and why (a code). Raises `AlarmError`, and
    `MalformedError` for a reason that is no code.
    """
    found = tx.contradictions.all()
    if not 1 <= number <= len(found):
        raise AlarmError("alarm-unknown")
    alarm = found[number - 1]
    if alarm.settled is not None:
        raise AlarmError("alarm-settled")
    document = {"v": 1, "size": alarm.size, "root": b64url(alarm.root), "reason": reason}
    settled = validate(SettledAlarm, document)
    tx.contradictions.settle(alarm, at)
    members: dict[str, object] = {"type": "admin.change", "actor": settings.address, "state": SETTLED, "reason": reason}
    tx.journal.append(at, **members, document=encode(settled))
    passes = all(each.settled for each in found if each is not alarm)
    if passes:
        tx.journal.set_contradicted(contradicted=False)
    return alarm, passes
