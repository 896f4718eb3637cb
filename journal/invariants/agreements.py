"""I1, where agreements are made: what is in force was signed by every party, with the root that it pins.

PROTOCOL §3. The journal tells when each party signed; the bundle shows the document to those who may read it. Where
somebody only joined, the signatures of the version before stand, if nothing else has changed between the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from consent.accession import HANDED_ON, SignedVersion, unsigned
from consent.agreement import (
    SIGNATURE_KIND,
    Agreement,
    AgreementState,
    RegisteredAgreement,
    read_agreement,
    verify_signature,
)
from consent.identifiers import agreement_id_of
from journal.bundle import Bundle
from journal.entries import Entry
from journal.invariants.findings import Finding, Unjudged, refusals
from journal.invariants.keychains import KeysTrusted, said_by_broker
from keys.documents import Address
from keys.errors import Fault, ForgedError, PasserelleError
from keys.signing import SignedDocument

__all__ = ["AgreementsSigned"]

_KEPT: Final = 64
"""Agreements kept after they were read from the bundle."""
_OPEN: Final = 4
"""Files kept, with their signatures, while an agreement is being signed."""


@dataclass(slots=True)
class _Version:
    """One version as the journal tells of it."""

    ref: str
    sha256: str
    state: AgreementState = "signing"
    ended_at: datetime | None = None
    signers: set[Address] = field(default_factory=set)

    @property
    def number(self) -> int:
        """The number of this version."""
        return int(self.ref.rpartition("@")[2])


class AgreementsSigned:
    """Follows every agreement from its proposal to its end, and checks each signature where it was journalled."""

    number: Final = "I1"

    def __init__(self, bundle: Bundle, keys: KeysTrusted) -> None:
        """Take documents from `bundle` and roots from `keys`."""
        self._keys = keys
        self._versions: dict[str, _Version] = {}
        self._in_force: dict[str, _Version] = {}
        # A bundle that is itself at fault stops the audit: only what the journal names by digest is held against it.
        self._file = lru_cache(maxsize=_OPEN)(bundle.agreement)
        self._document = lru_cache(maxsize=_KEPT)(self._read)
        self._shown = lru_cache(maxsize=_KEPT)(self._read_or_none)

    @property
    def count(self) -> int:
        """How many agreements were ever in force."""
        return len(self._in_force)

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`; raises what `Bundle.agreement` raises.

        Slugs: missing-field, agreement-unknown, agreement-superseded, agreement-digest, agreement-unsigned,
        agreement-ended, other-agreement, version-chain, entry-and-document-differ, and those of `consent.agreement`.
        """
        if entry.type.startswith("agreement."):
            yield from self._follow(entry)
        elif entry.type in {"envelope.accepted", "envelope.released", "task.transition"} and not said_by_broker(entry):
            yield from self._cited(entry)

    def standing(self, ref: str) -> RegisteredAgreement | None:
        """The version that governs what cites `ref`: the one in force; None when it is unknown or not shown."""
        version = self._governing(ref)
        document = self._shown(version.sha256) if version else None
        if version is None or document is None:
            return None
        return RegisteredAgreement(document, version.sha256, version.state, version.ended_at)

    def withheld(self, ref: str) -> bool:
        """Whether the journal knows the agreement and its text cannot be read from the bundle."""
        return self._governing(ref) is not None and self.standing(ref) is None

    def missing(self, ref: str) -> bool:
        """Whether the bundle does not hold the agreement at all."""
        version = self._governing(ref)
        return version is None or self._file(version.sha256) is None

    def _governing(self, ref: str) -> _Version | None:
        return self._in_force.get(agreement_id_of(ref)) or self._versions.get(ref)

    def _cited(self, entry: Entry) -> Iterator[Finding]:
        version = self._governing(entry.agreement or "")
        if version is None:
            yield Fault("agreement-unknown", "/agreement")
        elif version.ref != entry.agreement:
            yield Fault("agreement-superseded", "/agreement")
        elif version.sha256 != entry.agreement_sha256:
            yield Fault("agreement-digest", "/agreement_sha256")

    def _follow(self, entry: Entry) -> Iterator[Finding]:
        if entry.agreement is None or entry.agreement_sha256 is None:
            yield Fault("missing-field", "/agreement")
            return
        version = self._versions.setdefault(entry.agreement, _Version(entry.agreement, entry.agreement_sha256))
        if version.sha256 != entry.agreement_sha256:
            yield Fault("agreement-digest", "/agreement_sha256")
        elif entry.type == "agreement.signed" and self._file(version.sha256) is not None:
            yield from refusals("/document", partial(self._sign, entry, version))
        elif entry.type == "agreement.in-force":
            yield from self._enter(entry, version)
        elif entry.type == "agreement.suspended":
            version.state = "suspended"
        elif entry.type == "agreement.ended":
            version.state, version.ended_at = "ended", entry.time

    def _sign(self, entry: Entry, version: _Version) -> None:
        document = self._document(version.sha256)
        signed = SignedDocument.parse(entry.document or b"", SIGNATURE_KIND)
        signer = self._signer(entry, document, version.sha256, signed)
        if not signer == entry.from_ == entry.actor:
            raise ForgedError("entry-and-document-differ", "/by")
        version.signers.add(signer)

    def _signer(self, entry: Entry, document: Agreement, sha256: str, signed: SignedDocument) -> Address:
        pinned = {party.address: party.root_fingerprint for party in document.parties}
        claimed = signed.keyids[0].partition("#")[0]
        root = self._keys.root(entry, claimed, pinned[claimed]) if claimed in pinned else None
        return verify_signature(signed, document, sha256, {claimed: root} if root else {})

    def _enter(self, entry: Entry, version: _Version) -> Iterator[Finding]:
        if version.state == "ended":
            yield Fault("agreement-ended", "/agreement")
            return
        newest = self._in_force.get(agreement_id_of(version.ref))
        if newest is not None and newest.number > version.number:
            yield Fault("agreement-superseded", "/agreement")
            return
        faults = list(self._unfit(entry, version)) if version.state == "signing" else []
        yield from faults
        if not any(isinstance(fault, Fault) for fault in faults):
            version.state = "in-force"
            self._in_force[agreement_id_of(version.ref)] = version

    def _unfit(self, entry: Entry, version: _Version) -> Iterator[Finding]:
        """Why this version may not come into force; a suspension that is lifted needs no new signature."""
        file = self._file(version.sha256)
        if file is None:
            yield Unjudged("agreement-not-shown")  # told here only, once for each version
            return
        try:
            document = self._document(version.sha256)
        except PasserelleError as error:
            yield Fault(error.code, "/agreement_sha256")
            return
        if document.ref != version.ref:
            yield Fault("other-agreement", "/agreement")
        elif unsigned(self._lineage(version)):
            yield Fault("agreement-unsigned", "/agreement")
        elif self._skips(version, document):
            yield Fault("version-chain", "/agreement_sha256")
        for signed in file.signatures:
            yield from refusals("/agreement_sha256", partial(self._signer, entry, document, version.sha256, signed))

    def _lineage(self, version: _Version) -> list[SignedVersion]:
        """The versions from which a signature may be carried over, oldest first, as far as the bundle shows them.

        What the bundle does not show hands nothing on: nobody could check that only parties were added to it.
        """
        found: list[SignedVersion] = []
        current: _Version | None = version
        while current is not None and (not found or current.state in HANDED_ON):
            document = self._shown(current.sha256)
            if document is None:
                break
            found.append(SignedVersion(document, current.sha256, frozenset(current.signers)))
            current = self._before(current)
        return found[::-1]

    def _before(self, version: _Version) -> _Version | None:
        return self._versions.get(f"{agreement_id_of(version.ref)}@{version.number - 1}")

    def _skips(self, version: _Version, document: Agreement) -> bool:
        """Whether a version continues another one than that of the number before it."""
        before = self._before(version)
        return document.prev is not None and before is not None and before.sha256 != document.prev

    def _read(self, sha256: str) -> Agreement:
        """The text of an agreement that the bundle shows; raises `MalformedError`."""
        file = self._file(sha256)
        return read_agreement(b"" if file is None else file.payload)

    def _read_or_none(self, sha256: str) -> Agreement | None:
        if self._file(sha256) is None:
            return None
        try:
            return self._document(sha256)
        except PasserelleError:
            return None  # what is wrong with it is told where it was journalled
