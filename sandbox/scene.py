"""What every scene of the demonstration shares: who is on stage, how a step is taken, how long something may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from adapters.outgoing import Queued
from adapters.partner import Adapter
from consent.passage import Refused
from gateway.broker import Broker
from keys.errors import PasserelleError
from sandbox.cast import Player
from sandbox.narrator import Narrator
from sandbox.territories import Territory

__all__ = ["Scene", "StoryError", "entries", "queued", "until"]

PATIENCE = 15.0
"""Seconds within which what one partner sends reaches the other; the story stops rather than wait longer."""


T = TypeVar("T")


class StoryError(PasserelleError):
    """The story could not go on: a rule refused what it should have let pass, or something did not arrive."""


@dataclass(frozen=True)
class Scene:
    """Who is on stage, and where things are kept."""

    territory: Territory
    folder: Path
    broker: Broker
    players: Mapping[str, Player]
    adapters: Mapping[str, Adapter]
    narrator: Narrator

    @property
    def requester(self) -> Adapter:
        """The partner to whom the person spoke."""
        return self.adapters[self.territory.requester]

    @property
    def owner(self) -> Adapter:
        """The partner who is asked to help."""
        return self.adapters[self.territory.owner]

    @property
    def bystander(self) -> Adapter:
        """A partner who has no part in the referral."""
        busy = {self.territory.requester, self.territory.owner}
        return next(adapter for slug, adapter in self.adapters.items() if slug not in busy)

    @property
    def witnesses(self) -> tuple[Adapter, ...]:
        """The partners whose eyes on the journal the agreement counts on."""
        return tuple(self.adapters[slug] for slug in self.territory.witnesses)


def queued(answer: Queued | Refused) -> Queued:
    """What was put in the outbox; raises `StoryError` with the reason when it was refused."""
    if isinstance(answer, Refused):
        raise StoryError(answer.because, answer.pointer)
    return answer


def until(look: Callable[[], T | None], what: str) -> T:
    """Look again and again until something is there, and return it; raises `StoryError` when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise StoryError("demo-stopped", f"/{what}")
        time.sleep(0.05)
    return found


def entries(scene: Scene) -> int:
    """How many entries the broker's journal holds, published or not yet."""
    with scene.broker.store.reading() as tx:
        return tx.journal.head().size
