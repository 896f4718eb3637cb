"""Signs what of a record may pass, has it registered, and narrows what was registered before.

PRODUCT §4, PROTOCOL §3. Everything here happens inside the transaction that keeps the record: what a person took back
is never shared again because a program stopped half-way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from adapters.coverage import covering, party_names
from adapters.office import Office
from adapters.registration import compose_registration
from adapters.store.records import Shipment
from adapters.store.store import Transaction
from adapters.unsent import hold_back
from consent.projection import effective, statement_from
from consent.receipt import ConsentReceipt, receipt_of
from consent.record import ConsentRecord, Pair
from consent.revision import narrowed
from consent.statement import STATEMENT_KIND, ConsentStatement, RegisteredStatement
from consent.withdrawal_code import new_code
from keys.documents import encode, new_id
from keys.signing import sign

__all__ = ["WITHDRAWAL_PAGE", "issue", "receipt_now", "revise"]

WITHDRAWAL_PAGE = "/withdraw"
"""The gateway's public page where a withdrawal code is typed, below its URL (PROTOCOL §6)."""


def issue(
    office: Office,
    tx: Transaction,
    record: ConsentRecord,
    at: datetime,
    *,
    max_uses: int,
    only: Collection[Pair] | None = None,
    uses_left: Mapping[Pair, int] | None = None,
) -> tuple[ConsentStatement, str]:
    """Make the first version of a statement, put it in the outbox, and give the withdrawal code that goes with it.

    The code is in the outbox until the broker took the statement, or a person drops it, and on the printed receipt,
    which is the person's; nowhere else here. Raises `MalformedError`:
    nothing-given, agreement-does-not-cover (no one agreement lets everything pass), answered-by-several.
    """
    holding = effective(record, at, only)
    # Without anything that has effect no agreement is looked for: the statement itself says why there is none.
    agreement = covering(office, tx.papers.agreements(), record, holding).document.id if holding else ""
    statement = statement_from(
        record,
        agreement_id=agreement,
        statement_id=new_id("cs"),
        at=at,
        max_uses=max_uses,
        only=only,
        uses_left=uses_left or {},
    )
    code = new_code()
    _ship(office, tx, record, statement, at, code)
    return statement, code


def revise(office: Office, tx: Transaction, record: ConsentRecord, at: datetime) -> tuple[ConsentStatement, ...]:
    """Have every statement of a record say no more than the record now does; the new versions, in the outbox.

    What still waits there, and is covered no more, does not leave.
    """
    made = []
    for held in tx.papers.statements_of(record.header.record_id):
        statement = narrowed(record, RegisteredStatement(held.document, held.sha256), at)
        if statement is not None:
            hold_back(office.address, tx, _ship(office, tx, record, statement, at, None), at)
            made.append(statement)
    return tuple(made)


def receipt_now(
    office: Office, tx: Transaction, record: ConsentRecord, at: datetime, contact_phone: str, code: str | None = None
) -> ConsentReceipt:
    """The receipt of a record as it stands, with the code of a statement that was made just now."""
    agreements = tx.papers.agreements()
    statements = [held.document for held in tx.papers.statements_of(record.header.record_id)]
    granting = {grant.agreement for statement in statements for grant in statement.grants}
    zones = [item.document.time_zone for item in agreements if not granting or item.document.id in granting]
    return receipt_of(
        record,
        statements,
        party_names(agreements),
        contact_phone,
        at=at,
        time_zone=zones[0] if zones else None,
        code=code,
        page=office.pins.issuer + WITHDRAWAL_PAGE,
    )


def _ship(
    office: Office,
    tx: Transaction,
    record: ConsentRecord,
    statement: ConsentStatement,
    at: datetime,
    code: str | None,
) -> RegisteredStatement:
    signed = sign(STATEMENT_KIND, encode(statement), (office.signer(),))
    tx.papers.add_statement(record, statement, signed, at)
    item = f"{statement.id}@{statement.version}"
    tx.traffic.ship(Shipment(item, "statement", statement.id, compose_registration(signed, code), office.now()))
    return RegisteredStatement(statement, signed.sha256)
