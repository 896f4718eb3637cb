"""Real partners at the real broker when its journal goes on under new keys, in order or after a backup was restored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.consent_changes import Withdrawal
from adapters.journal_papers import export_openings, export_receipts, fetch_proof
from adapters.outgoing import Queued
from adapters.pins import fetch_pins, pin_code
from gateway.app import create_app
from gateway.audit_bundles import export_bundle
from gateway.broker import Broker
from gateway.restores import begin_restore, restart
from gateway.rotation import rotate
from gateway.store.store import Store
from gateway.wellknown import pin_code as broker_code
from journal.audit.collecting import read_receipts
from journal.audit.verification import Question, Verification
from journal.audit.verifying import verify_bundle
from journal.pins import read_pins
from tests.adapters.partners import consent_file, referral_file
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.sign_in import URL
from tests.system.township import Township

pytestmark = pytest.mark.slow


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Township]:
    """A broker with its partners, and two of their programs."""
    made = Township(tmp_path)
    try:
        yield made
    finally:
        made.close()


def referred(town: Township, record: str = "") -> Queued:
    """A referral that the 211 line put in its outbox."""
    if not record:
        record = town.line.record_consent(consent_file())[0].record_id
    queued = town.line.send(referral_file(record))
    assert isinstance(queued, Queued), queued
    return queued


def rotated(town: Township) -> None:
    """The operator closes the shard that grows and opens the next one."""
    town.publish()
    with town.broker.store.transaction() as tx:
        rotate(town.broker, tx, town.clock())


def exchanged(town: Township) -> list[str]:
    """Each program exchanges once; what did not work."""
    troubles = []
    for adapter in town.adapters.values():
        town.reconnect(adapter)
        done = adapter.sync()
        troubles += [*done.troubles, *([done.sent.stopped] if done.sent.stopped else [])]
    return troubles


def settle(town: Township, rounds: int = 4) -> None:
    """Let everybody exchange, and pauses go by, until nothing waits."""
    for _ in range(rounds):
        town.publish()
        exchanged(town)
        town.clock.at += timedelta(minutes=16)


def waiting(town: Township) -> list[str]:
    """What waits in the outboxes."""
    found = []
    for adapter in town.adapters.values():
        with adapter.office.store.transaction() as tx:
            found += [each.item for each in tx.traffic.waiting()]
    return found


class Backup:
    """A copy of the broker's database."""

    def __init__(self, town: Township) -> None:
        """Make it now."""
        town.publish()
        self._path = town.folder / "backup.sqlite3"
        town.broker.store.close()
        shutil.copy(town.folder / "gateway.sqlite3", self._path)

    def restore(self, town: Township) -> None:
        """Put it back, and say so, as the operator does before the broker serves again."""
        town.publish()
        town.broker.store.close()
        for name in ("", "-wal", "-shm"):
            (town.folder / f"gateway.sqlite3{name}").unlink(missing_ok=True)
        shutil.copy(self._path, town.folder / "gateway.sqlite3")
        town.broker = Broker(SETTINGS, Store(f"sqlite:///{town.folder / 'gateway.sqlite3'}"), broker_keys(), town.clock)
        town.http = TestClient(create_app(town.broker), base_url=URL, raise_server_exceptions=False)
        with town.broker.store.transaction() as tx:
            begin_restore(tx, town.clock())


def restarted(town: Township) -> None:
    """The operator goes on in a new shard, and reads the code aloud to every partner."""
    with town.broker.store.transaction() as tx:
        restart(town.broker, tx, (), town.clock())
    for adapter in town.adapters.values():
        town.reconnect(adapter)
        announced = fetch_pins(town.http, URL)
        assert pin_code(announced) == broker_code(town.broker)
        adapter.accept_restart(announced, broker_code(town.broker))
        assert [alarm.code for alarm in adapter.alarms()] == []


def audited(town: Township, folder: Path) -> Verification:
    """What an auditor finds in the whole journal, with the receipts that both partners kept."""
    bundle, receipts = folder / "journal.zip", []
    with bundle.open("wb") as out:
        export_bundle(town.broker, out, town.clock())
    for number, adapter in enumerate(town.adapters.values()):
        receipts.append(folder / f"receipts-{number}.jsonl")
        export_receipts(adapter.office, receipts[-1])
    pins = read_pins(town.http.get(f"{URL}/.well-known/passerelle").content)
    promised = read_receipts(receipts, town.line.office.pins.receipts_verifier)
    return verify_bundle(Question(bundle, pins.first.vkeys, receipts=promised, later=pins.later, background=False))


