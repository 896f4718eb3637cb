"""A checkpoint of our own keys that our archive does not hold stops what may pass, and only a person lifts that."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from gateway.alarms import AlarmError, settle_alarm
from gateway.audit_bundles import export_bundle
from gateway.sequencer import integration
from gateway.store.heads import ContradictedError
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.invariants.two_people import SettledAlarm
from journal.notes import JournalSigner, Note, open_note, parse_note
from journal.receipts import read_receipt
from keys import strictjson
from keys.documents import b64url, parse
from keys.errors import MalformedError
from keys.identity import verifier
from keys.signing import MAX_DOCUMENT
from tests.builders import AT, SHELTER
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
from tests.gateway.world import World, receipt_of, refusal_of

VKEYS = broker_keys().signer(1).vkeys


def _alarm(world: World, size: int = 3, at: datetime = AT) -> None:
    shown = forked(size, at=at)
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    assert refusal_of(bring(world, body)) == (503, "journal-contradicted")


def _stopped(world: World) -> bool:
    """Whether deposits and releases are refused."""
    with world.broker.store.reading() as tx:
        return tx.journal.head().contradicted


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
    # A proxy that sent nobody to us any more would keep people from withdrawing.
    assert world.client.get("/readyz").status_code == 200
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
    assert not _stopped(world)


def test_nobody_can_raise_the_alarm_without_both_our_keys(world: World) -> None:
    """Signed by other keys, by one of ours, of another journal or of another size: refused, and nothing stops."""
    publish_witness_key(world)
    keys = broker_keys().signer(1)
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
    assert not _stopped(world)


def test_whoever_may_not_call_cannot_raise_the_alarm(world: World) -> None:
    """Without the scope the evidence is not taken: it must be known who showed it."""
    shown = forked(3)
    body = request(parse_note(shown).checkpoint, {"note": b64url(shown)})
    world.shelter.narrow("envelope:send")
    assert refusal_of(bring(world, body)) == (403, "scope-missing")
    assert not _stopped(world)


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
    assert _stopped(world)
    assert world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))[1]
    assert not _stopped(world)
    assert world.line.deposit(wire).status_code == 200
    assert len(world.shelter.lease()) == 1
    said = [entry for entry in world.entries() if entry.type == "admin.change"]
    assert [(entry.state, entry.reason) for entry in said] == [("alarm-settled", "copy-signed")] * 2
    world.integrate()
    assert checkpoint_of(world).size == len(world.entries())
    with world.broker.store.reading() as tx:
        assert [(each.size, each.settled is None) for each in tx.contradictions.all()] == [(3, False), (4, False)]


def test_what_was_journalled_under_an_alarm_convicts_nobody(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much waits when the alarm is settled, the first checkpoint after it holds all of it.

    A receipt given meanwhile promises a day: nothing is signed within a minute.
    """
    monkeypatch.setattr(integration, "BATCH", 10)
    world.deposited()
    _alarm(world)
    ended = world.line.withdraw()
    for _ in range(25):
        world.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor=SETTINGS.address))
    world.clock.move(hours=20)
    world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    world.integrate()
    assert checkpoint_of(world).size == len(world.entries())
    with (tmp_path / "journal.zip").open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    given = receipt_of(ended)
    assert given["promise"] == 24 * 3600
    own = verifier(SETTINGS.address, "receipts", broker_keys().receipts.public_bytes)
    promised = read_receipt(ended.content, own, "receipt")
    found = verify_bundle(Question(tmp_path / "journal.zip", VKEYS, receipts=[promised], background=False))
    assert found.holds
    assert found.late == ()
    assert found.honoured is not None
    assert found.honoured.breaches == ()


def test_another_alarm_after_that_stops_everything_again(world: World) -> None:
    """What was settled is one checkpoint, not whatever comes later; that one again stops nothing."""
    _alarm(world)
    world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    _alarm(world)
    assert not _stopped(world)
    _alarm(world, 5)
    assert _stopped(world)


HOUR = timedelta(hours=1)


def test_what_a_copy_signed_in_the_time_settled_stops_nothing_more(world: World) -> None:
    """A copy signs many checkpoints: each is kept as evidence, and none of them is another alarm; others are."""
    _alarm(world)
    _alarm(world, 4)
    world.clock.move(hours=2)
    copied = AT - HOUR, AT + HOUR
    _, passes = world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at, copied=copied))
    assert passes
    with capture_logs() as logs:
        _alarm(world, 5)
    assert [each["event"] for each in logs] == ["journal.copy_signed"]
    assert not _stopped(world)
    with world.broker.store.reading() as tx:
        assert [(each.size, each.settled is None) for each in tx.contradictions.all()] == [
            (3, False),
            (4, False),
            (5, False),
        ]
    [said] = [entry for entry in world.entries() if entry.type == "admin.change"]
    told = parse(SettledAlarm, said.document or b"", limit=MAX_DOCUMENT)
    assert (told.size, told.begin, told.end) == (3, *copied)
    _alarm(world, 6, at=AT + 2 * HOUR)
    assert _stopped(world)


def test_only_a_time_that_is_over_and_holds_the_checkpoint_explains_it(world: World) -> None:
    """Nobody settles what a copy is still to sign, or an alarm by a time that has nothing to do with it."""
    _alarm(world)
    for copied in ((AT - 2 * HOUR, AT - HOUR), (AT - HOUR, AT + HOUR), (AT + HOUR, AT - HOUR), (AT + HOUR, AT + HOUR)):
        with pytest.raises(AlarmError) as refused:
            world.act(lambda tx, at, copied=copied: settle_alarm(SETTINGS, tx, 1, "copied", at, copied=copied))
        assert refused.value.code == "alarm-not-then"
    assert _stopped(world)
    assert "admin.change" not in world.types()


def test_whoever_waits_for_the_same_commit_as_the_alarm_is_stopped_too(world: World) -> None:
    """Of what is committed together, only what was decided before the evidence was kept passes."""
    with world.broker.store.transaction() as tx:
        tx.journal.lock(world.clock())
        tx.journal.require_uncontradicted()
        tx.journal.set_contradicted(contradicted=True)
        with pytest.raises(ContradictedError):
            tx.journal.require_uncontradicted()


def test_events_are_told_while_nothing_passes(world: World) -> None:
    """What happened before is no deposit and no release."""
    world.deposited()
    _alarm(world)
    assert world.line.withdraw().status_code == 201
    assert [each["envelope"] is not None for each in world.line.events()["events"]] == [True]


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
    assert _stopped(world)
    world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    with pytest.raises(AlarmError) as again:
        world.act(lambda tx, at: settle_alarm(SETTINGS, tx, 1, "copy-signed", at))
    assert again.value.code == "alarm-settled"
