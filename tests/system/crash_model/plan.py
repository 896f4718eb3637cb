"""What happens in a history: the acts of each partner, what befalls their calls, and who dies when; a seed says all."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final, Literal

from tests.invented import HEALTH, LINE, NEWCOMERS, SHELTER
from tests.system.crash_model.wire import FAULTS, Fault
from tests.system.crashes.rest import LEASE

Act = tuple[str, int]
"""What a partner does, and the number from which it takes its own choices."""
Victim = Literal["broker", "second-broker", "database", "server"]

LONGEST: Final = 0.8
"""Seconds after its beginning within which a move is cut into."""
_OF_LINE: Final = {"sync": 12, "refer": 12, "message": 5, "step": 5, "withdraw": 2, "consent": 3, "by_code": 1}
_OF_OTHERS: Final = {"sync": 16, "step": 12, "message": 5, "answer": 4, "by_code": 1}
_FAULTS: Final = {"none": 40, **dict.fromkeys(FAULTS, 1)}
_VICTIMS: Final[dict[Victim, int]] = {"broker": 4, "second-broker": 2, "database": 3, "server": 1}


@dataclass(frozen=True)
class Move:
    """What is done at once: each partner's acts in order, what befalls its calls, who is killed how soon."""

    acts: dict[str, tuple[Act, ...]]
    faults: dict[str, tuple[Fault, ...]] = field(default_factory=dict)
    victims: tuple[str, ...] = ()
    after: float = 0.0
    forward: float = 0.0


def plan(seed: int) -> list[Move]:
    """The moves of a history; they follow from its seed alone."""
    chance = random.Random(seed)  # noqa: S311 - a history is to be repeatable, not secret
    names = ("consent", "consent", "consent", "refer", "refer", "refer", "refer", "sync", "sync")
    beginning = Move({LINE: tuple((name, chance.getrandbits(32)) for name in names)}, _faults(chance, (LINE,)))
    return [beginning, *(_move(chance) for _ in range(chance.randint(5, 7)))]


def _move(chance: random.Random) -> Move:
    partners = sorted({chance.choice((LINE, SHELTER)), *chance.sample((LINE, SHELTER, HEALTH, NEWCOMERS), 2)})
    acts = {address: _acts(chance, _OF_LINE if address == LINE else _OF_OTHERS) for address in partners}
    victims: list[str] = []
    if chance.random() < 0.5:
        victims += chance.choices(list(_VICTIMS), list(_VICTIMS.values()))
    if chance.random() < 0.4:
        victims.append(chance.choice(partners))
    forward = chance.choice((0.0, 0.0, 5.0, LEASE))
    return Move(acts, _faults(chance, partners), tuple(victims), chance.uniform(0, LONGEST), forward)


def _acts(chance: random.Random, weights: dict[str, int]) -> tuple[Act, ...]:
    names = [*chance.choices(list(weights), list(weights.values()), k=chance.randint(1, 3)), "sync"]
    return tuple((name, chance.getrandbits(32)) for name in names)


def _faults(chance: random.Random, partners: tuple[str, ...] | list[str]) -> dict[str, tuple[Fault, ...]]:
    names: list[Fault] = list(_FAULTS)
    return {each: tuple(chance.choices(names, list(_FAULTS.values()), k=24)) for each in partners}
