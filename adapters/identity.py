"""The private keys this program works with, by use: to sign, to sign in, to open what is sealed to it, to witness.

PROTOCOL §2. The root is not among them: it is in a file of its own, kept offline (`keys.rootfile`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from keys.documents import Address
from keys.errors import KeystoreError
from keys.identity import ClientKey, SigningKey, key_id
from keys.keystore import Keystore, StoredKey
from keys.sealing_keys import SealingKey

__all__ = ["DESTROYED_AFTER", "Identity", "WitnessKey", "stored"]

DESTROYED_AFTER: Final = timedelta(days=21)
"""How long after its end a sealing key is kept to open what was still on its way (PROTOCOL §2)."""
CHANGE_OVER: Final = timedelta(days=15)
"""A sign-in key gives way to its successor when it has less than this left: by then that one is long published."""


@dataclass(frozen=True)
class WitnessKey:
    """The ML-DSA-44 key by which an organisation cosigns checkpoints, from its 32-byte seed (FIPS 204)."""

    address: Address
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, address: Address) -> WitnessKey:
        """A fresh key."""
        return cls(address, MLDSA44PrivateKey.generate().private_bytes_raw())

    @cached_property
    def private(self) -> MLDSA44PrivateKey:
        """The key as the journal's cosignatures take it."""
        return MLDSA44PrivateKey.from_seed_bytes(self.seed)

    @property
    def public_bytes(self) -> bytes:
        """The public half as key statements publish it."""
        return self.private.public_key().public_bytes_raw()

    @property
    def kid(self) -> str:
        """The id under which it is published."""
        return key_id(self.address, "witness", self.public_bytes)


@dataclass
class Identity:
    """The keys of one organisation, taken from its keystore; nothing secret is ever printed."""

    address: Address
    keystore: Keystore
    _passphrase: str = field(repr=False)
    _seen: tuple[int, int]

    @classmethod
    def open(cls, address: Address, path: Path, passphrase: str) -> Identity:
        """Open the keystore of `address`; raises as `Keystore.open`, and keystore-of-another for other keys."""
        seen = _state_of(path)
        keystore = Keystore.open(path, passphrase)
        if any(key.kid.partition("#")[0] != address for key in keystore.keys.values()):
            raise KeystoreError("keystore-of-another")
        return cls(address, keystore, passphrase, seen)

    @classmethod
    def create(cls, address: Address, path: Path, passphrase: str, keys: Mapping[str, StoredKey]) -> Identity:
        """Keep the first keys of `address` in a new keystore; raises as `Keystore.create`."""
        keystore = Keystore.create(path, passphrase, keys)
        return cls(address, keystore, passphrase, _state_of(path))

    def signer(self, at: datetime) -> SigningKey:
        """The newest signing key in its period; raises `KeystoreError` (signing-key-ended) when none is left."""
        found = self._in_period("signing", at)
        if not found:
            raise KeystoreError("signing-key-ended")
        return SigningKey(self.address, "signing", found[-1].secret)

    def client_key(self, at: datetime) -> ClientKey:
        """The sign-in key to use now; raises `KeystoreError` (oauth-key-ended) when none is left."""
        found = self._in_period("oauth", at)
        if not found:
            raise KeystoreError("oauth-key-ended")
        lasting = [key for key in found if _end(key) - at > CHANGE_OVER]
        return ClientKey(self.address, (lasting[0] if lasting else found[-1]).secret)

    def witness_key(self, at: datetime) -> WitnessKey | None:
        """The newest key to witness with in its period; None for who never had one, or whose last one ended."""
        found = self._in_period("witness", at)
        return WitnessKey(self.address, found[-1].secret) if found else None

    def sealing_key(self, kid: str) -> SealingKey | None:
        """The private half of one sealing epoch; None once it was destroyed, or when it never was ours."""
        found = self.keystore.keys.get(kid)
        if found is None and _state_of(self.keystore.path) != self._seen:
            self._read_again()  # another program of ours made new keys meanwhile
            found = self.keystore.keys.get(kid)
        return SealingKey(found.secret) if found is not None and found.use == "sealing" else None

    def ends(self) -> Mapping[str, datetime]:
        """When the last key of each use ends, by use."""
        found: dict[str, datetime] = {}
        for key in self.keystore.keys.values():
            if key.not_after is None:
                continue  # it waits for the root to vouch for it
            found[key.use] = max(_end(key), found.get(key.use, _end(key)))
        return found

    def add(self, keys: Mapping[str, StoredKey], *, at: datetime, gone: Collection[str] = ()) -> None:
        """Keep new keys, and destroy those in `gone` and the sealing keys that ended 21 days ago.

        A key without a period waits for its statement and is not used. The file is written whole or not. The caller
        holds the database's lock, so that two programs of one partner do not undo each other's keys.
        """
        self._read_again()
        kept = {kid: key for kid, key in self.keystore.keys.items() if kid not in gone and not _outlived(key, at)}
        self.keystore.keys = kept | dict(keys)
        self.keystore.save()
        self._seen = _state_of(self.keystore.path)

    def _read_again(self) -> None:
        path = self.keystore.path
        self._seen, self.keystore = _state_of(path), Keystore.open(path, self._passphrase)

    def waiting(self, use: str) -> StoredKey | None:
        """A key of this use that was made and waits for the statement that vouches for it."""
        return next((key for key in self._current() if key.use == use and key.not_before is None), None)

    def held(self, kid: str) -> StoredKey | None:
        """The private key under this id, whatever its use and its period."""
        return next((key for key in self._current() if key.kid == kid), None)

    def _current(self) -> Collection[StoredKey]:
        """Every key, as the file has them now: another program of ours may have changed it meanwhile."""
        if _state_of(self.keystore.path) != self._seen:
            self._read_again()
        return self.keystore.keys.values()

    def _in_period(self, use: str, at: datetime) -> list[StoredKey]:
        """The keys of a use that may be used now, the oldest first."""
        keys = [key for key in self._current() if key.use == use and key.not_before and key.not_after]
        return sorted((key for key in keys if (key.not_before or at) <= at < _end(key)), key=_end)


def stored(
    address: Address, key: SigningKey | ClientKey | SealingKey | WitnessKey, period: tuple[datetime, datetime]
) -> StoredKey:
    """A private key as the keystore keeps it, under its key id."""
    if isinstance(key, WitnessKey):
        return StoredKey(use="witness", kid=key.kid, secret=key.seed, not_before=period[0], not_after=period[1])
    if isinstance(key, SigningKey):
        return StoredKey(use="signing", kid=key.kid, secret=key.seed, not_before=period[0], not_after=period[1])
    if isinstance(key, ClientKey):
        return StoredKey(use="oauth", kid=key.kid, secret=key.scalar, not_before=period[0], not_after=period[1])
    kid = key_id(address, "sealing", key.public.data)
    return StoredKey(use="sealing", kid=kid, secret=key.seed, not_before=period[0], not_after=period[1])


def _end(key: StoredKey) -> datetime:
    if key.not_after is None:
        raise KeystoreError("keystore-damaged")  # every key that enrolment makes has a period
    return key.not_after


def _outlived(key: StoredKey, at: datetime) -> bool:
    return key.use == "sealing" and _end(key) + DESTROYED_AFTER <= at


def _state_of(path: Path) -> tuple[int, int]:
    """What changes when the file is replaced; nothing when it is not there, which opening it will tell."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)
