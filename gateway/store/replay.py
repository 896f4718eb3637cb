"""Values that may be used once, remembered for as long as they could be used again."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from gateway.store.tables import ReplayRow
from keys.documents import format_time

__all__ = ["ReplayTable"]

_REPLAY = ReplayRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_USED = select(_REPLAY.c.digest).where(_REPLAY.c.realm == bindparam("realm"), _REPLAY.c.digest == bindparam("digest"))
_USE_UP = insert(_REPLAY)
PURGE = 100
"""Rows forgotten at a time, so that no transaction is held up by the past."""


class ReplayTable:
    """Shared by every broker process, because a proof must not be good once per process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def once(self, realm: str, value: str, until: datetime) -> bool:
        """Use `value` up; False when it was used before. It is remembered until `until`."""
        digest = hashlib.sha256(value.encode()).hexdigest()
        used = {"realm": realm, "digest": digest}
        if self._connection.execute(_USED, used).first() is not None:
            return False
        self._connection.execute(_USE_UP, {**used, "until": format_time(until)})
        return True

    def forget(self, now: datetime) -> int:
        """Forget some of what can no longer be used; returns how many rows went."""
        old = select(_REPLAY.c.realm, _REPLAY.c.digest).where(_REPLAY.c.until < format_time(now)).limit(PURGE)
        rows = self._connection.execute(old).all()
        for row in rows:
            self._connection.execute(
                delete(_REPLAY).where(_REPLAY.c.realm == row.realm, _REPLAY.c.digest == row.digest)
            )
        return len(rows)
