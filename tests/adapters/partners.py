"""Two invented partners with real keys and databases, and what one of them writes to the other."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adapters.consents import ConsentFile, read_consent
from adapters.enrolment import KeyFiles, enrol
from adapters.identity import Identity
from adapters.keybook import KeyBook
from adapters.office import Office
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.referral import ReferralFile, read_referral
from adapters.settings import Settings
from adapters.store.journalled import StoredKeyBook
from adapters.store.migrate import migrate
from adapters.store.store import Store
from keys import strictjson
from keys.documents import Clock
from keys.rootfile import HeldRoot, write_root
from keys.statements import publish
from tests.adapters.broker_double import BrokerDouble, CallsDouble
from tests.consents import record_members
from tests.invented import AT, DAY, HEALTH, LINE, NEWCOMERS, PARTIES, SHELTER, Json, changed, root_key

PASSPHRASE = "phrase inventée pour les essais"


@cache
def enrolled_folder(address: str) -> Path:
    """The folder of an organisation that made its keys; made once, because stretching passphrases is slow."""
    folder = Path(_folders().name) / address
    migrate(folder / "adapter.sqlite")
    write_root(folder / "root.json", PASSPHRASE, HeldRoot(root_key(address), AT - DAY, AT + 3650 * DAY))
    store = Store.open(folder / "adapter.sqlite")
    enrol(address, store, KeyFiles(folder / "keystore.json", PASSPHRASE, folder / "root.json", PASSPHRASE), AT)
    store.close()
    return folder


@cache
def _folders() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="passerelle-partners-")


@cache
def _identity(address: str) -> Identity:
    return Identity.open(address, enrolled_folder(address) / "keystore.json", PASSPHRASE)


def _at_home(address: str, path: Path) -> Identity:
    """The keys of an organisation in a keystore file of its own, without stretching its passphrase once more.

    A test may let weeks pass, in which keys are made and destroyed: no other test is to notice.
    """
    shared, state = _identity(address), path.stat()
    keystore = replace(shared.keystore, path=path, keys=dict(shared.keystore.keys))
    return replace(shared, keystore=keystore, _seen=(state.st_ino, state.st_mtime_ns))


def settings_members(address: str, folder: Path) -> Json:
    """The settings of a partner, as its file holds them."""
    return {
        "address": address,
        "legal_name": PARTIES.get(address, ("Organisme Inventé", ""))[0],
        "jurisdiction": "CA-QC",
        "gateway": "https://passerelle.example",
        "data": folder,
        "author": "int-7",
        "contact_phone": "450 555-0199",
    }


class Partner:
    """One partner's program beside its client double; `restart` opens everything again from the disk."""

    def __init__(self, broker: BrokerDouble, address: str, folder: Path, source: Path) -> None:
        """Copy the folder `source` and open the copy."""
        self.broker, self.address = broker, address
        self.folder = folder / address
        shutil.copytree(source, self.folder)
        self.client: CallsDouble = broker.calls(address)
        self._identity = _at_home(address, self.folder / "keystore.json")
        self.adapter: Adapter = self.restart()

    def restart(self, identity: Identity | None = None) -> Adapter:
        """Open the database anew, as after a crash, with this partner's keys unless others are given."""
        store = Store.open(self.folder / "adapter.sqlite")
        clock: Clock = self.broker.clock
        book = KeyBook(StoredKeyBook(store), self.broker.pins, clock)
        keys = identity or self._identity
        office = Office(self.address, "int-7", keys, store, book, self.broker.pins, clock)
        self.adapter = Adapter(Settings(**settings_members(self.address, self.folder)), office, self.client)
        return self.adapter

    @property
    def store(self) -> Store:
        """Its database."""
        return self.adapter.office.store

    def enrol(self) -> None:
        """Have the operator journal its key statements."""
        with self.store.transaction() as tx:
            self.broker.enrol(self.address, tx.keyring.own())


def town(folder: Path) -> tuple[BrokerDouble, Partner, Partner]:
    """A broker, the 211 line and the shelter, enrolled, their agreement in force and known to both."""
    settled, home = _settled()
    broker = settled.clone()
    return broker, Partner(broker, LINE, folder, home / LINE), Partner(broker, SHELTER, folder, home / SHELTER)


@cache
def _settled() -> tuple[BrokerDouble, Path]:
    """The town once everybody has met everybody; made once, and copied for each test."""
    broker, home = BrokerDouble(), Path(_folders().name) / "settled"
    partners = [Partner(broker, address, home, enrolled_folder(address)) for address in (LINE, SHELTER)]
    for partner in partners:
        partner.enrol()
    for address in (HEALTH, NEWCOMERS):
        root, period = root_key(address), (AT - DAY, AT + 3650 * DAY)
        broker.enrol(address, [publish((0, None), address, "root", root.public, period, root.signers)])
    for partner in partners:
        done = partner.adapter.sync()
        assert done.troubles == []
        partner.store.close()
    return broker, home


def consent_members(changes: Mapping[str, object] | None = None) -> Json:
    """A consent file: shelter given, health refused, newcomers' services put off."""
    record = record_members()
    members: Json = {"person": "personne-fictive-1"}
    members |= {name: record[name] for name in ("processing", "circumstances", "events")}
    members["processing"]["purposes"][0]["sections"].insert(2, "situation")
    return changed(members, changes or {})


def consent_file(changes: Mapping[str, object] | None = None) -> ConsentFile:
    """The consent file, read."""
    return read_consent(strictjson.dumps(consent_members(changes)))


def referral_members(consent: str, changes: Mapping[str, object] | None = None) -> Json:
    """A referral file of an invented person to the shelter."""
    members: dict[str, Any] = {
        "to": SHELTER,
        "purpose": "referral-shelter",
        "priority": "tonight",
        "need": "shelter-tonight",
        "consent": consent,
        "sections": {
            "identity": {"given_name": "Canari", "family_name": "Personne-Fictive", "age_band": "25-54"},
            "contact": {
                "reach": "direct",
                "channels": [{"channel": "phone", "value": "450 555-0123", "safe_to_leave_message": "no"}],
            },
            "situation": {"needs": [{"need": "shelter-tonight", "urgency": "tonight", "since": "days"}]},
            "housing": {"tonight": "street", "nights_needed": 3},
            "worker": {"name": "Intervenante Inventée"},
        },
    }
    return changed(members, changes or {})


def referral_file(consent: str, changes: Mapping[str, object] | None = None) -> ReferralFile:
    """The referral file, read."""
    return read_referral(strictjson.dumps(referral_members(consent, changes)))


def sent(line: Partner) -> Queued:
    """A consent recorded and a referral put in the outbox of the 211 line."""
    recorded, _ = line.adapter.record_consent(consent_file())
    queued = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued), queued
    return queued


def arrived(line: Partner, shelter: Partner) -> Queued:
    """A referral that the shelter received, opened and acknowledged."""
    queued = sent(line)
    line.adapter.sync()
    shelter.adapter.sync()
    return queued
