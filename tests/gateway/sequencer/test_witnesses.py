"""Public witnesses are shown each new checkpoint; what they answer is believed only as far as they signed it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.broker import Broker, PublicWitness
from gateway.sequencer import witness_calls, witnesses
from gateway.sequencer.loop import run_sequencer
from gateway.sequencer.witnesses import Watch, run_witnesses, show_newest
from gateway.store.store import Duty
from gateway.store.transaction import Transaction
from journal.checkpoints import Checkpoint
from journal.notes import open_note, parse_note
from journal.witness import Witnessed
from journal.witness_calls import MAX_ANSWER, SIZE_TYPE
from keys.errors import PasserelleError
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.sequencer.public_witness import NAME, Given, LoopbackWitness, serving_witness
from tests.gateway.several import free_port
from tests.gateway.witnessing import checkpoint_of
from tests.gateway.world import World

VKEYS = broker_keys().signer(1).vkeys


@pytest.fixture(params=["ed25519", "mldsa44"])
def witness(request: pytest.FixtureRequest) -> Iterator[LoopbackWitness]:
    """A witness of either type, which has seen nothing yet."""
    with serving_witness(LoopbackWitness.of_type(VKEYS, request.param)) as served:
        yield served


@pytest.fixture
def hostile() -> Iterator[LoopbackWitness]:
    """A witness that answers what a test tells it to."""
    with serving_witness(LoopbackWitness(VKEYS)) as served:
        yield served


def _broker(world: World, *named: PublicWitness) -> Broker:
    return replace(world.broker, settings=replace(SETTINGS, witnesses=named))


def _shown(world: World, named: PublicWitness) -> bool:
    async def play() -> bool:
        async with httpx2.AsyncClient(trust_env=False) as http:
            return await show_newest(_broker(world, named), http, named)

    return asyncio.run(play())


def _refused(world: World, named: PublicWitness) -> str:
    with pytest.raises(PasserelleError) as refused:
        _shown(world, named)
    assert len(parse_note(world.client.get("/v1/journal/checkpoint").content).signatures) == 2
    return refused.value.code


def _grow(world: World, count: int = 1) -> Checkpoint:
    def append(tx: Transaction, at: datetime) -> None:
        for _ in range(count):
            tx.journal.append(at, type="audit.read", actor=SETTINGS.address)

    world.act(append)
    world.integrate()
    return checkpoint_of(world)


def test_a_witness_cosigns_each_new_checkpoint(world: World, witness: LoopbackWitness) -> None:
    """With the proof from the last one it signed; of the same size it is asked once."""
    sizes = [checkpoint_of(world).size]
    assert _shown(world, witness.named)
    assert not _shown(world, witness.named)
    for count in (1, 300, 7):
        sizes.append(_grow(world, count).size)
        assert _shown(world, witness.named)
    assert witness.asked == [0, *sizes[:-1]]
    note = world.client.get("/v1/journal/checkpoint?confirmed=1").content
    opened = open_note(note, VKEYS, witnesses=[witness.named.vkey])
    assert opened.checkpoint == checkpoint_of(world)
    assert opened.signatures[-1].vkey == witness.named.vkey


def test_a_witness_that_knows_more_or_less_is_asked_from_there(world: World, witness: LoopbackWitness) -> None:
    """It tells the size of the last one it signed (409); then the proof is from that size."""
    _shown(world, witness.named)
    signed = witness.remembered
    assert signed is not None
    middle = _grow(world, 20)
    witness.remembered = Witnessed(
        middle.origin, middle.size, middle.root, world.client.get("/v1/journal/checkpoint").content
    )
    newest = _grow(world, 30)
    assert _shown(world, witness.named)
    assert witness.asked == [0, signed.size, middle.size]
    witness.remembered = None
    _grow(world)
    assert _shown(world, witness.named)
    assert witness.asked[3:] == [newest.size, 0]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ((403, {}, b""), "witness-trusts-no-signature"),
        ((404, {}, b""), "witness-knows-no-such-journal"),
        ((422, {}, b""), "witness-refuses-the-proof"),
        ((409, {}, b""), "witness-saw-another-root"),
        ((409, {"Content-Type": SIZE_TYPE}, b"99999\n"), "witness-ahead"),
        ((409, {"Content-Type": SIZE_TYPE}, b"3\n"), "wrong-witness-answer"),
        ((409, {"Content-Type": SIZE_TYPE}, b"-1\n"), "wrong-witness-answer"),
        ((500, {}, b""), "wrong-witness-answer"),
        ((301, {"Location": "http://127.0.0.1:1/add-checkpoint"}, b""), "wrong-witness-answer"),
        ((307, {"Location": "/w/add-checkpoint"}, b""), "wrong-witness-answer"),
        ((200, {}, b""), "wrong-witness-answer"),
        ((200, {}, b"\xff\xfe\n"), "wrong-witness-answer"),
        ((200, {}, b"\x00" * 100), "wrong-witness-answer"),
        ((200, {}, b"x" * (MAX_ANSWER + 1)), "too-large"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "wrong-witness-answer"),
    ],
)
def test_whatever_else_a_witness_answers_is_refused(
    world: World, hostile: LoopbackWitness, given: Given, code: str
) -> None:
    """Refusals, garbage, redirects and what is too much: told by its word, nothing is kept."""
    hostile.instead = given
    assert _refused(world, hostile.named) == code
    assert len(hostile.asked) <= 2


def test_a_cosignature_of_something_else_is_not_kept(world: World, hostile: LoopbackWitness) -> None:
    """Of another checkpoint, by another key, or by one that nobody named: it says nothing about this journal."""
    ours = checkpoint_of(world)
    other = Checkpoint(ours.origin, ours.size, bytes(32))
    hostile.instead = (200, {}, f"{hostile.line(other)}\n".encode())
    assert _refused(world, hostile.named) == "signature-does-not-hold"
    stranger = LoopbackWitness(VKEYS)
    hostile.instead = (200, {}, f"{stranger.line(ours)}\n".encode())
    assert _refused(world, hostile.named) == "signature-missing"
    both = f"{stranger.line(ours)}\n{hostile.line(ours)}\n".encode()
    hostile.instead = (200, {}, both)
    assert _shown(world, hostile.named)
    note = world.client.get("/v1/journal/checkpoint").content
    assert [each.name for each in parse_note(note).signatures][2:] == [NAME]
    assert open_note(note, VKEYS, witnesses=[hostile.named.vkey]).signatures[-1].vkey == hostile.named.vkey


def test_a_witness_under_the_journals_own_name_is_refused(world: World, hostile: LoopbackWitness) -> None:
    """Its signature would pass for the journal's."""
    named = PublicWitness(hostile.named.url, VKEYS[1])
    note = parse_note(world.client.get("/v1/journal/checkpoint").content)
    hostile.instead = (200, {}, f"{note.signatures[1].line()}\n".encode())
    assert _refused(world, named) == "witness-is-the-journal"


