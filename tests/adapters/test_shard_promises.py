"""Receipts are held against the shard that they name, also once it is closed."""

from __future__ import annotations

from tests.adapters.conftest import Town
from tests.adapters.partners import sent
from tests.adapters.test_shards import evidence_about, promised
from tests.adapters.watching import only_alarm, swap


def test_a_receipt_of_a_shard_that_was_closed_is_held_against_it(laval: Town) -> None:
    """The entry stands in the first shard, which is read under its last checkpoint; another leaf there convicts."""
    broker, line, _ = laval
    kept, broken = sent(line), sent(line)
    line.adapter.outbox.flush()
    index = promised(line, broken.envelope)
    assert promised(line, kept.envelope) < index
    swap(line, index)
    broker.gateway.rotate()
    line.adapter.read_journal()
    alarm = only_alarm(line)
    assert (alarm.code, alarm.subject) == ("receipt-not-honoured", f"journal#{index}")
    assert evidence_about(line, alarm) == ("unhonoured-receipt", True, index)


def test_another_leaf_in_the_second_shard_convicts_too(laval: Town) -> None:
    """Places are counted through all shards, proofs in the shard's own tree."""
    broker, line, _ = laval
    broker.gateway.rotate()
    queued = sent(line)
    line.adapter.outbox.flush()
    index = promised(line, queued.envelope)
    swap(line, index)
    line.adapter.read_journal()
    assert evidence_about(line, only_alarm(line)) == ("unhonoured-receipt", True, index)


def test_what_a_closed_shard_has_no_place_for_is_a_broken_promise(laval: Town) -> None:
    """A receipt for an entry after the last one of its shard will never be honoured, and is told at once."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.outbox.flush()
    index = promised(line, queued.envelope)
    del broker.gateway.leaves[index - 1 :]
    broker.gateway.rotate()
    line.adapter.read_journal()
    assert ("receipt-not-honoured", f"journal#{index}") in {(each.code, each.subject) for each in line.adapter.alarms()}


def test_a_receipt_of_a_shard_that_never_comes_is_a_broken_promise(laval: Town) -> None:
    """Signed under the name of a shard that the journal does not lead to: it waits for its minute, and is told then."""
    broker, line, _ = laval
    whole, shards = list(broker.gateway.leaves), list(broker.gateway.shards)
    broker.gateway.rotate()
    queued = sent(line)
    line.adapter.outbox.flush()
    index = promised(line, queued.envelope)
    broker.gateway.leaves[:], broker.gateway.shards[:] = whole, shards
    line.adapter.read_journal()
    assert line.adapter.alarms() == []
    broker.clock.forward(seconds=76)
    line.adapter.read_journal()
    told = {(each.code, each.subject, each.evidence) for each in line.adapter.alarms()}
    assert ("receipt-not-honoured", f"journal#{index}", None) in told
