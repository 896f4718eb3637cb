"""Consent statements: every version as it was signed, the newest, and how often each grant was used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from consent.statement import ConsentStatement, RegisteredStatement
from gateway.store.case_tables import StatementEndRow, WithdrawalCodeRow
from gateway.store.shard_tables import UnconfirmedStatementRow
from gateway.store.tables import StatementRow, StatementUseRow
from gateway.store.witness_tables import ErasedStatementRow
from keys.documents import format_time, parse, parse_time
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["StatementEnd", "StatementTable"]

_STATEMENT = StatementRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_USE = StatementUseRow.__table__  # type: ignore[attr-defined]  # as above
_END = StatementEndRow.__table__  # type: ignore[attr-defined]  # as above
_CODE = WithdrawalCodeRow.__table__  # type: ignore[attr-defined]  # as above
_ERASED = ErasedStatementRow.__table__  # type: ignore[attr-defined]  # as above

# Built once: for a short query, building it costs more than running it.
_NEWEST = (
    select(_STATEMENT.c.sha256, _STATEMENT.c.document, _END.c.state.label("ended"), _USE.c.gid, _USE.c.uses)
    .outerjoin(_END, _END.c.statement == _STATEMENT.c.id)
    .outerjoin(_USE, _USE.c.statement == _STATEMENT.c.id)
    .where(_STATEMENT.c.id == bindparam("id"), _STATEMENT.c.newest.is_(True))
)
"""One row for each grant that was used, and one in any case."""
_UNCONFIRMED = UnconfirmedStatementRow.__table__  # type: ignore[attr-defined]  # as above
_NOT_ERASED = ~exists().where(_ERASED.c.id == _STATEMENT.c.id)
_IN_DOUBT = select(_UNCONFIRMED.c.id).where(_UNCONFIRMED.c.id == bindparam("id"))
_END_OF = select(_END).where(_END.c.statement == bindparam("statement"))
_SPEND = (
    update(_USE)
    .where(_USE.c.statement == bindparam("spent_of"), _USE.c.gid == bindparam("spent_gid"))
    .values(uses=_USE.c.uses + 1)
)


@dataclass(frozen=True, slots=True)
class StatementEnd:
    """How and when a consent ended, where the journal says so, and what the person's code was answered with."""

    state: str
    at: datetime
    index: int
    receipt: bytes | None


