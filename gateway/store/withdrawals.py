"""What recipients answered after a consent ended: each exact signed document, in the order of the journal."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from gateway.store.case_tables import WithdrawalAnswerRow
from keys.documents import Address

__all__ = ["WithdrawalTable"]

_ANSWER = WithdrawalAnswerRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table


class WithdrawalTable:
    """Answers by consent and recipient."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def answers(self, statement: str, by: Address) -> list[tuple[int, bytes]]:
        """The journal index and signed document of every answer that a recipient gave about a consent."""
        query = select(_ANSWER.c.position, _ANSWER.c.document).where(
            _ANSWER.c.statement == statement, _ANSWER.c.by == by
        )
        return [(row.position, row.document) for row in self._connection.execute(query.order_by(_ANSWER.c.position))]

    def keep(self, statement: str, by: Address, index: int, document: bytes) -> None:
        """Keep an answer that was journalled at `index`."""
        self._connection.execute(insert(_ANSWER).values(statement=statement, by=by, position=index, document=document))
