"""What time decides by itself, once, however often and by however many processes it is looked at."""

from datetime import datetime, timedelta

import pytest

from consent.emergency_review import ESCALATE_AGAIN, REVIEW_WITHIN
from gateway.rates import BY_PARTNER, take
from gateway.store.transaction import Transaction
from gateway.timers import tick
from keys.documents import format_time
from tests.builders import (
    AGREEMENT_ID,
    AT,
    AUDITORS,
    BROKER,
    DAY,
    ENVELOPE_ID,
    LINE,
    REF,
    SHELTER,
    STATEMENT_ID,
    registered_statement,
)
from tests.gateway.emergency_world import Emergencies
from tests.gateway.endings import CODE, MESSAGE_ID, answer, kept_bytes, notices, register, say, told
from tests.gateway.world import World, receipt_of

HOUR = timedelta(hours=1)
SHORT: dict[str, object] = {"/not_after": format_time(AT + 2 * DAY)}
"""A consent of two days: the sign-in keys of the tests outlive it."""


def _ticks(world: World, **later: float) -> list[str]:
    """What the timers journal when they look, and look again, after so much time."""
    world.clock.move(**later)
    before = len(world.types())
    tick(world.broker)
    found = world.types()[before:]
    tick(world.broker)
    assert world.types()[before:] == found
    return found


def test_silence_ends_a_referral_at_its_moment_and_not_before(world: World) -> None:
    """T11 after the agreed hour: told to both ends once; what still waits for the owner is destroyed with it."""
    world.deposited()
    assert _ticks(world, seconds=3599) == []
    assert _ticks(world, seconds=1) == ["envelope.destroyed", "task.transition", "envelope.accepted"]
    assert told(world.line) == told(world.shelter) == [("timer", "T11")]
    [step], [copy] = notices(world.line), notices(world.shelter)
    assert step.event is not None
    assert step.event.reason == "no-response"
    assert copy.notice.copy_of == step.id
    assert step.notice.envelopes == (ENVELOPE_ID,)
    assert kept_bytes(world) is None
    assert world.shelter.lease() == []


def test_silence_after_pick_up_ends_it_too(world: World) -> None:
    """A machine's acknowledgement is no answer of a person; nothing is left here to destroy."""
    world.picked_up()
    assert _ticks(world, hours=1) == ["task.transition", "envelope.accepted"]
    assert notices(world.line)[0].notice.envelopes is None


@pytest.mark.parametrize(
    ("transition", "details", "due"),
    [
        ("T08", {}, None),
        ("T05", {}, 2),
        ("T06", {"reason": "info-needed", "asked": ["identity"]}, None),
        ("T03", {}, 1),
    ],
)
def test_an_answer_stops_extends_or_pauses_the_clock(
    world: World, transition: str, details: dict[str, object], due: int | None
) -> None:
    """Accepting stops it, putting under review doubles it once, asking for information pauses it."""
    world.picked_up()
    assert world.shelter.deposit(world.event(transition, 1, **details)).status_code == 201
    for hour in range(1, 6):
        found = _ticks(world, hours=1)
        assert (found == []) == (hour != due)


def test_an_answer_that_comes_too_late_finds_the_referral_closed(world: World) -> None:
    """The owner that answers after T11 is refused, by the state machine."""
    world.picked_up()
    _ticks(world, hours=1)
    refused = world.shelter.deposit(world.event("T08", 1))
    assert refused.json()["type"].endswith("/transition-not-from-here")


def test_a_clock_that_goes_back_decides_nothing_again(world: World) -> None:
    """The journal's time holds: what was due stays done, and nothing new is due."""
    world.picked_up()
    _ticks(world, hours=1)
    assert _ticks(world, hours=-3) == []
    assert world.entries()[-1].time == AT + HOUR


