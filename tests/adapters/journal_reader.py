"""A partner that reads the journal of a gateway's double, with its memory in memory."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2

from adapters.keybook import JournalledStatement, KeptJournal, KeyBook
from keys.signing import SignedDocument
from tests.adapters.gateway_double import GatewayDouble
from tests.keys.builders import ADDRESS, ChainBuilder, client_key, root, signing_key

READER = "lecteur-invente@laval"


class HeldKeyBook:
    """A key book's memory, held in memory; what is saved is saved at once."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.saved: KeptJournal | None = None
        self.held: list[JournalledStatement] = []

    def journal(self) -> KeptJournal | None:
        """What was saved last."""
        return self.saved

    def save(self, before: bytes | None, journal: KeptJournal, new_statements: Sequence[JournalledStatement]) -> bool:
        """Keep all of it, if what is kept is still `before`."""
        if (None if self.saved is None else self.saved.checkpoint) != before:
            return False
        self.saved = journal
        self.held.extend(new_statements)
        return True

    def statements(self, address: str) -> Sequence[JournalledStatement]:
        """The statements of one organisation."""
        return [item for item in self.held if item.address == address]


class Reader:
    """A partner that reads the journal of a gateway."""

    def __init__(self, gateway: GatewayDouble, store: HeldKeyBook | None = None) -> None:
        """With a memory of its own unless one is given."""
        self.store = store or HeldKeyBook()
        self.client = gateway.client()
        self.book = KeyBook(self.store, gateway.pins, gateway.clock)

    def sync(self, *own: SignedDocument) -> int:
        """Read on, having made the statements given."""
        return self.book.sync(self.client, {signed.sha256 for signed in own})


def gateway_of(*chains: ChainBuilder) -> GatewayDouble:
    """A gateway whose journal holds these chains among other people's business."""
    gateway = GatewayDouble(key=client_key("reader", READER))
    gateway.bustle(3)
    for chain in chains:
        gateway.publish(*chain.documents)
        gateway.bustle(2)
    return gateway


def partner(address: str = ADDRESS, name: str = "first") -> ChainBuilder:
    """A chain of one organisation: root, signing key, sealing key."""
    chain = ChainBuilder(address=address, root=root(name, address), signing=signing_key(name, address))
    return chain.with_root().with_signing().with_sealing(f"{name} {address}")


def fingerprint(chain: ChainBuilder) -> str:
    """The fingerprint that an agreement pins."""
    return chain.root.public.fingerprint


def file(data: bytes, status: int = 200) -> httpx2.Response:
    """A file of the journal."""
    return httpx2.Response(status, content=data)
