"""The journal goes on under new keys: nothing is lost, everything stays provable, and nobody forges a hand-over."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.pins import GatewayPins
from adapters.pins import pin_code as adapter_code
from gateway.broker import Broker
from gateway.broker_keys import BrokerKeys
from gateway.problems import ProblemError
from gateway.rotation import is_old, rotate
from gateway.sequencer.witnesses import ask_all
from gateway.store.heads import ContradictedError, StoppedError
from gateway.store.store import Store
from gateway.wellknown import pin_code, pins
from journal.notes import parse_note
from journal.proofs import parse_proof
from keys import strictjson
from keys.documents import b64url, from_b64url, parse
from tests.builders import AT, DAY, SHELTER, Json
from tests.gateway.first_day import ORIGIN, SETTINGS, SHARED_ENTRIES, broker_keys, shard_signer
from tests.gateway.growing import NAME, Growing, first_version
from tests.gateway.rotating import VKEYS, exported, follow, rotated
from tests.gateway.sequencer.public_witness import LoopbackWitness, serving_witness
from tests.gateway.witnessing import bring, cosignature, forked, publish_witness_key, request
from tests.gateway.world import World, receipt_of, refusal_of

SECOND = f"{ORIGIN.rpartition('/')[0]}/2"


def test_a_shard_is_closed_and_the_next_one_opened_at_once(world: World) -> None:
    """The last entry names the next shard, whose first entry commits to the end; entries count through."""
    before = len(world.entries())
    shard = rotated(world)
    assert (shard.number, shard.origin, shard.start) == (2, SECOND, before + 1)
    closing, opening = world.entries()[-2:]
    assert [(each.index, each.type, each.state) for each in (closing, opening)] == [
        (before, "journal.rotated", "closed"),
        (before + 1, "journal.rotated", "opened"),
    ]
    first, second = follow(world)
    assert (first.checkpoint.size, second.checkpoint.size) == (before + 1, 1)
    assert second.shard == shard


def test_readers_follow_many_shards_with_the_first_keys_alone(world: World, tmp_path: Path) -> None:
    """What anybody pinned on the first day leads to the newest entry, and an auditor verifies all of it."""
    world.deposited()
    rotated(world)
    assert len(world.shelter.lease()) == 1
    rotated(world)
    world.integrate()
    read = follow(world)
    assert [each.shard.number for each in read] == [1, 2, 3]
    assert sum(len(each.leaves) for each in read) == len(world.entries())
    found = exported(world, tmp_path / "journal.zip")
    assert found.holds
    assert found.complete


def test_a_closed_shard_is_frozen(world: World) -> None:
    """Its newest checkpoint stays its last one, whatever time passes and whatever comes after it."""
    rotated(world)
    before = world.client.get("/v1/journal/checkpoint").content
    world.line.register()
    for _ in range(3):
        world.clock.move(hours=2)
        world.integrate()
    assert world.client.get("/v1/journal/checkpoint").content == before
    archived = world.client.get("/v1/journal/checkpoints").json()["checkpoints"]
    assert archived[-1]["size"] == parse_note(before).checkpoint.size
    own = world.client.get("/v1/journal/shards/2/checkpoints").json()["checkpoints"]
    assert [each["size"] for each in own] == [1, 2, 2, 2]
    assert world.client.get("/v1/journal/shards/2/checkpoints?after=3").json() == {"checkpoints": [], "next": 3}


@pytest.mark.parametrize("number", ["1", "0", "3", "02", "-2", "x", "10000", "99999999999999999999", "2x"])
def test_a_shard_has_one_place(world: World, number: str) -> None:
    """The first is at the root only, and there is nothing under a number that no shard has."""
    rotated(world)
    for name in ("checkpoint", "checkpoints", "tile/entries/000.p/1"):
        assert refusal_of(world.client.get(f"/v1/journal/shards/{number}/{name}")) == (404, "not-found")
    assert world.client.get("/v1/journal/shards/2/tile/entries/000.p/1").status_code == 200
    assert refusal_of(world.client.get("/v1/journal/shards/2/tile/entries/000.p/2")) == (404, "not-found")


def test_a_tile_of_a_closed_shard_ends_with_it(world: World) -> None:
    """What came after its last entry is no part of its tree, under any width."""
    rotated(world)
    world.line.register()
    world.integrate()
    end = SHARED_ENTRIES + 1
    assert world.client.get(f"/v1/journal/tile/entries/000.p/{end}").status_code == 200
    for place in (f"entries/000.p/{end + 1}", f"0/000.p/{end + 1}"):
        assert refusal_of(world.client.get(f"/v1/journal/tile/{place}")) == (404, "not-found")


def test_receipts_name_the_shard_that_holds_their_entry(world: World) -> None:
    """Before and after; also that of a withdrawal code which is said again when the shard is another."""
    assert world.line.register().status_code == 201
    first = receipt_of(world.line.register())
    rotated(world)
    assert receipt_of(world.line.register()) == first
    second = receipt_of(world.line.deposit(world.referral()))
    assert (first["origin"], second["origin"]) == (ORIGIN, SECOND)
    read = follow(world)
    world.integrate()
    for receipt, shard in ((first, read[0].shard), (second, read[1].shard)):
        proof = parse_proof(world.line.get(f"/v1/journal/proof/{receipt['index']}").content)
        with world.broker.store.reading() as tx:
            [leaf] = tx.journal.leaves(receipt["index"], receipt["index"] + 1)
        assert proof.verify(leaf, shard.vkeys).checkpoint.origin == receipt["origin"]
        assert proof.index == shard.position(receipt["index"])


def test_witnesses_cosign_either_shard(world: World) -> None:
    """By its origin and its own size; a size of one under the name of another is unknown."""
    publish_witness_key(world)
    rotated(world)
    first, second = follow(world)
    for read in (first, second):
        body = request(read.checkpoint, {"note": None})
        assert bring(world, body).status_code == 201
        assert bring(world, body).status_code == 200
    note = world.client.get("/v1/journal/shards/2/checkpoint?confirmed=1").content
    assert [each.name for each in parse_note(note).signatures] == [SECOND, SECOND, SHELTER]
    assert parse_note(world.client.get("/v1/journal/checkpoint?confirmed=1").content).checkpoint == first.checkpoint
    for changes in ({"origin": ORIGIN}, {"origin": f"{SECOND}2"}, {"origin": SECOND, "size": 2}):
        wrong = request(second.checkpoint, {"cosignature": cosignature(second.checkpoint), **changes})
        assert refusal_of(bring(world, wrong)) == (404, "checkpoint-unknown"), changes


def test_a_checkpoint_beyond_the_end_of_a_closed_shard_is_an_alarm(world: World) -> None:
    """Signed by its own keys: whoever holds them still, or held them, wrote another end of it."""
    publish_witness_key(world)
    rotated(world)
    end = follow(world)[0].checkpoint.size
    shown = forked(end + 1, shard_signer(1))
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    assert refusal_of(bring(world, body)) == (503, "journal-contradicted")
    with pytest.raises(ContradictedError):
        rotated(world)


def test_keys_of_one_shard_raise_no_alarm_about_another(world: World) -> None:
    """A note of the second shard that the first one's keys signed is nobody's."""
    publish_witness_key(world)
    rotated(world)
    stolen = shard_signer(1)
    forged = forked(5, type(stolen)(SECOND, stolen.ed25519, stolen.mldsa44))
    body = request(parse_note(forged).checkpoint, {"note": b64url(forged)})
    assert refusal_of(bring(world, body)) == (404, "checkpoint-unknown")
    assert world.client.get("/readyz").status_code == 200


def test_pins_grow_and_stay_valid(world: World) -> None:
    """`journal` is the first shard for ever; later ones are listed, and the code read aloud covers them."""
    before, code = pins(world.broker), pin_code(world.broker)
    assert "shards" not in before
    shard = rotated(world)
    after = world.client.get("/.well-known/passerelle").json()
    listed = {"number": 2, "origin": SECOND, "vkeys": [str(vkey) for vkey in shard.vkeys], "start": shard.start}
    assert after == before | {"shards": [listed | {"restarted": False}]}
    assert pin_code(world.broker) != code


def _adapters_code(told: Json) -> str:
    data = strictjson.dumps(told)
    return adapter_code(parse(GatewayPins, data, limit=len(data)))


def test_the_code_covers_where_a_shard_begins_and_how(world: World) -> None:
    """It is the one that adapters work out; another start, or a restart kept quiet, is another code."""
    rotated(world)
    told: Json = dict(pins(world.broker))
    assert _adapters_code(told) == pin_code(world.broker)
    listed = told["shards"][0]
    for change in ({"restarted": True}, {"start": listed["start"] + 1}):
        other = told | {"shards": [listed | change]}
        assert _adapters_code(other) != pin_code(world.broker)


def test_a_process_without_the_keys_refuses_until_it_is_restarted(world: World) -> None:
    """Nothing that it could not sign is journalled; what is public is still read."""
    rotated(world)
    world.broker.store.sign_for({1})
    assert refusal_of(world.line.register()) == (503, "journal-keys-missing")
    assert refusal_of(world.client.get("/readyz")) == (503, "journal-keys-missing")
    assert world.client.get("/v1/journal/shards/2/checkpoint").status_code == 200
    assert world.types() == ["journal.rotated", "journal.rotated"]


def test_without_the_next_keys_nothing_is_closed(world: World) -> None:
    """A rotation that cannot be finished leaves no trace."""
    keys = broker_keys()
    only = BrokerKeys(keys.tokens, keys.receipts, {1: keys.signer(1)}, keys.nonce_secret)
    short = Broker(SETTINGS, world.broker.store, only, world.clock)
    with pytest.raises(StoppedError):
        world.act(lambda tx, at: rotate(short, tx, at))
    assert world.types() == []
    assert world.line.register().status_code == 201


def test_the_first_entry_is_never_before_the_end_that_it_commits_to(world: World) -> None:
    """Another process, whose clock is ahead, signed last: the hand-over takes its time."""
    world.clock.move(minutes=1)
    world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    world.integrate()
    world.clock.at = AT
    rotated(world)
    closing, opening = world.entries()[-2:]
    assert closing.time == opening.time == AT + timedelta(minutes=1)


def test_an_old_shard_is_noticed(world: World) -> None:
    """After a year it is time for the next one, and the next one is young."""
    assert not is_old(world.broker.store, AT + 365 * DAY)
    assert is_old(world.broker.store, AT + 367 * DAY)
    world.clock.at = AT + 367 * DAY
    rotated(world)
    assert not is_old(world.broker.store, AT + 400 * DAY)


def test_agreements_go_on_naming_the_first_shard(world: World) -> None:
    """A version proposed after the hand-over names the same keys as those before it."""
    rotated(world)
    growing = Growing(world)
    assert growing.proposed(first_version()).id == NAME
    with pytest.raises(ProblemError) as refused:
        growing.proposed(
            first_version({"/id": "agr_" + "g" * 26, "/broker/journal": [str(v) for v in shard_signer(2).vkeys]})
        )
    assert refused.value.code == "fingerprint-differs"


def test_public_witnesses_begin_anew_with_each_shard(world: World) -> None:
    """What they cosigned of the closed one says nothing of the next, which they see from its first entry."""
    with serving_witness(LoopbackWitness(VKEYS)) as witness:
        world.broker = replace(world.broker, settings=replace(SETTINGS, witnesses=(witness.named,)))
        assert asyncio.run(ask_all(world.broker)) == {}
        rotated(world)
        witness.journal, witness.remembered = shard_signer(2).vkeys, None
        world.line.register()
        world.integrate()
        assert asyncio.run(ask_all(world.broker)) == {}
    assert witness.asked == [0, 0]
    note = world.client.get("/v1/journal/shards/2/checkpoint?confirmed=1").content
    assert parse_note(note).checkpoint.size == 2


def _statement_id(number: int) -> str:
    return "cs_" + "".join("abcdefghij"[int(digit)] for digit in f"{number:026}")


def _busy(world: World, numbers: range, receipts: list[Json]) -> None:
    for number in numbers:
        answer = world.line.register({"/id": _statement_id(number)})
        assert answer.status_code == 201, answer.text
        receipts.append(receipt_of(answer))


def test_nothing_is_lost_when_the_journal_rotates_under_load(world: World, tmp_path: Path) -> None:
    """Another program rotates twice while calls are answered: every receipt is proven under the shard that it names."""
    other = Store(world.broker.store.engine.url.render_as_string(hide_password=False))
    program = replace(world.broker, store=other)
    receipts: list[Json] = []
    with ThreadPoolExecutor(1) as pool:
        calls = pool.submit(_busy, world, range(60), receipts)
        for reached in (10, 30):
            while len(receipts) < reached and not calls.done():
                time.sleep(0.005)
            with other.transaction() as tx:
                rotate(program, tx, world.clock())
        calls.result(timeout=60)
    other.close()
    world.integrate()
    shards = {read.shard.origin: read for read in follow(world)}
    assert len(receipts) == 60
    assert {receipt["origin"] for receipt in receipts} == set(shards)
    for receipt in receipts:
        read = shards[receipt["origin"]]
        leaf = read.leaves[read.shard.position(receipt["index"])]
        assert leaf == from_b64url(receipt["leaf"])
    entries = world.entries()
    assert [entry.index for entry in entries] == list(range(len(entries)))
    found = exported(world, tmp_path / "journal.zip")
    assert (found.holds, found.complete) == (True, True)
