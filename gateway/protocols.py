"""What happens to a protocol of agreement at the broker: proposed, signed by its parties, put in force, suspended.

PROTOCOL §3. The journal holds digests and signatures only; the parties hold the document.
"""

from __future__ import annotations

from datetime import datetime

from consent.accession import HANDED_ON, SignedVersion, signatories, unsigned
from consent.agreement import Agreement, AgreementState, RegisteredAgreement, read_agreement, verify_signature
from gateway.broker import Broker
from gateway.problems import ProblemError
from gateway.shards import all_shards
from gateway.store.transaction import Transaction
from keys.documents import Address, b64url, sha256_hex
from keys.identity import RootPublic
from keys.signing import SignedDocument

__all__ = ["change_state", "joined_later", "missing_signatures", "propose", "sign"]

_NEXT: dict[AgreementState, tuple[AgreementState, ...]] = {
    "signing": ("in-force",),
    "in-force": ("suspended", "ended"),
    "suspended": ("in-force", "ended"),
    "ended": (),
}
"""Which state may follow which (PROTOCOL §3)."""


def propose(broker: Broker, tx: Transaction, payload: bytes, at: datetime) -> RegisteredAgreement:
    """Keep a new agreement or version for its parties to sign; raises `MalformedError`, `ProblemError`.

    It must name this broker by its real keys, continue the version before it, and list only partners who are known
    by the very roots it pins.
    """
    agreement = read_agreement(payload)
    _check_broker(broker, tx, agreement)
    previous = tx.agreements.get(agreement.id, agreement.version - 1)
    if (previous[0].sha256 if previous else None) != agreement.prev or tx.agreements.get(
        agreement.id, agreement.version
    ):
        raise ProblemError("version-chain", pointer="/prev")
    for position, party in enumerate(agreement.parties):
        organisation = tx.organisations.get(party.address)
        if organisation is None:
            raise ProblemError("organisation-unknown", pointer=f"/parties/{position}/address")
        if organisation.root_fingerprint != party.root_fingerprint:
            raise ProblemError("fingerprint-differs", pointer=f"/parties/{position}/root_fingerprint")
    registered = RegisteredAgreement(agreement, sha256_hex(payload), "signing")
    tx.agreements.propose(agreement, registered.sha256, payload)
    _journal(tx, registered, "agreement.proposed", broker.settings.address, at)
    return registered


def sign(tx: Transaction, agreement: RegisteredAgreement, signed: SignedDocument, by: Address, at: datetime) -> bool:
    """Keep the signature of one party; False when it had signed. Raises `ForgedError` unless it is its root's."""
    document = agreement.document
    chain = tx.keys.chain(by)
    roots: dict[Address, RootPublic] = {by: chain.root} if chain else {}
    verify_signature(signed, document, agreement.sha256, roots)
    if tx.agreements.signatures(document.id, document.version)[by] is not None:
        return False
    tx.agreements.sign(document.id, document.version, by, signed.encode())
    _journal(tx, agreement, "agreement.signed", by, at, document=signed.encode())
    return True


def missing_signatures(tx: Transaction, agreement: RegisteredAgreement) -> list[Address]:
    """The parties who have still to sign; where one only joins, earlier signatures of the others stand."""
    return sorted(unsigned(_lineage(tx, agreement)))


def joined_later(tx: Transaction, agreement: RegisteredAgreement, address: Address) -> bool:
    """Whether an organisation joined this agreement after this version, and nothing else has changed since.

    Its signature of the later version rests on the signatures of this one, so it may read both.
    """
    document = agreement.document
    later = tx.agreements.get(document.id, document.version + 1)
    while later is not None:
        following = later[0].document
        if signatories(document, following) >= {party.address for party in following.parties}:
            return False
        if following.party(address) is not None:
            return True
        document, later = following, tx.agreements.get(following.id, following.version + 1)
    return False


def change_state(
    broker: Broker, tx: Transaction, agreement: RegisteredAgreement, state: AgreementState, at: datetime
) -> None:
    """Put an agreement in force (once every party has signed), suspend, resume or end it.

    Raises `ProblemError`: agreement-superseded once a later version is in force, agreement-state, signature-missing,
    agreement-ended.
    """
    document = agreement.document
    newest = tx.agreements.newest(document.id)
    if newest is not None and newest.document.version > document.version:
        raise ProblemError("agreement-superseded", pointer="/version")
    if state not in _NEXT[agreement.state]:
        raise ProblemError("agreement-state", pointer="/state")
    if state == "in-force" and missing_signatures(tx, agreement):
        raise ProblemError("signature-missing", pointer="/parties")
    if state == "in-force" and at >= document.not_after:
        raise ProblemError("agreement-ended", pointer="/not_after")
    tx.agreements.set_state(document.id, document.version, state, at)
    _journal(tx, agreement, f"agreement.{state}", broker.settings.address, at)


def _lineage(tx: Transaction, agreement: RegisteredAgreement) -> list[SignedVersion]:
    """The versions from which a signature may be carried over, the oldest first.

    What is suspended or ended hands nothing on: that somebody joins takes back neither.
    """
    found: list[SignedVersion] = []
    current: RegisteredAgreement | None = agreement
    while current is not None and (not found or current.state in HANDED_ON):
        document = current.document
        given = tx.agreements.signatures(document.id, document.version)
        signers = frozenset(address for address, signature in given.items() if signature is not None)
        found.append(SignedVersion(document, current.sha256, signers))
        before = tx.agreements.get(document.id, document.version - 1)
        current = before[0] if before else None
    return found[::-1]


def _check_broker(broker: Broker, tx: Transaction, agreement: Agreement) -> None:
    keys = broker.keys
    if agreement.territory != broker.settings.territory:
        raise ProblemError("foreign-territory", pointer="/territory")
    if b64url(agreement.broker.receipts) != b64url(keys.receipts.public_bytes):
        raise ProblemError("fingerprint-differs", pointer="/broker/receipts")
    # Those of the first shard, from which every other is followed, for as long as the journal lasts.
    if agreement.broker.journal != tuple(str(vkey) for vkey in all_shards(keys, tx)[0].vkeys):
        raise ProblemError("fingerprint-differs", pointer="/broker/journal")


def _journal(
    tx: Transaction, agreement: RegisteredAgreement, kind: str, actor: Address, at: datetime, **more: object
) -> None:
    about = {"agreement": agreement.document.ref, "agreement_sha256": agreement.sha256}
    who = {"from": actor} if kind == "agreement.signed" else {}
    tx.journal.append(at, type=kind, actor=actor, **who, **about, **more)
