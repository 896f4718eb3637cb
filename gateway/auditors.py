"""Which organisations may read the journal as auditors, and that it is remembered when they do.

PROTOCOL §7. An auditor is a party with the role `auditor` in the newest version of an agreement: it reads what was done
under that agreement, in any version, and what was done under none. It does so while the agreement is suspended too, and
after its end for as long as evidence is kept: that is when questions are asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from consent.agreement import RegisteredAgreement
from gateway.broker import Broker
from gateway.store.transaction import Transaction
from keys.documents import Address

__all__ = ["AUDITOR", "audited", "journal_reading"]

AUDITOR = "auditor"
"""The role, as agreements give it."""


def audited(tx: Transaction, address: Address, at: datetime) -> frozenset[str]:
    """The agreements, by id, that an organisation audits at a moment; none for whoever is no auditor."""
    known = {each.document.id for each in tx.agreements.of_party(address)}
    newest = [tx.agreements.newest(identifier) for identifier in sorted(known)]
    shown = [each.document for each in newest if each is not None and _is_shown(each, at)]
    return frozenset(each.id for each in shown if (party := each.party(address)) and AUDITOR in party.roles)


def _is_shown(agreement: RegisteredAgreement, at: datetime) -> bool:
    """Whether it has not ended, or ended so recently that its evidence is still kept."""
    if agreement.state != "ended":
        return True
    document = agreement.document
    ended = agreement.ended_at or document.not_after
    return at < ended + timedelta(days=document.retention.evidence_days)


def journal_reading(broker: Broker, tx: Transaction, address: Address, part: str, at: datetime) -> None:
    """Journal that an auditor reads a part of the journal, once a day for each part."""
    if tx.openings.reads(address, part, at):
        members = {"type": "audit.read", "actor": broker.settings.address, "from": address, "state": part}
        tx.journal.append(at, **members)