def test_an_envelope_that_nobody_fetched_expires(world: World) -> None:
    """`envelope.expired`, the bytes gone, and the referral undeliverable (T04) at both ends."""
    far = {"/respond_by": format_time(AT + 30 * DAY)}
    assert world.line.register().status_code == 201
    assert world.line.deposit(world.referral(far)).status_code == 201
    assert _ticks(world, days=6, hours=23) == []
    assert _ticks(world, hours=1) == ["envelope.expired", "task.transition", "envelope.accepted"]
    expired = next(entry for entry in world.entries() if entry.type == "envelope.expired")
    assert (expired.actor, expired.from_, expired.to, expired.ref) == (BROKER, LINE, SHELTER, REF)
    assert (expired.envelope, expired.state) == (ENVELOPE_ID, None)
    assert kept_bytes(world) is None
    # The keys of both ends were for seven days; what they are told does not depend on their coming.
    with world.broker.store.reading() as tx:
        assert [len(tx.envelopes.told(address, 0, 9)) for address in (LINE, SHELTER)] == [1, 1]


def test_a_message_that_expires_ends_no_referral(world: World) -> None:
    """Both ends hear which message was not delivered, and go on."""
    world.picked_up()
    world.shelter.deposit(world.event("T08", 1))
    world.line.deposit(world.message({"/id": MESSAGE_ID, "/exp": format_time(AT + HOUR)}))
    assert _ticks(world, hours=1) == ["envelope.expired", "envelope.accepted", "envelope.accepted"]
    assert told(world.line) == told(world.shelter) == [("non-delivery", None)]
    assert notices(world.line)[0].notice.envelopes == (MESSAGE_ID,)


def test_what_is_in_the_recipients_hands_expires_after_its_lease(world: World) -> None:
    """It may be acknowledged to the last second; only an unanswered lease lets it expire."""
    assert world.line.register().status_code == 201
    wire = world.referral({"/exp": format_time(AT + timedelta(seconds=60))})
    assert world.line.deposit(wire).status_code == 201
    world.shelter.lease()
    assert _ticks(world, seconds=90) == []
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    assert _ticks(world, seconds=60) == []


def test_a_lease_that_ran_out_lets_it_expire(world: World) -> None:
    """Handed out, never acknowledged, over: nobody can say that it arrived."""
    assert world.line.register().status_code == 201
    assert world.line.deposit(world.referral({"/exp": format_time(AT + timedelta(seconds=60))})).status_code == 201
    world.shelter.lease()
    assert _ticks(world, seconds=120) == ["envelope.expired", "task.transition", "envelope.accepted"]


def test_a_consent_ends_with_its_period(world: World) -> None:
    """`consent.expired` once; what waits is destroyed, the referral cancelled, and the issuer told as well."""
    assert world.line.register(SHORT).status_code == 201
    changes = {"/authority/sha256": registered_statement(SHORT).sha256, "/respond_by": format_time(AT + 9 * DAY)}
    assert world.line.deposit(world.referral(changes)).status_code == 201
    assert _ticks(world, days=2, seconds=-1) == []
    found = _ticks(world, seconds=1)
    assert found == [
        "consent.expired",
        "envelope.destroyed",
        "task.transition",
        "envelope.accepted",
        "envelope.accepted",
    ]
    entry = next(entry for entry in world.entries() if entry.type == "consent.expired")
    assert (entry.actor, entry.from_, entry.to, entry.statement) == (BROKER, LINE, None, STATEMENT_ID)
    assert told(world.line) == [("non-delivery", "T12"), ("consent-ended", None)]
    step = notices(world.line)[0]
    assert step.event is not None
    assert step.event.reason == "consent-expired"
    assert world.line.get(f"/v1/consents/{STATEMENT_ID}").json()["state"] == "expired"


def test_a_consent_that_was_withdrawn_does_not_expire(world: World) -> None:
    """It ended once; its period changes nothing any more."""
    world.line.register(SHORT)
    ended = {"/version": 2, "/prev": registered_statement(SHORT).sha256, "/state": "withdrawn", "/grants": [], **SHORT}
    assert world.line.register(ended).status_code == 201
    assert _ticks(world, days=3) == []


