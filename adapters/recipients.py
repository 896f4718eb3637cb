"""Under which agreement and to which key of theirs this partner writes to another one."""

from __future__ import annotations

from adapters.office import Office
from adapters.routes import newest
from adapters.store.records import HeldAgreement, Referral
from adapters.store.store import Transaction
from consent.identifiers import agreement_id_of
from keys.documents import Address
from keys.errors import UntrustedKeyError
from keys.sealing_keys import SealingPublicKey

__all__ = ["agreement_of", "recipient_key"]


def recipient_key(office: Office, agreement: HeldAgreement, to: Address) -> tuple[str, SealingPublicKey]:
    """The id and key to which a party's envelopes are sealed now; raises `UntrustedKeyError`."""
    chain = office.chain_of(agreement, to)
    if chain is None:
        raise UntrustedKeyError("recipient-key-unknown")
    return chain.sealing_key(at=office.now())


def agreement_of(office: Office, tx: Transaction, referral: Referral) -> HeldAgreement | None:
    """The newest version of the agreement a referral rests on."""
    name = agreement_id_of(referral.header.agreement)
    found = newest(office, tx.papers.agreements(), referral.peer)
    return next((agreement for agreement in found if agreement.document.id == name), None)
