"""The end of an agreement at the broker: nothing new, and 90 days to close what is open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consent.agreement import CLOSING_PERIOD, Agreement
from keys.documents import format_time
from keys.identity import ClientKey
from tests.builders import AT, DAY, SHELTER, registered_statement, signing_key
from tests.gateway.chains import next_statement, publish_statement
from tests.gateway.growing import CONSENTED, Growing, first_version, under
from tests.gateway.world import World, refusal_of

END = AT + 5 * DAY
"""While the sealing keys of the tests are still in force."""


def _opened(growing: Growing, ending: str) -> Agreement:
    """An agreement with an open referral, at its end: by its date, or because the operator ended it."""
    world = growing.world
    changes = {"/not_after": format_time(END)} if ending == "by its date" else {}
    document = growing.in_force(first_version(changes))
    assert world.line.register(CONSENTED).status_code == 201
    assert world.line.deposit(world.referral(_cited(document))).status_code == 201
    assert len(world.shelter.lease()) == 1
    _keep_signing_in(world)
    world.clock.at = END
    if ending == "by hand":
        growing.change(document, "ended")
    return document


def _cited(document: Agreement) -> dict[str, object]:
    return {**under(document), "/authority/sha256": registered_statement(CONSENTED).sha256}


def _keep_signing_in(world: World) -> None:
    """A sign-in key of the shelter that lasts beyond the closing period."""
    fresh = ClientKey.generate(SHELTER)
    period = (AT + 70 * DAY, AT + 150 * DAY)
    signed = next_statement(world, "oauth", fresh.public_bytes, period, signers=(signing_key(SHELTER),))
    assert publish_statement(world, signed).status_code == 201
    world.shelter.spare_keys.append(fresh)


@pytest.mark.parametrize("ending", ["by its date", "by hand"])
def test_after_the_end_nothing_new_and_what_is_open_may_be_closed(world: World, ending: str) -> None:
    """A new referral is refused from the very moment; steps of an open one pass up to the last moment of 90 days."""
    growing = Growing(world)
    document = _opened(growing, ending)
    changes = {
        **_cited(document),
        "/id": "env_" + "n" * 26,
        "/ref": "ref_" + "n" * 26,
        "/iat": format_time(END),
        "/exp": format_time(END + DAY),
    }
    assert refusal_of(world.line.deposit(world.referral(changes))) == (403, "agreement-ended")
    assert world.shelter.deposit(growing.step(document, "T03", 1)).status_code == 201
    world.clock.at = END + CLOSING_PERIOD - timedelta(milliseconds=1)
    world.shelter.sign_in_with(world.shelter.spare_keys[0])
    answer = world.shelter.deposit(growing.step(document, "T09", 2, reason="no-capacity"))
    assert answer.status_code == 201, answer.text
    world.clock.at = END + CLOSING_PERIOD
    assert refusal_of(world.shelter.deposit(growing.step(document, "T22", 3))) == (403, "agreement-ended")


def test_an_end_does_not_bring_back_another_one(world: World) -> None:
    """An agreement that was ended by hand stays so, although its date has not come."""
    growing = Growing(world)
    document = growing.in_force(first_version())
    growing.change(document, "ended")
    world.clock.move(days=1)
    assert world.line.register(CONSENTED).status_code == 201
    fresh = {"/iat": format_time(world.clock()), "/exp": format_time(world.clock() + DAY)}
    assert refusal_of(world.line.deposit(world.referral(_cited(document) | fresh))) == (403, "agreement-ended")
