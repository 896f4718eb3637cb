"""How the invented territory began: its broker, four partners with their keys, and their agreement in force."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from consent.agreement import Agreement
from gateway import protocols
from gateway.broker import Broker, BrokerSettings
from gateway.broker_keys import BrokerKeys
from gateway.enrolments import Enrolment, enrol
from gateway.sequencer.integration import integrate
from gateway.store.migration import migrate
from gateway.store.store import Store
from journal.notes import JournalSigner
from keys.documents import encode, sha256_hex
from keys.identity import ClientKey, SigningKey
from keys.signing import SignedDocument
from keys.statements import PublishedUse, publish
from tests.builders import (
    AT,
    BROKER,
    DAY,
    PARTIES,
    TERRITORY,
    agreement,
    agreement_signature,
    root_key,
    sealing_key,
    signing_key,
)
from tests.gateway.sign_in import URL

ORIGIN = f"passerelle.example/{TERRITORY}/journal/1"
PARTNER_SCOPES = frozenset(
    {
        "envelope:send",
        "envelope:receive",
        "consent:write",
        "keys:publish",
        "agreement:sign",
        "directory:read",
        "journal:read",
    }
)
SETTINGS = BrokerSettings(URL, TERRITORY)
SHARED_ENTRIES = 26
"""Entries of the beginning: four partners of five each, and an agreement proposed, signed four times, in force."""
CANARY = "Personne-Fictive Canari"
"""A name that only ever travels sealed: it must be found nowhere at the broker."""


def _seed(text: str) -> bytes:
    return hashlib.sha256(f"passerelle broker tests {text}".encode()).digest()


@cache
def broker_keys() -> BrokerKeys:
    """The keys of the invented broker; its receipts key is the one that the builders' agreement names."""
    tokens = SigningKey(BROKER, "tokens", _seed("tokens"))
    signers = {number: shard_signer(number) for number in (1, 2, 3)}
    return BrokerKeys(tokens, signing_key(BROKER, "receipts"), signers, _seed("nonces"))


def shard_signer(number: int) -> JournalSigner:
    """What signs the checkpoints of a shard of the invented broker's journal."""
    suffix = "" if number == 1 else f" {number}"
    return JournalSigner(
        f"{ORIGIN.rpartition('/')[0]}/{number}",
        Ed25519PrivateKey.from_private_bytes(_seed(f"journal ed25519{suffix}")),
        MLDSA44PrivateKey.from_seed_bytes(_seed(f"journal mldsa44{suffix}")),
    )


@cache
def client_key(address: str) -> ClientKey:
    """The sign-in key of a partner."""
    return ClientKey(address, _seed(f"{address} oauth"))


@cache
def the_agreement() -> Agreement:
    """The agreement of the builders, naming this broker's journal keys."""
    return agreement({"/broker/journal": [str(vkey) for vkey in broker_keys().signer(1).vkeys]})


def header_changes() -> dict[str, object]:
    """What headers of the builders need to name this broker's agreement."""
    return {"/agreement_sha256": sha256_hex(encode(the_agreement()))}


def statements_of(address: str, start: datetime = AT - DAY) -> list[SignedDocument]:
    """The key statements of a partner in order: root, signing, sign-in, sealing; all in force from `start`."""
    root, signing = root_key(address), signing_key(address)
    wanted: list[tuple[PublishedUse, Any, int, Any]] = [
        ("root", root.public, 3000, root.signers),
        ("signing", signing.public_bytes, 300, root.signers),
        ("oauth", client_key(address).public_bytes, 80, (signing,)),
        ("sealing", sealing_key(address).public.data, 7, (signing,)),
    ]
    made: list[SignedDocument] = []
    for use, public, days, signers in wanted:
        position = (len(made), made[-1].sha256 if made else None)
        made.append(publish(position, address, use, public, (start, start + days * DAY), signers))
    return made


def enrolment_of(address: str) -> Enrolment:
    """What a partner's adapter would have written for the operator."""
    return Enrolment(address, PARTIES[address][0], "CA-QC", tuple(statements_of(address)))


def make_database(url: str) -> None:
    """Everything up to the day of the tests: the journal, the partners, and their agreement in force."""
    store = Store(url)
    migrate(store)
    keys, document = broker_keys(), the_agreement()
    broker = Broker(SETTINGS, store, keys, lambda: AT)
    with store.transaction() as tx:
        tx.journal.create(TERRITORY, ORIGIN, AT - DAY)
        for address in PARTIES:
            fingerprint = root_key(address).public.fingerprint
            enrol(SETTINGS, tx, enrolment_of(address), heard=fingerprint, scopes=PARTNER_SCOPES, at=AT - DAY)
        registered = protocols.propose(broker, tx, encode(document), AT - DAY)
        for address in PARTIES:
            protocols.sign(tx, registered, agreement_signature(document, address), address, AT - DAY)
        protocols.change_state(broker, tx, registered, "in-force", AT - DAY)
        integrate(tx, keys.signer, AT - DAY)
    store.close()
