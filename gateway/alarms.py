"""Settles a false alarm: a checkpoint that a copy of this very database signed, and not another past of the journal.

PROTOCOL §7. A copy that was started with the real keystore signs what this journal never had. Nothing that such a copy
said takes effect here; whoever saw it keeps the evidence, and may go on distrusting the journal. Where the operator
knows in what time the copy signed, whatever else it signed then stops nothing any more.
"""

from __future__ import annotations

from datetime import datetime

from gateway.broker import BrokerSettings
from gateway.store.contradictions import Contradiction
from gateway.store.transaction import Transaction
from journal.invariants.two_people import SettledAlarm
from keys.documents import b64url, encode, format_time, validate
from keys.errors import PasserelleError

__all__ = ["SETTLED", "AlarmError", "check_not_restored", "settle_alarm"]

SETTLED = "alarm-settled"
"""The state of the `admin.change` that says so."""


class AlarmError(PasserelleError):
    """Not to be settled like this.

    There is no such alarm (alarm-unknown), it was settled before (alarm-settled), or the time in which a copy signed
    is not over, or is not when this checkpoint was signed (alarm-not-then); or a restored backup is examined, which
    the same checkpoint may be about (alarm-while-restored).
    """


def settle_alarm(
    settings: BrokerSettings,
    tx: Transaction,
    number: int,
    reason: str,
    at: datetime,
    *,
    copied: tuple[datetime, datetime] | None = None,
) -> tuple[Contradiction, bool]:
    """Settle an alarm by its place in the list, from 1; also whether deposits and releases pass again.

    The evidence stays, and the journal says that it was settled and why (a code). With `copied`, the first and the
    last moment at which a copy signed, whatever was signed then is settled too, shown already or to come. Raises
    `AlarmError`, and `MalformedError` for a reason that is no code.
    """
    check_not_restored(tx)
    found = tx.contradictions.all()
    if not 1 <= number <= len(found):
        raise AlarmError("alarm-unknown")
    alarm = found[number - 1]
    if alarm.settled is not None:
        raise AlarmError("alarm-settled")
    document: dict[str, object] = {"v": 1, "size": alarm.size, "root": b64url(alarm.root), "reason": reason}
    if copied is not None:
        _check_time(alarm, copied, at)
        document |= {"from": format_time(copied[0]), "until": format_time(copied[1])}
        tx.contradictions.explain(*copied, at)
    settled = validate(SettledAlarm, document)
    dealt = [each for each in found if each.settled is None and (each is alarm or _is_within(each, copied))]
    for each in dealt:
        tx.contradictions.settle(each, at)
    members: dict[str, object] = {"type": "admin.change", "actor": settings.address, "state": SETTLED, "reason": reason}
    tx.journal.append(at, **members, document=encode(settled))
    passes = all(each.settled or each in dealt for each in found)
    if passes:
        tx.journal.set_contradicted(contradicted=False)
    return alarm, passes


def check_not_restored(tx: Transaction) -> None:
    """Return only if no restored backup is examined; else `AlarmError` (alarm-while-restored)."""
    if tx.journal.head().restored is not None:
        raise AlarmError("alarm-while-restored")


def _check_time(alarm: Contradiction, copied: tuple[datetime, datetime], at: datetime) -> None:
    """Only what is over can be explained, and only by a time in which this checkpoint was signed."""
    if not (_is_within(alarm, copied) and copied[1] <= at):
        raise AlarmError("alarm-not-then")


def _is_within(alarm: Contradiction, copied: tuple[datetime, datetime] | None) -> bool:
    return copied is not None and alarm.signed_at is not None and copied[0] <= alarm.signed_at <= copied[1]
