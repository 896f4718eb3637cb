"""A checkpoint of our own keys that our archive does not hold stops what may pass, and only a person lifts that."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from gateway.alarms import AlarmError, settle_alarm
from journal.notes import JournalSigner, Note, open_note, parse_note
from keys import strictjson
from keys.documents import b64url
from keys.errors import MalformedError
from tests.builders import SHELTER
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.witnessing import (
    bring,
    checkpoint_of,
    cosignature,
    forked,
    publish_witness_key,
    request,
    witness_key,
)
from tests.gateway.world import World, refusal_of

VKEYS = broker_keys().journal.vkeys


def _alarm(world: World, size: int = 3) -> None:
    shown = forked(size)
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    assert refusal_of(bring(world, body)) == (503, "journal-contradicted")


def test_an_unknown_checkpoint_of_our_own_keys_stops_what_may_pass(world: World) -> None:
    """It proves that this database was set back or replaced: the evidence is kept, and nothing passes any more."""
    wire = world.deposited()
    publish_witness_key(world)
    shown = forked(checkpoint_of(world).size + 10)
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    with capture_logs() as logs:
        for _ in range(2):
            assert refusal_of(bring(world, body)) == (503, "journal-contradicted")
    assert [each["event"] for each in logs] == ["journal.contradicted"]
    with world.broker.store.reading() as tx:
        [kept] = tx.contradictions.all()
    assert (kept.note, kept.reported_by, kept.settled) == (shown, SHELTER, None)
    assert refusal_of(world.client.get("/readyz")) == (503, "journal-contradicted")
    assert refusal_of(world.line.deposit(wire)) == (503, "journal-contradicted")
    assert refusal_of(world.line.deposit(world.message())) == (503, "journal-contradicted")
    lease = world.shelter.post("/v1/inbox/lease", b'{"max":5,"wait":0}')
    assert refusal_of(lease) == (503, "journal-contradicted")
    assert world.types()[-1] == "key.published"


def test_nothing_more_is_signed_of_a_contradicted_journal(world: World) -> None:
    """Another checkpoint, later and of this past, would only deepen the fork."""
    publish_witness_key(world)
    before = world.client.get("/v1/journal/checkpoint").content
    shown = forked(checkpoint_of(world).size + 10)
    bring(world, request(parse_note(shown).checkpoint, {"note": b64url(shown)}))
    world.line.register()
    world.clock.move(hours=5)
    world.integrate()
    assert world.client.get("/v1/journal/checkpoint").content == before


def test_people_can_withdraw_while_nothing_passes(world: World) -> None:
    """The alarm stops what goes to partners, never what a person takes back."""
    world.deposited()
    publish_witness_key(world)
    shown = forked(3)
    bring(world, request(parse_note(shown).checkpoint, {"note": b64url(shown)}))
    assert world.line.withdraw().status_code == 201
    assert "consent.withdrawn" in world.types()


def test_another_root_for_a_published_size_is_a_contradiction(world: World) -> None:
    """A fork: the size is in the archive, and the root is not the one that was published."""
    publish_witness_key(world)
    shown = forked(checkpoint_of(world).size)
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    assert refusal_of(bring(world, body)) == (503, "journal-contradicted")


def test_a_note_that_is_ours_is_no_alarm(world: World) -> None:
    """The published checkpoint, sent along, with cosignatures or without, is what it should be."""
    publish_witness_key(world)
    note = world.client.get("/v1/journal/checkpoint").content
    body = request(checkpoint_of(world), {"note": b64url(note)})
    assert bring(world, body).status_code == 201
    again = world.client.get("/v1/journal/checkpoint").content
    assert bring(world, request(checkpoint_of(world), {"note": b64url(again)})).status_code == 200
    assert world.client.get("/readyz").status_code == 200


def test_nobody_can_raise_the_alarm_without_both_our_keys(world: World) -> None:
    """Signed by other keys, by one of ours, of another journal or of another size: refused, and nothing stops."""
    publish_witness_key(world)
    keys = broker_keys().journal
    size = checkpoint_of(world).size + 1
    other = JournalSigner(keys.origin, Ed25519PrivateKey.generate(), witness_key("somebody"))
    half = parse_note(forked(size))
    notes = [
        forked(size, other),
        Note(half.checkpoint, half.signatures[:1]).encode(),
        Note(half.checkpoint, (*half.signatures[:1], *parse_note(forked(size, other)).signatures[1:])).encode(),
        forked(size, JournalSigner("elsewhere.example/laval/journal/1", keys.ed25519, keys.mldsa44)),
    ]
    for note in notes:
        body = request(parse_note(note).checkpoint, {"note": b64url(note)})
        assert refusal_of(bring(world, body)) == (404, "checkpoint-unknown")
    renamed = strictjson.loads(request(half.checkpoint, {"note": b64url(forked(size))}), limit=100_000)
    body = strictjson.dumps({**renamed, "size": size + 1})
    assert refusal_of(bring(world, body)) == (422, "out-of-range")
    with world.broker.store.reading() as tx:
        assert tx.contradictions.all() == []
    assert world.client.get("/readyz").status_code == 200


def test_whoever_may_not_call_cannot_raise_the_alarm(world: World) -> None:
    """Without the scope the evidence is not taken: it must be known who showed it."""
    shown = forked(3)
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    world.shelter.narrow("envelope:send")
    assert refusal_of(bring(world, body)) == (403, "scope-missing")
    assert world.client.get("/readyz").status_code == 200


def test_only_our_own_two_lines_are_kept_as_evidence(world: World) -> None:
    """What else a reported note carries may be anything, and is nobody's word."""
    publish_witness_key(world)
    shown = forked(3)
    filled = shown + f"{cosignature(parse_note(shown).checkpoint)}\n".encode()
    assert len(parse_note(filled).signatures) == 3
    body = request(parse_note(shown).checkpoint, {"note": b64url(filled)})
    assert refusal_of(bring(world, body)) == (503, "journal-contradicted")
    with world.broker.store.reading() as tx:
        [kept] = tx.contradictions.all()
    assert kept.note == shown
    assert open_note(kept.note, VKEYS).checkpoint == parse_note(shown).checkpoint


