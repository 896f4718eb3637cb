"""The published keys of every partner, as their chains of statements vouch for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from gateway.store.seen import Seen
from gateway.store.tables import KeyStatementRow, OrganisationRow, PublishedKeyRow
from keys.documents import Address, format_time, parse_time
from keys.identity import RootPublic
from keys.signing import SignedDocument
from keys.statements import KeyChain, PublishedKey

__all__ = ["KeyTable"]

_KEY = PublishedKeyRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_STATEMENT = KeyStatementRow.__table__  # type: ignore[attr-defined]  # as above
_ORGANISATION = OrganisationRow.__table__  # type: ignore[attr-defined]  # as above
_ED25519_BYTES = 32
_BY_KID = select(_KEY).where(_KEY.c.kid == bindparam("kid"))


class KeyTable:
    """Keys by id, and chains by organisation."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.seen = Seen(self._of_kid)

    def get(self, kid: str) -> PublishedKey | None:
        """The key under this id, whatever its state: `PublishedKey.check` tells whether it may be used."""
        return self.seen.get(kid)

    def _of_kid(self, kid: str) -> PublishedKey | None:
        row = self._connection.execute(_BY_KID, {"kid": kid}).first()
        return None if row is None else _key(row)

    def usable(self, org: Address, use: str, at: datetime) -> list[PublishedKey]:
        """The organisation's keys for `use` that are in period at `at` and not revoked."""
        moment = format_time(at)
        query = select(_KEY).where(
            _KEY.c.org == org,
            _KEY.c.use == use,
            _KEY.c.not_before <= moment,
            _KEY.c.not_after > moment,
            _KEY.c.revoked_index.is_(None),
        )
        return [_key(row) for row in self._connection.execute(query)]

    def chain(self, org: Address) -> KeyChain | None:
        """The chain of an organisation as it stands, without verifying again what was verified at entry."""
        head = self._connection.execute(
            select(_ORGANISATION.c.chain_seq, _ORGANISATION.c.chain_head).where(_ORGANISATION.c.address == org)
        ).first()
        if head is None or head.chain_seq == 0:
            return None
        rows = self._connection.execute(select(_KEY).where(_KEY.c.org == org).order_by(_KEY.c.position))
        return KeyChain(org, head.chain_seq, head.chain_head, tuple(_key(row) for row in rows))

    def statement(self, org: Address, seq: int) -> tuple[str, int, datetime] | None:
        """The payload digest, journal index and time of a registered statement."""
        query = select(_STATEMENT).where(_STATEMENT.c.org == org, _STATEMENT.c.seq == seq)
        row = self._connection.execute(query).first()
        return None if row is None else (row.sha256, row.position, parse_time(row.time))

    def extend(
        self, before: KeyChain | None, after: KeyChain, signed: SignedDocument, at: datetime, index: int
    ) -> None:
        """Keep the statement that led from one state of a chain to the next, and what it changed."""
        self.seen.forget()
        self._connection.execute(
            insert(_STATEMENT).values(
                org=after.org,
                seq=after.seq - 1,
                sha256=signed.sha256,
                position=index,
                time=format_time(at),
                document=signed.encode(),
            )
        )
        self._connection.execute(
            update(_ORGANISATION)
            .where(_ORGANISATION.c.address == after.org)
            .values(chain_seq=after.seq, chain_head=after.head)
        )
        known = {key.kid: key for key in before.keys} if before else {}
        for key in after.keys:
            if key.kid not in known:
                self._insert(after.org, key)
            elif key.revoked_index != known[key.kid].revoked_index:
                self._connection.execute(
                    update(_KEY).where(_KEY.c.kid == key.kid).values(revoked_index=key.revoked_index)
                )

    def _insert(self, org: Address, key: PublishedKey) -> None:
        public = key.public if isinstance(key.public, bytes) else key.public.ed25519 + key.public.mldsa65
        self._connection.execute(
            insert(_KEY).values(
                kid=key.kid,
                org=org,
                use=key.use,
                public=public,
                not_before=format_time(key.not_before),
                not_after=format_time(key.not_after),
                position=key.index,
                revoked_index=key.revoked_index,
            )
        )


def _key(row: Row[tuple[object, ...]]) -> PublishedKey:
    public: bytes | RootPublic = row.public
    if row.use == "root":
        public = RootPublic(row.public[:_ED25519_BYTES], row.public[_ED25519_BYTES:])
    return PublishedKey(
        row.kid,
        row.use,
        public,
        parse_time(row.not_before),
        parse_time(row.not_after),
        row.position,
        row.revoked_index,
    )
