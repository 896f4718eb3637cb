"""What waits to be sent and what came in: the durable halves of the outbox and of the inbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, select

from adapters.store.records import Alarm, Kind, Receipt, Received, Shipment, ShipmentState
from adapters.store.tables import AlarmRow, CursorRow, InboxRow, OutboxRow
from keys.documents import format_time, parse_time

__all__ = ["Traffic"]

_SETTLED_FROM: Final[Mapping[ShipmentState, frozenset[str]]] = {
    "pending": frozenset(),  # That is `ship` and `exchange`.
    "done": frozenset({"pending", "refused", "dropped", "done"}),
    "refused": frozenset({"pending"}),
    "dropped": frozenset({"pending", "refused"}),
}
"""From which states a shipment comes to each of its ends."""


class Traffic:
    """The shipments, deliveries, alarms and cursors of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def ship(self, shipment: Shipment) -> None:
        """Put something in the outbox; what waits there is left as it is, what was answered gives way to what is given.

        The same item may be signed anew after a refusal, and then says something else.
        """
        row = self._outbox(shipment.item)
        if row is None:
            row = OutboxRow(
                item=shipment.item,
                kind=shipment.kind,
                lane=shipment.lane,
                after=shipment.after,
                body=shipment.body,
                next_try=format_time(shipment.next_try),
                state="pending",
            )
        elif row.state != "pending":
            row.state, row.problem, row.attempts, row.again = "pending", None, 0, False
            row.body, row.after, row.next_try = shipment.body, shipment.after, format_time(shipment.next_try)
        self._session.add(row)
        self._session.flush()

    def next_due(self, now: datetime, only: Kind | None = None) -> Shipment | None:
        """The oldest shipment whose time has come and before which nothing waits, in its lane or for its sake.

        With `only`, the oldest of that kind.
        """
        earlier, awaited = aliased(OutboxRow), aliased(OutboxRow)
        query = (
            select(OutboxRow)
            .where(OutboxRow.state == "pending", OutboxRow.next_try <= format_time(now))
            .where(
                ~exists()
                .where(col(earlier.lane) == OutboxRow.lane)
                .where(col(earlier.state) == "pending", col(earlier.number) < col(OutboxRow.number))
            )
            .where(~exists().where(col(awaited.item) == OutboxRow.after, col(awaited.state) == "pending"))
            .order_by(col(OutboxRow.number))
            .limit(1)
        )
        if only is not None:
            query = query.where(OutboxRow.kind == only)
        row = self._session.exec(query).first()
        return None if row is None else _shipment(row)

    def shipment(self, item: str) -> Shipment | None:
        """One shipment, whatever became of it."""
        row = self._outbox(item)
        return None if row is None else _shipment(row)

    def waiting(self, lane: str | None = None) -> list[Shipment]:
        """What is not answered yet, in order."""
        query = select(OutboxRow).where(OutboxRow.state == "pending").order_by(col(OutboxRow.number))
        if lane is not None:
            query = query.where(OutboxRow.lane == lane)
        return [_shipment(row) for row in self._session.exec(query)]

    def settled(self, *states: ShipmentState) -> list[Shipment]:
        """What came to one of these ends, the oldest first."""
        query = select(OutboxRow).where(col(OutboxRow.state).in_(states)).order_by(col(OutboxRow.number))
        return [_shipment(row) for row in self._session.exec(query)]

    def shipped(self, lane: str, kind: Kind) -> list[Shipment]:
        """Everything of one kind in one lane, whatever became of it, in order."""
        query = select(OutboxRow).where(OutboxRow.lane == lane, OutboxRow.kind == kind)
        return [_shipment(row) for row in self._session.exec(query.order_by(col(OutboxRow.number)))]

    def papers_of(self, envelope: str) -> list[Shipment]:
        """The sealed papers of an envelope, whatever became of them and whichever lane they leave in, in order."""
        named = col(OutboxRow.item).startswith(f"attachment:{envelope}:", autoescape=True)
        query = select(OutboxRow).where(OutboxRow.kind == "attachment", named)
        return [_shipment(row) for row in self._session.exec(query.order_by(col(OutboxRow.number)))]

    def begin(self, item: str) -> None:
        """Note that something is about to be handed over: from here on the broker may have it, whatever we hear."""
        row = self._session.exec(select(OutboxRow).where(OutboxRow.item == item)).one()
        row.attempts += 1
        self._session.add(row)
        self._session.flush()

    def postpone(self, shipment: Shipment, until: datetime, problem: str) -> None:
        """Try again at `until`, if it waits still; `problem` is the slug of what went wrong this time."""
        row = self._outbox(shipment.item)
        if row is None or row.state != "pending":
            return  # Another program, or another act, was faster.
        row.attempts, row.next_try, row.problem = shipment.attempts + 1, format_time(until), problem
        self._session.add(row)
        self._session.flush()

    def put_behind(self, item: str, after: str) -> None:
        """Have something that waits wait for another item, whatever it waited for before."""
        row = self._session.exec(select(OutboxRow).where(OutboxRow.item == item)).one()
        row.after = after
        self._session.add(row)
        self._session.flush()

    def hold(self, item: str, until: datetime, problem: str) -> None:
        """Leave something for `until` without counting it as a try: the gateway has not seen it."""
        row = self._outbox(item)
        if row is not None and row.state == "pending":
            row.next_try, row.problem = format_time(until), problem
            self._session.add(row)
            self._session.flush()

    def exchange(self, item: str, fresh: Shipment) -> None:
        """Put a shipment in the place of one that the broker refused; what waits behind it goes on waiting."""
        row = self._session.exec(select(OutboxRow).where(OutboxRow.item == item)).one()
        row.item, row.body, row.attempts, row.problem = fresh.item, fresh.body, 0, None
        row.after = fresh.after
        behind = self._session.exec(select(OutboxRow).where(OutboxRow.after == item)).all()
        for other in behind:
            other.after = fresh.item
        row.state, row.next_try, row.again = "pending", format_time(fresh.next_try), False
        self._session.add(row)
        self._session.flush()

    def rewrite(self, item: str, body: bytes) -> None:
        """Keep other bytes of a shipment that was answered, as without a secret that only the broker was to have.

        One that is gone, because another took its place, is left alone.
        """
        row = self._outbox(item)
        if row is not None:
            row.body = body
            self._session.add(row)

    def settle(
        self, item: str, state: ShipmentState, *, receipt: Receipt | None = None, problem: str | None = None
    ) -> bool:
        """Keep the broker's answer: it took the shipment, or will never take it; or that it shall not leave.

        What the broker took, it took, whatever was decided here meanwhile; it refuses only what waits still, and only
        what it has not taken is dropped. False when nothing was kept, as for an item whose place another took.
        """
        row = self._outbox(item)
        if row is None or row.state not in _SETTLED_FROM[state]:
            return False
        row.state, row.problem = state, problem
        row.receipt = receipt.document if receipt else row.receipt if row.again else None
        self._session.add(row)
        self._session.flush()
        return True

    def receive(self, received: Received) -> None:
        """Keep what became of a leased envelope."""
        row = InboxRow(
            envelope=received.envelope,
            payload_sha256=received.payload_sha256,
            at=format_time(received.at),
            result=received.result,
            code=received.code,
            wire=received.wire,
            receipt=received.receipt,
            ack=received.ack,
        )
        self._session.add(row)
        self._session.flush()

    def received(self, envelope: str) -> Received | None:
        """What became of an envelope, if it was ever leased."""
        row = self._session.get(InboxRow, envelope)
        if row is None:
            return None
        return Received(
            envelope=row.envelope,
            payload_sha256=row.payload_sha256,
            at=parse_time(row.at),
            result="stored" if row.result == "stored" else "refused",
            code=row.code,
            wire=row.wire,
            receipt=row.receipt,
            ack=row.ack,
        )

    def forget(self, envelope: str) -> None:
        """Forget the bytes of an envelope that was leased; that it was, and what we answered, stays."""
        row = self._session.get(InboxRow, envelope)
        if row is not None:
            row.wire = b""
            self._session.add(row)
            self._session.flush()

    def raise_alarm(self, alarm: Alarm) -> None:
        """Keep an alarm for a person to look at; the same one about the same thing is kept once while it is open.

        Evidence that could only be had at a later look is added to it.
        """
        query = select(AlarmRow).where(AlarmRow.code == alarm.code, AlarmRow.subject == alarm.subject)
        row = self._session.exec(query.where(col(AlarmRow.closed_at).is_(None))).first()
        if row is None:
            row = AlarmRow(at=format_time(alarm.at), code=alarm.code, subject=alarm.subject)
        row.evidence = row.evidence or alarm.evidence
        self._session.add(row)
        self._session.flush()

    def open_alarms(self, code: str, about: str) -> list[Alarm]:
        """The open alarms of this kind about things whose name begins so, the oldest first."""
        query = select(AlarmRow).where(AlarmRow.code == code, col(AlarmRow.subject).startswith(about, autoescape=True))
        found = self._session.exec(query.where(col(AlarmRow.closed_at).is_(None)).order_by(col(AlarmRow.number)))
        return [_alarm(row) for row in found]

    def alarms(self, *, closed: bool = False) -> list[Alarm]:
        """Every open alarm, the oldest first; with `closed` those too that a person has dealt with."""
        query = select(AlarmRow).order_by(col(AlarmRow.number))
        wanted = query if closed else query.where(col(AlarmRow.closed_at).is_(None))
        return [_alarm(row) for row in self._session.exec(wanted)]

    def close_alarm(self, number: int, at: datetime) -> bool:
        """Note that a person has dealt with an alarm; it stays. False where no open one has this number."""
        row = self._session.get(AlarmRow, number)
        if row is None or row.closed_at is not None:
            return False
        row.closed_at = format_time(at)
        self._session.add(row)
        self._session.flush()
        return True

    def cursor(self, stream: str) -> int:
        """How far a stream was read; 0 at first."""
        row = self._session.get(CursorRow, stream)
        return 0 if row is None else row.position

    def move_cursor(self, stream: str, position: int) -> None:
        """Keep how far a stream was read; it never goes back."""
        row = self._session.get(CursorRow, stream) or CursorRow(stream=stream, position=0)
        row.position = max(row.position, position)
        self._session.add(row)

    def _outbox(self, item: str) -> OutboxRow | None:
        return self._session.exec(select(OutboxRow).where(OutboxRow.item == item)).first()


def _shipment(row: OutboxRow) -> Shipment:
    return Shipment(
        item=row.item,
        kind=cast("Kind", row.kind),
        lane=row.lane,
        body=row.body,
        next_try=parse_time(row.next_try),
        after=row.after,
        attempts=row.attempts,
        state=cast("ShipmentState", row.state),
        problem=row.problem,
        receipt=row.receipt,
        again=row.again,
    )


def _alarm(row: AlarmRow) -> Alarm:
    closed_at = None if row.closed_at is None else parse_time(row.closed_at)
    return Alarm(parse_time(row.at), row.code, row.subject, row.evidence, row.number or 0, closed_at)
