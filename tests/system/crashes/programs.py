"""Starts the broker and the partners as programs of the operating system, hears what they answer, and kills them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.system.crashes.broker_program import HOST, BrokerPlan, BrokerPoint, run_broker
from tests.system.crashes.dial import Dial
from tests.system.crashes.loopback import PartnerPoint
from tests.system.crashes.partner_program import PartnerPlan, run_partner
from tests.system.crashes.towns import Prepared

PATIENCE = 30.0
"""Seconds after which a program that answers nothing is a failure."""
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.system.crashes.preloaded"])

Plan = TypeVar("Plan", BrokerPlan, PartnerPlan)


class DiedError(Exception):
    """The program is gone: it killed itself, or was killed."""


class Program(Generic[Plan]):
    """A program that runs, or ran."""

    def __init__(self, run: Callable[[Plan, Connection], None], plan: Plan) -> None:
        """Start it."""
        self.plan: Plan = plan
        self._ours, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=run, args=(plan, theirs), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0
        self._code: int | None = None
        theirs.close()

    def hear(self) -> Any:  # noqa: ANN401 - whatever the program tells
        """What it tells next; raises `DiedError`."""
        if not self._ours.poll(PATIENCE):
            raise TimeoutError
        try:
            return self._ours.recv()
        except (EOFError, ConnectionError):
            raise DiedError from None

    def has_told(self, seconds: float) -> bool:
        """Whether there is something to hear, or its end, within this time."""
        return self._ours.poll(seconds)

    def tell(self, act: str | Callable[..., Any], *arguments: object) -> None:
        """Ask it for something without waiting; raises `DiedError`."""
        try:
            self._ours.send((act, arguments))
        except ConnectionError:
            raise DiedError from None

    def ask(self, act: str | Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever the act gives
        """What an act came to; raises `DiedError`."""
        self.tell(act, *arguments)
        return self.hear()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._code is None and self._process.is_alive()

    def strike(self) -> None:
        """Kill it, if it still runs."""
        if self._code is None and self._process.pid is not None and self._process.exitcode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def kill(self) -> int:
        """Kill it, if it still runs, and wait for its end; how it ended."""
        self.strike()
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; how it ended."""
        if self._code is not None:
            return self._code
        self._process.join(PATIENCE)
        self._ours.close()
        self._code = self._process.exitcode
        if self._code is None:
            raise TimeoutError
        self._process.close()
        return self._code


class Running:
    """The broker and the partners of a town as programs, each started anew when it died."""

    def __init__(self, town: Prepared, folder: Path) -> None:
        """Start the broker; partners start when they are first asked."""
        self.town = town
        self.dial = Dial(folder / "dial").start()
        self.dial.forward(town.age)
        self.port = free_port()
        self.gate = self.port
        """The port at which partners look for the broker."""
        self.broker = self._broker(BrokerPlan(town.url, self.port, self.dial.path))
        self.partners: dict[str, Program[PartnerPlan]] = {}

    def crash_broker(self, point: BrokerPoint, path: str) -> None:
        """Start the broker anew as one that will die at this point."""
        self.broker.kill()
        self.broker = self._broker(replace(self.broker.plan, point=point, path=path))

    def revive_broker(self) -> int:
        """Start the broker anew once it died; how it ended."""
        code = self.broker.ended()
        self.broker = self._broker(replace(self.broker.plan, point=None, path=""))
        return code

    def start(self, address: str, point: PartnerPoint | None = None, path: str = "") -> Program[PartnerPlan]:
        """A partner's program, started now; with a point, it will die there."""
        before = self.partners.pop(address, None)
        if before is not None:
            before.kill()
        town = self.town
        plan = PartnerPlan(
            town.identities[address], town.pins, town.folders[address], self.gate, self.dial.path, point, path
        )
        self.partners[address] = Program(run_partner, plan)
        return self.partners[address]

    def partner(self, address: str) -> Program[PartnerPlan]:
        """A partner's program as it runs, or started now."""
        return self.partners.get(address) or self.start(address)

    def close(self) -> None:
        """Kill everything."""
        for program in self.partners.values():
            program.kill()
        self.broker.kill()

    def _broker(self, plan: BrokerPlan) -> Program[BrokerPlan]:
        program = Program(run_broker, plan)
        program.hear()
        return program


@contextmanager
def running(town: Prepared, folder: Path) -> Iterator[Running]:
    """The programs of a town, for as long as the block lasts."""
    programs = Running(town, folder)
    try:
        yield programs
    finally:
        programs.close()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server((HOST, 0)) as listening:
        return int(listening.getsockname()[1])
