"""What a version that is still given leaves out: whoever was handed it is told at once, and may answer for it."""

import pytest

from tests.builders import ENVELOPE_ID, HEALTH, LINE, SHELTER, STATEMENT_ID, Json, registered_statement, statement
from tests.gateway.endings import MESSAGE_ID, answer, ending, kept_bytes, notices, told
from tests.gateway.world import World, refusal_of


def _without_shelter() -> list[Json]:
    """The grants that are left when the person takes back what goes to the shelter."""
    return [
        grant.model_dump(mode="json", exclude_none=True) for grant in statement().grants if grant.recipient != SHELTER
    ]


def _narrow(world: World, changes: dict[str, object] | None = None) -> None:
    wanted = {"/version": 2, "/prev": registered_statement().sha256, **(changes or {"/grants": _without_shelter()})}
    posted = world.line.register(wanted)
    assert posted.status_code == 201, posted.text


@pytest.mark.parametrize("changes", [None, {"/grants/0/sections": ["contact"]}])
def test_a_recipient_left_out_is_told_and_answers(world: World, changes: dict[str, object] | None) -> None:
    """All of its grants, or a section of one: the consent goes on, and the shelter answers all the same."""
    world.picked_up()
    _narrow(world, changes)
    assert told(world.shelter) == [("non-delivery", "T12"), ("consent-ended", None)]
    duty = notices(world.shelter)[-1].notice
    assert (duty.statement, duty.version, duty.envelopes) == (STATEMENT_ID, 2, (ENVELOPE_ID,))
    assert answer(world.shelter, version=2).status_code == 200
    assert told(world.line) == [("non-delivery", "T12"), ("withdrawal-answered", None)]


def test_a_recipient_that_is_still_allowed_hears_nothing(world: World) -> None:
    """Taking from the one leaves the others alone: nothing is asked, and an answer is not taken."""
    world.picked_up()
    grants = [grant.model_dump(mode="json", exclude_none=True) for grant in statement().grants]
    _narrow(world, {"/grants": [grant for grant in grants if grant["recipient"] == SHELTER]})
    assert told(world.shelter) == told(world.line) == []
    assert refusal_of(answer(world.shelter, version=2)) == (409, "consent-still-given")


def test_a_referral_in_hand_goes_on_when_it_was_accepted(world: World) -> None:
    """As at the end of a consent: the owner answers for what it holds, and closes the referral by itself."""
    world.picked_up()
    assert world.shelter.deposit(world.event("T08", 1)).status_code == 201
    _narrow(world)
    assert told(world.shelter) == [("consent-ended", None)]
    assert world.shelter.deposit(world.event("T17", 2, outcome="place-given")).status_code == 201


def test_what_is_out_on_a_lease_is_never_told_as_undelivered(world: World) -> None:
    """It is destroyed here, its recipient may still acknowledge it, and is asked for its answer."""
    wire = world.deposited()
    world.shelter.lease()
    _narrow(world)
    assert kept_bytes(world) is None
    assert [each.notice.envelopes for each in notices(world.line)] == [None]
    assert [each.notice.envelopes for each in notices(world.shelter)] == [None, (ENVELOPE_ID,)]
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    assert answer(world.shelter, version=2).status_code == 200


def test_what_waits_and_is_left_out_is_told_as_undelivered(world: World) -> None:
    """Nobody was handed it: both ends hear which envelope nobody will have, and there is nothing to answer."""
    world.deposited()
    _narrow(world)
    assert [each.notice.envelopes for each in notices(world.shelter)] == [(ENVELOPE_ID,)]
    assert told(world.shelter) == [("non-delivery", "T04")]
    assert refusal_of(answer(world.shelter, version=2)) == (404, "envelope-unknown")


def test_a_message_left_out_by_its_sections_is_named_alone(world: World) -> None:
    """The referral beside it is still covered: it stays as it is."""
    slots = [{"sid": "s1", "section": "identity", "schema": "identity/1"}]
    assert world.line.register().status_code == 201
    assert world.line.deposit(world.referral({"/slots": slots})).status_code == 201
    granted = [section for section in statement().grants[0].sections if section != "identity"]
    said = [{"sid": "s1", "section": granted[0], "schema": f"{granted[0]}/1"}]
    assert world.line.deposit(world.message({"/id": MESSAGE_ID, "/slots": said})).status_code == 201
    assert len(world.shelter.lease()) == 2
    _narrow(world, {"/grants/0/sections": ["identity"]})
    assert told(world.shelter) == [("consent-ended", None)]
    assert notices(world.shelter)[0].notice.envelopes == (MESSAGE_ID,)
    assert refusal_of(answer(world.shelter, version=2)) == (409, "consent-still-given")
    assert answer(world.shelter, version=2, envelopes=[MESSAGE_ID]).status_code == 200


def test_what_was_told_is_not_told_by_the_next_version(world: World) -> None:
    """A third version leaves out no more than the second did: the shelter hears of it once."""
    world.picked_up()
    _narrow(world)
    heard = told(world.shelter)
    second = {"/version": 2, "/prev": registered_statement().sha256, "/grants": _without_shelter()}
    third = second | {"/version": 3, "/prev": registered_statement(second).sha256}
    assert world.line.register(third).status_code == 201
    assert told(world.shelter) == heard


def test_nobody_else_answers_for_what_is_left_out(world: World) -> None:
    """To the issuer and to a third partner the envelope was never handed out."""
    world.picked_up()
    _narrow(world)
    for address in (LINE, HEALTH):
        assert refusal_of(answer(world.partners[address], version=2)) == (404, "envelope-unknown")


def test_an_end_after_a_narrowing_takes_the_same_answer(world: World) -> None:
    """What was answered before counts: the same word again has the first one's place."""
    world.picked_up()
    _narrow(world)
    first = answer(world.shelter, version=2)
    narrowed = {"/version": 2, "/prev": registered_statement().sha256, "/grants": _without_shelter()}
    last = ending(changes={"/version": 3, "/prev": registered_statement(narrowed).sha256})
    ended = world.line.post(f"/v1/consents/{STATEMENT_ID}/withdraw", last, "statement")
    assert ended.status_code == 201, ended.text
    assert answer(world.shelter, version=3).content == first.content
