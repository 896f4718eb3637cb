"""Emergencies at the broker: justified to the auditors first, short, minimal, reviewed by a second person."""

from datetime import timedelta
from pathlib import Path

import pytest

from consent.envelope import UnverifiedEnvelope
from gateway import enrolments
from gateway.audit_bundles import export_bundle
from gateway.emergencies import set_barred
from journal.bundle import Bundle
from journal.replay import verify
from keys import strictjson
from keys.documents import b64url, format_time
from keys.sealing import SealedParts, Slot, open_sections
from tests.builders import (
    AT,
    AUDITORS,
    DAY,
    HEALTH,
    JUSTIFICATION_ID,
    LINE,
    REF,
    SHELTER,
    Json,
    justification_members,
    referral_members,
    sealed_envelope,
    sealing_key,
    sealing_kid,
    signing_key,
)
from tests.databases import contents
from tests.gateway.emergency_world import WHY, Emergencies
from tests.gateway.first_day import CANARY, SETTINGS, broker_keys, header_changes
from tests.gateway.world import World, refusal_of

OTHER_REF = "ref_" + "q" * 26
OTHER_ID = "env_" + "k" * 26


@pytest.fixture
def urgent(world: World) -> Emergencies:
    """A world with auditors."""
    return Emergencies(world)


def _opened(wire: Json, address: str) -> dict[str, bytes]:
    """The sections of an envelope, opened as its recipient does."""
    envelope = UnverifiedEnvelope.parse(strictjson.dumps(wire))
    slots = tuple(Slot(slot.sid, slot.section) for slot in envelope.header.slots)  # type: ignore[union-attr]  # it is sealed
    assert envelope.key is not None
    parts = SealedParts(envelope.key, envelope.sections)
    protected = b64url(envelope.payload.protected)
    return open_sections(protected, sealing_kid(address), sealing_key(address), parts, slots)


def test_an_emergency_passes_once_the_auditors_were_told_why(world: World, urgent: Emergencies) -> None:
    """Justification first, then the referral; both are delivered, the emergency is declared in the journal and kept."""
    wire = urgent.declared()
    [leased] = urgent.auditors.lease()
    assert strictjson.loads(_opened(leased["envelope"], AUDITORS)["s1"], limit=9999) == {"text": WHY}
    [delivered] = world.shelter.lease()
    assert strictjson.dumps(delivered["envelope"]) == wire
    [entry] = [entry for entry in world.entries() if entry.type == "emergency.declared"]
    envelope = UnverifiedEnvelope.parse(wire)
    assert (entry.actor, entry.from_, entry.to, entry.ref) == (LINE, LINE, SHELTER, REF)
    assert (entry.envelope, entry.payload_sha256) == (envelope.header.id, envelope.signed.sha256)
    assert (entry.reason, entry.justification.envelope if entry.justification else "") == (
        "person-in-danger-unable",
        JUSTIFICATION_ID,
    )
    assert entry.document == envelope.payload.protected


def test_the_broker_cannot_read_why(world: World, urgent: Emergencies) -> None:
    """What the worker wrote to the auditors is in no byte of the broker's database and in no entry of its journal."""
    urgent.declared()
    data = contents(world.broker.store)
    assert JUSTIFICATION_ID.encode() in data
    for secret in (CANARY.encode(), WHY.encode()):
        assert secret not in data


def test_without_its_justification_nothing_leaves(world: World, urgent: Emergencies) -> None:
    """A referral whose justification was not deposited is refused, and passes once it was."""
    justified = urgent.justification()
    wire = urgent.referral(justified)
    assert refusal_of(world.line.deposit(wire)) == (403, "justification-missing")
    assert world.shelter.lease() == []
    assert world.line.deposit(justified).status_code == 201
    assert world.line.deposit(wire).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"/emergency/justification/sha256": "ab" * 32},
        {"/emergency/justification/envelope": OTHER_ID},
        {"/ref": OTHER_REF},
    ],
    ids=["other-digest", "other-envelope", "other-referral"],
)
def test_another_justification_justifies_nothing(world: World, urgent: Emergencies, changes: dict[str, object]) -> None:
    """It has to be exactly the message that was deposited, about exactly this referral."""
    justified = urgent.justification()
    assert world.line.deposit(justified).status_code == 201
    assert refusal_of(world.line.deposit(urgent.referral(justified, changes))) == (403, "justification-missing")


