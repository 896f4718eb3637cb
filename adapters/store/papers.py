"""Consents and agreements: the papers on which every referral rests."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlmodel import Session, col, select

from adapters.store.records import HeldAgreement, HeldStatement, Receipt
from adapters.store.tables import AgreementRow, ConsentRow, StatementRow
from consent.agreement import AgreementState, read_agreement
from consent.record import MAX_RECORD, ConsentRecord
from consent.statement import STATEMENT_KIND, ConsentStatement
from keys import strictjson
from keys.documents import encode, format_time, parse
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["Papers"]


class Papers:
    """The consents and agreements of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def add_consent(
        self, record: ConsentRecord, statement: ConsentStatement, signed: SignedDocument, at: datetime
    ) -> None:
        """Keep a consent record with the first version of the statement that was projected from it."""
        row = ConsentRow(
            record_id=record.header.record_id, statement=statement.id, document=encode(record), at=format_time(at)
        )
        self._session.add(row)
        self._session.flush()
        self._session.add(
            StatementRow(
                statement=statement.id, version=statement.version, sha256=signed.sha256, signed=signed.encode()
            )
        )
        self._session.flush()

    def record(self, record_id: str) -> ConsentRecord | None:
        """A consent record."""
        row = self._session.get(ConsentRow, record_id)
        return None if row is None else parse(ConsentRecord, row.document, limit=MAX_RECORD)

    def statement_of(self, record_id: str) -> HeldStatement | None:
        """The newest version of the statement projected from a record."""
        consent = self._session.get(ConsentRow, record_id)
        if consent is None:
            return None
        query = select(StatementRow).where(StatementRow.statement == consent.statement)
        row = self._session.exec(query.order_by(col(StatementRow.version).desc())).first()
        if row is None:
            return None
        signed = SignedDocument.parse(row.signed, STATEMENT_KIND)
        document = parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
        return HeldStatement(document, row.sha256, row.receipt is not None)

    def registered(self, statement: str, version: int, receipt: Receipt) -> None:
        """Keep the broker's receipt for one version of a statement."""
        row = self._session.get_one(StatementRow, (statement, version))
        row.receipt = receipt.document
        self._session.add(row)

    def save_agreement(self, agreement: HeldAgreement, signatures: list[dict[str, object]]) -> None:
        """Keep an agreement as it is now, with the signatures that verified."""
        document = agreement.document
        row = AgreementRow(
            agreement=document.id,
            version=document.version,
            sha256=agreement.sha256,
            payload=agreement.payload,
            state=agreement.state,
            signatures=strictjson.dumps(signatures),
            signers=" ".join(sorted(agreement.signers)),
        )
        self._session.merge(row)
        self._session.flush()

    def agreement(self, ref: str) -> HeldAgreement | None:
        """The agreement that headers name `id@version`."""
        name, _, version = ref.partition("@")
        row = self._session.get(AgreementRow, (name, int(version)))
        return None if row is None else _agreement(row)

    def agreements(self) -> list[HeldAgreement]:
        """Every version of every agreement, by id, the newest version first."""
        query = select(AgreementRow).order_by(col(AgreementRow.agreement), col(AgreementRow.version).desc())
        return [_agreement(row) for row in self._session.exec(query)]


def _agreement(row: AgreementRow) -> HeldAgreement:
    return HeldAgreement(
        document=read_agreement(row.payload),
        sha256=row.sha256,
        payload=row.payload,
        state=cast("AgreementState", row.state),
        signers=frozenset(row.signers.split()),
    )
