"""Consents and agreements: the papers on which every referral rests."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlmodel import Session, col, select

from adapters.store.records import HeldAgreement, HeldStatement, Receipt
from adapters.store.tables import AgreementRow, ConsentRow, ReferralRow, RestrictionRow, StatementRow
from consent.agreement import AgreementState, read_agreement
from consent.answers import Restriction
from consent.headers import SealedHeader, read_header
from consent.record import MAX_RECORD, ConsentRecord
from consent.statement import STATEMENT_KIND, ConsentStatement
from keys import strictjson
from keys.documents import Address, encode, format_time, parse
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["Papers"]


class Papers:
    """The consents and agreements of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def save_record(self, record: ConsentRecord, at: datetime) -> None:
        """Keep a consent record, new or with more at its end."""
        row = self._session.get(ConsentRow, record.header.record_id)
        if row is None:
            header = record.header
            row = ConsentRow(
                record_id=header.record_id, person=header.pii_principal_id, document=b"", at=format_time(at)
            )
        row.document = encode(record)
        self._session.add(row)
        self._session.flush()

    def add_statement(
        self, record: ConsentRecord, statement: ConsentStatement, signed: SignedDocument, at: datetime
    ) -> None:
        """Keep one version of a statement with the record it commits to, as it is at this moment."""
        row = StatementRow(
            statement=statement.id,
            version=statement.version,
            record_id=record.header.record_id,
            record=encode(record),
            sha256=signed.sha256,
            signed=signed.encode(),
            at=format_time(at),
        )
        self._session.add(row)
        self._session.flush()

    def record(self, record_id: str) -> ConsentRecord | None:
        """A consent record as it is now."""
        row = self._session.get(ConsentRow, record_id)
        return None if row is None else _record(row)

    def record_ids(self, beginning: str) -> list[str]:
        """The ids of the records that begin so, two at most."""
        query = select(ConsentRow.record_id).where(col(ConsentRow.record_id).startswith(beginning, autoescape=True))
        return list(self._session.exec(query.order_by(col(ConsentRow.record_id)).limit(2)))

    def records_of(self, person: str) -> list[ConsentRecord]:
        """Every record of a person, by the organisation's own file number, the oldest first."""
        query = select(ConsentRow).where(ConsentRow.person == person)
        return [
            _record(row) for row in self._session.exec(query.order_by(col(ConsentRow.at), col(ConsentRow.record_id)))
        ]

    def record_of(self, statement: str) -> str | None:
        """The id of the record from which a statement of ours came."""
        row = self._session.exec(select(StatementRow).where(StatementRow.statement == statement)).first()
        return None if row is None else row.record_id

    def given_unused(self, at: datetime) -> list[str]:
        """The registered statements that are given at `at` as far as we know and that no referral rests on, by id."""
        rows = self._session.exec(select(StatementRow).order_by(col(StatementRow.version)))
        newest = {row.statement: row for row in rows}
        held = [_statement(row) for row in newest.values()]
        given = {
            each.document.id
            for each in held
            if each.registered and each.document.state == "given" and at < each.document.not_after
        }
        sent = select(ReferralRow.header).where(ReferralRow.direction == "sent")
        headers = (read_header(header, pointer="") for header in self._session.exec(sent))
        cited = {each.authority.statement for each in headers if isinstance(each, SealedHeader) and each.authority}
        return sorted(given - cited)

    def add_restriction(self, person: str, notice: Restriction, at: datetime) -> None:
        """Keep a restriction notice of a person, whether or not there is a record of theirs."""
        self._session.add(RestrictionRow(person=person, document=encode(notice), at=format_time(at)))
        self._session.flush()

    def restrictions_of(self, person: str) -> list[Restriction]:
        """Every restriction notice of a person, the oldest first."""
        query = select(RestrictionRow).where(RestrictionRow.person == person).order_by(col(RestrictionRow.number))
        return [parse(Restriction, row.document, limit=MAX_RECORD) for row in self._session.exec(query)]

    def statements_of(self, record_id: str) -> list[HeldStatement]:
        """The newest version of each statement that came from a record, the newest statement first."""
        query = select(StatementRow).where(StatementRow.record_id == record_id)
        rows = self._session.exec(query.order_by(col(StatementRow.version)))
        newest = {row.statement: row for row in rows}
        held = [_statement(row) for row in newest.values()]
        return sorted(held, key=lambda each: each.document.not_before, reverse=True)

    def statement_of(
        self, record_id: str, *, purpose: str | None = None, recipient: Address | None = None
    ) -> HeldStatement | None:
        """The newest statement of a record that grants a purpose to a recipient; else the newest there is.

        A record that was renewed, or answered in several goes, has several statements.
        """
        held = self.statements_of(record_id)
        for each in held:
            if any((grant.purpose, grant.recipient) == (purpose, recipient) for grant in each.document.grants):
                return each
        return held[0] if held else None

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


def _record(row: ConsentRow) -> ConsentRecord:
    return parse(ConsentRecord, row.document, limit=MAX_RECORD)


def _statement(row: StatementRow) -> HeldStatement:
    signed = SignedDocument.parse(row.signed, STATEMENT_KIND)
    document = parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT)
    return HeldStatement(document, row.sha256, row.receipt is not None)


def _agreement(row: AgreementRow) -> HeldAgreement:
    return HeldAgreement(
        document=read_agreement(row.payload),
        sha256=row.sha256,
        payload=row.payload,
        state=cast("AgreementState", row.state),
        signers=frozenset(row.signers.split()),
    )
