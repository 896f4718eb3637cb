"""Values that may be used once, remembered for as long as they could be used again."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, String, bindparam, delete, exists, insert, select

from gateway.store.tables import ReplayRow
from keys.documents import format_time

__all__ = ["ReplayTable"]

_REPLAY = ReplayRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_REALM, _DIGEST, _UNTIL = (bindparam(name, type_=String()) for name in ("realm", "digest", "until"))
_USED = exists().where(_REPLAY.c.realm == _REALM, _REPLAY.c.digest == _DIGEST)
_USE_UP = (
    insert(_REPLAY)
    .from_select(["realm", "digest", "until"], select(_REALM, _DIGEST, _UNTIL).where(~_USED))
    .execution_options(preserve_rowcount=True)  # of an insertion it is not kept otherwise
)
"""Asked and answered at once; the end of the journal being locked, nobody else asks in between."""
PURGE = 100
"""Rows forgotten at a time, so that no transaction is held up by the past."""


class ReplayTable:
    """Shared by every broker process, because a proof must not be good once per process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def once(self, realm: str, value: str, until: datetime) -> bool:
        """Use `value` up; False when it was used before. It is remembered until `until`."""
        digest = hashlib.sha256(value.encode()).hexdigest()
        used = {"realm": realm, "digest": digest, "until": format_time(until)}
        return self._connection.execute(_USE_UP, used).rowcount == 1

    def forget(self, now: datetime) -> int:
        """Forget some of what can no longer be used; returns how many rows went."""
        old = select(_REPLAY.c.realm, _REPLAY.c.digest).where(_REPLAY.c.until < format_time(now)).limit(PURGE)
        rows = self._connection.execute(old).all()
        for row in rows:
            self._connection.execute(
                delete(_REPLAY).where(_REPLAY.c.realm == row.realm, _REPLAY.c.digest == row.digest)
            )
        return len(rows)
