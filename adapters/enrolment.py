"""Makes an organisation's keys, here and nowhere else, and the file by which the gateway's operator enrols it.

PROTOCOL §2. The root goes to a file of its own, to be moved offline; it vouches for a signing key and for the key by
which this organisation witnesses the journal. The signing key vouches for the sign-in key and for sealing keys: one for
now and six ahead. New ones are published before the last ones run out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.identity import Identity, WitnessKey, stored
from adapters.office import Office
from adapters.store.records import Shipment
from adapters.store.store import Store, Transaction
from keys import strictjson
from keys.documents import Address
from keys.errors import KeystoreError
from keys.files import write_private
from keys.identity import ClientKey, RootKey, RootPublic, Signer, SigningKey, key_id
from keys.keystore import StoredKey
from keys.profiles import KEY_LIVES, SEALING_EPOCHS_AHEAD
from keys.rootfile import HeldRoot, open_root, write_root
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument
from keys.statements import KeyPublication, KeyRevocation, PublishedUse, publish, read_statement

__all__ = ["Enrolled", "KeyFiles", "enrol", "rotate", "write_enrolment"]

EPOCH: Final = timedelta(days=6)
"""From the start of one sealing key to the next: they live seven days, so that each overlaps the one before."""
OVERLAP: Final = timedelta(days=1)
"""How long before the end of a sealing key the next one is in force."""
ROOT_LIFE: Final = timedelta(days=3660)
"""Ten years."""
RENEW_SIGN_IN: Final = timedelta(days=30)
"""A new sign-in key is published when the last one has less than this left."""


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where keys are kept and what opens them; the root's file is made unless it is there already."""

    keystore: Path
    passphrase: str = field(repr=False)
    root: Path
    root_passphrase: str = field(repr=False)


@dataclass
class _OwnChain:
    """Our chain of key statements as it grows, and the private keys that go with the new ones."""

    address: Address
    statements: list[SignedDocument]
    made: list[SignedDocument] = field(default_factory=list)
    keys: dict[str, StoredKey] = field(default_factory=dict)
    leaving: frozenset[str] = frozenset()
    """Keys that are counted as revoked already, because their revocation is being prepared."""

    def vouch(
        self, use: PublishedUse, public: bytes | RootPublic, period: tuple[datetime, datetime], by: Iterable[Signer]
    ) -> None:
        """Add the next statement, signed by those who vouch for the key."""
        everything = [*self.statements, *self.made]
        position = (len(everything), everything[-1].sha256 if everything else None)
        self.made.append(publish(position, self.address, use, public, period, by))

    def add(self, key: SigningKey | ClientKey | SealingKey | WitnessKey, start: datetime, by: Iterable[Signer]) -> None:
        """Add the statement of a new key for the longest life of its use, and keep the key."""
        use = _use_of(key)
        period = (start, start + KEY_LIVES[use])
        self.vouch(use, key.public.data if isinstance(key, SealingKey) else key.public_bytes, period, by)
        kept = stored(self.address, key, period)
        self.keys[kept.kid] = kept

    def seal_ahead(self, now: datetime, signer: Signer) -> None:
        """Add sealing keys until there are one for now and six ahead; what was revoked leaves a place to be filled."""
        found, moment = self._standing("sealing"), now
        for _ in range(SEALING_EPOCHS_AHEAD + 1):
            lasting = [item.not_before for item in found if item.not_before <= moment < item.not_after - OVERLAP]
            start = max(lasting, default=_midnight(moment))
            if not lasting:
                self.add(SealingKey.generate(), start, (signer,))
            moment = start + EPOCH

    def sign_in_ahead(self, now: datetime, signer: Signer) -> None:
        """Add a sign-in key when the last one is about to end, or was revoked."""
        if all(item.not_after - now < RENEW_SIGN_IN for item in self._standing("oauth")):
            self.add(ClientKey.generate(self.address), _midnight(now), (signer,))

    def _standing(self, use: str) -> list[KeyPublication]:
        """The publications of a use that were not revoked since."""
        read = [read_statement(signed) for signed in (*self.statements, *self.made)]
        gone = self.leaving | {item.revokes for item in read if isinstance(item, KeyRevocation)}
        found = (item for item in read if isinstance(item, KeyPublication) and item.use == use)
        return [item for item in found if _kid(item) not in gone]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What was made: the root, whose file is now to be moved offline, and the keys to work with."""

    root: RootKey
    identity: Identity


def enrol(address: Address, store: Store, files: KeyFiles, now: datetime) -> Enrolled:
    """Make every key of an organisation and keep its chain of statements, which `write_enrolment` writes down.

    A root file that is there already, as `passerelle-keys create` makes it, is used as the root. Raises
    `KeystoreError` (already-enrolled, keystore-without-chain, root-of-another, and as keystores do), `FileError`.
    """
    with store.transaction() as tx:
        if tx.keyring.own():
            raise KeystoreError("already-enrolled")
    if files.keystore.exists():
        raise KeystoreError("keystore-without-chain")
    held = _root(address, files, now)
    signing, chain = SigningKey.generate(address), _OwnChain(address, [])
    chain.vouch("root", held.key.public, (held.not_before, held.not_after), held.key.signers)
    chain.add(signing, _midnight(now), held.key.signers)
    chain.add(WitnessKey.generate(address), _midnight(now), held.key.signers)
    chain.sign_in_ahead(now, signing)
    chain.seal_ahead(now, signing)
    identity = Identity.create(address, files.keystore, files.passphrase, chain.keys)
    with store.transaction() as tx:
        _keep(tx, chain)
    return Enrolled(held.key, identity)


def write_enrolment(path: Path, store: Store, address: Address, legal_name: str, jurisdiction: str) -> None:
    """Write the file that goes to the gateway's operator; nothing in it is secret. Raises `FileError`."""
    with store.transaction() as tx:
        chain = tx.keyring.own()
    document = {
        "v": 1,
        "address": address,
        "legal_name": legal_name,
        "jurisdiction": jurisdiction,
        "key_statements": [signed.to_json() for signed in chain],
    }
    write_private(path, strictjson.dumps(document))


