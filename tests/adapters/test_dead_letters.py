"""What the broker refused for good: seen, tried again, dropped, and never lost silently."""

from __future__ import annotations

import pytest

from adapters.dead_letters import drop, find_item, refused_items, retry
from adapters.outgoing import Queued
from adapters.store.records import Shipment
from consent.envelope import UnverifiedEnvelope
from consent.passage import Refused
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, sent


def refused(line: Partner, code: str = "recipient-suspended") -> tuple[Queued, Shipment]:
    """A referral that the broker refused for good, and the item."""
    queued = sent(line)
    line.client.refuse("deposit", code)
    line.adapter.outbox.flush()
    [item] = refused_items(line.adapter.office)
    return queued, item


def test_a_refused_referral_is_tried_again_as_it_was(laval: Town) -> None:
    """The same bytes: nothing of it was burnt, and the note of the refusal goes."""
    broker, line, _ = laval
    queued, item = refused(line)
    assert line.adapter.show(queued.ref).referral.problem == "recipient-suspended"
    assert retry(line.adapter.office, item) is None
    assert line.adapter.outbox.flush().accepted == [queued.envelope]
    assert broker.wires[queued.envelope] == item.body
    assert line.adapter.show(queued.ref).referral.problem is None
    assert refused_items(line.adapter.office) == []


def test_one_that_is_out_of_date_is_made_anew(laval: Town) -> None:
    """Its life at the broker would be over: the same content leaves under a fresh id."""
    broker, line, shelter = laval
    queued, item = refused(line)
    broker.clock.forward(days=15)
    shelter.adapter.sync()
    line.adapter.sync()
    assert retry(line.adapter.office, item) is None
    [fresh] = line.adapter.outbox.flush().accepted
    assert fresh != queued.envelope
    assert UnverifiedEnvelope.parse(broker.wires[fresh]).header.ref == queued.ref


def test_what_is_dropped_does_not_leave_and_stays_known(laval: Town) -> None:
    """That it was refused, and why, can still be found; only it is not to do any more."""
    broker, line, _ = laval
    queued, item = refused(line)
    assert "refused" in [duty.kind for duty in line.adapter.duties()]
    drop(line.adapter.office, item)
    broker.clock.forward(minutes=30)
    assert line.adapter.outbox.flush().accepted == []
    assert refused_items(line.adapter.office) == []
    assert "refused" not in [duty.kind for duty in line.adapter.duties()]
    with line.store.transaction() as tx:
        assert [(kept.item, kept.problem) for kept in tx.traffic.settled("dropped")] == [
            (queued.envelope, "recipient-suspended")
        ]
    assert line.adapter.show(queued.ref).contents


@pytest.mark.parametrize(
    ("typed", "because"),
    [("env_zzzzzz", "outbox-item-unknown"), ("env_", "outbox-item-ambiguous"), ("", "outbox-item-ambiguous")],
)
def test_an_item_is_named_by_its_beginning(laval: Town, typed: str, because: str) -> None:
    """Enough characters of one item; a guess is told as such."""
    _, line, _ = laval
    _, item = refused(line)
    office = line.adapter.office
    assert (
        find_item(office, item.item[:12]) == find_item(office, item.item[4:12]) == find_item(office, item.item) == item
    )
    assert find_item(office, typed) == Refused(because, "", "/item")


def test_a_step_refused_because_the_referral_is_not_there_can_be_dropped(laval: Town) -> None:
    """Steps are items like any other."""
    _, line, _ = laval
    queued, item = refused(line)
    drop(line.adapter.office, item)
    assert isinstance(line.adapter.cancel(queued.ref, "other"), Queued)
    line.client.refuse("deposit", "referral-unknown", 403)
    line.adapter.outbox.flush()
    assert [each.problem for each in refused_items(line.adapter.office)] == ["referral-unknown"]