class StatementTable:
    """Statements by id and version."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._any_in_doubt: bool | None = None

    def newest(self, identifier: str) -> RegisteredStatement | None:
        """The newest version, with the uses spent."""
        rows = self._connection.execute(_NEWEST, {"id": identifier}).all()
        if not rows:
            return None
        spent = {row.gid: row.uses for row in rows if row.gid is not None}
        return RegisteredStatement(_read(rows[0].document), rows[0].sha256, spent, rows[0].ended)

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
                not_after=format_time(statement.not_after),
                document=signed.encode(),
                receipt=receipt,
            )
        )

    def end(self, identifier: str, state: str, at: datetime, index: int) -> None:
        """Keep that a consent ended, how, and where the journal says so; there is one end."""
        self.trust(identifier)
        self._connection.execute(
            insert(_END).values(statement=identifier, state=state, at=format_time(at), position=index)
        )

    def ended(self, identifier: str) -> StatementEnd | None:
        """How a consent ended, if it did."""
        row = self._connection.execute(_END_OF, {"statement": identifier}).first()
        return None if row is None else StatementEnd(row.state, parse_time(row.at), row.position, row.receipt)

    def keep_receipt(self, identifier: str, receipt: bytes) -> None:
        """Keep what the code of a consent that ended was answered with."""
        self._connection.execute(update(_END).where(_END.c.statement == identifier).values(receipt=receipt))

    def code_of(self, identifier: str) -> str | None:
        """The keyed digest of the code that ends a consent, if it has one."""
        return self._connection.execute(select(_CODE.c.digest).where(_CODE.c.statement == identifier)).scalar()

    def keep_code(self, digest: str, identifier: str) -> None:
        """Keep the keyed digest of the code that ends a consent."""
        self._connection.execute(insert(_CODE).values(digest=digest, statement=identifier))

    def of_code(self, digest: str) -> str | None:
        """The consent that a code ends."""
        return self._connection.execute(select(_CODE.c.statement).where(_CODE.c.digest == digest)).scalar()

    def expiring(self, at: datetime, limit: int) -> list[str]:
        """The consents whose period is over at `at` and that nothing ended before, by id."""
        query = (
            select(_STATEMENT.c.id)
            .outerjoin(_END, _END.c.statement == _STATEMENT.c.id)
            .where(_STATEMENT.c.newest.is_(True), _STATEMENT.c.not_after <= format_time(at), _END.c.statement.is_(None))
            .order_by(_STATEMENT.c.not_after)
            .limit(limit)
        )
        return list(self._connection.execute(query).scalars())

    def doubt_given(self, at: datetime) -> None:
        """Mark every consent that is given at `at` as one whose issuer has to say again what it is."""
        given = (
            select(_STATEMENT.c.id)
            .outerjoin(_END, _END.c.statement == _STATEMENT.c.id)
            .where(_STATEMENT.c.newest.is_(True), _STATEMENT.c.not_after > format_time(at), _END.c.statement.is_(None))
            .where(_STATEMENT.c.id.not_in(select(_UNCONFIRMED.c.id)))
        )
        self._connection.execute(insert(_UNCONFIRMED).from_select(["id"], given))
        self._any_in_doubt = None

    def any_in_doubt(self) -> bool:
        """Whether the issuer of any consent has still to say again what it is; asked once in a transaction."""
        if self._any_in_doubt is None:
            self._any_in_doubt = self._connection.execute(select(_UNCONFIRMED.c.id).limit(1)).first() is not None
        return self._any_in_doubt

    def in_doubt(self, identifier: str) -> bool:
        """Whether the issuer of a consent has still to say again what it is."""
        return self._connection.execute(_IN_DOUBT, {"id": identifier}).first() is not None

    def trust(self, identifier: str) -> bool:
        """Its issuer has said again what a consent is; False when nobody doubted it."""
        if not self.any_in_doubt():
            return False
        self._any_in_doubt = None
        found = self._connection.execute(delete(_UNCONFIRMED).where(_UNCONFIRMED.c.id == identifier))
        return found.rowcount > 0

    def renew_receipt(self, identifier: str, version: int, receipt: bytes) -> None:
        """Keep a newer receipt of a version that was registered again."""
        here = _STATEMENT.c.id == identifier, _STATEMENT.c.version == version
        self._connection.execute(update(_STATEMENT).where(*here).values(receipt=receipt))

    def spend(self, identifier: str, gid: str) -> None:
        """Spend one use of a grant."""
        changed = self._connection.execute(_SPEND, {"spent_of": identifier, "spent_gid": gid})
        if changed.rowcount == 0:
            self._connection.execute(insert(_USE).values(statement=identifier, gid=gid, uses=1))

    def versions(self, identifier: str) -> list[bytes]:
        """The signed document of every version of a statement, in order."""
        query = select(_STATEMENT.c.document).where(_STATEMENT.c.id == identifier).order_by(_STATEMENT.c.version)
        return list(self._connection.execute(query).scalars())

    def of_digest(self, sha256: str) -> tuple[str, bytes] | None:
        """The statement, and the signed document, of the version with this digest; None once it was erased."""
        query = select(_STATEMENT.c.id, _STATEMENT.c.document).where(_STATEMENT.c.sha256 == sha256, _NOT_ERASED)
        row = self._connection.execute(query).first()
        return None if row is None else (row.id, row.document)

    def all_documents(self) -> list[tuple[str, bytes]]:
        """The digest and signed document of every version of what was not erased, for the auditors' bundle."""
        query = select(_STATEMENT.c.sha256, _STATEMENT.c.document).where(_NOT_ERASED)
        rows = self._connection.execute(query.order_by(_STATEMENT.c.id, _STATEMENT.c.version))
        return [(row.sha256, row.document) for row in rows]

    def is_erased(self, identifier: str) -> bool:
        """Whether the evidence of a consent was erased: then nobody is shown anything of it."""
        return self._connection.execute(select(_ERASED.c.id).where(_ERASED.c.id == identifier)).first() is not None

    def erase(self, identifier: str) -> None:
        """Show the documents of a consent to nobody any more; what decisions need of it stays."""
        if not self.is_erased(identifier):
            self._connection.execute(insert(_ERASED).values(id=identifier))


@lru_cache(maxsize=256)
def _read(document: bytes) -> ConsentStatement:
    """A statement never changes and is asked for again soon: when what it allowed is picked up, and answered."""
    signed = SignedDocument.parse(document, "statement")
    return parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
