"""What every act of this partner needs at hand: who it is, its keys, its papers, whom it trusts, and the time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from adapters.growth import JournalSource
from adapters.identity import Identity
from adapters.lineage import Seen
from adapters.pins import GatewayPins
from adapters.store.records import HeldAgreement
from adapters.store.store import Store
from keys.documents import Address, Clock
from keys.errors import UntrustedKeyError
from keys.identity import SigningKey
from keys.statements import KeyChain

__all__ = ["ChainBook", "Office"]

_OF_THE_KEYS: Final = frozenset({"key-unknown", "wrong-fingerprint"})
"""The refusals of a key book that are about the keys; the others say that it must be read further first."""


class ChainBook(Protocol):
    """Whose keys are whose; `adapters.keybook.KeyBook`."""

    def chain(self, address: str, fingerprint: str, *, covering: int | None = None) -> KeyChain:
        """The key chain of an organisation from the root pinned; raises `UntrustedKeyError`."""
        ...

    def sync(self, source: JournalSource, own_statements: Collection[str] = frozenset()) -> int:
        """Read what the journal gained; raises `JournalAlarmError` and what the source raises."""
        ...

    def seen(self) -> Seen | None:
        """The last checkpoint that was accepted; None before the first."""
        ...

    @property
    def size(self) -> int:
        """How many entries of the journal were read."""
        ...


@dataclass(frozen=True)
class Office:
    """One partner at work; `author` is the worker's pseudonym written on envelopes unless another is given."""

    address: Address
    author: str
    identity: Identity
    store: Store
    book: ChainBook
    pins: GatewayPins
    clock: Clock

    def now(self) -> datetime:
        """The time, to the millisecond: what is written is what was meant."""
        moment = self.clock()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def signer(self) -> SigningKey:
        """The key that signs what we say; raises `KeystoreError` (signing-key-ended)."""
        return self.identity.signer(self.now())

    def chain_of(self, agreement: HeldAgreement, address: Address, *, covering: int | None = None) -> KeyChain | None:
        """The key chain of a party, from the root that the agreement pins; None when there is no such chain.

        `covering` is the place in the journal at which a key is going to be judged. Raises `UntrustedKeyError`
        (journal-behind, keybook-empty, checkpoint-stale, checkpoint-in-future) when the journal must be read first.
        """
        party = agreement.document.party(address)
        if party is None:
            return None
        try:
            return self.book.chain(address, party.root_fingerprint, covering=covering)
        except UntrustedKeyError as error:
            if error.code in _OF_THE_KEYS:
                return None
            raise

    def may_use(self, agreement: HeldAgreement, peer: Address) -> bool:
        """Whether we may act under an agreement with a peer: it binds both, and names the gateway that we pinned."""
        broker = agreement.document.broker
        ours = broker.receipts == self.pins.receipts and set(broker.journal) == set(self.pins.journal.vkeys)
        return ours and {self.address, peer} <= agreement.signers and agreement.state != "signing"
