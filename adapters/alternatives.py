"""Who else may be asked after a refusal: the other recipients that the same consent names.

PRODUCT §2 and §5. A refusal opens a duty at the requester; the person may have said yes to several from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.judgement import newest_statement
from adapters.office import Office
from adapters.routes import Route, route
from adapters.store.records import Referral
from adapters.store.store import Transaction
from keys.documents import Address

__all__ = ["Alternative", "alternatives"]

REFUSED: Final = frozenset({"rejected", "cancelled", "failed"})
"""The statuses after which somebody else may be asked."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another recipient that the person agreed to for the same purpose, and what may be told to it."""

    recipient: Address
    sections: tuple[str, ...]


def alternatives(
    office: Office, tx: Transaction, referral: Referral, status: str, at: datetime
) -> tuple[Alternative, ...]:
    """The other recipients of the consent a refused referral rests on, who were not asked yet, in the consent's order.

    Only those whom an agreement lets us write to. Uses left are counted by the broker, not here.
    """
    statement = newest_statement(office, tx, referral) if status in REFUSED else None
    if statement is None or statement.document.state != "given":
        return ()
    document = statement.document
    if not document.not_before <= at < document.not_after:
        return ()
    asked = {other.peer for other in tx.dossiers.of_statement(document.id)}
    agreements, purpose, kind = tx.papers.agreements(), referral.header.purpose, document.authority.kind
    return tuple(
        Alternative(grant.recipient, tuple(grant.sections))
        for grant in document.grants
        if grant.purpose == purpose
        and grant.recipient not in asked
        and _covers(route(office, agreements, grant.recipient, purpose, grant.sections, kind), purpose, kind)
    )


def _covers(way: Route | None, purpose: str, kind: str) -> bool:
    """Whether an article in force lets this pass; of the sections, whoever writes sends those it covers."""
    if way is None or way.agreement.state != "in-force":
        return False
    return purpose in way.article.purposes and kind in way.article.authorities
