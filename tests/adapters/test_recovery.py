"""What a gateway lost with a backup goes out again by itself, and nothing that was taken back meanwhile."""

from __future__ import annotations

import pytest

from adapters.consent_changes import Withdrawal
from adapters.outbox import MANY_TRIES
from adapters.outgoing import Queued
from adapters.recovery import recover
from consent.statement import read_statement
from keys.signing import SignedDocument
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, consent_file, referral_file, sent
from tests.adapters.restoring import Backup, accept, codes


def exchanged(*partners: Partner) -> None:
    """Everybody exchanges once, and once more for what the others said."""
    for _ in range(2):
        for partner in partners:
            assert partner.adapter.sync().troubles == []


def later(broker: BrokerDouble) -> None:
    """Let every pause go by."""
    broker.clock.forward(minutes=16)


def waiting(partner: Partner) -> list[str]:
    """What waits in the outbox, by item."""
    with partner.store.transaction() as tx:
        return [each.item for each in tx.traffic.waiting()]


def lost(town: Town, backup: Backup) -> None:
    """The broker is set back and goes on; both partners accept it."""
    _, line, shelter = town
    for partner in (line, shelter):
        partner.adapter.read_journal()
    backup.restart(shelter)
    for partner in (line, shelter):
        accept(partner)


def test_a_referral_that_was_lost_arrives_again_and_once(laval: Town) -> None:
    """Its consent, its envelope and its steps are there again; neither side sees it twice."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = sent(line)
    exchanged(line, shelter)
    shelter.adapter.accept(queued.ref)
    exchanged(shelter, line)
    before = [(each.ref, each.status, each.business_status) for each in line.adapter.referrals()]
    assert set(broker.wires) > set(backup.kept["wires"])
    known = set(broker.wires)
    lost(laval, backup)
    assert queued.envelope not in broker.wires
    for _ in range(3):
        exchanged(line, shelter)
        later(broker)
    assert set(broker.wires) == known
    for partner in (line, shelter):
        assert waiting(partner) == []
        assert [(each.ref, each.status, each.business_status) for each in partner.adapter.referrals()] == before
        assert set(codes(partner.adapter.alarms())) <= {"withdrawal-code-lost"}
        with partner.store.transaction() as tx:
            assert tx.watches.promises(99) == []


def test_it_is_made_good_once_however_often_it_is_read(laval: Town) -> None:
    """A program that stops after it put everything in the outbox does not do so again, nor does a later shard."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    sent(line)
    exchanged(line, shelter)
    lost(laval, backup)
    first = recover(line.adapter.office)
    assert first
    line.restart()
    assert recover(line.adapter.office) == []
    exchanged(line, shelter)
    broker.gateway.rotate()
    exchanged(line, shelter)
    assert (recover(line.adapter.office), waiting(line)) == ([], [])


def test_every_consent_that_runs_is_said_again(laval: Town) -> None:
    """In its newest version, whether or not it was lost: until then nothing passes under it; afterwards it does."""
    broker, line, shelter = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    exchanged(line, shelter)
    backup = Backup(broker)
    broker.gateway.bustle(3)
    lost(laval, backup)
    [statement] = broker.unconfirmed
    line.client.refuse("register_statement", "gateway-problem", status=503)
    queued = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued)
    assert broker.deposits == []
    line.adapter.sync()
    assert (broker.deposits, statement in broker.unconfirmed) == ([], True)
    later(broker)
    line.adapter.sync()
    later(broker)
    line.adapter.sync()
    assert (len(broker.wires), broker.unconfirmed, waiting(line)) == (1, set(), [])
    assert queued.ref in {each.ref for each in line.adapter.referrals()}


def test_a_withdrawal_that_was_lost_is_said_again_and_nothing_else(laval: Town) -> None:
    """The broker forgot that the person took it back; the envelope that was lost with it does not leave again."""
    broker, line, shelter = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued)
    exchanged(line, shelter)
    line.adapter.consents.change(recorded.record_id, Withdrawal())
    exchanged(line, shelter)
    assert [each.document.state for each in broker.statements.values()] == ["withdrawn"]
    deposits = len(broker.deposits)
    lost(laval, backup)
    assert [each.document.state for each in broker.statements.values()] == ["given"]
    for _ in range(2):
        exchanged(line, shelter)
        later(broker)
    assert [each.document.state for each in broker.statements.values()] == ["withdrawn"]
    assert len(broker.deposits) == deposits
    assert queued.envelope not in broker.wires


