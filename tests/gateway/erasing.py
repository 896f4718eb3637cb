"""A consent that is over, with everything that the journal says under it; and a program that dies while it erases."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import datetime
from pathlib import Path
from unittest import mock

import pytest

from gateway.audit_bundles import export_bundle
from gateway.erasure import ErasureError, Order, erasable, erase_consent
from gateway.store.journal import JournalTable
from gateway.store.store import Store
from journal.bundle import Bundle
from journal.replay import verify
from journal.report import AuditReport
from tests.builders import STATEMENT_ID
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.world import World

__all__ = [
    "LAST_DAY",
    "REQUEST",
    "erased",
    "evidence_over",
    "exported",
    "killed_while_erasing",
    "openings",
    "over",
    "refusal_to_erase",
]

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


def erased(world: World, order: Order = REQUEST, statement: str = STATEMENT_ID) -> tuple[int, ...]:
    """Erase a consent now, and return the indices of what is gone."""
    return erase_consent(SETTINGS, world.broker.store, statement, order, world.clock())


def refusal_to_erase(world: World, order: Order = REQUEST, statement: str = STATEMENT_ID) -> str:
    """The slug with which erasing is refused, beforehand and in the act; nothing is gone then."""
    before = openings(world)
    with pytest.raises(ErasureError) as refused:
        erased(world, order, statement)
    with pytest.raises(ErasureError):
        erasable(world.broker.store, statement, order, world.clock())
    assert openings(world) == before
    return refused.value.code


def evidence_over(world: World) -> None:
    """The day after the evidence is kept no longer."""
    world.clock.move(days=LAST_DAY + 1)


def openings(world: World) -> dict[int, bytes]:
    """The entries that can still be read, by index."""
    with world.broker.store.reading() as tx:
        return {index: opening.entry for index, opening in tx.journal.openings(tx.journal.head().size)}


def exported(world: World, path: Path) -> AuditReport:
    """What a replay of the bundle finds that the operator writes now."""
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(path) as bundle:
        return verify(bundle, broker_keys().signer(1).vkeys)


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
