"""I4: every key that signed or sealed was published by its owner, in period, and not revoked at that place.

PROTOCOL §2. The chains of all organisations are replayed from the clear leaves, which nobody can withhold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from consent.identifiers import gateway_address, territory_of
from journal.entries import Entry
from journal.invariants.findings import Finding, refusals
from journal.shards import HAND_OVER, RESTARTED
from keys.documents import Address
from keys.errors import ForgedError, MalformedError, UntrustedKeyError
from keys.identity import RootPublic, Use, Verifier
from keys.signing import SignedDocument
from keys.statements import KIND, KeyChain, KeyRevocation, read_statement

__all__ = ["KeysTrusted", "said_by_broker"]


def said_by_broker(entry: Entry) -> bool:
    """Whether the broker itself acted."""
    return entry.actor == gateway_address(territory_of(entry.actor))


class KeysTrusted:
    """Replays every chain of key statements, and judges the keys of each accepted envelope at its own index."""

    number: Final = "I4"

    def __init__(self) -> None:
        self._chains: dict[Address, KeyChain] = {}
        self._journalled: set[str] = set()
        self._restarted = False

    @property
    def count(self) -> int:
        """How many organisations published a chain that holds."""
        return len(self._chains)

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`.

        Slugs: missing-field, entry-and-document-differ, and those of `keys.statements`.
        """
        if entry.type == HAND_OVER:
            self._restarted |= entry.state == RESTARTED
        elif entry.type in {"key.published", "key.revoked"}:
            yield from refusals("/document", partial(self._extend, entry))
        elif entry.type in {"envelope.accepted", "task.transition"} and not said_by_broker(entry):
            yield from refusals("/signer_kid", partial(self._trust, entry, entry.signer_kid, "signing", entry.from_))
            if entry.type == "envelope.accepted":
                yield from refusals("/seal_kid", partial(self._trust, entry, entry.seal_kid, "sealing", entry.to))

    def verifier(self, entry: Entry, address: Address, kid: str) -> Verifier:
        """The verifier of a signing key of `address`, judged where `entry` stands; raises `UntrustedKeyError`."""
        return self._chain(address).signature_verifier(kid, at=entry.time, index=entry.index)

    def root(self, entry: Entry, address: Address, fingerprint: str) -> RootPublic | None:
        """The root of `address` with this fingerprint, judged where `entry` stands; None when it published no such.

        Raises `UntrustedKeyError` (key-not-in-period, key-revoked, or key-unknown without a chain).
        """
        for key in self._chain(address).keys:
            if key.use == "root" and key.root.fingerprint == fingerprint:
                key.check(entry.time, entry.index)
                return key.root
        return None

    def witnesses(self, address: Address, fingerprint: str, *, at: datetime, index: int) -> Iterator[bytes]:
        """The raw witness keys of `address` in force at a place, if its chain begins with the root that was pinned."""
        chain = self._chains.get(address)
        if chain is None or chain.root.fingerprint != fingerprint:
            return
        for key in chain.keys:
            with suppress(UntrustedKeyError):
                if key.use == "witness" and key.index < index:
                    key.check(at, index - 1)
                    yield key.raw

    def _chain(self, address: Address) -> KeyChain:
        chain = self._chains.get(address)
        if chain is None:
            raise UntrustedKeyError("key-unknown")
        return chain

    def _trust(self, entry: Entry, kid: str | None, use: Use, owner: Address | None) -> None:
        if kid is None or owner is None:
            raise MalformedError("missing-field")
        self._chain(owner).trusted(kid, use, at=entry.time, index=entry.index)

    def _extend(self, entry: Entry) -> None:
        signed = SignedDocument.parse(entry.document or b"", KIND)
        statement = read_statement(signed)
        if isinstance(statement, KeyRevocation) != (entry.type == "key.revoked"):
            raise ForgedError("entry-and-document-differ")
        if not statement.org == entry.actor == entry.from_:
            raise ForgedError("entry-and-document-differ", "/org")
        if signed.sha256 in self._journalled and self._restarted:
            return  # its owner cannot know which of its statements were lost, and sends them again
        chain = self._chains.get(statement.org)
        add = chain.extend if chain else KeyChain.start
        self._chains[statement.org] = add(signed, at=entry.time, index=entry.index)
        self._journalled.add(signed.sha256)
