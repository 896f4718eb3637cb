"""Where each referral stands: its two parties and its place in the transition table, nothing of its content."""

from __future__ import annotations

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select, update

from consent.lifecycle import ReferralState
from consent.passage import OpenReferral
from gateway.store.tables import ReferralRow

__all__ = ["ReferralTable"]

_REFERRAL = ReferralRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_STATE = TypeAdapter(ReferralState)
# Built once: for a short query, building it costs more than running it.
_BY_REF = select(_REFERRAL).where(_REFERRAL.c.ref == bindparam("ref"))
_PARTS = (
    select(_REFERRAL.c.ref)
    .where(_REFERRAL.c.part_of == bindparam("ref"), _REFERRAL.c.requester == bindparam("requester"))
    .limit(1)
)
_OPEN = insert(_REFERRAL)


class ReferralTable:
    """Referrals by `ref`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, ref: str) -> OpenReferral | None:
        """The referral as decisions need it, or None when the `ref` is new."""
        row = self._connection.execute(_BY_REF, {"ref": ref}).first()
        if row is None:
            return None
        parts = {"ref": ref, "requester": row.requester}
        return OpenReferral(
            ref=row.ref,
            requester=row.requester,
            owner=row.owner,
            agreement=row.agreement,
            statement=row.statement,
            purpose=row.purpose,
            state=_STATE.validate_json(row.state),
            re_referred=self._connection.execute(_PARTS, parts).first() is not None,
        )

    def open(self, referral: OpenReferral, part_of: str | None) -> None:
        """Keep a new referral."""
        row = {
            "ref": referral.ref,
            "requester": referral.requester,
            "owner": referral.owner,
            "agreement": referral.agreement,
            "statement": referral.statement,
            "purpose": referral.purpose,
            "part_of": part_of,
            "status": referral.state.status,
            "state": _STATE.dump_json(referral.state).decode(),
        }
        self._connection.execute(_OPEN, row)

    def move(self, ref: str, state: ReferralState) -> None:
        """Record where the referral stands now."""
        values = {"status": state.status, "state": _STATE.dump_json(state).decode()}
        self._connection.execute(update(_REFERRAL).where(_REFERRAL.c.ref == ref).values(**values))
