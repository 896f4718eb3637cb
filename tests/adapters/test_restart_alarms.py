"""A restart explains what it lost and nothing else: what a partner can prove stays a matter for people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.problems import GatewayProblemError
from adapters.store.records import Alarm
from keys.errors import ForgedError, PasserelleError
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, sent
from tests.adapters.restoring import Backup, accept, codes
from tests.adapters.test_recovery import exchanged, later
from tests.adapters.test_restarts import restored
from tests.adapters.test_shards import promised
from tests.adapters.watching import looks, only_alarm, swap


def alarmed(partner: Partner, *alarms: Alarm) -> None:
    """The partner has these alarms."""
    with partner.store.transaction() as tx:
        for alarm in alarms:
            tx.traffic.raise_alarm(alarm)


def test_what_was_found_before_the_backup_was_made_has_another_reason(laval: Town) -> None:
    """A journal that went back last month is not explained by a restore of today."""
    broker, line, _, backup = restored(laval)
    before, now = broker.clock() - timedelta(days=1), broker.clock() + timedelta(seconds=1)
    old = Alarm(before, "checkpoint-rolled-back", "journal@7")
    entry = Alarm(before, "receipt-not-honoured", f"journal#{backup.held}")
    alarmed(line, old, entry, Alarm(now, "journal-silent", "journal@x"))
    backup.restart(line)
    accept(line)
    assert [(each.code, each.subject) for each in line.adapter.alarms()] == [
        (old.code, old.subject),
        (entry.code, entry.subject),
    ]


def test_proof_of_another_leaf_is_not_closed_by_a_restart(laval: Town) -> None:
    """The broker swapped what it had promised: that the place was lost afterwards takes nothing from the evidence."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = sent(line)
    line.adapter.outbox.flush()
    index = promised(line, queued.envelope)
    swap(line, index)
    line.adapter.read_journal()
    assert only_alarm(line).code == "receipt-not-honoured"
    backup.restart(line)
    assert index in accept(line)
    assert (only_alarm(line).code, only_alarm(line).subject) == ("receipt-not-honoured", f"journal#{index}")


@pytest.mark.parametrize("missing", [True, False])
def test_evidence_that_cannot_be_read_is_not_waved_through(laval: Town, missing: bool) -> None:  # noqa: FBT001 - a case
    """Whoever spoils a file does not have its alarm closed."""
    broker, line, _, backup = restored(laval)
    alarmed(line, Alarm(broker.clock() + timedelta(seconds=1), "receipt-not-honoured", f"journal#{backup.held}", "x"))
    if not missing:
        line.adapter.evidence.mkdir(exist_ok=True)
        (line.adapter.evidence / "x").write_bytes(b"{}")
    backup.restart(line)
    accept(line)
    assert codes(line.adapter.alarms()) == ["receipt-not-honoured"]


def test_a_restart_over_another_past_than_was_promised_is_refused(laval: Town) -> None:
    """What is said to be left of the shard lacks an entry of ours: nothing is pinned, and the evidence is kept."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.outbox.flush()
    index = promised(line, queued.envelope)
    exchanged(line)
    backup = Backup(broker)
    broker.gateway.bustle(3)
    line.adapter.read_journal()
    swap(line, index)
    backup.restart(line)
    with pytest.raises(ForgedError, match="receipt-not-honoured"):
        accept(line)
    assert not line.adapter.settings.pins.exists()
    alarm = only_alarm(line)
    assert (alarm.code, alarm.subject, alarm.evidence is not None) == ("receipt-not-honoured", f"journal#{index}", True)


def test_what_is_left_must_be_shown(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is held back hides what stands in it: the restart is not accepted until it is there."""
    broker, line, _ = laval
    sent(line)
    exchanged(line)
    backup = Backup(broker)
    broker.gateway.bustle(3)
    line.adapter.read_journal()
    backup.restart(line)
    shown = line.client.tile

    def hiding(shard: int, path: str) -> bytes:
        if shard == 1:
            raise GatewayProblemError("not-found", status=404)
        return shown(shard, path)

    with monkeypatch.context() as patched:
        patched.setattr(line.client, "tile", hiding)
        with pytest.raises(PasserelleError):
            accept(line)
    assert not line.adapter.settings.pins.exists()
    assert len(accept(line)) > 0


def test_a_shard_that_was_read_and_is_gone_is_a_journal_that_went_back(laval: Town) -> None:
    """A backup older than a rotation: at once an alarm, and the gateway is shown what it published."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    whole, shards = list(broker.gateway.leaves), list(broker.gateway.shards)
    broker.gateway.rotate()
    exchanged(line, shelter)
    broker.gateway.leaves[:], broker.gateway.shards[:] = whole, shards
    calls = line.client.calls.count("cosign")
    size = line.adapter.office.book.size
    line.client.before["cosign"] = ForgedError("bad-signature")  # It has the keys of that shard no more.
    looks(line, "checkpoint-rolled-back", times=1)
    assert codes(line.adapter.alarms()) == ["checkpoint-rolled-back"]
    assert (line.client.calls.count("cosign"), line.adapter.office.book.size) == (calls + 1, size)


def test_a_page_of_somebody_in_between_is_no_journal_that_went_back(laval: Town) -> None:
    """Only the gateway's own word that there is no such shard counts."""
    broker, line, _ = laval
    broker.gateway.rotate()
    line.adapter.read_journal()
    line.client.refuse("checkpoint", "gateway-problem", status=404, transient=True)
    looks(line, "gateway-problem", times=1)
    assert line.adapter.alarms() == []


def test_a_receipt_given_later_in_the_name_of_a_left_shard_is_broken(
    laval: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was lost of what the broker promised after the restart: the entry stands nowhere, and never will."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    broker.gateway.bustle(5)
    for partner in (line, shelter):
        partner.adapter.read_journal()
    backup.restart(shelter)
    for partner in (line, shelter):
        accept(partner)
    later(broker)
    exchanged(line, shelter)
    left, honest = {"origin": broker.pins.journal.origin, "index": backup.held}, broker.gateway.receipt
    monkeypatch.setattr(broker.gateway, "receipt", lambda members, **how: honest({**left, **members}, **how))
    sent(line)
    line.adapter.outbox.flush()
    line.adapter.read_journal()
    assert ("receipt-not-honoured", f"journal#{backup.held}") in {
        (each.code, each.subject) for each in line.adapter.alarms()
    }
    assert all(each.evidence for each in line.adapter.alarms())
