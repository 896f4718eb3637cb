"""Nothing lost: what could not be delivered is sent again, once, by itself or by a person, and never to be doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.consent_changes import Withdrawal
from adapters.outgoing import Queued
from adapters.own_keys import import_statement, request_revocation
from adapters.sections import OutcomeSection
from consent.passage import Refused
from tests.invented import LINE, root_key
from tests.system.case_town import PAPER, CaseTown
from tests.system.test_partnership import audited, key_in_use

pytestmark = pytest.mark.slow


@pytest.fixture
def town(tmp_path: Path) -> Iterator[CaseTown]:
    """A broker, the 211 line, the shelter and the auditors."""
    made = CaseTown(tmp_path)
    try:
        yield made
    finally:
        made.close()


def undeliverable(town: CaseTown) -> Queued:
    """A referral that nobody fetched for fourteen days, and whose answer is not due yet."""
    queued = town.referred({"/respond_by": "2026-04-20T12:00:00.000Z"}, papers=(PAPER,))
    assert town.line.outbox.flush().refused == []
    town.clock.move(days=14, minutes=1)
    town.tick()
    town.quietly(town.line)
    return queued


def test_every_key_revoked_while_it_waits_is_followed_by_the_next(town: CaseTown, tmp_path: Path) -> None:
    """Twice in a row: each envelope is replaced once, the last one arrives, and one use of the consent is spent."""
    queued = town.referred(papers=(PAPER,))
    assert town.line.outbox.flush().refused == []
    for _ in range(2):
        town.revoke_sealing_key()
        town.publish()
        town.reconnect(town.line)
        town.line.sync()
    town.round()
    town.round()
    assert [paper.data for paper in town.shelter.show(queued.ref).attachments] == [PAPER.data]
    assert len(town.shelter.show(queued.ref).contents) == 1
    assert sum(town.statement_of(queued.ref).uses.values()) == 1
    assert [notice.answer for notice in town.line.show(queued.ref).notices] == ["resent", "resent"]
    assert town.line.resend(queued.ref) == Refused("nothing-to-resend", "", "/ref")
    audited(town, tmp_path)


def test_without_a_revoked_key_a_person_decides(town: CaseTown) -> None:
    """It expired unfetched: nothing is sent by itself; asked to, it leaves again and arrives."""
    queued = undeliverable(town)
    assert town.line.show(queued.ref).state.business_status == "undeliverable"
    assert town.line.resend_by_itself() == []
    assert "not-delivered" in [duty.kind for duty in town.line.duties()]
    again = town.line.resend(queued.ref)
    assert isinstance(again, Queued), again
    town.round()
    town.round()
    assert town.shelter.show(queued.ref).referral.header.replaces == queued.envelope
    assert town.line.show(queued.ref).state.status == "requested"
    assert "not-delivered" not in [duty.kind for duty in town.line.duties()]


def test_a_consent_that_ended_is_asked_again_before_resending(town: CaseTown) -> None:
    """The decision is taken anew: a consent that was taken back meanwhile lets nothing leave."""
    queued = undeliverable(town)
    statement = town.statement_of(queued.ref).document.id
    with town.line.office.store.transaction() as tx:
        record = tx.papers.record_of(statement)
    assert record is not None
    town.line.consents.change(record, Withdrawal((), ()))
    refused = town.line.resend(queued.ref)
    assert isinstance(refused, Refused)
    assert (refused.because, refused.pointer) == ("consent-withdrawn", "/consent")
    assert town.line.show(queued.ref).undelivered == (queued.envelope,)


def test_an_answer_lost_on_the_way_back_is_sent_again(town: CaseTown) -> None:
    """The owner's message to a requester whose key was revoked is replaced as a referral is."""
    queued = town.arrived()
    assert isinstance(town.shelter.answer(queued.ref, OutcomeSection(note="Une place, ce soir.")), Queued)
    assert town.shelter.outbox.flush().refused == []
    office, kid = town.line.office, key_in_use(town.line, "sealing")
    import_statement(office, request_revocation(office, kid, "compromised").sign(root_key(LINE)))
    assert town.line.outbox.flush().refused == []
    for _ in range(3):
        town.publish()
        town.reconnect(town.shelter)
        town.shelter.sync()
        town.quietly(town.line)
    assert town.line.show(queued.ref).contents[-1].sections["outcome"]["note"] == "Une place, ce soir."
    assert len(town.line.show(queued.ref).contents) == 2


def test_what_was_erased_is_not_sent_again(town: CaseTown) -> None:
    """A tombstone says nothing: there is nothing to seal."""
    queued = undeliverable(town)
    assert isinstance(town.line.erase_error(queued.ref), Queued)
    town.quietly(town.line)
    assert town.line.show(queued.ref).contents == ()
    assert town.line.resend(queued.ref) == Refused("nothing-to-resend", "", "/ref")


def test_a_notice_alone_does_not_make_anything_leave_by_itself(town: CaseTown) -> None:
    """A broker that says "not delivered" while the key stands moves nothing without a person."""
    queued = town.arrived()
    town.told(queued.ref, town.line.office.address, "non-delivery", envelopes=(queued.envelope,))
    town.quietly(town.line)
    assert town.line.resend_by_itself() == []
    again = town.line.resend(queued.ref)
    assert isinstance(again, Queued)
    assert dict(town.line.outbox.flush().refused)[again.envelope] == "replaced-already"
    assert town.line.show(queued.ref).contents
