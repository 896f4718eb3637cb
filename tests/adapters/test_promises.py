"""Every receipt is held against the journal: a promise that was broken is an alarm, and convicts."""

from __future__ import annotations

import pytest

from adapters.problems import GatewayProblemError
from journal.convictions import convict
from journal.evidence import read_evidence
from journal.receipts import read_receipt
from journal.tiles import WIDTH, encode_bundle
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, sent
from tests.adapters.watching import convicted, only_alarm, swap


def test_a_kept_promise_is_forgotten(laval: Town) -> None:
    """What stands in the journal as it was promised is nobody's concern any more."""
    _, line, _ = laval
    sent(line)
    line.adapter.outbox.flush()
    with line.store.transaction() as tx:
        assert tx.watches.promises(10)
    line.adapter.read_journal()
    with line.store.transaction() as tx:
        assert tx.watches.promises(10) == []
    assert line.adapter.alarms() == []


def test_another_leaf_in_the_place_of_what_was_deposited_convicts(laval: Town) -> None:
    """The receipt, the leaf that stands there and its proof: anybody sees that the promise was broken."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.outbox.flush()
    index = next(at for at, leaf in enumerate(broker.gateway.leaves) if leaf == _promised(line, queued.envelope))
    swap(line, index)
    line.adapter.read_journal()
    assert only_alarm(line).code == "receipt-not-honoured"
    _, shown = convicted(line)
    assert (shown.kind, shown.by_itself, shown.index) == ("unhonoured-receipt", True, index)
    line.adapter.read_journal()
    assert len(line.adapter.alarms()) == 1


def test_a_deposit_that_is_not_published_in_time_convicts(laval: Town) -> None:
    """Within the minute and a margin it may come; after that a checkpoint without it is evidence."""
    broker, line, _ = laval
    sent(line)
    line.adapter.outbox.flush()
    hidden = [broker.gateway.leaves.pop() for _ in range(2)]
    broker.clock.forward(seconds=75)
    line.adapter.read_journal()
    assert line.adapter.alarms() == []
    broker.clock.forward(seconds=1)
    line.adapter.read_journal()
    assert {alarm.code for alarm in line.adapter.alarms()} == {"receipt-not-honoured"}
    assert len(hidden) == len(line.adapter.alarms())
    for alarm in line.adapter.alarms():
        read = read_evidence((line.folder / "evidence" / str(alarm.evidence)).read_bytes())
        assert convict(read, broker.pins.vkeys, broker.pins.receipts_verifier).by_itself


def test_a_page_that_is_hidden_hides_no_other_receipt_and_is_an_alarm_in_the_end(
    laval: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that broke a promise must not get away with it by not showing a page."""
    broker, line, _ = laval
    first = sent(line)
    line.adapter.outbox.flush()
    lower = broker.gateway.leaves.index(_promised(line, first.envelope))
    broker.gateway.bustle(WIDTH)
    second = sent(line)
    line.adapter.outbox.flush()
    upper = broker.gateway.leaves.index(_promised(line, second.envelope))
    swap(line, upper)
    real, hidden = line.client.tile, "tile/entries/000"
    gone = GatewayProblemError("not-found", status=404)

    def withheld(shard: int, path: str) -> bytes:
        if path == hidden:
            raise gone
        return real(shard, path)

    line.adapter.office.book.sync(line.client, _own(line))
    monkeypatch.setattr(line.client, "tile", withheld)
    line.adapter.read_journal()
    assert only_alarm(line).subject == f"journal#{upper}"
    broker.clock.forward(hours=2)
    line.adapter.read_journal()
    assert len(line.adapter.alarms()) == 1
    broker.clock.forward(seconds=1)
    line.adapter.read_journal()
    told = {(each.code, each.subject) for each in line.adapter.alarms()}
    assert ("receipt-not-checkable", f"journal#{lower}") in told
    monkeypatch.undo()
    line.adapter.read_journal()
    with line.store.transaction() as tx:
        assert tx.watches.promises(10) == []


def test_a_page_that_was_altered_is_told_and_hides_no_other_receipt(
    laval: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Garbage in place of one page says nothing about what stands on the others."""
    broker, line, _ = laval
    sent(line)
    line.adapter.outbox.flush()
    broker.gateway.bustle(WIDTH)
    sent(line)
    line.adapter.outbox.flush()
    line.adapter.office.book.sync(line.client, _own(line))
    real = line.client.tile
    other = encode_bundle([b"\x01" + bytes(32)] * WIDTH)
    monkeypatch.setattr(
        line.client, "tile", lambda shard, path: other if path == "tile/entries/000" else real(shard, path)
    )
    line.adapter.read_journal()
    assert (only_alarm(line).code, only_alarm(line).subject) == ("wrong-leaf", "journal")
    with line.store.transaction() as tx:
        assert {each.place // WIDTH for each in tx.watches.promises(10)} == {0}


def _own(partner: Partner) -> set[str]:
    with partner.store.transaction() as tx:
        return {signed.sha256 for signed in tx.keyring.own()}


def _promised(partner: Partner, envelope: str) -> bytes:
    with partner.store.transaction() as tx:
        receipt = tx.watches.receipt_of(envelope)
    assert receipt is not None
    return read_receipt(receipt, partner.broker.pins.receipts_verifier, "").leaf
