"""Protocols of agreement: the exact bytes every party signed, who has signed, and whether they are in force."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from consent.agreement import Agreement, AgreementState, RegisteredAgreement, read_agreement
from gateway.store.seen import Seen
from gateway.store.tables import AgreementPartyRow, AgreementRow
from keys.documents import Address, format_time, parse_time

__all__ = ["AgreementTable"]

_AGREEMENT = AgreementRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_PARTY = AgreementPartyRow.__table__  # type: ignore[attr-defined]  # as above

_NEWEST = (
    select(_AGREEMENT)
    .where(_AGREEMENT.c.id == bindparam("id"), _AGREEMENT.c.state != "signing")
    .order_by(_AGREEMENT.c.version.desc())
    .limit(1)
)


class AgreementTable:
    """Agreements by id and version."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.seen = Seen(self._newest)

    def newest(self, identifier: str) -> RegisteredAgreement | None:
        """The newest version that was ever put in force; one still being signed decides nothing."""
        return self.seen.get(identifier)

    def _newest(self, identifier: str) -> RegisteredAgreement | None:
        row = self._connection.execute(_NEWEST, {"id": identifier}).first()
        return None if row is None else _registered(row)

    def get(self, identifier: str, version: int) -> tuple[RegisteredAgreement, bytes] | None:
        """One version, with the exact payload bytes."""
        row = self._connection.execute(
            select(_AGREEMENT).where(_AGREEMENT.c.id == identifier, _AGREEMENT.c.version == version)
        ).first()
        return None if row is None else (_registered(row), row.payload)

    def over(self, at: datetime) -> list[RegisteredAgreement]:
        """The agreements whose newest version has not been ended although its period is over at `at`."""
        running = select(_AGREEMENT.c.id).where(_AGREEMENT.c.state.in_(("in-force", "suspended"))).distinct()
        newest = [self.newest(identifier) for identifier in self._connection.execute(running).scalars()]
        return [each for each in newest if each and each.state != "ended" and each.document.not_after <= at]

    def of_party(self, address: Address) -> list[RegisteredAgreement]:
        """Every version of every agreement that names this party."""
        query = (
            select(_AGREEMENT)
            .join(_PARTY, (_PARTY.c.id == _AGREEMENT.c.id) & (_PARTY.c.version == _AGREEMENT.c.version))
            .where(_PARTY.c.address == address)
            .order_by(_AGREEMENT.c.id, _AGREEMENT.c.version)
        )
        return [_registered(row) for row in self._connection.execute(query)]

    def all(self) -> list[tuple[RegisteredAgreement, bytes]]:
        """Every version of every agreement with its payload, for the operator and the auditors' bundle."""
        query = select(_AGREEMENT).order_by(_AGREEMENT.c.id, _AGREEMENT.c.version)
        return [(_registered(row), row.payload) for row in self._connection.execute(query)]

    def of_digest(self, sha256: str) -> tuple[RegisteredAgreement, bytes] | None:
        """The version whose payload has this digest, with the exact payload bytes."""
        row = self._connection.execute(select(_AGREEMENT).where(_AGREEMENT.c.sha256 == sha256)).first()
        return None if row is None else (_registered(row), row.payload)

    def propose(self, agreement: Agreement, sha256: str, payload: bytes) -> None:
        """Keep a new version, to be signed by each of its parties."""
        self.seen.forget()
        self._connection.execute(
            insert(_AGREEMENT).values(
                id=agreement.id, version=agreement.version, sha256=sha256, state="signing", payload=payload
            )
        )
        rows = [
            {"id": agreement.id, "version": agreement.version, "address": party.address} for party in agreement.parties
        ]
        self._connection.execute(insert(_PARTY), rows)

    def signatures(self, identifier: str, version: int) -> dict[Address, bytes | None]:
        """The signature document of each party; None where it is missing."""
        query = select(_PARTY).where(_PARTY.c.id == identifier, _PARTY.c.version == version)
        return {row.address: row.signature for row in self._connection.execute(query.order_by(_PARTY.c.address))}

    def sign(self, identifier: str, version: int, address: Address, signature: bytes) -> None:
        """Keep a party's signature."""
        self._connection.execute(
            update(_PARTY)
            .where(_PARTY.c.id == identifier, _PARTY.c.version == version, _PARTY.c.address == address)
            .values(signature=signature)
        )

    def set_state(self, identifier: str, version: int, state: AgreementState, at: datetime) -> None:
        """Put in force, suspend or end one version at `at`."""
        self.seen.forget()
        values = {"state": state, "ended": format_time(at) if state == "ended" else None}
        self._connection.execute(
            update(_AGREEMENT).where(_AGREEMENT.c.id == identifier, _AGREEMENT.c.version == version).values(**values)
        )


_read = lru_cache(maxsize=256)(read_agreement)
"""Agreements are few, large and never change: each is read once."""


def _registered(row: Row[tuple[object, ...]]) -> RegisteredAgreement:
    ended = parse_time(row.ended) if row.ended else None
    return RegisteredAgreement(_read(row.payload), row.sha256, row.state, ended)
