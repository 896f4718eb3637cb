"""Witnesses bring cosignatures; what is not one of a published key under a published checkpoint is refused."""

from datetime import timedelta

import pytest

from gateway.cosignatures import COSIGNATURE_LIMIT
from journal.checkpoints import Checkpoint
from journal.notes import open_note, parse_note
from keys.documents import b64url, from_b64url
from tests.builders import AT, DAY, LINE, SHELTER
from tests.gateway.first_day import broker_keys
from tests.gateway.witnessing import (
    bring,
    checkpoint_of,
    cosignature,
    publish_witness_key,
    request,
    witness_key,
    witness_kid,
    witness_vkey,
)
from tests.gateway.world import World, refusal_of

VKEYS = broker_keys().signer(1).vkeys


def _cosigned_by(note: bytes, *addresses: str) -> set[str]:
    """Which of these witnesses signed, every signature of theirs being verified."""
    opened = open_note(note, VKEYS, witnesses=[witness_vkey(address) for address in addresses])
    return {each.vkey.name for each in opened.signatures} - {VKEYS[0].name}


def test_a_cosignature_stands_below_the_checkpoint_from_then_on(world: World) -> None:
    """Brought once it is told to everybody, after the journal's own two signatures, and verifies."""
    publish_witness_key(world)
    checkpoint = checkpoint_of(world)
    answer = bring(world, request(checkpoint))
    assert (answer.status_code, answer.json()["size"]) == (201, checkpoint.size)
    note = world.client.get("/v1/journal/checkpoint").content
    assert _cosigned_by(note, SHELTER) == {SHELTER}
    assert [each.name for each in parse_note(note).signatures] == [VKEYS[0].name, VKEYS[0].name, SHELTER]


def test_the_same_again_is_kept_once(world: World) -> None:
    """Another signature of the same witness for the same checkpoint changes nothing; 200."""
    publish_witness_key(world)
    checkpoint = checkpoint_of(world)
    assert bring(world, request(checkpoint)).status_code == 201
    first = world.client.get("/v1/journal/checkpoint").content
    assert bring(world, request(checkpoint)).status_code == 200
    assert world.client.get("/v1/journal/checkpoint").content == first


def test_a_tree_that_is_signed_again_keeps_its_cosignatures(world: World) -> None:
    """An hour later the same tree has a newer checkpoint: the witness's word stands under it, and may be renewed."""
    publish_witness_key(world)
    checkpoint = checkpoint_of(world)
    assert bring(world, request(checkpoint)).status_code == 201
    world.clock.move(hours=2)
    with world.broker.store.reading() as tx:
        size = tx.journal.head().size
    world.integrate()
    assert checkpoint_of(world).size == size == checkpoint.size
    assert _cosigned_by(world.client.get("/v1/journal/checkpoint").content, SHELTER) == {SHELTER}
    later = cosignature(checkpoint, at=world.clock.at)
    assert bring(world, request(checkpoint, {"cosignature": later})).status_code == 201
    note = world.client.get("/v1/journal/checkpoint").content
    assert [each.line() for each in parse_note(note).signatures if each.name == SHELTER] == [later]


def test_whoever_asks_for_a_confirmed_checkpoint_gets_one(world: World) -> None:
    """The newest that so many witnesses cosigned, or the word that there is none; the newest hides nothing."""
    path = "/v1/journal/checkpoint?confirmed="
    publish_witness_key(world)
    publish_witness_key(world, LINE)
    assert refusal_of(world.client.get(f"{path}1")) == (404, "checkpoint-unconfirmed")
    old = checkpoint_of(world)
    for address in (SHELTER, LINE):
        body = request(old, {"cosignature": cosignature(old, address)})
        assert bring(world, body, address).status_code == 201
    world.line.register()
    world.integrate()
    new = checkpoint_of(world)
    assert bring(world, request(new)).status_code == 201
    for witnesses, expected in ((1, new), (2, old)):
        note = world.client.get(f"{path}{witnesses}").content
        assert parse_note(note).checkpoint == expected
        assert len(_cosigned_by(note, SHELTER, LINE)) == witnesses
    assert refusal_of(world.client.get(f"{path}3")) == (404, "checkpoint-unconfirmed")
    assert refusal_of(world.client.get(f"{path}63")) == (422, "out-of-range")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"size": 3}, (404, "checkpoint-unknown")),
        ({"size": 2**53 - 1}, (404, "checkpoint-unknown")),
        ({"root": b64url(bytes(32))}, (404, "checkpoint-unknown")),
        ({"root": b64url(bytes(31))}, (404, "checkpoint-unknown")),
        ({"root": "=="}, (422, "bad-base64")),
        ({"note": None, "size": -1}, (422, "out-of-range")),
        ({"cosignature": "not a line"}, (422, "wrong-note")),
        ({"cosignature": "x" * 5000}, (422, "too-long")),
        ({"note": b64url(b"not a note")}, (422, "wrong-note")),
        ({"more": 1}, (422, "unknown-field")),
        ({"v": 2}, (422, "out-of-range")),
    ],
)
def test_what_is_no_cosignature_of_this_checkpoint_is_refused(
    world: World, changes: dict[str, object], refused: tuple[int, str]
) -> None:
    """Of another size or root, in another form, or too long: nothing is kept."""
    publish_witness_key(world)
    assert refusal_of(bring(world, request(checkpoint_of(world), changes))) == refused
    assert len(parse_note(world.client.get("/v1/journal/checkpoint").content).signatures) == 2


