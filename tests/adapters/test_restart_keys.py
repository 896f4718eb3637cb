"""After a restart of the journal, keys that were lost come again: that is no alarm, and anything else is."""

from __future__ import annotations

from keys.statements import publish
from tests.adapters.conftest import Town
from tests.adapters.gateway_double import ORIGIN
from tests.adapters.restoring import accept
from tests.adapters.test_restarts import restored
from tests.adapters.watching import looks, only_alarm
from tests.invented import LINE, root_key
from tests.journal.builders import journal_signer

OTHER = journal_signer(ORIGIN)


def test_a_key_that_is_journalled_again_is_no_alarm_and_no_second_link(laval: Town) -> None:
    """Its copy among the lost entries is the same statement; the chain goes on from it."""
    broker, line, shelter, backup = restored(laval)
    line.adapter.rotate_keys()
    broker.clock.forward(days=20)
    made = shelter.adapter.rotate_keys()
    assert made > 0
    assert shelter.adapter.outbox.flush().refused == []
    line.adapter.read_journal()
    fingerprint = broker.agreement.party(shelter.address)
    assert fingerprint is not None
    before = line.adapter.office.book.chain(shelter.address, fingerprint.root_fingerprint)
    backup.restart(line)
    accept(shelter)
    accept(line)
    shelter.adapter.read_journal()
    shelter.adapter.outbox.flush()
    line.adapter.read_journal()
    after = line.adapter.office.book.chain(shelter.address, fingerprint.root_fingerprint)
    assert after == before
    assert (line.adapter.alarms(), shelter.adapter.alarms()) == ([], [])
    broker.clock.forward(days=7)
    assert shelter.adapter.rotate_keys() > 0
    shelter.adapter.outbox.flush()
    line.adapter.read_journal()
    assert line.adapter.office.book.chain(shelter.address, fingerprint.root_fingerprint).seq > after.seq


def test_a_key_that_is_journalled_twice_without_a_loss_is_an_alarm(laval: Town) -> None:
    """Only what was lost may come again."""
    broker, line, _, backup = restored(laval)
    backup.restart(line)
    accept(line)
    with line.store.transaction() as tx:
        first = tx.keyring.own()[0]
    broker.gateway.publish(first)
    looks(line, "key-chain-broken", times=1)


def test_a_foreign_key_after_a_restart_is_an_alarm(laval: Town) -> None:
    """A restart excuses nobody who publishes in our name."""
    broker, line, _, backup = restored(laval)
    backup.restart(line)
    accept(line)
    root, now = root_key(LINE), broker.clock()
    stolen = publish((11, "ab" * 32), LINE, "root", root.public, (now, now.replace(year=now.year + 1)), root.signers)
    broker.gateway.publish(stolen)
    looks(line, "foreign-key-statement", times=1)
    assert only_alarm(line).code == "foreign-key-statement"
