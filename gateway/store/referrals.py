"""Where each referral stands: its two parties and its place in the transition table, nothing of its content."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select, update

from consent.lifecycle import ReferralState
from consent.passage import OpenReferral
from gateway.store.tables import ReferralRow

__all__ = ["ReferralTable"]

_REFERRAL = ReferralRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_STATE = TypeAdapter(ReferralState)


class ReferralTable:
    """Referrals by `ref`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, ref: str) -> OpenReferral | None:
        """The referral as decisions need it, or None when the `ref` is new."""
        row = self._connection.execute(select(_REFERRAL).where(_REFERRAL.c.ref == ref)).first()
        if row is None:
            return None
        parts = select(_REFERRAL.c.ref).where(_REFERRAL.c.part_of == ref, _REFERRAL.c.requester == row.requester)
        return OpenReferral(
            ref=row.ref,
            requester=row.requester,
            owner=row.owner,
            agreement=row.agreement,
            statement=row.statement,
            purpose=row.purpose,
            state=_STATE.validate_json(row.state),
            re_referred=self._connection.execute(parts.limit(1)).first() is not None,
        )

    def open(self, referral: OpenReferral, part_of: str | None) -> None:
        """Keep a new referral."""
        self._connection.execute(
            insert(_REFERRAL).values(
                ref=referral.ref,
                requester=referral.requester,
                owner=referral.owner,
                agreement=referral.agreement,
                statement=referral.statement,
                purpose=referral.purpose,
                part_of=part_of,
                status=referral.state.status,
                state=_STATE.dump_json(referral.state).decode(),
            )
        )

    def move(self, ref: str, state: ReferralState) -> None:
        """Record where the referral stands now."""
        values = {"status": state.status, "state": _STATE.dump_json(state).decode()}
        self._connection.execute(update(_REFERRAL).where(_REFERRAL.c.ref == ref).values(**values))