def test_a_signature_of_something_else_does_not_hold(world: World) -> None:
    """Of another checkpoint or another time, by another key, under another name, with a second line."""
    publish_witness_key(world)
    checkpoint = checkpoint_of(world)
    foreign = Checkpoint("elsewhere.example/laval/journal/1", checkpoint.size, checkpoint.root)
    shorter = Checkpoint(checkpoint.origin, checkpoint.size - 1, checkpoint.root)
    name, line = cosignature(checkpoint).split(" ")[1:]
    assert name == SHELTER
    flipped = line[:12] + ("A" if line[12] != "A" else "B") + line[13:]
    for wrong, expected in (
        (cosignature(foreign), (403, "signature-does-not-hold")),
        (cosignature(shorter), (403, "signature-does-not-hold")),
        (f"\u2014 {SHELTER} {flipped}", (403, "signature-does-not-hold")),
        (cosignature(checkpoint, key=witness_key(SHELTER, "unpublished")), (403, "key-unknown")),
        (cosignature(checkpoint, LINE), (403, "key-unknown")),
        (f"{cosignature(checkpoint)}\n{cosignature(checkpoint)}", (422, "too-long")),
        (f"{cosignature(checkpoint)}\n", (422, "wrong-note")),
        (cosignature(checkpoint, at=AT + timedelta(seconds=121)), (422, "bad-time")),
        (cosignature(checkpoint, at=AT - 2 * DAY), (403, "key-not-in-period")),
    ):
        assert refusal_of(bring(world, request(checkpoint, {"cosignature": wrong}))) == expected, wrong[:60]
    assert len(parse_note(world.client.get("/v1/journal/checkpoint").content).signatures) == 2


def test_another_organisations_cosignature_is_refused(world: World) -> None:
    """A witness speaks for itself: the line replays what the shelter brought."""
    publish_witness_key(world)
    publish_witness_key(world, LINE)
    assert refusal_of(bring(world, request(checkpoint_of(world)), LINE)) == (403, "key-unknown")


def test_a_witness_key_counts_while_it_is_in_force(world: World) -> None:
    """Before its period, after it, and once it is revoked nothing is taken; what was taken before stays."""
    publish_witness_key(world, period=(AT + DAY, AT + 9 * DAY))
    checkpoint = checkpoint_of(world)
    assert refusal_of(bring(world, request(checkpoint))) == (403, "key-not-in-period")
    world.clock.at = AT + 2 * DAY
    world.integrate()
    here = {"cosignature": cosignature(checkpoint, at=world.clock.at)}
    assert bring(world, request(checkpoint, here)).status_code == 201
    world.shelter.revoke(witness_kid(SHELTER))
    world.integrate()
    later = checkpoint_of(world)
    again = {"cosignature": cosignature(later, at=world.clock.at)}
    assert refusal_of(bring(world, request(later, again))) == (403, "key-revoked")
    found = world.client.get(f"/v1/journal/checkpoints?after={checkpoint.size}").json()["checkpoints"]
    assert len(parse_note(from_b64url(found[0]["note"])).signatures) == 3


def test_a_huge_request_is_not_read(world: World) -> None:
    """One byte too many is refused before it is parsed; a note too large is refused by its length."""
    body = request(checkpoint_of(world), {"note": "A" * (COSIGNATURE_LIMIT - 1000)})
    assert refusal_of(bring(world, body)) == (413, "too-large")
    assert refusal_of(bring(world, body + b" " * COSIGNATURE_LIMIT)) == (413, "too-large")


def test_a_cosignature_needs_the_scope(world: World) -> None:
    """Without journal:read nothing is taken, and without signing in neither."""
    publish_witness_key(world)
    body = request(checkpoint_of(world))
    world.shelter.narrow("envelope:send")
    assert refusal_of(bring(world, body)) == (403, "scope-missing")
    answer = world.client.post("/v1/journal/cosignatures", content=body, headers={"Content-Type": "application/json"})
    assert refusal_of(answer) == (401, "token-missing")


@pytest.mark.parametrize("decoy_first", [True, False])
def test_two_witness_keys_made_to_share_an_id_hide_no_genuine_cosignature(world: World, *, decoy_first: bool) -> None:
    """Four bytes are soon ground: a line is taken if one of the keys made it, and refused if none did."""
    true, decoy = "35213", "157073"
    assert witness_vkey(SHELTER, true).key_id == witness_vkey(SHELTER, decoy).key_id
    for name in (decoy, true) if decoy_first else (true, decoy):
        publish_witness_key(world, name=name)
    checkpoint = checkpoint_of(world)
    line = cosignature(checkpoint, key=witness_key(SHELTER, true))
    forged = f"{line[:60]}{'A' if line[60] != 'A' else 'B'}{line[61:]}"
    refused = (403, "signature-does-not-hold")
    assert refusal_of(bring(world, request(checkpoint, {"cosignature": forged}))) == refused
    assert bring(world, request(checkpoint, {"cosignature": line})).status_code == 201