def rotate(office: Office, *, leaving: frozenset[str] = frozenset()) -> int:
    """Make and publish the keys that will be needed; how many were made. Raises `KeystoreError`, `StoreError`.

    Those named as `leaving` are replaced now, before their revocation: what takes a sign-in key's place can then still
    be published with it. Everything happens under the database's lock, and the private halves are on the disk before
    their statements are.
    """
    now = office.now()
    with office.store.transaction() as tx:
        chain = _OwnChain(office.address, tx.keyring.own(), leaving=leaving)
        if not chain.statements:
            raise KeystoreError("not-enrolled")
        signer = office.signer()
        chain.seal_ahead(now, signer)
        chain.sign_in_ahead(now, signer)
        if not chain.made:
            return 0
        office.identity.add(chain.keys, at=now)
        for seq, signed in enumerate(chain.made, start=len(chain.statements)):
            tx.traffic.ship(Shipment(f"key:{seq}", "key", "keys", signed.encode(), now))
        _keep(tx, chain)
    return len(chain.made)


def _keep(tx: Transaction, chain: _OwnChain) -> None:
    for seq, signed in enumerate(chain.made, start=len(chain.statements)):
        tx.keyring.add_own(seq, signed)


def _root(address: Address, files: KeyFiles, now: datetime) -> HeldRoot:
    if files.root.exists():
        held = open_root(files.root, files.root_passphrase)
        if held.key.address != address:
            raise KeystoreError("root-of-another")
        return held
    start = _midnight(now)
    held = HeldRoot(RootKey.generate(address), start, start + ROOT_LIFE)
    write_root(files.root, files.root_passphrase, held)
    return held


def _use_of(key: SigningKey | ClientKey | SealingKey | WitnessKey) -> PublishedUse:
    if isinstance(key, SealingKey):
        return "sealing"
    if isinstance(key, WitnessKey):
        return "witness"
    return "signing" if isinstance(key, SigningKey) else "oauth"


def _kid(item: KeyPublication) -> str:
    return key_id(item.org, item.use, item.public_key) if isinstance(item.public_key, bytes) else ""


def _midnight(moment: datetime) -> datetime:
    # From midnight: the clock of whoever checks the statement may be some minutes behind ours.
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
