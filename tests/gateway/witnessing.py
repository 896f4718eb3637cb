"""Partners that witness the broker's journal: their published witness keys, and what they bring."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from httpx2 import Response

from journal.checkpoints import Checkpoint
from journal.cosignatures import cosign, vkey_of
from journal.notes import JournalSigner, parse_note
from keys import strictjson
from keys.documents import b64url
from keys.identity import key_id
from keys.statements import publish
from keys.vkeys import Vkey
from tests.builders import AT, DAY, SHELTER, root_key
from tests.gateway.chains import chain_head, publish_statement
from tests.gateway.first_day import broker_keys
from tests.gateway.world import World

__all__ = [
    "bring",
    "checkpoint_of",
    "cosignature",
    "forked",
    "publish_witness_key",
    "request",
    "witness_key",
    "witness_kid",
    "witness_vkey",
]

PATH = "/v1/journal/cosignatures"
YEAR = (AT - DAY, AT + 300 * DAY)


def witness_key(address: str, name: str = "") -> MLDSA44PrivateKey:
    """The witness key of an organisation; another `name` gives another key."""
    return MLDSA44PrivateKey.from_seed_bytes(hashlib.sha256(f"witness {address} {name}".encode()).digest())


def witness_vkey(address: str, name: str = "") -> Vkey:
    """By what its cosignatures are verified."""
    return vkey_of(address, witness_key(address, name))


def witness_kid(address: str, name: str = "") -> str:
    """The id of that key in the chain of the organisation."""
    return key_id(address, "witness", witness_vkey(address, name).public_key)


def publish_witness_key(
    world: World, address: str = SHELTER, period: tuple[datetime, datetime] = YEAR, name: str = ""
) -> None:
    """Publish it, as its root does, and then publish the journal that says so."""
    public = witness_vkey(address, name).public_key
    signed = publish(chain_head(world, address), address, "witness", public, period, root_key(address).signers)
    assert publish_statement(world, signed, address).status_code == 201
    world.integrate()


def checkpoint_of(world: World) -> Checkpoint:
    """The newest checkpoint as anybody reads it."""
    return parse_note(world.client.get("/v1/journal/checkpoint").content).checkpoint


def cosignature(
    checkpoint: Checkpoint, address: str = SHELTER, at: datetime = AT, key: MLDSA44PrivateKey | None = None
) -> str:
    """A signature line by an organisation's witness key."""
    return cosign(address, key or witness_key(address), checkpoint, at).line()


def request(checkpoint: Checkpoint, changes: Mapping[str, object] | None = None) -> bytes:
    """The body by which the shelter brings its cosignature, with changes; one to None leaves a member out."""
    members: dict[str, object] = {
        "v": 1,
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": b64url(checkpoint.root),
        "cosignature": cosignature(checkpoint),
        **(changes or {}),
    }
    return strictjson.dumps({name: value for name, value in members.items() if value is not None})


def bring(world: World, body: bytes, by: str = SHELTER) -> Response:
    """Bring it to the broker."""
    return world.partners[by].post(PATH, body)


def forked(size: int, signer: JournalSigner | None = None, at: datetime = AT) -> bytes:
    """A checkpoint of this size that is not of the world's journal, signed by the broker's own keys."""
    own = signer or broker_keys().signer(1)
    return own.sign(Checkpoint(own.origin, size, hashlib.sha256(b"another past").digest()), at)
