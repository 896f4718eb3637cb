"""Several processes of one broker on one PostgreSQL database do everything once, in one order."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from gateway.audit_bundles import export_bundle
from gateway.sequencer.loop import run_sequencer
from gateway.store.store import Duty, Store, StoreUnavailableError
from gateway.timers import run_timers
from journal.bundle import Bundle
from journal.replay import verify
from tests.builders import LINE, SHELTER
from tests.databases import Server
from tests.gateway.first_day import SHARED_ENTRIES, broker_keys, make_database
from tests.gateway.rotating import exported, follow, rotated
from tests.gateway.several import holding, partner_at, serving
from tests.gateway.world import World, envelope_id, refusal_of

pytestmark = pytest.mark.slow


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """A database of the first day."""
    name = server.create()
    make_database(server.url(name))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def three(url: str) -> Iterator[list[World]]:
    """Three brokers with the same keys and clock on that database, as three processes would be."""
    stores = [Store(url) for _ in range(3)]
    yield [World(store) for store in stores]
    for store in stores:
        store.close()


def _at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call gives, all of them begun at the same moment."""
    barrier = threading.Barrier(len(calls))

    def begun(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the call gives
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(begun, call) for call in calls]]


def test_one_envelope_at_three_processes_has_one_effect_and_one_receipt(three: list[World]) -> None:
    """Deposited everywhere at the same moment, ten times over: one 201, and the same bytes for each."""
    first = three[0]
    first.line.register()
    first.line.deposit(first.referral())
    for world in three:
        world.line.token()
    for number in range(1, 11):
        wire = first.message({"/id": envelope_id(number), "/seq": number})
        answers: list[Response] = _at_once(*(lambda w=world, wire=wire: w.line.deposit(wire) for world in three))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
        assert len({answer.content for answer in answers}) == 1
    assert first.types() == ["consent.registered"] + ["envelope.accepted"] * 11


def test_a_proof_is_good_once_in_all_processes(three: list[World]) -> None:
    """Used at one process it is refused at the others, also when all get it at the same moment."""
    path = f"/v1/organisations/{SHELTER}"
    for _ in range(10):
        headers = three[0].line.headers("GET", path)
        answers = _at_once(*(lambda w=world, h=headers: w.client.get(path, headers=h) for world in three))
        refused = [refusal_of(answer) for answer in answers if answer.status_code != 200]
        assert refused == [(401, "proof-replayed")] * 2
    headers = three[0].line.headers("GET", path)
    assert three[1].client.get(path, headers=headers).status_code == 200
    assert refusal_of(three[2].client.get(path, headers=headers)) == (401, "proof-replayed")


def test_each_envelope_is_handed_out_once(three: list[World]) -> None:
    """Three processes of a recipient fetch from three processes of the broker: nothing twice, nothing left."""
    first = three[0]
    first.picked_up()
    for number in range(1, 21):
        first.line.deposit(first.message({"/id": envelope_id(number), "/seq": number}))

    def fetched(world: World) -> list[str]:
        found: list[str] = []
        while batch := world.shelter.lease(2):
            found += [str(each["receipt"]["payload"]) for each in batch]
        return found

    lists: list[list[str]] = _at_once(*(lambda w=world: fetched(w) for world in three))
    everything = [each for found in lists for each in found]
    assert (len(everything), len(set(everything))) == (20, 20)
    assert Counter(first.types())["envelope.accepted"] == Counter(first.types())["envelope.released"] == 21


def test_the_journal_has_one_order_under_load(three: list[World], tmp_path: Path) -> None:
    """Clocks that disagree, writers and sequencers everywhere: no gap, no step back in time, and the audit holds."""
    first = three[0]
    first.line.register()

    def busy(world: World, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - nothing secret is drawn
        for _ in range(40):
            world.clock.at += timedelta(milliseconds=chance.randrange(50))
            world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
            if chance.random() < 0.3:
                world.integrate()

    _at_once(*(lambda w=world, s=seed: busy(w, s) for seed, world in enumerate(three)))
    entries = first.entries()
    assert [entry.index for entry in entries] == list(range(SHARED_ENTRIES + 1 + 120))
    assert all(before.time <= after.time for before, after in pairwise(entries))
    path = tmp_path / "journal.zip"
    with path.open("wb") as out:
        export_bundle(first.broker, out, max(world.clock.at for world in three))
    with Bundle.open(path) as bundle:
        report = verify(bundle, broker_keys().signer(1).vkeys)
    assert (report.violations, report.holds, report.complete) == ((), True, True)


def test_a_rotation_by_one_process_is_seen_by_all_at_once(three: list[World], tmp_path: Path) -> None:
    """Those that waited for the lock while the journal rotated append to the next shard, in one order without a gap."""
    first = three[0]

    def busy(world: World) -> None:
        for _ in range(40):
            world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))

    def rotating() -> None:
        for _ in range(2):
            time.sleep(0.1)
            rotated(three[2])

    _at_once(*(lambda w=world: busy(w) for world in three[:2]), rotating)
    entries = first.entries()
    assert [entry.index for entry in entries] == list(range(SHARED_ENTRIES + 80 + 4))
    first.integrate()
    read = follow(first)
    assert [each.shard.number for each in read] == [1, 2, 3]
    assert sum(len(each.leaves) for each in read) == len(entries)
    assert exported(first, tmp_path / "journal.zip").holds


