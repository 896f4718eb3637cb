"""Keeps this partner's copies of its agreements, and signs one only when every counterparty's fingerprint was typed.

PROTOCOL §2 and §3. The fingerprint comes from the party itself, by telephone or on paper, never from the broker: that
is what keeps the broker from slipping in a root of its own. A version by which somebody joined while nothing else
changed needs no new signature of ours: `consent.accession` tells when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from adapters.bodies import AgreementFile
from adapters.calls import GatewayCalls
from adapters.office import Office
from adapters.problems import GatewayProblemError
from adapters.store.records import Alarm, HeldAgreement, Shipment
from consent.accession import HANDED_ON, SignedVersion, bound, signatories
from consent.agreement import SIGNATURE_KIND, Agreement, AgreementSignature, read_agreement, verify_signature, warnings
from keys.documents import Address, encode, sha256_hex
from keys.errors import Fault, ForgedError, PasserelleError
from keys.identity import RootKey
from keys.signing import SignedDocument, sign

__all__ = ["Ending", "governing", "refresh_agreements", "sign_agreement", "tell_endings"]

_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Ending:
    """An agreement, by `id@version`, that comes to its end, and the slug of the warning (`consent.agreement`)."""

    ref: str
    code: str


def refresh_agreements(office: Office, client: GatewayCalls) -> tuple[str, ...]:
    """Bring our copies up to date: new versions, states, signatures; those that changed, by `id@version`.

    Each signature is verified here, by the root that the agreement pins, or was for the version from which it is
    carried over. Raises what the client raises; an agreement that does not hold together becomes an alarm and is left
    out, and so does another text under the number of a version that we hold.
    """
    changed: list[str] = []
    for listed in sorted(client.agreements(), key=lambda item: _in_order(item.agreement)):
        held = _held(office, listed.agreement)
        if held is not None and _complete(held) and (held.sha256, held.state) == (listed.sha256, listed.state):
            continue
        try:
            lineage = _lineage(office, client, _fetched(office, client, listed.agreement))
        except ForgedError as error:
            with office.store.transaction() as tx:
                tx.traffic.raise_alarm(Alarm(office.now(), error.code, listed.agreement))
            continue
        changed += _kept(office, lineage)
    return tuple(changed)


def governing(agreements: list[HeldAgreement]) -> list[HeldAgreement]:
    """Of each agreement the newest version that was ever put in force; `agreements` as `Papers.agreements` gives."""
    grouped = groupby(agreements, key=lambda held: held.document.id)
    newest = (next((held for held in versions if held.state != "signing"), None) for _, versions in grouped)
    return [held for held in newest if held is not None]


def tell_endings(office: Office) -> tuple[Ending, ...]:
    """The warnings that are due now and were not told yet, each of them once for each agreement."""
    told: list[Ending] = []
    with office.store.transaction() as tx:
        for held in governing(tx.papers.agreements()):
            due = warnings(held.document, office.now()) if held.state != "ended" else ()
            memory = f"ending:{held.document.ref}"
            if len(due) > tx.traffic.cursor(memory):
                tx.traffic.move_cursor(memory, len(due))
                told.append(Ending(held.document.ref, due[-1]))
    return tuple(told)


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


@dataclass(frozen=True, slots=True)
class _Copy:
    """A version with the signatures that verified: just fetched, or (None) as it was kept."""

    held: HeldAgreement
    signatures: list[SignedDocument] | None

    @property
    def signed(self) -> SignedVersion:
        return SignedVersion(self.held.document, self.held.sha256, self.held.signers)


def _in_order(ref: str) -> tuple[str, int]:
    name, _, version = ref.partition("@")
    return name, int(version)


def _held(office: Office, ref: str) -> HeldAgreement | None:
    with office.store.transaction() as tx:
        return tx.papers.agreement(ref)


def _complete(held: HeldAgreement) -> bool:
    return held.signers == {party.address for party in held.document.parties}


def _fetched(office: Office, client: GatewayCalls, ref: str) -> _Copy:
    """A version as the gateway shows it, with whose own signatures verify; `ForgedError` when it is another text."""
    name, version = _in_order(ref)
    copy = _Copy(*_checked(office, ref, client.agreement(name, version)))
    known = _held(office, ref)
    if known is not None and known.sha256 != copy.held.sha256:
        raise ForgedError("other-agreement")
    return copy


def _lineage(office: Office, client: GatewayCalls, newest: _Copy) -> list[_Copy]:
    """The versions from which signatures may be carried over to the newest, the oldest first; it is the last.

    Only as far back as parties were added and nothing else changed: each step is shorter by one party at least.
    """
    found = [newest]
    while not _complete(found[-1].held):
        before = _before(office, client, found[-1].held)
        if before is None:
            break
        found.append(before)
    return found[::-1]


def _before(office: Office, client: GatewayCalls, later: HeldAgreement) -> _Copy | None:
    """The version before, if signatures may be carried over from it."""
    document = later.document
    if document.prev is None:
        return None
    ref = f"{document.id}@{document.version - 1}"
    kept = _held(office, ref)
    try:
        found = _Copy(kept, None) if kept and _complete(kept) else _fetched(office, client, ref)
    except GatewayProblemError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    everybody = {party.address for party in document.parties}
    joined = signatories(found.held.document, document) < everybody
    return found if joined and found.held.sha256 == document.prev and found.held.state in HANDED_ON else None


def _kept(office: Office, lineage: list[_Copy]) -> Iterator[str]:
    """Keep what changed of these versions, each bound by its own and by earlier signatures; gives their names."""
    before: tuple[SignedVersion, ...] = ()
    for copy in lineage:
        signers = bound((*before, copy.signed)) if copy.signatures is not None else copy.held.signers
        held = replace(copy.held, signers=signers)
        before = (SignedVersion(held.document, held.sha256, held.signers),)
        with office.store.transaction() as tx:
            if copy.signatures is None or tx.papers.agreement(held.document.ref) == held:
                continue
            tx.papers.save_agreement(held, [signed.to_json() for signed in copy.signatures])
        yield held.document.ref


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
