"""What waits to be sent and what came in: the durable halves of the outbox and of the inbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, select

from adapters.store.records import Alarm, Kind, Receipt, Received, Shipment, ShipmentState
from adapters.store.tables import AlarmRow, CursorRow, InboxRow, OutboxRow
from keys.documents import format_time, parse_time

__all__ = ["Traffic"]


class Traffic:
    """The shipments, deliveries, alarms and cursors of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def ship(self, shipment: Shipment) -> None:
        """Put something in the outbox; what is already there is left as it is, or tried again once answered."""
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
            row.state, row.problem, row.attempts = "pending", None, 0
            row.next_try = format_time(shipment.next_try)
        self._session.add(row)
        self._session.flush()

    def next_due(self, now: datetime) -> Shipment | None:
        """The oldest shipment whose time has come and before which nothing waits, in its lane or for its sake."""
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

    def postpone(self, shipment: Shipment, until: datetime, problem: str) -> Shipment:
        """Try again at `until`; `problem` is the slug of what went wrong this time."""
        row = self._existing(shipment.item)
        row.attempts, row.next_try, row.problem = row.attempts + 1, format_time(until), problem
        self._session.add(row)
        return replace(shipment, attempts=row.attempts, next_try=until, problem=problem)

    def exchange(self, item: str, fresh: Shipment) -> None:
        """Put a shipment in the place of one that the broker refused; what waits behind it goes on waiting."""
        row = self._existing(item)
        row.item, row.body, row.attempts, row.problem = fresh.item, fresh.body, 0, None
        row.state, row.next_try = "pending", format_time(fresh.next_try)
        self._session.add(row)
        self._session.flush()

    def settle(
        self, item: str, state: ShipmentState, *, receipt: Receipt | None = None, problem: str | None = None
    ) -> None:
        """Keep the broker's answer: it took the shipment, or will never take it."""
        row = self._existing(item)
        row.state, row.problem = state, problem
        row.receipt = receipt.document if receipt else None
        self._session.add(row)
        self._session.flush()

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

    def raise_alarm(self, alarm: Alarm) -> None:
        """Keep an alarm for a person to look at; the same one about the same thing is kept once."""
        query = select(AlarmRow).where(AlarmRow.code == alarm.code, AlarmRow.subject == alarm.subject)
        if self._session.exec(query).first() is None:
            self._session.add(AlarmRow(at=format_time(alarm.at), code=alarm.code, subject=alarm.subject))
            self._session.flush()

    def alarms(self) -> list[Alarm]:
        """Every alarm, the oldest first."""
        rows = self._session.exec(select(AlarmRow).order_by(col(AlarmRow.number)))
        return [Alarm(parse_time(row.at), row.code, row.subject) for row in rows]

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

    def _existing(self, item: str) -> OutboxRow:
        return self._session.exec(select(OutboxRow).where(OutboxRow.item == item)).one()


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
    )
