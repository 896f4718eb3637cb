"""The broker looks at the time by itself for as long as it serves, and goes on when something fails."""

import asyncio
import time

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from gateway.store.tables import StatementRow
from gateway.timers import run_timers
from tests.builders import STATEMENT_ID
from tests.gateway.endings import told
from tests.gateway.first_day import SETTINGS
from tests.gateway.sign_in import URL
from tests.gateway.world import World


def test_the_broker_looks_by_itself_while_it_serves(world: World) -> None:
    """The loop begins with the application and ends with it; two of them decide nothing twice."""
    world.picked_up()
    world.clock.move(hours=1)
    with TestClient(world.app, base_url=URL), TestClient(world.app, base_url=URL):
        until = time.monotonic() + 20
        while "task.transition" not in world.types():
            assert time.monotonic() < until
            time.sleep(0.02)
    assert world.types().count("task.transition") == 1
    assert told(world.line) == [("timer", "T11")]


def test_a_duty_that_fails_does_not_stop_the_others(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A row that cannot be read keeps its own kind from being done, and nothing else; the log names no one."""
    world.picked_up()
    spoiled = update(StatementRow).values(not_after="", document=b"\0")
    world.act(lambda tx, _: tx.connection.execute(spoiled))
    world.clock.move(hours=1)

    async def play() -> None:
        task = asyncio.create_task(run_timers(world.broker))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if "task.transition" in world.types():
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())
    assert "task.transition" in world.types()
    shown = capsys.readouterr()
    assert "timer.failed" in shown.out + shown.err
    assert STATEMENT_ID not in shown.out + shown.err
    assert SETTINGS.address not in shown.out + shown.err
