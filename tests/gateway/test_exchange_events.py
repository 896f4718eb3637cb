"""Steps of a referral and the broker's notices: who may take them, who hears of them, in which order."""

from datetime import timedelta

import pytest

from consent.envelope import UnverifiedEnvelope
from gateway import enrolments
from keys import strictjson
from keys.documents import format_time
from keys.identity import verifier
from keys.signing import SignedDocument
from tests.builders import (
    AGREEMENT_ID,
    AT,
    BROKER,
    HEALTH,
    LINE,
    REF,
    SHELTER,
    event_envelope,
    event_members,
    notice_members,
    reply_members,
    sealed_envelope,
)
from tests.gateway.first_day import SETTINGS, broker_keys, header_changes
from tests.gateway.world import World, envelope_id, refusal_of


def _steps(world: World, after: int = 0) -> list[str]:
    """The transitions that the line hears of, in order."""
    found = []
    for item in world.line.events(after)["events"]:
        header = UnverifiedEnvelope.parse(strictjson.dumps(item["envelope"])).header
        assert header.typ in {"event", "notice"}
        assert header.event is not None
        found.append(header.event.transition)
    return found


def test_the_requester_hears_every_step_in_order(world: World) -> None:
    """Opened, accepted, on the waiting list, completed with an outcome: each is told once, and journalled."""
    world.picked_up()
    steps: list[tuple[str, dict[str, object]]] = [
        ("T03", {}),
        ("T08", {}),
        ("T15", {"reason": "waitlisted", "review_by": format_time(AT + timedelta(days=7))}),
        ("T17", {"outcome": "place-given"}),
    ]
    for number, (transition, details) in enumerate(steps, start=1):
        answer = world.shelter.deposit(world.event(transition, number, **details))
        assert answer.status_code == 201, answer.text
    assert _steps(world) == ["T03", "T08", "T15", "T17"]
    taken = [entry.transition for entry in world.entries() if entry.type == "task.transition"]
    assert taken == ["T03", "T08", "T15", "T17"]


def test_events_are_told_and_never_leased(world: World) -> None:
    """An event is in the list of events and in no inbox; it may be read as often as one likes."""
    world.picked_up()
    world.shelter.deposit(world.event("T03", 1))
    assert world.line.lease() == []
    assert _steps(world) == _steps(world) == ["T03"]


def test_a_cursor_goes_on_where_it_stopped(world: World) -> None:
    """`next` is what to ask with: nothing is told twice, nothing is skipped, and an empty answer keeps it."""
    world.picked_up()
    world.shelter.deposit(world.event("T03", 1))
    first = world.line.events()
    world.shelter.deposit(world.event("T08", 2))
    assert _steps(world, first["next"]) == ["T08"]
    last = world.line.events(first["next"])["next"]
    assert world.line.events(last) == {"events": [], "next": last}


def test_only_its_addressee_is_told(world: World) -> None:
    """A third partner, and the sender itself, hear nothing."""
    world.picked_up()
    world.shelter.deposit(world.event("T03", 1))
    for address, partner in world.partners.items():
        assert len(partner.events()["events"]) == (1 if address == LINE else 0)


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1&after=2", "wait=31", "after=%20", "wait=1.5"])
def test_a_cursor_that_is_no_number_is_refused(world: World, query: str) -> None:
    """The place is the parameter, and its value is not repeated."""
    answer = world.line.get(f"/v1/events?{query}")
    assert refusal_of(answer) == (422, "out-of-range")
    assert answer.json()["errors"][0]["pointer"] in {"?after", "?wait"}


@pytest.mark.parametrize(
    ("transition", "details", "code"),
    [
        ("T17", {"outcome": "place-given"}, "transition-not-from-here"),
        ("T10", {"reason": "solved-otherwise"}, "transition-not-yours"),
        ("T09", {}, "reason-required"),
        ("T04", {"reason": "undeliverable"}, "transition-not-yours"),
        ("T12", {"reason": "consent-withdrawn"}, "transition-not-yours"),
    ],
)
def test_an_illegal_step_is_refused_and_does_not_move_anything(
    world: World, transition: str, details: dict[str, object], code: str
) -> None:
    """A step from the wrong status, by the wrong side, or without its reason; the state stays what it was."""
    world.picked_up()
    answer = world.shelter.deposit(world.event(transition, 1, **details))
    assert (refusal_of(answer)[1], answer.json()["rule"]) == (code, "R27")
    with world.broker.store.reading() as tx:
        referral = tx.referrals.get(REF)
    assert referral is not None
    assert referral.state.status == "requested"
    assert _steps(world) == []


