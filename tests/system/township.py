"""Two real adapters at a real broker, in one process and at a held clock: nothing is played but the clock."""

from __future__ import annotations

import shutil
from pathlib import Path

from starlette.testclient import TestClient

from adapters.assembly import connector
from adapters.identity import Identity
from adapters.keybook import KeyBook
from adapters.office import Office
from adapters.partner import Adapter
from adapters.pins import fetch_pins
from adapters.settings import Settings
from adapters.store.journalled import StoredKeyBook
from adapters.store.store import Store as AdapterStore
from consent.agreement import Agreement, AgreementState
from consent.vocabulary import SCOPES
from gateway import protocols
from gateway.app import create_app
from gateway.broker import Broker
from gateway.enrolments import Enrolment, enrol
from gateway.sequencer.integration import integrate
from gateway.store.migration import migrate
from gateway.store.store import Store
from keys.documents import encode
from keys.signing import SignedDocument
from tests.adapters.partners import PASSPHRASE, enrolled_folder, settings_members
from tests.builders import agreement_signature
from tests.gateway.first_day import ORIGIN, SETTINGS, broker_keys, statements_of
from tests.gateway.sign_in import URL, HeldClock
from tests.invented import AT, HEALTH, LINE, NEWCOMERS, PARTIES, SHELTER, TERRITORY, root_key
from tests.partnership import amended, founding


class Township:
    """The broker and its application; `adapters` are the partners' programs, by address."""

    def __init__(self, folder: Path) -> None:
        """Found a broker, enrol four partners, two of them with their own programs, and put an agreement in force."""
        self.clock = HeldClock(AT)
        self.folder = folder
        store = Store(f"sqlite:///{folder / 'gateway.sqlite3'}")
        migrate(store)
        self.broker = Broker(SETTINGS, store, broker_keys(), self.clock)
        self.http = TestClient(create_app(self.broker), base_url=URL, raise_server_exceptions=False)
        with store.transaction() as tx:
            tx.journal.create(TERRITORY, ORIGIN, AT)
            integrate(tx, self.broker.keys.signer, AT)
        self.adapters = {address: self._furnished(address) for address in (LINE, SHELTER)}
        for address, adapter in self.adapters.items():
            with adapter.office.store.transaction() as own:
                self.enrol(address, own.keyring.own())
        for address in (HEALTH, NEWCOMERS):
            self.enrol(address, statements_of(address))
        journal = [str(vkey) for vkey in self.broker.keys.signer(1).vkeys]
        self.agreement = amended(founding(), {"/broker/journal": journal})
        self.agree(self.agreement, tuple(PARTIES))
        self.round()

    @property
    def line(self) -> Adapter:
        """The 211 line's program."""
        return self.adapters[LINE]

    @property
    def shelter(self) -> Adapter:
        """The shelter's program."""
        return self.adapters[SHELTER]

    def close(self) -> None:
        """Close every database."""
        for adapter in self.adapters.values():
            adapter.office.store.close()
        self.broker.store.close()

    def enrol(self, address: str, statements: list[SignedDocument]) -> None:
        """Admit a partner, as the operator does."""
        name = PARTIES[address][0] if address in PARTIES else "Organisme Inventé"
        enrolment = Enrolment(address, name, "CA-QC", tuple(statements))
        heard = root_key(address).public.fingerprint
        with self.broker.store.transaction() as tx:
            at = tx.journal.lock(self.clock())
            enrol(SETTINGS, tx, enrolment, heard=heard, scopes=SCOPES, at=at)

    def agree(self, document: Agreement, signers: tuple[str, ...]) -> None:
        """Have a version proposed, signed by these parties, and put in force."""
        with self.broker.store.transaction() as tx:
            at = tx.journal.lock(self.clock())
            registered = protocols.propose(self.broker, tx, encode(document), at)
            for address in signers:
                protocols.sign(tx, registered, agreement_signature(document, address), address, at)
            protocols.change_state(self.broker, tx, registered, "in-force", at)

    def change(self, document: Agreement, state: AgreementState) -> None:
        """Have the operator change the state of a version."""
        with self.broker.store.transaction() as tx:
            found = tx.agreements.get(document.id, document.version)
            assert found is not None
            protocols.change_state(self.broker, tx, found[0], state, tx.journal.lock(self.clock()))

    def round(self) -> None:
        """Publish the journal, and let each program exchange once; nothing may go wrong."""
        for adapter in self.adapters.values():
            self.publish()
            self.reconnect(adapter)
            assert adapter.sync().troubles == []
            assert adapter.alarms() == []

    def publish(self) -> None:
        """Publish what the journal holds, as the sequencer does."""
        with self.broker.store.transaction() as tx:
            integrate(tx, self.broker.keys.signer, tx.journal.lock(self.clock()))

    def reconnect(self, adapter: Adapter) -> None:
        """Sign in anew with the key of the hour, as a command that starts does."""
        office = adapter.office
        adapter.connect(connector(office.pins, self.http, self.clock, "en")(office.identity.client_key(office.now())))

    def _furnished(self, address: str) -> Adapter:
        folder = self.folder / address
        shutil.copytree(enrolled_folder(address), folder)
        store = AdapterStore.open(folder / "adapter.sqlite")
        pins = fetch_pins(self.http, URL)
        identity = Identity.open(address, folder / "keystore.json", PASSPHRASE)
        book = KeyBook(StoredKeyBook(store), pins, self.clock)
        office = Office(address, "int-7", identity, store, book, pins, self.clock)
        client = connector(pins, self.http, self.clock, "en")(identity.client_key(office.now()))
        return Adapter(Settings(**settings_members(address, folder)), office, client)
