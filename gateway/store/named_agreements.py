"""Under which agreements each entry of the journal was made, so that auditors are shown those of their own only.

PROTOCOL §7. Most entries name their agreement; the others are about a referral, an envelope or a consent that rests on
one, or on several. What is about none of these, such as an organisation's admission, is the business of every auditor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Column, ColumnElement, Connection, or_, select

from consent.identifiers import agreement_id_of
from consent.statement import ConsentStatement
from gateway.store.tables import AgreementPartyRow, EnvelopeRow, JournalOpeningRow, ReferralRow, StatementRow
from journal.entries import Entry
from keys.documents import parse
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["agreements_of", "of_agreements"]

T = TypeVar("T")

_OPENING = JournalOpeningRow.__table__  # type: ignore[attr-defined]  # SQLModel gives each table class its table
_ENVELOPE = EnvelopeRow.__table__  # type: ignore[attr-defined]  # as above
_REFERRAL = ReferralRow.__table__  # type: ignore[attr-defined]  # as above
_STATEMENT = StatementRow.__table__  # type: ignore[attr-defined]  # as above
_PARTY = AgreementPartyRow.__table__  # type: ignore[attr-defined]  # as above
_OF_WORKERS = frozenset({"emergency-worker-barred", "emergency-worker-lifted"})
"""What is done to a worker of a partner is the business of those who audit that partner."""


def agreements_of(connection: Connection, entries: Sequence[Entry]) -> list[str | None]:
    """For each entry the ids of its agreements with spaces between, as they are kept beside its opening.

    None for what concerns no agreement; empty where that cannot be known: then it is shown to its parties only.
    """
    left = [entry for entry in entries if not entry.agreement]
    refs = _refs(connection, {entry.envelope for entry in left if entry.envelope and not entry.ref})
    cited = {entry.ref for entry in left if entry.ref} | set(refs.values())
    referrals = dict(_rows(connection, _REFERRAL.c.ref, _REFERRAL.c.agreement, cited))
    consents = _consents(connection, {entry.statement for entry in left if entry.statement})
    workers = _parties(connection, {entry.from_ for entry in left if entry.from_ and entry.state in _OF_WORKERS})
    return [_of(entry, refs, referrals, consents, workers) for entry in entries]


def of_agreements(agreements: Collection[str]) -> ColumnElement[bool]:
    """Whether an opening is of one of these agreements, or of none at all; ids are all of one length."""
    named = [_OPENING.c.agreements.contains(each, autoescape=True) for each in sorted(agreements)]
    return or_(_OPENING.c.agreements.is_(None), *named)


def _of(
    entry: Entry,
    refs: Mapping[str, str],
    referrals: Mapping[str, str],
    consents: Mapping[str, set[str]],
    workers: Mapping[str, set[str]],
) -> str | None:
    if entry.agreement:
        return agreement_id_of(entry.agreement)
    ref = entry.ref or refs.get(entry.envelope or "")
    if ref is not None and ref in referrals:
        return agreement_id_of(referrals[ref])
    if entry.statement:
        return " ".join(sorted(consents.get(entry.statement, ())))
    if entry.state in _OF_WORKERS:
        return " ".join(sorted(workers.get(entry.from_ or "", ())))
    return "" if entry.ref or entry.envelope else None


def _refs(connection: Connection, envelopes: Collection[str]) -> dict[str, str]:
    return dict(_rows(connection, _ENVELOPE.c.id, _ENVELOPE.c.ref, envelopes))


def _parties(connection: Connection, addresses: Collection[str]) -> dict[str, set[str]]:
    """By organisation the agreements of which it is a party in any version."""
    found: dict[str, set[str]] = {}
    for address, identifier in _rows(connection, _PARTY.c.address, _PARTY.c.id, addresses):
        found.setdefault(address, set()).add(identifier)
    return found


def _consents(connection: Connection, statements: Collection[str]) -> dict[str, set[str]]:
    """By consent the agreements of all of its versions: the one that ends it has no grants."""
    found: dict[str, set[str]] = {}
    for identifier, document in _rows(connection, _STATEMENT.c.id, _STATEMENT.c.document, statements):
        signed = SignedDocument.parse(document, "statement")
        grants = parse(ConsentStatement, signed.payload, limit=MAX_DOCUMENT).grants
        found.setdefault(identifier, set()).update(grant.agreement for grant in grants)
    return found


def _rows(
    connection: Connection, key: Column[str], value: Column[T], wanted: Collection[str]
) -> Iterable[tuple[str, T]]:
    if not wanted:
        return ()
    return [(row[0], row[1]) for row in connection.execute(select(key, value).where(key.in_(sorted(wanted))))]