def test_a_stranger_takes_no_step(world: World) -> None:
    """To who is not a party of the referral it does not exist."""
    world.picked_up()
    changes = {**header_changes(), "/from": HEALTH, "/id": envelope_id(1), "/seq": 1}
    answer = world.partners[HEALTH].deposit(event_envelope(event_members(changes)))
    assert refusal_of(answer) == (404, "referral-unknown")


def test_nobody_speaks_for_the_broker(world: World) -> None:
    """A notice made by a partner is refused, even when the partner signs it under the broker's address."""
    world.picked_up()
    members = notice_members({**header_changes(), "/id": envelope_id(2)})
    forged = event_envelope(members)
    assert refusal_of(world.shelter.deposit(forged)) == (403, "key-unknown")
    own = event_envelope({**members, "from": SHELTER})
    assert refusal_of(world.shelter.deposit(own)) == (403, "notice-not-from-broker")


def test_the_broker_signs_its_notices_with_its_receipts_key(world: World) -> None:
    """A notice verifies under the key that every partner has pinned, and so does its receipt."""
    wire = world.deposited()
    world.shelter.lease()
    refused = world.shelter.ack(wire, {"result": "refused", "code": "decrypt"})
    assert world.shelter.post("/v1/acks", refused, "ack").status_code == 200
    [item] = world.line.events()["events"]
    key = verifier(BROKER, "receipts", broker_keys().receipts.public_bytes)
    UnverifiedEnvelope.parse(strictjson.dumps(item["envelope"])).verify(key)
    SignedDocument.from_json(item["receipt"], "receipt").verify((key,))


def test_an_event_needs_no_consent(world: World) -> None:
    """After a withdrawal the owner may still say what became of the referral."""
    world.picked_up()
    world.shelter.deposit(world.event("T08", 1))
    world.line.withdraw()
    assert world.shelter.deposit(world.event("T17", 2, outcome="place-given")).status_code == 201


def test_a_message_needs_the_consent_again(world: World) -> None:
    """What the line adds later is decided again, and refused once the consent has ended."""
    world.picked_up()
    first, second = (
        world.message({"/id": envelope_id(number), "/seq": number, "/authority/version": number}) for number in (1, 2)
    )
    assert world.line.deposit(first).status_code == 201
    world.line.withdraw()
    assert refusal_of(world.line.deposit(second)) == (403, "consent-withdrawn")


def test_what_is_open_may_be_closed_for_a_while_after_an_agreement_ended(world: World) -> None:
    """For 90 days after the end the owner may still take steps; then no more."""
    world.picked_up()
    ended = AT - timedelta(days=89)
    world.act(lambda tx, _at: tx.agreements.set_state(AGREEMENT_ID, 1, "ended", ended))
    assert world.shelter.deposit(world.event("T08", 1)).status_code == 201
    world.clock.move(days=1)
    assert refusal_of(world.shelter.deposit(world.event("T14", 2))) == (403, "agreement-ended")


def test_a_suspended_sender_takes_no_step(world: World) -> None:
    """Its call is refused before anything is decided."""
    world.picked_up()
    world.shelter.token()
    world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, SHELTER, active=False, at=at))
    assert refusal_of(world.shelter.deposit(world.event("T03", 1))) == (401, "client-suspended")


def test_an_answer_carries_the_outcome_back(world: World) -> None:
    """The shelter's message with an outcome reaches the line's inbox, not its events."""
    world.picked_up()
    world.shelter.deposit(world.event("T08", 1))
    world.shelter.deposit(world.event("T17", 2, outcome="place-given"))
    reply = sealed_envelope(reply_members({**header_changes(), "/id": envelope_id(5), "/seq": 5}))
    answer = world.shelter.deposit(reply)
    assert answer.status_code == 201, answer.text
    assert [strictjson.dumps(item["envelope"]) for item in world.line.lease()] == [reply]
