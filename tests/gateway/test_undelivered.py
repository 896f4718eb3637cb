"""What waits and may not be delivered any more is destroyed at once: narrowed, closed, or sealed to a revoked key."""

from tests.builders import (
    ENVELOPE_ID,
    HEALTH,
    LINE,
    SHELTER,
    event_envelope,
    event_members,
    registered_statement,
    reply_members,
    sealed_envelope,
    sealing_kid,
)
from tests.gateway.endings import MESSAGE_ID, kept_bytes, notices, told
from tests.gateway.first_day import header_changes
from tests.gateway.world import World, envelope_id


def _accepted(world: World) -> None:
    """A referral that the shelter holds and has accepted."""
    world.picked_up()
    assert world.shelter.deposit(world.event("T08", 1)).status_code == 201


def _event_of_line(transition: str, **event: object) -> bytes:
    changes = {"/from": LINE, "/to": SHELTER, "/id": envelope_id(9), "/seq": 9}
    return event_envelope(event_members({**header_changes(), **changes, "/event": {"transition": transition, **event}}))


def _narrowed(**changes: object) -> dict[str, object]:
    return {"/version": 2, "/prev": registered_statement().sha256, **changes}


def test_a_narrower_version_destroys_at_once_what_it_no_longer_covers(world: World) -> None:
    """It governs what waits from its own moment on, not from the recipient's next call."""
    world.deposited()
    world.line.register(_narrowed(**{"/grants/0/sections": ["identity", "contact"]}))
    assert kept_bytes(world) is None
    destroyed = [entry for entry in world.entries() if entry.type == "envelope.destroyed"]
    assert [(entry.rule, entry.state) for entry in destroyed] == [("R20", "section-not-granted")]
    assert told(world.line) == told(world.shelter) == [("non-delivery", "T04")]


def test_a_narrower_version_leaves_what_it_still_covers(world: World) -> None:
    """A grant that was not touched goes on."""
    wire = world.deposited()
    world.line.register(_narrowed(**{"/grants/1/sections": ["identity"]}))
    assert kept_bytes(world) == wire
    assert len(world.shelter.lease()) == 1


def test_a_request_taken_back_is_destroyed_at_once(world: World) -> None:
    """T10 before pick-up: the sealed bytes go in the same transaction, and both ends hear that it never arrived."""
    world.deposited()
    assert world.line.deposit(_event_of_line("T10", reason="solved-otherwise")).status_code == 201
    assert kept_bytes(world) is None
    assert world.types()[-4:] == ["task.transition", "envelope.destroyed", "envelope.accepted", "envelope.accepted"]
    assert told(world.line) == told(world.shelter) == [("non-delivery", None)]


def test_a_message_to_a_closed_referral_is_destroyed_and_answers_are_not(world: World) -> None:
    """When the owner completes, what still goes to it is let go of; what it wrote back waits for its requester."""
    _accepted(world)
    world.line.deposit(world.message({"/id": MESSAGE_ID}))
    reply = sealed_envelope(reply_members({**header_changes(), "/id": envelope_id(5), "/seq": 5}))
    assert world.shelter.deposit(reply).status_code == 201
    assert world.shelter.deposit(world.event("T17", 6, outcome="place-given")).status_code == 201
    assert kept_bytes(world, MESSAGE_ID) is None
    assert notices(world.line)[-1].notice.envelopes == (MESSAGE_ID,)
    assert len(world.line.lease()) == 1


def test_a_revoked_sealing_key_ends_what_waits_under_it(world: World) -> None:
    """Both ends are told at the revocation (T04), so that the sender seals anew without anybody asking."""
    world.deposited()
    assert world.shelter.revoke(sealing_kid(SHELTER)).status_code == 201
    assert kept_bytes(world) is None
    types = world.types()
    assert types[-4:] == ["key.revoked", "envelope.destroyed", "task.transition", "envelope.accepted"]
    assert told(world.line) == told(world.shelter) == [("non-delivery", "T04")]
    assert notices(world.line)[0].notice.envelopes == (ENVELOPE_ID,)


def test_a_revoked_key_of_another_use_ends_nothing(world: World) -> None:
    """What is sealed to a key that stands is not touched, nor is another partner's mail."""
    wire = world.deposited()
    assert world.partners[HEALTH].revoke(sealing_kid(HEALTH)).status_code == 201
    assert world.line.revoke(sealing_kid(LINE)).status_code == 201
    assert kept_bytes(world) == wire


def test_what_is_being_handed_out_is_left_to_its_recipient(world: World) -> None:
    """An envelope on a running lease may still be acknowledged; once the lease ran out it is not given again."""
    wire = world.deposited()
    world.shelter.lease()
    world.shelter.revoke(sealing_kid(SHELTER))
    assert kept_bytes(world) == wire
    world.clock.move(seconds=121)
    assert world.shelter.lease() == []
    assert told(world.line) == [("non-delivery", "T04")]