def test_a_withdrawal_comes_before_anything_waits_on_the_consent(laval: Town) -> None:
    """A broker that pretends a restore to forget it gets the withdrawal, never the consent as it was."""
    broker, line, shelter = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    line.adapter.send(referral_file(recorded.record_id))
    exchanged(line, shelter)
    backup = Backup(broker)
    line.adapter.consents.change(recorded.record_id, Withdrawal())
    exchanged(line, shelter)
    lost(laval, backup)
    line.adapter.read_journal()
    [again] = waiting(line)
    with line.store.transaction() as tx:
        shipment = tx.traffic.shipment(again)
    assert shipment is not None
    assert read_statement(SignedDocument.parse(shipment.body, "statement")).state == "withdrawn"


def test_the_code_of_a_consent_that_was_lost_is_told_to_work_no_more(laval: Town) -> None:
    """Only the person has it; whoever recorded the consent must tell them. One that was not lost works as before."""
    broker, line, shelter = laval
    line.adapter.record_consent(consent_file())
    exchanged(line, shelter)
    backup = Backup(broker)
    later_one, _ = line.adapter.record_consent(consent_file({"/person": "personne-fictive-2"}))
    exchanged(line, shelter)
    lost(laval, backup)
    exchanged(line, shelter)
    [alarm] = line.adapter.alarms()
    assert alarm.code == "withdrawal-code-lost"
    assert alarm.subject in {each.id for each in later_one.statements}
    assert len(broker.statements) == 2


def test_what_others_have_to_say_first_is_waited_for(laval: Town) -> None:
    """The shelter's answer comes back before the referral that it answers: it waits, and nobody is bothered."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = sent(line)
    exchanged(line, shelter)
    shelter.adapter.accept(queued.ref)
    exchanged(shelter, line)
    lost(laval, backup)
    exchanged(shelter)
    assert len(waiting(shelter)) >= 1
    exchanged(line)
    later(broker)
    exchanged(shelter)
    later(broker)
    exchanged(line, shelter)
    assert (waiting(shelter), shelter.adapter.alarms()) == ([], [])


def test_a_refusal_for_good_is_told_in_the_end(laval: Town) -> None:
    """After about a day of waiting for others, what was sent again is refused as anything else."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = sent(line)
    exchanged(line, shelter)
    shelter.adapter.accept(queued.ref)
    exchanged(shelter, line)
    lost(laval, backup)
    shelter.adapter.read_journal()
    for _ in range(MANY_TRIES):
        assert waiting(shelter)
        shelter.adapter.outbox.flush()
        broker.clock.forward(minutes=20)
    shelter.adapter.outbox.flush()
    assert shelter.adapter.show(queued.ref).referral.problem == "referral-unknown"


def test_events_that_come_anew_are_not_missed(laval: Town) -> None:
    """What the stream was read up to may have been handed out again to others: it is read from the backup on."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = sent(line)
    exchanged(line, shelter)
    for partner in (line, shelter):
        partner.adapter.read_journal()
    shelter.adapter.accept(queued.ref)
    shelter.adapter.outbox.flush()
    assert line.adapter.stream.work() == []
    line.adapter.stream.behind = False
    with line.store.transaction() as tx:
        tx.traffic.move_cursor("events", len(broker.gateway.leaves) + 50)
    backup.restart(line)
    accept(line)
    line.adapter.read_journal()
    with line.store.transaction() as tx:
        assert tx.traffic.cursor("events") == backup.held


@pytest.mark.parametrize("erased", [True, False])
def test_what_says_nothing_any_more_stays_so(laval: Town, erased: bool) -> None:  # noqa: FBT001 - a case of a test
    """A referral that was entered in error is a tombstone on both sides: its contents do not leave again."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    queued = sent(line)
    exchanged(line, shelter)
    if erased:
        line.adapter.erase_error(queued.ref)
        exchanged(line, shelter)
    lost(laval, backup)
    line.adapter.read_journal()
    assert (queued.envelope in waiting(line)) != erased
