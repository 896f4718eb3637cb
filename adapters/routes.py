"""Which agreement and which article let this partner write to another one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from adapters.office import Office
from adapters.store.records import HeldAgreement
from consent.articles import Article
from keys.documents import Address

__all__ = ["Route", "newest", "route"]


@dataclass(frozen=True, slots=True)
class Route:
    """The way a referral takes: an agreement in its newest version, and one of its articles."""

    agreement: HeldAgreement
    article: Article


def newest(office: Office, agreements: Iterable[HeldAgreement], peer: Address) -> list[HeldAgreement]:
    """The newest version of each agreement under which we may act with a peer; those in force come first.

    `agreements` are ordered by id, the newest version of each first.
    """
    found: dict[str, HeldAgreement] = {}
    for agreement in agreements:
        if agreement.document.id not in found and office.may_use(agreement, peer):
            found[agreement.document.id] = agreement
    return sorted(found.values(), key=lambda agreement: agreement.state != "in-force")


def route(
    office: Office,
    agreements: Iterable[HeldAgreement],
    recipient: Address,
    purpose: str,
    sections: Collection[str],
    authority: str,
) -> Route | None:
    """The first article that covers everything; else the one that covers most, for the decision to say what lacks.

    None when no agreement that both ends signed has an article from us to the recipient.
    """
    best: tuple[int, Route] | None = None
    for agreement in newest(office, agreements, recipient):
        for article in _towards(agreement, office.address, recipient):
            covered = (purpose in article.purposes) + (set(sections) <= set(article.sections))
            covered += authority in article.authorities
            if best is None or covered > best[0]:
                best = covered, Route(agreement, article)
    return None if best is None else best[1]


def _towards(agreement: HeldAgreement, sender: Address, recipient: Address) -> Iterable[Article]:
    ends = agreement.document.party(sender), agreement.document.party(recipient)
    for article in agreement.document.articles:
        if ends[0] is not None and ends[1] is not None and article.covers_direction(ends[0], ends[1]):
            yield article
