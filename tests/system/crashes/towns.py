"""The town that every crash begins in: made once for each database engine, and copied in a moment."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from starlette.testclient import TestClient

from adapters.identity import Identity
from adapters.pins import GatewayPins
from gateway.app import create_app
from gateway.broker import Broker
from gateway.sequencer.integration import integrate
from gateway.store.migration import migrate
from gateway.store.store import Store
from tests.databases import Server
from tests.gateway.first_day import ORIGIN, SETTINGS, broker_keys
from tests.gateway.sign_in import URL, HeldClock
from tests.invented import AT, PARTIES, TERRITORY
from tests.partnership import amended, founding
from tests.system.township import Township

DATABASE = "adapter.sqlite"


@dataclass(frozen=True)
class Databases:
    """Where the broker's databases come from: files in a folder, or a PostgreSQL server."""

    folder: Path
    server: Server | None = None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def make(self, copy_of: str | None = None) -> str:
        """The URL of a new database, empty or a copy of one that nobody is connected to."""
        if self.server is not None:
            template = copy_of.partition("@/")[2].partition("?")[0] if copy_of else "template1"
            return self.server.url(self.server.create(template))
        path = self.folder / f"gateway-{next(self.numbers)}.sqlite3"
        if copy_of is not None:
            copy_database(Path(copy_of.removeprefix("sqlite:///")), path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """Let go of a database, whoever was killed while connected to it."""
        if self.server is not None:
            self.server.drop(url.partition("@/")[2].partition("?")[0])


@dataclass(frozen=True)
class Prepared:
    """A town at rest: the URL of the broker's database, each partner's folder and keys, and names of what is in it."""

    databases: Databases
    url: str
    folders: dict[str, Path]
    identities: dict[str, Identity]
    pins: GatewayPins
    names: dict[str, str] = field(default_factory=dict)
    age: float = 0.0
    """Seconds since `AT` that its journal may have reached."""

    def copy(self, folder: Path, names: dict[str, str] | None = None) -> Prepared:
        """The same town in databases of its own, in a folder of its own."""
        url = self.databases.make(self.url)
        folders = {}
        for address, source in self.folders.items():
            folders[address] = folder / address
            folders[address].mkdir(mode=0o700, parents=True)
            copy_database(source / DATABASE, folders[address] / DATABASE)
        return replace(self, url=url, folders=folders, names=self.names | (names or {}))

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Prepared]:
        """The same town, for as long as the block lasts."""
        copy = self.copy(folder)
        try:
            yield copy
        finally:
            self.databases.drop(copy.url)
            shutil.rmtree(folder)


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite database as it is committed, readable by its owner only."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    target.chmod(0o600)


class Founded(Township):
    """A broker on a database of its own, with every partner's program beside it, at a held clock."""

    def __init__(self, folder: Path, url: str) -> None:
        """Found the broker, enrol everybody, and put the agreement in force."""
        self.clock = HeldClock(AT)
        self.folder = folder
        store = Store(url)
        migrate(store)
        self.broker = Broker(SETTINGS, store, broker_keys(), self.clock)
        self.http = TestClient(create_app(self.broker), base_url=URL, raise_server_exceptions=False)
        with store.transaction() as tx:
            tx.journal.create(TERRITORY, ORIGIN, AT)
            integrate(tx, self.broker.keys.signer, AT)
        self.adapters = {address: self._furnished(address) for address in PARTIES}
        for address, adapter in self.adapters.items():
            with adapter.office.store.transaction() as own:
                self.enrol(address, own.keyring.own())
        journal = [str(vkey) for vkey in self.broker.keys.signer(1).vkeys]
        self.agreement = amended(founding(), {"/broker/journal": journal})
        self.agree(self.agreement, tuple(PARTIES))
        for _ in range(2):
            self.round()


def found(databases: Databases, folder: Path) -> Prepared:
    """A town in which everybody has met everybody and nothing else has happened yet."""
    url = databases.make()
    town = Founded(folder, url)
    prepared = Prepared(
        databases,
        url,
        {address: folder / address for address in PARTIES},
        {address: adapter.office.identity for address, adapter in town.adapters.items()},
        town.line.office.pins,
    )
    town.close()
    return prepared
