"""A consent that is over, with everything that the journal says under it; and a program that dies while it erases."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import datetime
from unittest import mock

from gateway.erasure import Order, erase_consent
from gateway.store.journal import JournalTable
from gateway.store.store import Store
from tests.builders import STATEMENT_ID
from tests.gateway.first_day import SETTINGS
from tests.gateway.world import World

__all__ = ["LAST_DAY", "REQUEST", "killed_while_erasing", "over"]

LAST_DAY = 1095
"""Days for which the builders' agreement has evidence kept."""
REQUEST = Order("operator", "request")


def over(world: World) -> list[int]:
    """A referral that was refused once, sent, picked up, answered and closed, and its consent withdrawn.

    Returns the indices of what the journal says of it.
    """
    begin = len(world.entries())
    assert world.line.register().status_code == 201
    assert world.line.deposit(world.referral({"/article": "9"})).status_code == 403
    wire = world.referral()
    assert world.line.deposit(wire).status_code == 201
    assert len(world.shelter.lease()) == 1
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    for number, step in enumerate(("T03", "T08", "T14"), start=1):
        world.clock.move(seconds=1)
        assert world.shelter.deposit(world.event(step, number)).status_code == 201
    assert world.shelter.deposit(world.event("T17", 4, outcome="place-given")).status_code == 201
    assert world.line.withdraw().status_code == 201
    return list(range(begin, len(world.entries())))


def _die(*_args: object, **_members: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _erase(url: str, at: datetime) -> None:
    with mock.patch.object(JournalTable, "append", _die):
        erase_consent(SETTINGS, Store(url), STATEMENT_ID, REQUEST, at)


def killed_while_erasing(url: str, at: datetime) -> None:
    """Erase in a program of its own that is killed once the openings are gone and nothing is journalled yet."""
    process = multiprocessing.get_context("spawn").Process(target=_erase, args=(url, at))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
