"""Under real load every entry is published in its time, and no more checkpoints are signed than are needed for that."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway import checkpoints
from gateway.sequencer.loop import run_sequencer
from gateway.store.store import Duty
from gateway.store.transaction import Transaction
from journal.notes import open_note
from tests.builders import LINE, SHELTER
from tests.gateway.first_day import SETTINGS, SHARED_ENTRIES, broker_keys
from tests.gateway.world import World

VKEYS = broker_keys().signer(1).vkeys
SECONDS = 6.0
INTEGRATED, SIGNED = timedelta(seconds=1), timedelta(seconds=10)
"""PROTOCOL §7: integrated within a second, under a signed checkpoint within ten."""


@pytest.fixture
def busy(world: World) -> World:
    """A world with the clock of this machine."""
    world.broker = replace(world.broker, clock=lambda: datetime.now(tz=UTC))
    return world


def _append(world: World, tx: Transaction) -> None:
    """What one request may leave: a few entries with their openings and their parties."""
    members = {"type": "audit.read", "actor": SETTINGS.address, "from": LINE, "to": SHELTER}
    at = tx.journal.lock(world.broker.clock())
    for _ in range(4):
        tx.journal.append(at, **members)


async def _load(world: World) -> float:
    """Many writers for some seconds while the sequencer runs beside them; how long one of them waited at most."""
    sequencer = asyncio.create_task(run_sequencer(world.broker))
    loop = asyncio.get_running_loop()
    end, waited = loop.time() + SECONDS, 0.0

    async def writer() -> None:
        nonlocal waited
        while (begun := loop.time()) < end:
            await world.broker.store.write(lambda tx: _append(world, tx))
            waited = max(waited, loop.time() - begun)

    await asyncio.gather(*(writer() for _ in range(16)))
    await asyncio.sleep(1.5)
    sequencer.cancel()
    await asyncio.gather(sequencer, return_exceptions=True)
    return waited


def test_the_promise_is_kept_under_load(busy: World) -> None:
    """Read from the archive: each entry's own time, and the first checkpoint that covers it, by both its times.

    A second beyond what a commit takes on this machine, which is a few milliseconds where nobody else uses it.
    """
    integrated = INTEGRATED + timedelta(seconds=asyncio.run(_load(busy)))
    entries = busy.entries()[SHARED_ENTRIES:]
    assert len(entries) > 2000
    with busy.broker.store.reading() as tx:
        archive = list(checkpoints.Archive(tx).all())
    position = 0
    for entry in entries:
        while archive[position].size <= entry.index:
            position += 1
        published = archive[position]
        assert published.time - entry.time <= integrated, (entry.index, published.time - entry.time)
        stated = open_note(published.note, VKEYS).signed_at if entry.index == published.size - 1 else published.time
        assert stated is not None
        assert stated - entry.time <= SIGNED
    assert archive[-1].size == entries[-1].index + 1
    signed = [each for each in archive if each.size > SHARED_ENTRIES]
    # Where commits are slow they come closer together, but never as close as the looks for something new.
    assert 3 <= len(signed) <= (signed[-1].time - signed[0].time).total_seconds() / 0.3 + 2


def test_while_one_process_waits_no_other_signs(busy: World) -> None:
    """The pause after a checkpoint is that of the whole broker: its duty is kept meanwhile."""

    async def play() -> list[bool]:
        sequencer = asyncio.create_task(run_sequencer(busy.broker))
        await busy.broker.store.write(lambda tx: _append(busy, tx))
        await asyncio.sleep(0.3)
        with busy.broker.store.on_duty(Duty.SEQUENCER) as ours:
            early = ours
        sequencer.cancel()
        await asyncio.gather(sequencer, return_exceptions=True)
        with busy.broker.store.on_duty(Duty.SEQUENCER) as ours:
            return [early, ours]

    shared = busy.broker.store.engine.dialect.name == "postgresql"
    assert asyncio.run(play()) == [not shared, True]
