"""Where each referral stands: its two parties and its place in the transition table, nothing of its content."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, exists, insert, select, update

from consent.lifecycle import CLOSED, ReferralState
from consent.passage import OpenReferral
from gateway.store.tables import ReferralRow
from keys.documents import format_time

__all__ = ["ReferralTable"]

_REFERRAL = ReferralRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_STATE = TypeAdapter(ReferralState)
# Built once: for a short query, building it costs more than running it.
_PART = _REFERRAL.alias()
_RE_REFERRED = exists().where(_PART.c.part_of == _REFERRAL.c.ref, _PART.c.requester == _REFERRAL.c.requester)
_BY_REF = select(_REFERRAL, _RE_REFERRED.label("re_referred")).where(_REFERRAL.c.ref == bindparam("ref"))
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
        return OpenReferral(
            ref=row.ref,
            requester=row.requester,
            owner=row.owner,
            agreement=row.agreement,
            statement=row.statement,
            purpose=row.purpose,
            state=_STATE.validate_json(row.state),
            re_referred=bool(row.re_referred),
            justification=row.justification,
            article=row.article,
        )

    def open(self, referral: OpenReferral, part_of: str | None) -> None:
        """Keep a new referral."""
        row = {
            "ref": referral.ref,
            "requester": referral.requester,
            "owner": referral.owner,
            "agreement": referral.agreement,
            "statement": referral.statement,
            "justification": referral.justification,
            "article": referral.article,
            "purpose": referral.purpose,
            "part_of": part_of,
            **_standing(referral.state),
        }
        self._connection.execute(_OPEN, row)

    def move(self, ref: str, state: ReferralState) -> None:
        """Record where the referral stands now."""
        self._connection.execute(update(_REFERRAL).where(_REFERRAL.c.ref == ref).values(**_standing(state)))

    def resting_on(self, statement: str) -> list[str]:
        """The referrals that rest on a consent, by `ref`."""
        query = select(_REFERRAL.c.ref).where(_REFERRAL.c.statement == statement).order_by(_REFERRAL.c.ref)
        return list(self._connection.execute(query).scalars())

    def requested_under(self, statement: str) -> list[str]:
        """Those of them that nobody answered yet, by `ref`."""
        query = select(_REFERRAL.c.ref).where(_REFERRAL.c.statement == statement, _REFERRAL.c.status == "requested")
        return list(self._connection.execute(query.order_by(_REFERRAL.c.ref)).scalars())

    def open_under(self, statement: str) -> list[str]:
        """Those of them that are not closed, by `ref`."""
        query = select(_REFERRAL.c.ref).where(_REFERRAL.c.statement == statement, _REFERRAL.c.status.not_in(CLOSED))
        return list(self._connection.execute(query.order_by(_REFERRAL.c.ref)).scalars())

    def unanswered(self, at: datetime, limit: int) -> list[str]:
        """The referrals whose answer was due at `at` or before, the longest overdue first, by `ref`."""
        due = select(_REFERRAL.c.ref).where(_REFERRAL.c.answer_by <= format_time(at))
        return list(self._connection.execute(due.order_by(_REFERRAL.c.answer_by).limit(limit)).scalars())


def _standing(state: ReferralState) -> dict[str, object]:
    due = format_time(state.respond_by) if state.status == "requested" and state.respond_by else None
    return {"status": state.status, "answer_by": due, "state": _STATE.dump_json(state).decode()}
