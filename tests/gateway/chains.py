"""The shelter's chain of key statements as it goes on, in the tests of the broker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from httpx2 import Response

from keys.identity import Signer
from keys.signing import SignedDocument
from keys.statements import PublishedUse, publish
from tests.builders import AT, DAY, SHELTER, root_key, signing_key
from tests.gateway.world import World

WEEK = (AT, AT + 7 * DAY)


def chain_head(world: World, address: str) -> tuple[int, str]:
    """Where a partner's chain ends: the next `seq`, and the digest of the last payload."""
    with world.broker.store.reading() as tx:
        chain = tx.keys.chain(address)
    assert chain is not None
    return chain.seq, chain.head


def next_statement(
    world: World,
    use: PublishedUse,
    public: bytes,
    period: tuple[datetime, datetime] = WEEK,
    *,
    position: tuple[int, str] | None = None,
    signers: Iterable[Signer] | None = None,
) -> SignedDocument:
    """The next statement of the shelter's chain, signed as its use demands unless told otherwise."""
    usual: Iterable[Signer] = root_key(SHELTER).signers if use == "signing" else (signing_key(SHELTER),)
    return publish(position or chain_head(world, SHELTER), SHELTER, use, public, period, signers or usual)


def publish_statement(world: World, signed: SignedDocument, caller: str = SHELTER) -> Response:
    """Bring a key statement over the network."""
    return world.partners[caller].post("/v1/keys", signed.encode(), "key-statement")
