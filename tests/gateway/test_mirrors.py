"""An auditor's mirror of the broker itself: what its routes show is enough to verify it, day after day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.audit_bundles import export_bundle
from gateway.sequencer.integration import integrate
from gateway.store.transaction import Transaction
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.bundle import open_bundle
from journal.enriching import enrich
from journal.growing import Grown, grow
from journal.mirror import Mirror
from journal.pins import Pins
from journal.shards import first_shard
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.rotating import rotated
from tests.gateway.world import World

VKEYS = broker_keys().signer(1).vkeys
PINS = Pins(first_shard(VKEYS))


def _visit(world: World, folder: Path, pins: Pins = PINS) -> Grown:
    """A visit through the broker's own routes."""

    def fetch(path: str, limit: int) -> bytes | None:
        answer = world.client.get(f"/v1/journal/{path}")
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, path
        assert len(answer.content) <= limit
        return answer.content

    def many(asked: Iterable[tuple[str, int]]) -> Iterator[bytes | None]:
        return (fetch(*each) for each in asked)

    mirror = Mirror.make(folder)
    try:
        return grow(mirror, fetch, many, pins)
    finally:
        mirror.close()


def _fill(world: World, count: int) -> None:
    """Entries, each published within a second."""

    def append(tx: Transaction, at: datetime) -> None:
        tx.journal.append(at, type="audit.read", actor=SETTINGS.address)

    for _ in range(count):
        world.clock.move(seconds=1)
        world.act(append)
        with world.broker.store.transaction() as tx:
            integrate(tx, broker_keys().signer, world.clock())


@pytest.mark.slow
def test_a_mirror_follows_the_broker(world: World, tmp_path: Path) -> None:
    """More than a page of checkpoints, quiet hours, a hand-over, and what the bundle adds: everything verifies."""
    _fill(world, 3)
    first = _visit(world, tmp_path / "mirror")
    _fill(world, 260)
    for _ in range(120):
        world.clock.move(hours=1)
        with world.broker.store.transaction() as tx:
            integrate(tx, broker_keys().signer, world.clock())
    second = _visit(world, tmp_path / "mirror")
    assert second.checkpoints > 370
    assert second.before == first.newest.checkpoint.size
    rotated(world)
    _fill(world, 3)
    with (tmp_path / "bundle.zip").open("wb") as out:
        export_bundle(world.broker, out, world.clock() + timedelta(milliseconds=1))
    third = _visit(world, tmp_path / "mirror")
    assert [each.shard.number for each in third.shards] == [1, 2]
    assert third.size == len(world.entries())
    mirror = Mirror.make(tmp_path / "mirror")
    with open_bundle(tmp_path / "bundle.zip") as bundle:
        enrich(mirror, third.shards, [], [bundle])
    mirror.close()
    found = [verify_bundle(Question(tmp_path / name, VKEYS)) for name in ("mirror", "bundle.zip")]
    assert found[0].replay == found[1].replay
    archives = [each.published for each in found]
    assert archives[0] is not None
    assert archives[1] is not None
    assert [each.sizes for each in archives[0]] == [each.sizes for each in archives[1]]
    assert all(each.holds and each.complete for each in found), found[0].replay
