"""The programs of a history behind their cables: one broker, or two that share a database, and whoever kills them."""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psycopg

from tests.invented import HEALTH, LINE, NEWCOMERS, SHELTER
from tests.system.crash_model.wire import Fault, Wire
from tests.system.crashes.broker_program import BrokerPlan, run_broker
from tests.system.crashes.partner_program import PartnerPlan, run_partner
from tests.system.crashes.programs import Program, Running, free_port
from tests.system.crashes.towns import Prepared

EVERYBODY: Final = (LINE, SHELTER, HEALTH, NEWCOMERS)
SHUT: Final = 0.2
"""Seconds for which a database server that is started anew is away."""


def run_noted_broker(plan: BrokerPlan, parent: Connection) -> None:
    """A broker that writes what it says into a file beside the dial."""
    _note(plan.dial.with_name("broker.log"))
    run_broker(plan, parent)


def run_noted_partner(plan: PartnerPlan, parent: Connection) -> None:
    """A partner's program that writes what it says into a file beside the dial."""
    _note(plan.dial.with_name("partners.log"))
    run_partner(plan, parent)


class Players(Running):
    """The broker's programs and the partners', each behind a cable of its own, and the deaths that were dealt out."""

    def __init__(self, town: Prepared, folder: Path) -> None:
        """Start the broker: on PostgreSQL as two processes."""
        self.folder = folder
        self.struck: set[int] = set()
        """The processes that were killed."""
        super().__init__(town, folder)
        self.brokers = [self.broker]
        if town.databases.server is not None:
            self.brokers.append(self._broker(replace(self.broker.plan, port=free_port())))
        ports = tuple(each.plan.port for each in self.brokers)
        self.wires = {each: Wire(each, ports, partial(self.strike, each)) for each in EVERYBODY}

    def start(self, address: str, *_unused: object) -> Program[PartnerPlan]:
        """A partner's program, started now, at its cable."""
        before = self.partners.pop(address, None)
        if before is not None:
            before.kill()
        town, port = self.town, self.wires[address].port
        plan = PartnerPlan(town.identities[address], town.pins, town.folders[address], port, self.dial.path)
        self.partners[address] = Program(run_noted_partner, plan)
        return self.partners[address]

    def strike(self, who: str, what: Fault, port: int = 0) -> None:
        """Kill a partner or the broker's process at a port, or cut every connection to the database."""
        if what == "database-cut":
            cut(self.town.url)
            return
        if what == "broker-killed":
            named = [each.pid for each in self.brokers if each.plan.port == port]
        else:
            named = [self.partners[who].pid] if who in self.partners else []
        for pid in named:  # also from the threads of the cables: nothing is asked of a process but its number
            self.struck.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def gone(self, address: str) -> None:
        """Let go of a partner's program that ended; raises `AssertionError` unless somebody killed it."""
        self._ended(self.partners.pop(address))

    def revive(self) -> None:
        """Start again each of the broker's processes that was killed."""
        for number, broker in enumerate(self.brokers):
            if broker.pid in self.struck or not broker.is_alive:
                self._ended(broker)
                self.brokers[number] = self._broker(broker.plan)
        self.broker = self.brokers[0]

    def close(self) -> None:
        """Kill everything."""
        for broker in self.brokers:
            broker.kill()
        super().close()
        for wire in self.wires.values():
            wire.close()

    def ask_where(self) -> None:
        """Have every program write down where it stands."""
        for pid in (*(each.pid for each in self.brokers), *(each.pid for each in self.partners.values())):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)
        time.sleep(SHUT)

    def said(self) -> str:
        """The last of what the programs wrote."""
        found = {path.name: path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))}
        return "\n".join(f"--- {name}\n{text[-6000:]}" for name, text in found.items())

    def _ended(self, program: Program[PartnerPlan] | Program[BrokerPlan]) -> None:
        code = program.ended()
        assert (code, program.pid in self.struck) == (-signal.SIGKILL, True), "a program ended by itself"

    def _broker(self, plan: BrokerPlan) -> Program[BrokerPlan]:
        program = Program(run_noted_broker, plan)
        program.hear()
        return program


def cut(url: str) -> None:
    """Cut every connection to a PostgreSQL database; a file of SQLite has none."""
    if not url.startswith("postgresql"):
        return
    with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as own:
        own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _note(path: Path) -> None:
    """Write what this program says, and where its threads stand when it is asked, at the end of a file."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    faulthandler.register(signal.SIGUSR1, file=file, all_threads=True)
