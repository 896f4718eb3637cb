"""How a partner comes in, is suspended, and comes back: by the operator, on the broker's host, and journalled.

PROTOCOL §5. The partner's adapter made the keys and this file; the operator hears the root's fingerprint from the
partner itself, by telephone, and types it. What was typed, not what is in the file, is what the broker relies on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from consent.articles import Name
from consent.identifiers import gateway_address, territory_of
from consent.vocabulary import Jurisdiction
from gateway.broker import Broker, BrokerSettings
from gateway.endings import end_sealed_to
from gateway.key_chains import extend_chain
from gateway.store.organisations import Organisation
from gateway.store.transaction import Transaction
from keys import strictjson
from keys.documents import Address, Document, Listing, Version, parse
from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError, about
from keys.identity import RootPublic, fingerprint_digits
from keys.signing import SignedDocument
from keys.statements import KIND, KeyPublication, KeyRevocation, read_statement

__all__ = [
    "MAX_ENROLMENT",
    "Enrolment",
    "EnrolmentError",
    "add_statements",
    "enrol",
    "read_enrolment",
    "read_statements",
    "set_active",
]

MAX_ENROLMENT = 4 * 1024 * 1024
"""Bytes of the largest enrolment file; one with a year of statements takes about 200 KiB."""
_SEPARATORS = str.maketrans("", "", " -\u00a0\u202f")


class EnrolmentError(PasserelleError):
    """A partner that cannot be added or changed: it is known already, or of nowhere, or there is no such partner."""


class _File(Document):
    v: Version
    address: Address
    legal_name: Name
    jurisdiction: Jurisdiction
    key_statements: Listing[dict[str, Any]] = Field(min_length=1, max_length=1000)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Who a partner says it is, and the chain of its keys from the root on; nothing is verified yet."""

    address: Address
    legal_name: str
    jurisdiction: str
    statements: tuple[SignedDocument, ...]

    @property
    def root(self) -> RootPublic:
        """The root that the first statement publishes; raises `MalformedError` (not-a-chain) when it does not."""
        first = read_statement(self.statements[0])
        if not isinstance(first, KeyPublication) or first.use != "root" or isinstance(first.public_key, bytes):
            raise MalformedError("not-a-chain", "/key_statements/0")
        return RootPublic(first.public_key.ed25519, first.public_key.mldsa65)


def read_enrolment(data: bytes) -> Enrolment:
    """Read an enrolment file; raises `MalformedError` with every fault and its place."""
    file = parse(_File, data, limit=MAX_ENROLMENT)
    statements = tuple(
        SignedDocument.from_json(value, KIND, pointer=f"/key_statements/{position}")
        for position, value in enumerate(file.key_statements)
    )
    return Enrolment(file.address, file.legal_name, file.jurisdiction, statements)


def enrol(
    settings: BrokerSettings,
    tx: Transaction,
    enrolment: Enrolment,
    *,
    heard: str,
    scopes: Collection[str],
    at: datetime,
) -> Organisation:
    """Add a partner whose root has the fingerprint that was `heard`, with every statement of its chain.

    `heard` is the fingerprint of 26 characters or the sixty digits, spaces and case apart; `scopes` come from
    `consent.vocabulary.SCOPES`. Raises `UntrustedKeyError` (fingerprint-differs), `EnrolmentError`, `ForgedError`
    (statement-of-another), and what `extend_chain` raises, with the number of the statement noted on it.
    """
    _check_address(settings, tx, enrolment.address)
    _check_heard(enrolment.root, heard)
    organisation = Organisation(
        enrolment.address,
        enrolment.legal_name,
        enrolment.jurisdiction,
        active=True,
        scopes=frozenset(scopes),
        root_fingerprint=enrolment.root.fingerprint,
    )
    tx.organisations.add(organisation)
    _journal(settings, tx, organisation.address, active=True, at=at)
    for position, signed in enumerate(enrolment.statements):
        with about(f"key_statements/{position}"):
            statement = read_statement(signed)
            if statement.org != organisation.address:
                raise ForgedError("statement-of-another", "/org")
            extend_chain(tx, signed, statement, at)
    return organisation


def read_statements(data: bytes) -> tuple[SignedDocument, ...]:
    """The key statements of a file that holds one of them, or of an enrolment file; raises `MalformedError`."""
    value = strictjson.loads(data, limit=MAX_ENROLMENT)
    if isinstance(value, dict) and "payloadType" in value:
        return (SignedDocument.parse(data, KIND),)
    return read_enrolment(data).statements


def add_statements(
    broker: Broker, tx: Transaction, address: Address, statements: Iterable[SignedDocument], at: datetime
) -> int:
    """Add to a partner's chain what its adapter could not publish itself; returns how many statements were new.

    Each must continue the chain and be signed as every other: the operator only carries it. Those that are known are
    passed over; what waits sealed to a key that one of them revokes is given back. Raises `EnrolmentError`
    (organisation-unknown), `ForgedError` (statement-of-another), and what `extend_chain` raises, a fork included, with
    the number of the statement noted on it.
    """
    if tx.organisations.get(address) is None:
        raise EnrolmentError("organisation-unknown")
    added = 0
    for position, signed in enumerate(statements):
        with about(f"key_statements/{position}"):
            statement = read_statement(signed)
            if statement.org != address:
                raise ForgedError("statement-of-another", "/org")
            known = tx.keys.statement(address, statement.seq)
            if known is not None and known[0] == signed.sha256:
                continue
            if not added:
                who: dict[str, object] = {"from": address}
                actor = broker.settings.address
                tx.journal.append(at, type="admin.change", actor=actor, state="key-statements", **who)
            extend_chain(tx, signed, statement, at)
            if isinstance(statement, KeyRevocation):
                end_sealed_to(broker, tx, statement.revokes, at)
            added += 1
    return added


def set_active(settings: BrokerSettings, tx: Transaction, address: Address, *, active: bool, at: datetime) -> bool:
    """Suspend a partner, or lift its suspension; False when that is how it stood already.

    A suspension acts at the partner's next call. Raises `EnrolmentError` (organisation-unknown).
    """
    organisation = tx.organisations.get(address)
    if organisation is None:
        raise EnrolmentError("organisation-unknown")
    if organisation.active is active:
        return False
    tx.organisations.set_active(address, active=active)
    _journal(settings, tx, address, active=active, at=at)
    return True


def _check_address(settings: BrokerSettings, tx: Transaction, address: Address) -> None:
    if territory_of(address) != settings.territory:
        raise EnrolmentError("foreign-territory", "/address")
    if address == gateway_address(settings.territory) or tx.organisations.get(address) is not None:
        raise EnrolmentError("organisation-exists", "/address")


def _check_heard(root: RootPublic, heard: str) -> None:
    typed = heard.translate(_SEPARATORS).upper()
    if typed not in {root.fingerprint, fingerprint_digits(root).replace(" ", "")}:
        raise UntrustedKeyError("fingerprint-differs", "/key_statements/0")


def _journal(settings: BrokerSettings, tx: Transaction, address: Address, *, active: bool, at: datetime) -> None:
    kind, state = ("client.registered", "active") if active else ("client.suspended", "suspended")
    tx.journal.append(at, type=kind, actor=settings.address, state=state, **{"from": address})
