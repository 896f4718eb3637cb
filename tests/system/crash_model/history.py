"""One history by chance: four partners at work, with programs killed and calls lost while they are under way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.system.crash_model.plan import Act, Move
from tests.system.crash_model.players import EVERYBODY, SHUT, Players
from tests.system.crash_model.wire import Call
from tests.system.crash_model.work import Told, do
from tests.system.crashes.programs import PATIENCE, DiedError
from tests.system.crashes.rest import come_to_rest
from tests.system.crashes.towns import Prepared

LOOK: Final = 0.05
"""Seconds between two looks at whether the broker is still there."""


@dataclass
class Heard:
    """What partners were told of what they did, in the order in which they heard it."""

    told: list[tuple[str, Told]] = field(default_factory=list)
    codes: list[tuple[str, str]] = field(default_factory=list)
    """Each code that a person took home, with the consent that it ends."""
    errors: list[tuple[str, str]] = field(default_factory=list)
    """What went wrong with an act, by its slug."""


class History:
    """The programs of one history, and what was heard from them."""

    def __init__(self, town: Prepared, folder: Path) -> None:
        """Start the broker."""
        self.players = Players(town, folder)
        self.heard = Heard()

    @property
    def calls(self) -> list[Call]:
        """Every call that the broker answered, in the order of the answers."""
        return sorted(
            (call for wire in self.players.wires.values() for call in wire.calls), key=lambda each: each.ended
        )

    @property
    def faults(self) -> int:
        """How many calls something befell."""
        return sum(wire.met for wire in self.players.wires.values())

    def play(self, moves: list[Move]) -> None:
        """Make every move; then let nothing go wrong any more until all is quiet."""
        for move in moves:
            self._make(move)
        for address in EVERYBODY:
            self.players.partner(address)
        come_to_rest(self.players)

    def _make(self, move: Move) -> None:
        for address, faults in move.faults.items():
            self.players.wires[address].faults.extend(faults)
        for address, acts in move.acts.items():
            self._ask(address, acts)
        if move.victims:
            time.sleep(move.after)
            for victim in move.victims:
                self._strike(victim)
        for address, acts in move.acts.items():
            self._hear(address, acts)
        for wire in self.players.wires.values():
            wire.faults.clear()
        self.players.revive()
        if move.forward:
            self.players.dial.forward(move.forward)

    def _ask(self, address: str, acts: tuple[Act, ...]) -> None:
        """Ask a partner for each of its acts without waiting."""
        for name, seed in acts:
            codes = self.heard.codes
            code = codes[seed % len(codes)] if codes else None
            with suppress(DiedError):  # noticed when nothing is heard of it
                self.players.partner(address).tell(do, name, seed, code)

    def _hear(self, address: str, acts: tuple[Act, ...]) -> None:
        """Hear what came of each act; who dies meanwhile is started again, and goes on with the act after that."""
        while acts:
            acts = acts[1:]
            try:
                self._note(address, self._told(address))
            except DiedError:
                self.players.gone(address)
                self._ask(address, acts)
        if address in self.players.partners and self.players.partners[address].pid in self.players.struck:
            self.players.gone(address)

    def _told(self, address: str) -> object:
        """What a partner tells next, the broker being started again as often as it dies before that."""
        until = time.monotonic() + PATIENCE
        while not self.players.partner(address).has_told(LOOK) and time.monotonic() < until:
            self.players.revive()
        return self.players.partner(address).hear()

    def _note(self, address: str, told: object) -> None:
        if isinstance(told, str):
            self.heard.errors.append((address, told))
            return
        assert isinstance(told, Told), told
        self.heard.told.append((address, told))
        self.heard.errors += [(address, each) for each in told.troubles]
        if told.code:
            self.heard.codes.append((told.code, told.statement))

    def _strike(self, victim: str) -> None:
        players = self.players
        if victim == "broker" or (victim == "second-broker" and len(players.brokers) > 1):
            players.strike("", "broker-killed", players.brokers[victim != "broker"].plan.port)
        elif victim == "database":
            players.strike("", "database-cut")
        elif victim == "server" and players.town.databases.server is not None:
            with players.town.databases.server.stopped():
                time.sleep(SHUT)
        elif victim in EVERYBODY:
            players.strike(victim, "caller-killed")


@contextmanager
def history(town: Prepared, folder: Path) -> Iterator[History]:
    """The programs of a history, for as long as the block lasts."""
    begun = History(town, folder)
    try:
        yield begun
    finally:
        begun.players.close()
