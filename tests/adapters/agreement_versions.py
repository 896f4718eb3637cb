"""A gateway's shelf of agreements in several versions, as a partner's client reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from adapters.bodies import AgreementFile, AgreementListing
from adapters.problems import GatewayProblemError
from consent.agreement import Agreement, AgreementState
from keys.documents import b64url, encode, sha256_hex
from keys.identity import RootKey
from keys.signing import SignedDocument
from keys.statements import publish
from tests.adapters.broker_double import BrokerDouble, CallsDouble
from tests.invented import AT, DAY, agreement_signature, root_key
from tests.partnership import amended, founding

NAME: Final = "agr_" + "f" * 26


@dataclass
class Shelf(CallsDouble):
    """The client of one partner: what it may read is what names it, or what `shown` says it joined since."""

    versions: dict[str, tuple[Agreement, dict[str, SignedDocument], AgreementState]] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)

    def put(
        self,
        document: Agreement,
        signers: Iterable[str],
        state: AgreementState = "in-force",
        roots: Mapping[str, RootKey] | None = None,
    ) -> Agreement:
        """A version with these signatures, by each party's own root unless another is given."""
        chosen = roots or {}
        made = {by: agreement_signature(document, by, root=chosen.get(by)) for by in signers}
        self.versions[document.ref] = (document, made, state)
        return document

    def agreements(self) -> tuple[AgreementListing, ...]:
        """What names this partner, in no order that could be relied on."""
        found = [(ref, kept) for ref, kept in self.versions.items() if kept[0].party(self.address)]
        return tuple(
            AgreementListing(agreement=ref, sha256=sha256_hex(encode(document)), state=state)
            for ref, (document, _, state) in reversed(found)
        )

    def agreement(self, agreement: str, version: int) -> AgreementFile:
        """One version in full, if it may be read."""
        ref = f"{agreement}@{version}"
        kept = self.versions.get(ref)
        if kept is None or not (kept[0].party(self.address) or ref in self.shown):
            raise GatewayProblemError("agreement-unknown", status=404)
        self.calls.append(ref)
        payload = encode(kept[0])
        return AgreementFile(payload, sha256_hex(payload), kept[2], tuple(kept[1].values()))


def first_version(broker: BrokerDouble, changes: Mapping[str, object] | None = None) -> Agreement:
    """The agreement that newcomers may join, naming the gateway of the tests."""
    keys = {"receipts": b64url(broker.gateway.receipts.public_bytes), "journal": list(broker.pins.journal.vkeys)}
    own: dict[str, object] = {f"/broker/{name}": value for name, value in keys.items()}
    return amended(founding(), own | {"/id": NAME} | dict(changes or {}))


def publish_root(broker: BrokerDouble, address: str) -> None:
    """A newcomer whose chain begins in the journal."""
    root = root_key(address)
    broker.enrol(address, [publish((0, None), address, "root", root.public, (AT - DAY, AT + 3650 * DAY), root.signers)])
