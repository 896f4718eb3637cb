"""What takes the place of what: only a referral or a message, of its own ends, and never what somebody holds."""

import pytest

from consent.envelope import compose
from keys import strictjson
from tests.builders import (
    ABSENT,
    ENVELOPE_ID,
    JUSTIFICATION_ID,
    SHELTER,
    event_members,
    justification_members,
    signing_key,
)
from tests.gateway.emergency_world import Emergencies
from tests.gateway.endings import kept_bytes
from tests.gateway.first_day import header_changes
from tests.gateway.world import World, envelope_id, refusal_of


def _replacing_event(named: str) -> bytes:
    """An event that its sender’s own software would not write: it names an envelope to replace."""
    members = event_members({**header_changes(), "/id": envelope_id(2), "/seq": 2, "/replaces": named})
    return compose(strictjson.dumps(members), signing_key(SHELTER))


def test_an_event_takes_the_place_of_nothing(world: World) -> None:
    """Neither a referral that waits nor a step that was told can be made to vanish by an event."""
    wire = world.deposited()
    assert refusal_of(world.shelter.deposit(_replacing_event(ENVELOPE_ID))) == (422, "unexpected-member")
    assert kept_bytes(world) == wire
    assert world.shelter.deposit(world.event("T03", 1)).status_code == 201
    assert refusal_of(world.shelter.deposit(_replacing_event(envelope_id(1)))) == (422, "unexpected-member")
    assert len(world.line.events()["events"]) == 1


def test_a_justification_takes_the_place_of_nothing(world: World) -> None:
    """Nobody destroys what waits, nor what the auditors were told first, by telling them something."""
    urgent = Emergencies(world)
    urgent.declared()
    before = kept_bytes(world, JUSTIFICATION_ID)
    changes = {**urgent.terms(), "/id": envelope_id(2), "/seq": 2, "/replaces": JUSTIFICATION_ID}
    members = justification_members(changes)
    wire = compose(strictjson.dumps(members), signing_key(members["from"]))
    assert refusal_of(world.line.deposit(wire)) == (422, "unexpected-member")
    assert kept_bytes(world, JUSTIFICATION_ID) == before is not None


def test_what_was_told_is_told_for_life(world: World) -> None:
    """The store itself lets go of no event, and an event without its bytes would stop nobody from hearing the rest."""
    world.picked_up()
    assert world.shelter.deposit(world.event("T03", 1)).status_code == 201
    world.act(lambda tx, _: tx.envelopes.replace(envelope_id(1)))
    assert len(world.line.events()["events"]) == 1
    world.act(lambda tx, _: tx.envelopes.withhold(envelope_id(1)))
    assert world.line.events()["events"] == []


def test_what_is_being_handed_out_is_not_replaced(world: World) -> None:
    """While the lease runs the recipient may say that it holds it: one use would have been delivered twice."""
    wire = world.deposited()
    assert len(world.shelter.lease()) == 1
    again = world.referral({"/id": envelope_id(4), "/seq": 4, "/replaces": ENVELOPE_ID})
    assert refusal_of(world.line.deposit(again)) == (403, "replaced-leased")
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    assert refusal_of(world.line.deposit(again)) == (403, "replaced-already")


@pytest.mark.parametrize("result", ["stored", "refused"])
def test_what_was_replaced_is_not_stored_any_more(world: World, result: str) -> None:
    """Once the lease ran out and another took its place, the first one counts no more, whoever says it does."""
    wire = world.deposited()
    world.shelter.lease()
    world.clock.move(seconds=120)
    again = world.referral({"/id": envelope_id(4), "/seq": 4, "/replaces": ENVELOPE_ID})
    assert world.line.deposit(again).status_code == 201
    [leased] = world.shelter.lease()
    assert strictjson.dumps(leased["envelope"]) == again
    said = {"result": result, "code": "expired" if result == "refused" else ABSENT}
    said = {member: value for member, value in said.items() if value is not ABSENT}
    answer = world.shelter.post("/v1/acks", world.shelter.ack(wire, said), "ack")
    if result == "stored":
        assert refusal_of(answer) == (409, "envelope-replaced")
    else:
        assert answer.status_code == 200
    assert world.shelter.post("/v1/acks", world.shelter.ack(again), "ack").status_code == 200
    with world.broker.store.reading() as tx:
        known = tx.envelopes.known(ENVELOPE_ID, world.clock.at)
    assert known is not None
    assert (known.stored, known.replaced, known.leased) == (False, True, False)
