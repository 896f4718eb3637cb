"""Keeps this partner's copies of its agreements, and signs one only when every counterparty's fingerprint was typed.

PROTOCOL §2 and §3. The fingerprint comes from the party itself, by telephone or on paper, never from the broker: that
is what keeps the broker from slipping in a root of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.bodies import AgreementFile
from adapters.calls import GatewayCalls
from adapters.office import Office
from adapters.store.records import Alarm, HeldAgreement, Shipment
from consent.agreement import SIGNATURE_KIND, Agreement, AgreementSignature, read_agreement, verify_signature
from keys.documents import Address, encode, sha256_hex
from keys.errors import Fault, ForgedError, PasserelleError
from keys.identity import RootKey
from keys.signing import SignedDocument, sign

__all__ = ["refresh_agreements", "sign_agreement"]


def refresh_agreements(office: Office, client: GatewayCalls) -> tuple[str, ...]:
    """Bring our copies up to date: new versions, states, signatures; those that changed, by `id@version`.

    Each signature is verified here, by the root that the agreement pins.
    Raises what the client raises; an agreement that does not hold together becomes an alarm and is left out.
    """
    changed = []
    for listed in client.agreements():
        with office.store.transaction() as tx:
            held = tx.papers.agreement(listed.agreement)
        complete = held is not None and held.signers == {party.address for party in held.document.parties}
        if held is not None and complete and (held.sha256, held.state) == (listed.sha256, listed.state):
            continue
        name, _, version = listed.agreement.partition("@")
        try:
            fetched, signatures = _checked(office, listed.agreement, client.agreement(name, int(version)))
        except ForgedError as error:
            with office.store.transaction() as tx:
                tx.traffic.raise_alarm(Alarm(office.now(), error.code, listed.agreement))
            continue
        if fetched != held:
            with office.store.transaction() as tx:
                tx.papers.save_agreement(fetched, [signed.to_json() for signed in signatures])
            changed.append(listed.agreement)
    return tuple(changed)


def sign_agreement(
    office: Office, agreement: HeldAgreement, root: RootKey, typed: Mapping[Address, str]
) -> SignedDocument:
    """Sign an agreement with our root and put the signature in the outbox.

    `typed` holds each counterparty's fingerprint as that party told it. Raises `ForgedError` with every place:
    fingerprint-missing, fingerprint-differs, not-a-party (we are not in it), other-root (it pins another root for
    us), other-gateway (it names another broker than the one that was pinned).
    """
    document = agreement.document
    faults = tuple(_faults(office, document, root, typed))
    if faults:
        raise ForgedError(faults[0].code, faults=faults)
    signature = AgreementSignature(
        v=1,
        agreement=document.id,
        version=document.version,
        agreement_sha256=agreement.sha256,
        by=office.address,
        at=office.now(),
    )
    signed = sign(SIGNATURE_KIND, encode(signature), root.signers)
    shipment = Shipment(
        f"sig:{document.ref}", "agreement-signature", f"sig:{document.id}", signed.encode(), office.now()
    )
    with office.store.transaction() as tx:
        tx.traffic.ship(shipment)
    return signed


def _faults(office: Office, document: Agreement, root: RootKey, typed: Mapping[Address, str]) -> list[Fault]:
    pins = office.pins
    faults = []
    if document.broker.receipts != pins.receipts or set(document.broker.journal) != set(pins.journal.vkeys):
        faults.append(Fault("other-gateway", "/broker"))
    if document.party(office.address) is None or root.address != office.address:
        faults.append(Fault("not-a-party", "/parties"))
    for position, party in enumerate(document.parties):
        place = f"/parties/{position}/root_fingerprint"
        if party.address == office.address:
            if party.root_fingerprint != root.public.fingerprint:
                faults.append(Fault("other-root", place))
        elif party.address not in typed:
            faults.append(Fault("fingerprint-missing", place))
        elif _as_written(typed[party.address]) != party.root_fingerprint:
            faults.append(Fault("fingerprint-differs", place))
    return faults


def _as_written(typed: str) -> str:
    """A fingerprint as documents write it, however it was grouped or in which case it was typed."""
    return "".join(typed.split()).replace("-", "").upper()


def _checked(office: Office, ref: str, file: AgreementFile) -> tuple[HeldAgreement, list[SignedDocument]]:
    document = read_agreement(file.payload)
    if sha256_hex(file.payload) != file.sha256 or document.ref != ref:
        raise ForgedError("other-agreement")
    held = HeldAgreement(document, file.sha256, file.payload, file.state, frozenset())
    valid: dict[Address, SignedDocument] = {}
    for signed in file.signatures:
        signer = _signer(office, held, signed)
        if signer is not None:
            valid[signer] = signed
    return HeldAgreement(document, file.sha256, file.payload, file.state, frozenset(valid)), list(valid.values())


def _signer(office: Office, held: HeldAgreement, signed: SignedDocument) -> Address | None:
    """Whose signature this is; None for one that does not verify by a root the journal shows."""
    roots = {}
    for party in held.document.parties:
        if any(keyid.partition("#")[0] == party.address for keyid in signed.keyids):
            chain = office.chain_of(held, party.address)
            if chain is not None:
                roots[party.address] = chain.root
    try:
        return verify_signature(signed, held.document, held.sha256, roots)
    except PasserelleError:
        return None