def test_the_justification_of_another_organisation_justifies_nothing(world: World, urgent: Emergencies) -> None:
    """Nobody declares an emergency on what somebody else told the auditors, even under the same reference."""
    justified = urgent.justification({"/from": HEALTH})
    assert world.partners[HEALTH].deposit(justified).status_code == 201
    assert refusal_of(world.line.deposit(urgent.referral(justified))) == (403, "justification-missing")


def test_only_auditors_are_told_why(world: World, urgent: Emergencies) -> None:
    """A justification to somebody who does not audit is refused: it would be a message that nobody consented to."""
    wire = urgent.justification({"/to": SHELTER})
    assert refusal_of(world.line.deposit(wire)) == (403, "justification-not-to-auditors")


def test_a_justification_carries_nothing_else(world: World, urgent: Emergencies) -> None:
    """No other section travels to the auditors under the name of a justification."""
    slots = [*justification_members()["slots"], {"sid": "s2", "section": "identity", "schema": "identity/1"}]
    for sent in (slots, [{"sid": "s1", "section": "identity", "schema": "identity/1"}]):
        wire = urgent.justification({"/slots": sent})
        assert refusal_of(world.line.deposit(wire)) == (403, "emergency-section")


def test_only_the_necessary_sections_leave(world: World, urgent: Emergencies) -> None:
    """A section that the law does not list on this ground is refused, even where the agreement covers it."""
    justified = urgent.justification()
    world.line.deposit(justified)
    slots = [{"sid": "s1", "section": "health-note", "schema": "health-note/1"}]
    assert refusal_of(world.line.deposit(urgent.referral(justified, {"/slots": slots}))) == (403, "emergency-section")
    changes = {"/slots": slots, "/emergency/ground": "serious-risk-death-or-injury"}
    assert world.line.deposit(urgent.referral(justified, changes)).status_code == 201


@pytest.mark.parametrize(
    ("iat", "exp", "because"),
    [
        (AT, AT + DAY + timedelta(milliseconds=1), "emergency-too-long"),
        (AT + timedelta(seconds=120), AT + timedelta(seconds=120) + DAY, None),
        (AT + timedelta(seconds=121), AT + timedelta(seconds=121) + DAY, "envelope-from-the-future"),
        (AT - DAY, AT, "envelope-expired"),
    ],
)
def test_an_emergency_is_short(
    world: World, urgent: Emergencies, iat: object, exp: object, because: str | None
) -> None:
    """It waits 24 hours at most, and dating it forward buys no more than the skew that is allowed."""
    justified = urgent.justification()
    world.line.deposit(justified)
    times = {"/iat": format_time(iat), "/exp": format_time(exp)}  # type: ignore[arg-type]  # both are moments
    answer = world.line.deposit(urgent.referral(justified, times))
    assert (None if answer.status_code == 201 else refusal_of(answer)[1]) == because


def test_what_nobody_fetched_in_its_day_is_not_handed_out(world: World, urgent: Emergencies) -> None:
    """After 24 hours the second gate refuses what the first let pass."""
    urgent.declared()
    world.clock.move(seconds=DAY.total_seconds())
    assert world.shelter.lease() == []


