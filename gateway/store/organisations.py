"""The partners: who they are, whether they are active, and what they may ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from gateway.store.seen import Seen
from gateway.store.tables import OrganisationRow
from keys.documents import Address

__all__ = ["Organisation", "OrganisationTable"]

_ORGANISATION = OrganisationRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table

# Built once: for a short query, building it costs more than running it.
_BY_ADDRESS = select(_ORGANISATION).where(_ORGANISATION.c.address == bindparam("address"))


@dataclass(frozen=True, slots=True)
class Organisation:
    """A partner as the broker knows it; the row is the authority at every use (PROTOCOL §5)."""

    address: Address
    legal_name: str
    jurisdiction: str
    active: bool
    scopes: frozenset[str]
    root_fingerprint: str


class OrganisationTable:
    """Organisations by address."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.seen = Seen(self._at)

    def get(self, address: Address) -> Organisation | None:
        """The organisation at this address, if it was added."""
        return self.seen.get(address)

    def _at(self, address: Address) -> Organisation | None:
        row = self._connection.execute(_BY_ADDRESS, {"address": address}).first()
        return None if row is None else _organisation(row)

    def all(self) -> list[Organisation]:
        """Every organisation, by address."""
        rows = self._connection.execute(select(_ORGANISATION).order_by(_ORGANISATION.c.address))
        return [_organisation(row) for row in rows]

    def inactive(self, addresses: Collection[Address]) -> frozenset[Address]:
        """Those of the addresses that are suspended or unknown."""
        known = {address: self.get(address) for address in addresses}
        return frozenset(address for address, found in known.items() if found is None or not found.active)

    def add(self, organisation: Organisation) -> None:
        """Add a partner; its chain of key statements begins empty."""
        self.seen.forget()
        values = {
            "address": organisation.address,
            "legal_name": organisation.legal_name,
            "jurisdiction": organisation.jurisdiction,
            "active": organisation.active,
            "scopes": " ".join(sorted(organisation.scopes)),
            "root_fingerprint": organisation.root_fingerprint,
            "chain_seq": 0,
            "chain_head": "",
        }
        self._connection.execute(insert(_ORGANISATION).values(**values))

    def set_active(self, address: Address, *, active: bool) -> None:
        """Suspend a partner, or lift its suspension; it holds at the next request."""
        self.seen.forget()
        self._connection.execute(update(_ORGANISATION).where(_ORGANISATION.c.address == address).values(active=active))


def _organisation(row: Row[tuple[object, ...]]) -> Organisation:
    return Organisation(
        row.address,
        row.legal_name,
        row.jurisdiction,
        row.active,
        frozenset(row.scopes.split()),
        row.root_fingerprint,
    )