def test_the_code_of_an_expired_consent_is_answered(world: World) -> None:
    """The person hears that it is done, as ever; what recipients were told at the end holds."""
    register(world.line, CODE, SHORT)
    changes = {"/authority/sha256": registered_statement(SHORT).sha256}
    assert world.line.deposit(world.referral(changes)).status_code == 201
    world.shelter.lease()
    _ticks(world, days=2)
    assert ("consent-ended", None) in told(world.shelter)
    heard = told(world.shelter)
    assert receipt_of(say(world.shelter))["withdrawal"] == "done"
    assert told(world.shelter) == heard
    assert answer(world.shelter).status_code == 200


def test_an_emergency_that_nobody_reviewed_is_told_every_day(world: World) -> None:
    """After 72 h and every 24 h: to its sender and to the auditors, who are no party of it; never to the owner."""
    urgent = Emergencies(world)
    urgent.declared()
    world.shelter.lease()
    world.clock.move(hours=23)
    tick(world.broker)
    owners = told(world.shelter)
    for moment in (REVIEW_WITHIN - 23 * HOUR, ESCALATE_AGAIN, ESCALATE_AGAIN):
        world.clock.at += moment - timedelta(seconds=1)
        assert "incident.escalated" not in _ticks(world)
        found = _ticks(world, seconds=1)
        assert [each for each in found if each != "client.registered"] == [
            "incident.escalated",
            "envelope.accepted",
            "envelope.accepted",
        ]
        entry = next(each for each in world.entries()[::-1] if each.type == "incident.escalated")
        assert (entry.actor, entry.from_, entry.to, entry.ref) == (BROKER, LINE, AUDITORS, REF)
    assert told(urgent.auditors) == [("emergency-unreviewed", None)] * 3
    assert told(world.line).count(("emergency-unreviewed", None)) == 3
    assert told(world.shelter) == owners


def test_a_reviewed_emergency_is_told_no_more(world: World) -> None:
    """The review ends it, before the first time or after."""
    urgent = Emergencies(world)
    wire = urgent.declared()
    assert urgent.post_review(wire, urgent.review(wire)).status_code in {200, 201}
    world.clock.at += REVIEW_WITHIN + ESCALATE_AGAIN
    tick(world.broker)
    assert "incident.escalated" not in world.types()


def test_an_agreement_ends_with_its_period_once(world: World) -> None:
    """Journalled in clear by the broker; the operator need not be there."""
    with world.broker.store.reading() as tx:
        newest = tx.agreements.newest(AGREEMENT_ID)
    assert newest is not None
    world.clock.at = newest.document.not_after - timedelta(seconds=1)
    assert _ticks(world) == []
    assert _ticks(world, seconds=1) == ["agreement.ended"]
    with world.broker.store.reading() as tx:
        ended = tx.agreements.newest(AGREEMENT_ID)
    assert ended is not None
    assert (ended.state, ended.ended_at) == ("ended", newest.document.not_after)


def test_what_is_kept_no_longer_is_forgotten(world: World) -> None:
    """Sources that asked, and values that were used once, go when they could not matter any more."""

    def use_up(tx: Transaction, at: datetime) -> None:
        take(world.broker, tx, BY_PARTNER, LINE, at)
        tx.replay.once("test", "value", at + HOUR)

    world.act(use_up)
    assert _ticks(world, hours=2) == []
    with world.broker.store.reading() as tx:
        assert tx.connection.exec_driver_sql("SELECT source FROM rate").all() == []
        assert tx.connection.exec_driver_sql("SELECT digest FROM replay").all() == []


def test_more_than_a_batch_is_done_in_one_look(world: World) -> None:
    """Sixty referrals fall due at once; each is ended once."""
    changes: dict[str, object] = {"/grants/0/max_uses": 60}
    assert world.line.register(changes).status_code == 201
    digest = registered_statement(changes).sha256
    for number in range(60):
        letters = f"{number:026}".translate(str.maketrans("0189", "abyz"))
        wire = world.referral({"/authority/sha256": digest, "/ref": f"ref_{letters}", "/id": f"env_{letters}"})
        assert world.line.deposit(wire).status_code == 201
    found = _ticks(world, hours=1)
    assert (found.count("task.transition"), found.count("envelope.destroyed")) == (60, 60)