def test_a_barred_worker_declares_nothing(world: World, urgent: Emergencies) -> None:
    """The right is gone at the next deposit, for this worker of this organisation alone, and comes back when lifted."""
    justified = urgent.justification()
    assert world.line.deposit(justified).status_code == 201
    assert world.act(lambda tx, at: set_barred(SETTINGS, tx, LINE, "int-7", barred=True, at=at))
    wire = urgent.referral(justified)
    assert refusal_of(world.line.deposit(wire)) == (403, "emergency-worker-suspended")
    again = urgent.justification({"/id": OTHER_ID, "/ref": OTHER_REF})
    assert refusal_of(world.line.deposit(again)) == (403, "emergency-worker-suspended")
    other = urgent.justification({"/id": OTHER_ID, "/ref": OTHER_REF, "/emergency/worker": "int-8"})
    assert world.line.deposit(other).status_code == 201
    assert world.act(lambda tx, at: set_barred(SETTINGS, tx, LINE, "int-7", barred=False, at=at))
    assert world.line.deposit(wire).status_code == 201
    changes = [entry for entry in world.entries() if entry.type == "admin.change"]
    assert [entry.state for entry in changes] == ["emergency-worker-barred", "emergency-worker-lifted"]
    assert {entry.document for entry in changes} == {b'{"v":1,"worker":"int-7"}'}


def test_an_emergency_does_not_reach_past_a_suspension(world: World, urgent: Emergencies) -> None:
    """A suspended sender cannot declare one, and to a suspended recipient nothing is sent."""
    justified = urgent.justification()
    world.line.deposit(justified)

    def suspend(address: str, *, active: bool) -> None:
        world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, address, active=active, at=at))

    suspend(SHELTER, active=False)
    assert refusal_of(world.line.deposit(urgent.referral(justified))) == (403, "recipient-suspended")
    suspend(SHELTER, active=True)
    suspend(LINE, active=False)
    assert refusal_of(world.line.deposit(urgent.referral(justified))) == (401, "client-suspended")


def test_an_emergency_does_not_reach_past_an_unknown_key(world: World, urgent: Emergencies) -> None:
    """It is signed by a key that the sender published, and sealed to one that the recipient did."""
    justified = urgent.justification()
    world.line.deposit(justified)
    assert world.line.revoke(signing_key(LINE).kid).status_code in {200, 201}
    assert refusal_of(world.line.deposit(urgent.referral(justified))) == (403, "key-revoked")


def test_an_article_that_does_not_open_itself_to_emergencies_lets_none_pass(world: World) -> None:
    """Where the agreement does not provide for emergencies, declaring one changes nothing."""
    members = referral_members(header_changes())
    del members["authority"]
    named = {"envelope": JUSTIFICATION_ID, "sha256": "ab" * 32}
    members["emergency"] = {
        "ground": "child-in-danger",
        "directive": "DIR-1",
        "worker": "int-7",
        "justification": named,
    }
    members["slots"] = members["slots"][:2]
    assert refusal_of(world.line.deposit(sealed_envelope(members))) == (403, "article-authority")


def test_nothing_is_declared_by_what_was_refused_or_rests_on_consent(world: World) -> None:
    """An emergency is kept for the acceptance of an emergency referral, and for nothing else."""
    urgent = Emergencies(world)
    assert world.line.register().status_code == 201
    members = urgent.terms() | {"/id": OTHER_ID, "/ref": OTHER_REF}
    assert world.line.deposit(world.referral(members)).status_code == 201
    justified = urgent.justification()
    world.line.deposit(justified)
    world.line.deposit(urgent.referral(justified, {"/ref": OTHER_REF}))
    assert "emergency.declared" not in world.types()
    assert world.line.get("/v1/emergencies").json() == {"v": 1, "emergencies": []}


def test_a_day_of_emergencies_verifies(world: World, urgent: Emergencies, tmp_path: Path) -> None:
    """The auditors' replay decides every passage again and finds nothing broken."""
    wire = urgent.declared()
    world.clock.move(seconds=5)
    [justified] = urgent.auditors.lease()
    urgent.auditors.post("/v1/acks", urgent.auditors.ack(strictjson.dumps(justified["envelope"])), "ack")
    assert len(world.shelter.lease()) == 1
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    assert urgent.post_review(wire, urgent.review(wire, {"verdict": "not-justified"})).status_code == 201
    path = tmp_path / "journal.zip"
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(path) as bundle:
        report = verify(bundle, broker_keys().signer(1).vkeys)
    assert report.violations == ()
    assert report.complete
