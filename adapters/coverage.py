"""Which agreement lets everything pass that a person agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.office import Office
from adapters.store.records import HeldAgreement
from consent.record import ConsentRecord
from consent.validity import Verdict
from keys.errors import Fault, MalformedError

__all__ = ["covering", "party_names"]


def covering(
    office: Office, agreements: Sequence[HeldAgreement], record: ConsentRecord, holding: Sequence[Verdict]
) -> HeldAgreement:
    """The first agreement in force that lets all that has effect pass.

    Raises `MalformedError` (agreement-does-not-cover) with every question that stands in the way.
    """
    in_force = [agreement for agreement in agreements if agreement.state == "in-force"]
    for agreement in in_force:
        if all(_lets_pass(office, agreement, each) for each in holding):
            return agreement
    uncovered = [each for each in holding if not any(_lets_pass(office, agreement, each) for agreement in in_force)]
    places = dict.fromkeys(record.processing.purposes.index(each.item) for each in uncovered or holding)
    faults = tuple(Fault("agreement-does-not-cover", f"/processing/purposes/{place}") for place in places)
    raise MalformedError("agreement-does-not-cover", faults=faults)


def party_names(agreements: Iterable[HeldAgreement]) -> dict[str, str]:
    """Every party's name, as the newest agreement that has it spells it."""
    found: dict[str, str] = {}
    for agreement in agreements:
        for party in agreement.document.parties:
            found.setdefault(party.address, party.legal_name)
    return found


def _lets_pass(office: Office, agreement: HeldAgreement, each: Verdict) -> bool:
    """Whether an agreement has an article that covers what goes to one recipient."""
    document = agreement.document
    sender, owner = document.party(office.address), document.party(each.recipient)
    if sender is None or owner is None or not office.may_use(agreement, each.recipient):
        return False
    return any(
        article.covers_direction(sender, owner)
        and each.item.purpose in article.purposes
        and set(each.sections) <= set(article.sections)
        for article in document.articles
    )