def test_a_false_alarm_is_settled_by_a_person(world: World) -> None:
    """One by one; after the last what waits passes and is signed, the evidence stays, and the journal says why."""
    wire = world.deposited()
    for size in (3, 4):
        _alarm(world, size)
    settled, passes = world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 2, "copy-signed", at))
    assert (settled.size, passes) == (4, False)
    assert refusal_of(world.client.get("/readyz")) == (503, "journal-contradicted")
    assert world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))[1]
    assert world.client.get("/readyz").status_code == 200
    assert world.line.deposit(wire).status_code == 200
    assert len(world.shelter.lease()) == 1
    said = [entry for entry in world.entries() if entry.type == "admin.change"]
    assert [(entry.state, entry.reason) for entry in said] == [("alarm-settled", "copy-signed")] * 2
    world.integrate()
    assert checkpoint_of(world).size == len(world.entries())
    with world.broker.store.reading() as tx:
        assert [(each.size, each.settled is None) for each in tx.contradictions.all()] == [(3, False), (4, False)]


def test_another_alarm_after_that_stops_everything_again(world: World) -> None:
    """What was settled is one checkpoint, not whatever comes later; that one again stops nothing."""
    _alarm(world)
    world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    _alarm(world)
    assert world.client.get("/readyz").status_code == 200
    _alarm(world, 5)
    assert world.client.get("/readyz").status_code == 503


def test_what_is_no_alarm_cannot_be_settled(world: World) -> None:
    """No such number, settled before, a reason that is no code: nothing is changed and nothing journalled."""
    _alarm(world)
    for number in (0, -1, 2):
        with pytest.raises(AlarmError) as refused:
            world.act(lambda tx, at, number=number: settle_alarm(SETTINGS, tx, number, "copy-signed", at))
        assert refused.value.code == "alarm-unknown"
    for reason in ("", "Jean Personne-Fictive", "é"):
        with pytest.raises(MalformedError):
            world.act(lambda tx, at, reason=reason: settle_alarm(SETTINGS, tx, 1, reason, at))
    assert "admin.change" not in world.types()
    assert world.client.get("/readyz").status_code == 503
    world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    with pytest.raises(AlarmError) as again:
        world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    assert again.value.code == "alarm-settled"
