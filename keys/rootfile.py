"""The file that holds the root of an organisation: kept offline, encrypted, opened only to sign.

PROTOCOL §2. It is a keystore of exactly two keys, one seed for each half of the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from keys.errors import KeystoreError
from keys.identity import RootKey, Signer
from keys.keystore import Keystore, StoredKey

__all__ = ["HeldRoot", "open_root", "write_root"]

_CLASSIC = "root-ed25519"
_LATTICE = "root-mldsa65"


@dataclass(frozen=True, slots=True)
class HeldRoot:
    """A root taken from its file, and the period that its first statement gave it."""

    key: RootKey
    not_before: datetime
    not_after: datetime


def write_root(path: Path, passphrase: str, held: HeldRoot) -> None:
    """Write a new root file of mode 0600; raises as `Keystore.create`."""
    classic, lattice = held.key.signers
    Keystore.create(
        path,
        passphrase,
        {
            _CLASSIC: _stored(classic, held.key.ed25519_seed, held),
            _LATTICE: _stored(lattice, held.key.mldsa65_seed, held),
        },
    )


def open_root(path: Path, passphrase: str) -> HeldRoot:
    """Open a root file; raises as `Keystore.open`, and `KeystoreError` (not-a-root) for a keystore of other keys."""
    keys = Keystore.open(path, passphrase).keys
    try:
        held = _held(keys)
        kids = tuple(signer.kid for signer in held.key.signers)
    except (KeyError, ValueError):
        raise KeystoreError("not-a-root") from None
    if kids != (keys[_CLASSIC].kid, keys[_LATTICE].kid):
        raise KeystoreError("not-a-root")
    return held


def _stored(signer: Signer, seed: bytes, held: HeldRoot) -> StoredKey:
    return StoredKey(use="root", kid=signer.kid, secret=seed, not_before=held.not_before, not_after=held.not_after)


def _held(keys: Mapping[str, StoredKey]) -> HeldRoot:
    classic = keys[_CLASSIC]
    address, _, _ = classic.kid.partition("#")
    if classic.not_before is None or classic.not_after is None:
        raise ValueError
    key = RootKey(address, classic.secret, keys[_LATTICE].secret)
    return HeldRoot(key, classic.not_before, classic.not_after)