def test_partners_work_on_over_a_rotation(town: Township, tmp_path: Path) -> None:
    """A referral before and one after it arrive, are receipted, witnessed and proven; nobody has an alarm."""
    before = referred(town)
    town.round()
    rotated(town)
    after = referred(town)
    town.round()
    town.round()
    assert {each.ref for each in town.shelter.referrals("received")} == {before.ref, after.ref}
    assert waiting(town) == []
    town.reconnect(town.line)
    town.publish()
    town.line.read_journal()
    for queued in (before, after):
        fetch_proof(town.line.office, town.line.client, queued.envelope)
    done = export_openings(town.line.office, town.line.client, tmp_path / "openings.zip")
    assert done.openings > 0
    with town.line.office.store.transaction() as tx:
        assert tx.watches.promises(99) == []
    audit = audited(town, tmp_path)
    assert audit.holds, (audit.replay.violations, audit.contradictions, audit.honoured)


def test_what_a_backup_lost_is_there_again(town: Township, tmp_path: Path) -> None:
    """A referral that arrived after the backup: shown as lost, accepted by code, sent again, arrived once."""
    town.round()
    backup = Backup(town)
    town.clock.at += timedelta(minutes=1)
    queued = referred(town)
    settle(town)
    town.shelter.accept(queued.ref)
    settle(town)
    before = [(each.ref, each.status) for each in town.line.referrals()]
    backup.restore(town)
    assert "journal-restored" in exchanged(town)
    exchanged(town)
    restarted(town)
    settle(town, rounds=6)
    assert waiting(town) == []
    assert [(each.ref, each.status) for each in town.line.referrals()] == before
    for adapter in town.adapters.values():
        assert {alarm.code for alarm in adapter.alarms()} <= {"withdrawal-code-lost"}
    again = referred(town)
    settle(town)
    assert again.ref in {each.ref for each in town.shelter.referrals("received")}
    audit = audited(town, tmp_path)
    assert audit.holds, (audit.replay.violations, audit.contradictions, audit.honoured)
    assert audit.honoured is not None
    assert audit.honoured.count > 0


def test_a_broker_that_forgets_a_withdrawal_is_told_it_again(town: Township) -> None:
    """Nothing is handed out under the consent until its issuer has spoken, and it says that it was withdrawn."""
    recorded, _ = town.line.record_consent(consent_file())
    town.publish()
    town.reconnect(town.line)
    town.line.sync()
    queued = referred(town, recorded.record_id)
    town.line.outbox.flush()
    backup = Backup(town)
    town.clock.at += timedelta(minutes=1)
    town.line.consents.change(recorded.record_id, Withdrawal())
    settle(town)
    assert town.shelter.referrals("received") == []
    backup.restore(town)
    exchanged(town)
    exchanged(town)
    restarted(town)
    town.reconnect(town.shelter)
    town.publish()
    assert town.shelter.sync().arrivals == []
    settle(town)
    assert town.shelter.referrals("received") == []
    assert waiting(town) == []
    assert queued.ref in {each.ref for each in town.line.referrals()}


def test_a_consent_that_was_not_lost_waits_for_its_issuer(town: Township) -> None:
    """What waited at the broker is handed out once the line has said again that the consent runs."""
    queued = referred(town)
    town.reconnect(town.line)
    town.publish()
    town.line.sync()
    backup = Backup(town)
    town.clock.at += timedelta(minutes=1)
    with town.broker.store.transaction() as tx:
        tx.journal.append(tx.journal.lock(town.clock()), type="admin.change", actor=SETTINGS.address, state="invented")
    town.publish()
    exchanged_line = town.line
    town.reconnect(exchanged_line)
    exchanged_line.read_journal()
    backup.restore(town)
    exchanged(town)
    exchanged(town)
    restarted(town)
    town.publish()
    town.reconnect(town.shelter)
    assert town.shelter.sync().arrivals == []
    settle(town)
    assert queued.ref in {each.ref for each in town.shelter.referrals("received")}


def test_an_end_that_is_told_again_after_a_restart_is_no_alarm(town: Township) -> None:
    """The withdrawal was lost and is sent again: both ends know already that the referral is over, and why."""
    recorded, _ = town.line.record_consent(consent_file())
    queued = referred(town, recorded.record_id)
    settle(town)
    backup = Backup(town)
    town.clock.at += timedelta(minutes=1)
    town.line.consents.change(recorded.record_id, Withdrawal())
    settle(town)
    backup.restore(town)
    exchanged(town)
    exchanged(town)
    restarted(town)
    settle(town, rounds=6)
    for adapter in town.adapters.values():
        assert [alarm.code for alarm in adapter.alarms()] == []
        with adapter.office.store.transaction() as tx:
            told = [each.event.transition for each in tx.dossiers.steps(queued.ref)]
            referral = tx.dossiers.find(queued.ref)
        assert set(told) == {"T12"}, told
        assert referral is not None
        assert (referral.status, referral.business_status) == ("cancelled", "consent-ended")
