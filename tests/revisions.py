"""What people take back of an invented record, and the statements that follow."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from consent.answers import Restriction
from consent.record import ConsentRecord
from consent.revision import Ending, chosen, endings, extended
from consent.statement import ConsentStatement, RegisteredStatement
from keys.documents import encode, format_time, sha256_hex, validate
from tests.builders import AT, DAY, HEALTH_GIVEN, NEWCOMERS, SHELTER, derived_statement

WORKER = "int-9"
BOTH: dict[str, object] = HEALTH_GIVEN | {"/processing/purposes/0/recipients": [SHELTER, NEWCOMERS]}
"""Shelter given to two recipients, health to one."""
LATER = AT + DAY
MINUTE = timedelta(minutes=1)


def registered(document: ConsentStatement) -> RegisteredStatement:
    """A statement with its digest."""
    return RegisteredStatement(document, sha256_hex(encode(document)))


def first(changes: dict[str, object] | None = None) -> RegisteredStatement:
    """The first version from the record with these changes."""
    return registered(derived_statement(BOTH if changes is None else changes))


def withdrawn(
    kept: ConsentRecord,
    purposes: Iterable[str] = (),
    recipients: Iterable[str] = (),
    state: Ending = "dpv:ConsentWithdrawn",
    at: datetime = LATER,
) -> ConsentRecord:
    """The record once the person has taken something back."""
    pairs = chosen(kept, tuple(purposes), tuple(recipients))
    return extended(kept, endings(kept, state, at, WORKER, pairs))


def restriction(**members: object) -> Restriction:
    """A restriction notice."""
    return validate(Restriction, {"at": format_time(AT), "worker": WORKER} | members)


def granted(document: ConsentStatement | None) -> list[tuple[str, str]]:
    """What a version grants to whom."""
    assert document is not None
    return [(grant.purpose, grant.recipient) for grant in document.grants]
