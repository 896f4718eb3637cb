"""Consent statements: every version as it was signed, the newest, and how often each grant was used."""

from __future__ import annotations

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from consent.statement import ConsentStatement, RegisteredStatement
from gateway.store.tables import StatementRow, StatementUseRow
from keys.documents import parse
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["StatementTable"]

_STATEMENT = StatementRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_USE = StatementUseRow.__table__  # type: ignore[attr-defined]  # as above

# Built once: for a short query, building it costs more than running it.
_NEWEST = select(_STATEMENT).where(_STATEMENT.c.id == bindparam("id"), _STATEMENT.c.newest.is_(True))
_USES = select(_USE).where(_USE.c.statement == bindparam("statement"))
_SPEND = (
    update(_USE)
    .where(_USE.c.statement == bindparam("spent_of"), _USE.c.gid == bindparam("spent_gid"))
    .values(uses=_USE.c.uses + 1)
)


class StatementTable:
    """Statements by id and version."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, identifier: str) -> RegisteredStatement | None:
        """The newest version, with the uses spent."""
        row = self._connection.execute(_NEWEST, {"id": identifier}).first()
        if row is None:
            return None
        uses = self._connection.execute(_USES, {"statement": identifier})
        return RegisteredStatement(_document(row), row.sha256, {use.gid: use.uses for use in uses})

    def version(self, identifier: str, version: int) -> tuple[str, bytes] | None:
        """The payload digest and the receipt of one version."""
        query = select(_STATEMENT).where(_STATEMENT.c.id == identifier, _STATEMENT.c.version == version)
        row = self._connection.execute(query).first()
        return None if row is None else (row.sha256, row.receipt)

    def register(self, statement: ConsentStatement, signed: SignedDocument, receipt: bytes) -> None:
        """Keep a version, which is now the newest."""
        self._connection.execute(
            update(_STATEMENT)
            .where(_STATEMENT.c.id == statement.id, _STATEMENT.c.newest.is_(True))
            .values(newest=False)
        )
        self._connection.execute(
            insert(_STATEMENT).values(
                id=statement.id,
                version=statement.version,
                newest=True,
                issuer=statement.issuer,
                sha256=signed.sha256,
                document=signed.encode(),
                receipt=receipt,
            )
        )

    def spend(self, identifier: str, gid: str) -> None:
        """Spend one use of a grant."""
        changed = self._connection.execute(_SPEND, {"spent_of": identifier, "spent_gid": gid})
        if changed.rowcount == 0:
            self._connection.execute(insert(_USE).values(statement=identifier, gid=gid, uses=1))

    def all_documents(self) -> list[tuple[str, bytes]]:
        """The digest and signed document of every version, for the auditors' bundle."""
        query = select(_STATEMENT.c.sha256, _STATEMENT.c.document).order_by(_STATEMENT.c.id, _STATEMENT.c.version)
        return [(row.sha256, row.document) for row in self._connection.execute(query)]


def _document(row: Row[tuple[object, ...]]) -> ConsentStatement:
    signed = SignedDocument.parse(row.document, "statement")
    return parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
