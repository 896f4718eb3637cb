"""After every restore of the gateway, each issuer says again what its consents are, in the newest version it knows."""

from __future__ import annotations

from datetime import timedelta

from adapters.consent_changes import Withdrawal
from adapters.outgoing import Queued
from adapters.problems import GatewayProblemError
from consent.envelope import UnverifiedEnvelope
from consent.statement import read_statement
from keys.signing import SignedDocument
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, consent_file, referral_file, sent
from tests.adapters.restoring import Backup, accept
from tests.adapters.test_recovery import exchanged, later, lost, waiting


def states(partner: Partner) -> list[str]:
    """What the versions of consents that wait in the outbox say, in order."""
    with partner.store.transaction() as tx:
        bodies = [each.body for each in tx.traffic.waiting() if each.kind == "statement"]
    return [read_statement(SignedDocument.parse(body, "statement")).state for body in bodies]


def restored(partner: Partner) -> None:
    """The partner meets a gateway that was restored and is still examined."""
    for call in ("agreements", "lease", "events"):
        partner.client.before[call] = GatewayProblemError("journal-restored", status=503)
    assert "journal-restored" in partner.adapter.sync().troubles


def test_a_withdrawal_that_still_waits_is_all_that_is_said(laval: Town) -> None:
    """The person took it back while the gateway was away: the consent as it was does not go before it, nor at all."""
    broker, line, shelter = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    line.adapter.send(referral_file(recorded.record_id))
    exchanged(line, shelter)
    backup = Backup(broker)
    broker.gateway.bustle(3)
    for partner in (line, shelter):
        partner.adapter.read_journal()
    backup.restart(shelter)
    line.adapter.consents.change(recorded.record_id, Withdrawal())
    for partner in (line, shelter):
        accept(partner)
    line.adapter.read_journal()
    assert states(line) == ["withdrawn"]
    line.adapter.outbox.flush()
    assert [each.document.state for each in broker.statements.values()] == ["withdrawn"]


def test_a_version_that_was_lost_comes_before_the_one_that_waits(laval: Town) -> None:
    """The gateway cannot take the second version of what it does not know: the first one is not left out."""
    broker, line, shelter = laval
    exchanged(line, shelter)
    backup = Backup(broker)
    recorded, _ = line.adapter.record_consent(consent_file())
    exchanged(line, shelter)
    line.adapter.consents.change(recorded.record_id, Withdrawal())
    lost(laval, backup)
    line.adapter.read_journal()
    assert states(line) == ["given", "withdrawn"]
    exchanged(line, shelter)
    assert [each.document.state for each in broker.statements.values()] == ["withdrawn"]


def test_who_met_a_restored_gateway_says_every_consent_again(laval: Town) -> None:
    """Also where nothing was lost and the journal goes on: in the newest version, once, and no other."""
    broker, line, shelter = laval
    kept, _ = line.adapter.record_consent(consent_file())
    ended, _ = line.adapter.record_consent(consent_file({"/person": "personne-fictive-2"}))
    exchanged(line, shelter)
    line.adapter.consents.change(ended.record_id, Withdrawal())
    exchanged(line, shelter)
    broker.unconfirmed = set(broker.statements)
    restored(line)
    restored(line)
    assert sorted(states(line)) == ["given", "withdrawn"]
    later(broker)
    exchanged(line)
    assert (broker.unconfirmed, waiting(line), line.adapter.alarms()) == (set(), [], [])
    found = {name: each.document.state for name, each in broker.statements.items()}
    assert found == {kept.statement.id: "given", ended.statement.id: "withdrawn"}


def test_a_consent_that_waits_to_be_said_again_gives_way_to_its_withdrawal(laval: Town) -> None:
    """The person takes it back before the gateway works again: only that is said, and nothing passes in between."""
    broker, line, shelter = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    exchanged(line, shelter)
    broker.unconfirmed = set(broker.statements)
    restored(line)
    line.adapter.consents.change(recorded.record_id, Withdrawal())
    assert states(line) == ["given", "withdrawn"]
    later(broker)
    assert line.adapter.outbox.flush().accepted == [f"{recorded.statement.id}@2"]
    assert [each.document.state for each in broker.statements.values()] == ["withdrawn"]
    assert (waiting(line), line.adapter.alarms()) == ([], [])


def test_what_the_restored_gateway_tells_anew_is_not_missed(laval: Town) -> None:
    """The stream was read beyond what the journal shows: those places may be given out again, and are read again."""
    _, line, _ = laval
    size = line.adapter.read_journal()
    with line.store.transaction() as tx:
        tx.traffic.move_cursor("events", size + 50)
    restored(line)
    with line.store.transaction() as tx:
        assert tx.traffic.cursor("events") == size


def test_a_consent_for_which_the_gateway_waits_is_said_again(laval: Town) -> None:
    """Whoever was away during the restore learns of it by the first refusal: the envelope waits for it, and leaves."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.outbox.flush("statement")
    broker.unconfirmed = set(broker.statements)
    line.adapter.sync()
    assert (broker.unconfirmed, waiting(line)) == (set(), [queued.envelope])
    later(broker)
    line.adapter.sync()
    assert (waiting(line), set(broker.wires)) == ([], {queued.envelope})


def test_a_withdrawal_that_waits_is_not_overtaken_by_the_consent_that_it_ends(laval: Town) -> None:
    """The refusal of an envelope has nothing said again where a newer word is on its way."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    queued = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(queued, Queued)
    line.adapter.outbox.flush("statement")
    with line.store.transaction() as tx:
        tx.traffic.begin(queued.envelope)  # It was handed over once, and nobody heard an answer.
    line.adapter.consents.change(recorded.record_id, Withdrawal())
    broker.unconfirmed = set(broker.statements)
    line.client.cut_off("register_statement")
    line.client.refuse("deposit", "statement-unconfirmed", status=503)
    line.adapter.outbox.flush()
    line.adapter.outbox.flush()
    assert states(line) == ["withdrawn"]


def test_what_waited_for_a_consent_for_too_long_comes_to_an_end(laval: Town) -> None:
    """Past its time no answer of the issuer lets it pass: it is refused as expired, and is not tried for ever."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.outbox.flush("statement")
    with line.store.transaction() as tx:
        shipment = tx.traffic.shipment(queued.envelope)
    assert shipment is not None
    line.client.refuse("deposit", "statement-unconfirmed", status=503)
    line.adapter.outbox.flush()
    broker.clock.now = UnverifiedEnvelope.parse(shipment.body).header.exp
    line.adapter.read_journal()
    broker.clock.now += timedelta(seconds=1)
    line.client.refuse("deposit", "statement-unconfirmed", status=503)
    assert (queued.envelope, "envelope-expired") in line.adapter.outbox.flush().refused
    assert waiting(line) == []
    assert line.adapter.show(queued.ref).referral.problem == "envelope-expired"