def test_a_witness_that_is_slow_or_away_is_told_so(
    world: World, hostile: LoopbackWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it longer than some seconds."""
    monkeypatch.setattr(witness_calls, "WHOLE_SECONDS", 0.3)
    hostile.delay = 2.0
    assert _refused(world, hostile.named) == "witness-unreachable"
    away = PublicWitness(f"http://127.0.0.1:{free_port()}", hostile.named.vkey)
    assert _refused(world, away) == "witness-unreachable"


def test_a_witness_that_fails_is_left_alone_longer_each_time() -> None:
    """The pause doubles up to ten minutes, and is short again once it works."""
    watch = Watch(
        PublicWitness("https://temoin.example", LoopbackWitness(VKEYS, Ed25519PrivateKey.generate()).named.vkey)
    )
    pauses = []
    for _ in range(10):
        watch.failed(1000.0)
        pauses.append(watch.not_before - 1000.0)
    assert pauses == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0, 600.0]
    watch.answered()
    assert (watch.not_before, watch.pause) == (0.0, witnesses.INTERVAL)


def test_publishing_does_not_wait_for_witnesses(
    world: World, hostile: LoopbackWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a slow witness is being asked, new entries are published as ever; the failure is logged in its word."""
    monkeypatch.setattr(witness_calls, "WHOLE_SECONDS", 1.5)
    monkeypatch.setattr(witnesses, "INTERVAL", 0.05)
    hostile.delay = 3.0
    broker = _broker(world, hostile.named)
    before = checkpoint_of(world).size

    async def play() -> None:
        tasks = [asyncio.create_task(run(broker)) for run in (run_sequencer, run_witnesses)]
        await asyncio.sleep(0.3)
        await broker.store.write(
            lambda tx: tx.journal.append(tx.journal.lock(world.clock()), type="audit.read", actor=SETTINGS.address)
        )
        begun = asyncio.get_running_loop().time()
        while checkpoint_of(world).size == before:
            await asyncio.sleep(0.05)
            assert asyncio.get_running_loop().time() - begun < 1.2
        await asyncio.sleep(2.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with capture_logs() as logs:
        asyncio.run(play())
    assert {(each["event"], each["code"], each["where"]) for each in logs} == {
        ("witness.failed", "witness-unreachable", NAME)
    }


def test_the_application_shows_its_checkpoints_by_itself(
    world: World, witness: LoopbackWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A witness of the settings has cosigned soon after the broker began to serve."""
    monkeypatch.setattr(witnesses, "INTERVAL", 0.1)
    world.broker = replace(_broker(world, witness.named), clock=lambda: datetime.now(tz=UTC))
    app = create_app(world.broker)

    async def play() -> bytes:
        transport = httpx2.ASGITransport(app=app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as client:
            for _ in range(100):
                answer = await client.get("https://passerelle.example/v1/journal/checkpoint?confirmed=1")
                if answer.status_code == 200:
                    return answer.content
                await asyncio.sleep(0.1)
        return b""

    note = asyncio.run(play())
    assert open_note(note, VKEYS, witnesses=[witness.named.vkey]).signatures[-1].vkey.name == NAME


def test_a_mistake_with_one_witness_keeps_no_other_from_being_asked(
    world: World, witness: LoopbackWitness, hostile: LoopbackWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that goes wrong is told by its kind, and that witness is left alone for a while."""
    monkeypatch.setattr(witnesses, "INTERVAL", 0.05)
    build = httpx2.AsyncClient.build_request

    def breaking(client: httpx2.AsyncClient, method: str, url: str, **members: Any) -> httpx2.Request:  # noqa: ANN401 - as the library takes it
        if url.startswith(hostile.named.url):
            raise RuntimeError
        return build(client, method, url, **members)

    monkeypatch.setattr(httpx2.AsyncClient, "build_request", breaking)
    other = replace(hostile.named, vkey=replace(hostile.named.vkey, name="autre.example/w2"))
    broker = _broker(world, other, witness.named)

    async def play() -> None:
        task = asyncio.create_task(run_witnesses(broker))
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with capture_logs() as logs:
        asyncio.run(play())
    told = {(each["event"], each["kind"], each["where"]) for each in logs}
    assert told == {("witness.failed", "RuntimeError", "autre.example/w2")}
    assert witness.asked == [0]


def test_of_several_processes_one_asks(world: World, witness: LoopbackWitness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not on duty leaves the witnesses alone; on SQLite there is one process."""
    monkeypatch.setattr(witnesses, "INTERVAL", 0.05)
    broker = _broker(world, witness.named)
    shared = world.broker.store.engine.dialect.name == "postgresql"

    async def play() -> None:
        task = asyncio.create_task(run_witnesses(broker))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with broker.store.on_duty(Duty.WITNESSES):
        asyncio.run(play())
        assert (witness.asked == []) is shared
    asyncio.run(play())
    assert witness.asked == [0]