def test_whoever_waits_at_one_process_is_woken_by_a_deposit_at_another(three: list[World]) -> None:
    """A long poll of twenty seconds ends within one of the deposit."""
    here, there = three[:2]
    here.line.register()
    wire = here.referral()
    with there.client, ThreadPoolExecutor(1) as pool:
        there.shelter.token()
        waiting = pool.submit(there.shelter.post, "/v1/inbox/lease", b'{"max":5,"wait":20}')
        time.sleep(1.0)
        assert not waiting.done()
        assert here.line.deposit(wire).status_code == 201
        begun = time.monotonic()
        assert len(waiting.result(timeout=15).json()) == 1
        assert time.monotonic() - begun < 1


def test_a_duty_is_one_processs_at_a_time(three: list[World]) -> None:
    """While one is on duty another leaves it; two duties are apart; and what nobody does any more is taken up."""
    here, there = (world.broker.store for world in three[:2])
    sequencer, timers = Duty.SEQUENCER, Duty.TIMERS
    with here.on_duty(sequencer) as ours, there.on_duty(sequencer) as also, there.on_duty(timers) as other:
        assert (ours, also, other) == (True, False, True)
    with there.on_duty(Duty.SEQUENCER) as ours:
        assert ours


def test_sequencers_and_timers_everywhere_do_nothing_twice(three: list[World]) -> None:
    """Three processes see the same silence and the same new leaves: one end, one checkpoint for each size."""
    first = three[0]
    first.picked_up()
    for world in three:
        world.clock.move(days=400)

    async def play() -> None:
        work = [run(world.broker) for world in three for run in (run_timers, run_sequencer)]
        tasks = [asyncio.create_task(each) for each in work]
        await asyncio.sleep(3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(play())
    types = first.types()
    assert types.count("consent.expired") == 1
    assert types.count("task.transition") == 1
    with first.broker.store.reading() as tx:
        newest = tx.tiles.newest_checkpoint()
        sizes = tx.connection.exec_driver_sql("SELECT size FROM journal_checkpoint").scalars().all()
        assert newest is not None
        assert newest.size == tx.journal.head().size
    assert len(sizes) == len(set(sizes))


def test_a_process_killed_with_the_locks_holds_up_nobody(three: list[World], url: str) -> None:
    """In the middle of a commit and of a duty: others are told to come back, and go on once it is dead."""
    here = three[0].broker.store
    with holding(url, Duty.SEQUENCER) as process:
        with pytest.raises(StoreUnavailableError):
            three[0].act(lambda _tx, at: at)
        with here.on_duty(Duty.SEQUENCER) as ours:
            assert not ours
        process.kill()
        process.join()
        begun = time.monotonic()
        three[0].line.register()
        while not _on_duty(here):
            assert time.monotonic() - begun < 5
    assert three[0].types() == ["consent.registered"]


def _on_duty(store: Store) -> bool:
    with store.on_duty(Duty.SEQUENCER) as ours:
        return ours


def test_processes_of_the_operating_system_are_one_broker(three: list[World], url: str) -> None:
    """Two programs: a token of one is good at the other, deposits at both have one effect, and one may be killed."""
    first = three[0]
    with (
        serving(url) as (port, process),
        serving(url) as (other, _),
        partner_at(port, LINE) as line,
        partner_at(other, LINE) as also,
        partner_at(other, SHELTER) as shelter,
    ):
        line.token()
        also.token()
        here, line.world = line.world, also.world
        assert line.get(f"/v1/organisations/{SHELTER}").status_code == 200
        line.world = here
        assert line.register().status_code == 201
        wire = first.referral()
        answers = _at_once(lambda: line.deposit(wire), lambda: also.deposit(wire))
        assert sorted(answer.status_code for answer in answers) == [200, 201]
        assert answers[0].content == answers[1].content
        with ThreadPoolExecutor(1) as pool:
            shelter.lease()
            assert shelter.post("/v1/acks", shelter.ack(wire), "ack").status_code == 200
            waiting = pool.submit(shelter.post, "/v1/inbox/lease", b'{"max":5,"wait":20}')
            time.sleep(1)
            begun = time.monotonic()
            assert line.deposit(first.message({"/id": envelope_id(1)})).status_code == 201
            assert len(waiting.result(timeout=15).json()) == 1
            assert time.monotonic() - begun < 1
        process.kill()
        process.join()
        assert also.deposit(wire).content == answers[0].content
        assert also.deposit(first.message({"/id": envelope_id(2), "/seq": 2})).status_code == 201
    assert first.types().count("envelope.accepted") == 3
