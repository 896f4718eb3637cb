"""A consent that was taken back before anything was sent under it: its issuer learns of it all the same."""

from __future__ import annotations

from tests.adapters.conftest import Town
from tests.adapters.consenting import recorded
from tests.adapters.partners import referral_file


def test_a_code_used_before_any_referral_is_written_down(laval: Town) -> None:
    """The record is closed as for a notice, our own signed word follows, and nothing is asked afterwards."""
    broker, line, shelter = laval
    first = recorded(line)
    line.adapter.sync()
    code = first.receipt.withdrawal_code
    assert code is not None
    shelter.client.withdraw_by_code(code)
    assert line.adapter.reconcile_consents() == [first.statement.id]
    line.adapter.sync()
    document = broker.statements[first.statement.id].document
    assert (document.state, document.version) == ("withdrawn", 2)
    with line.store.transaction() as tx:
        record = tx.papers.record(first.record_id)
        assert tx.papers.given_unused(line.adapter.office.now()) == []
    assert record is not None
    assert record.events[-1].event_state == "dpv:ConsentWithdrawn"


def test_a_consent_that_is_given_stays_given(laval: Town) -> None:
    """Asking changes nothing by itself, and one that a referral rests on is not asked about: a notice would come."""
    broker, line, _ = laval
    first = recorded(line)
    line.adapter.sync()
    assert line.adapter.reconcile_consents() == []
    assert broker.statements[first.statement.id].document.version == 1
    line.adapter.send(referral_file(first.record_id))
    with line.store.transaction() as tx:
        assert tx.papers.given_unused(line.adapter.office.now()) == []
