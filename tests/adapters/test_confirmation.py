"""Nothing sealed leaves before the agreement's witnesses have confirmed the key; nobody forgets what waits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from adapters.confirmation import asking
from adapters.problems import GatewayProblemError
from journal.cosignatures import NoteSignature, cosign, vkey_of
from journal.entries import Opening, commitment_leaf
from journal.notes import Note, parse_note
from keys.documents import encode
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.conftest import Town
from tests.adapters.partners import consent_file, referral_members, sent
from tests.adapters.terminal import Command, json_file
from tests.invented import HEALTH, LINE, PARTIES, SHELTER, agreement_signature
from tests.journal.builders import entry_bytes

OUTSIDER = "temoin-invente.example"


def asks(town: Town, threshold: int, *witnesses: str) -> None:
    """Have the agreement ask for witnesses: everybody forgets the one that did not, and learns of this one."""
    broker, *partners = town
    broker.quorum = {"threshold": threshold, "witnesses": list(witnesses)}
    document = broker.agreement
    broker.signatures = {address: agreement_signature(document, address) for address in PARTIES}
    for partner in partners:
        with partner.store.transaction() as tx:
            tx.session.connection().exec_driver_sql("DELETE FROM agreement")
            tx.session.connection().exec_driver_sql("DELETE FROM watch")
        partner.adapter.refresh_agreements()
    broker.journal.cosigned.clear()
    broker.gateway.bustle(1)


def later(broker: BrokerDouble) -> None:
    """Let the pause of what is held back go by."""
    broker.clock.forward(seconds=31)


def test_what_waits_for_a_witness_leaves_by_itself_once_it_has_signed(laval: Town) -> None:
    """The line sends while the shelter sleeps: kept here, the shelter named; the shelter wakes up, and it leaves."""
    asks(laval, 2, LINE, SHELTER)
    broker, line, shelter = laval
    line.adapter.read_journal()
    queued = sent(line)
    flushed = line.adapter.outbox.flush()
    assert (flushed.held[0][0], SHELTER in flushed.held[0][1]) == (queued.envelope, True)
    assert broker.deposits == []
    shelter.adapter.read_journal()
    later(broker)
    line.adapter.read_journal()
    later(broker)
    assert line.adapter.outbox.flush().held == []
    assert len(broker.deposits) == 1
    assert line.adapter.alarms() == []


def test_what_is_held_back_can_still_be_ended_here(laval: Town) -> None:
    """Waiting for witnesses is no try: the gateway has not seen it, so cancelling it leaves no trace there."""
    asks(laval, 1, SHELTER)
    broker, line, _ = laval
    line.adapter.read_journal()
    queued = sent(line)
    for _ in range(3):
        later(broker)
        line.adapter.outbox.flush()
    line.adapter.cancel(queued.ref, "other")
    line.adapter.outbox.flush()
    assert broker.deposits == []


def test_only_witnesses_of_the_agreement_count(laval: Town) -> None:
    """Others may sign as they like: the archive is read until one is found that counts."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    shelter.adapter.read_journal()
    for _ in range(9):
        broker.gateway.bustle(1)
        broker.clock.forward(seconds=10)
        line.adapter.read_journal()
        _outsider_signs(broker)
    sent(line)
    for _ in range(4):
        line.adapter.read_journal()
        later(broker)
    line.adapter.outbox.flush()
    assert len(broker.deposits) == 1


def test_witnesses_of_yesterday_confirm_nothing_today(laval: Town) -> None:
    """An old cosignature under a note of today could hide what happened since."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    broker.clock.forward(hours=24, seconds=1)
    line.adapter.read_journal()
    queued = sent(line)
    assert line.adapter.outbox.flush().held == [(queued.envelope, (SHELTER,))]
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    later(broker)
    line.adapter.outbox.flush()
    assert len(broker.deposits) == 1


def test_a_gateway_that_shows_two_journals_gets_nothing_confirmed(laval: Town) -> None:
    """It shows the shelter one journal and the line another: the shelter's signature never fits the line's."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    other = broker.clone()
    other.quorum, other.signatures, other.clock.now = broker.quorum, broker.signatures, broker.clock()
    other.gateway.leaves[-1] = commitment_leaf(Opening(entry_bytes(index=len(other.gateway.leaves) - 1), bytes(32)))
    line.client.broker = other
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    stolen = broker.journal.cosigned[len(broker.gateway.leaves)]
    queued = sent(line)
    assert line.adapter.outbox.flush().held == [(queued.envelope, (SHELTER,))]
    other.journal.cosigned[len(other.gateway.leaves)] = dict(stolen)
    line.adapter.read_journal()
    later(broker)
    other.clock.now = broker.clock()
    line.adapter.outbox.flush()
    assert other.deposits == []
    assert [alarm.code for alarm in line.adapter.alarms()] == ["signature-does-not-hold"]


def test_a_confirmed_checkpoint_of_another_past_is_a_fork(laval: Town) -> None:
    """The shelter signed for a smaller journal that ours does not begin with: evidence, whoever of us was lied to."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    other = broker.clone()
    other.clock.now = broker.clock()
    other.gateway.leaves[-1] = commitment_leaf(Opening(entry_bytes(index=len(other.gateway.leaves) - 1), bytes(32)))
    shelter.client.broker = other
    shelter.adapter.read_journal()
    broker.gateway.bustle(4)
    broker.journal.notes += [other.journal.notes[-1]]
    broker.journal.cosigned = other.journal.cosigned
    line.adapter.read_journal()
    [alarm] = line.adapter.alarms()
    assert alarm.code == "journal-forked"
    assert alarm.evidence is not None


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\xff" * 100])
def test_garbage_confirms_nothing_and_harms_nothing(
    laval: Town, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys are read all the same."""
    asks(laval, 1, SHELTER)
    broker, line, _ = laval
    monkeypatch.setattr(line.client, "confirmed_checkpoint", lambda *_asked: answer)
    assert line.adapter.read_journal() == len(broker.gateway.leaves)
    assert line.adapter.alarms() == []


def test_without_a_quorum_nobody_is_asked(laval: Town) -> None:
    """With a threshold of none the gateway's signature is enough, as it always was."""
    broker, line, _ = laval
    sent(line)
    line.adapter.sync()
    assert len(broker.deposits) == 1
    assert not {"confirmed_checkpoint", "checkpoints"} & set(line.client.calls)


def test_the_commands_name_who_is_missing_and_who_confirmed(laval: Town, command: Command) -> None:
    """A worker reads why a referral is kept here; the journal's standing says it for everybody."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    line.adapter.read_journal()
    recorded, _ = line.adapter.record_consent(consent_file())
    _, out, _ = command(line, "send", json_file(line.folder, referral_members(recorded.record_id)))
    assert SHELTER in out
    line.restart()
    assert SHELTER in command(line, "journal", "status")[1]
    line.restart()
    shelter.adapter.read_journal()
    later(broker)
    line.adapter.read_journal()
    told = json.loads(command(line, "journal", "status", "--json")[1])
    assert told["agreements"][0]["seen_by"] == [SHELTER]
    assert (told["witness"], told["sent"], told["alarms"]) == (True, True, 0)
    line.restart()
    assert "confirmed up to" in command(line, "journal", "status")[1]


def _outsider_signs(broker: BrokerDouble) -> None:
    key = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    checkpoint = parse_note(broker.journal.notes[-1]).checkpoint
    signature: NoteSignature = cosign(OUTSIDER, key, checkpoint, broker.clock())
    assert vkey_of(OUTSIDER, key).key_id == signature.key_id
    broker.journal.cosigned.setdefault(checkpoint.size, {})[OUTSIDER] = signature


def test_a_call_that_fails_is_tried_again(laval: Town) -> None:
    """Trouble with the archive keeps nobody from reading keys."""
    asks(laval, 1, SHELTER)
    broker, line, _ = laval
    line.client.before["confirmed_checkpoint"] = GatewayProblemError("gateway-problem", status=500)
    assert line.adapter.read_journal() == len(broker.gateway.leaves)


def test_the_outbox_of_another_agreement_is_not_kept_back(laval: Town) -> None:
    """Steps, which seal nothing, leave whatever the witnesses do."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    shelter.adapter.read_journal()
    line.adapter.sync()
    queued = sent(line)
    line.adapter.outbox.flush()
    shelter.adapter.sync()
    broker.journal.cosigned.clear()
    shelter.adapter.accept(queued.ref)
    assert len(shelter.adapter.outbox.flush().accepted) == 1


def test_a_quorum_that_is_never_met_does_not_have_the_archive_read_for_ever(laval: Town) -> None:
    """What was looked at is done with, and what is older than a day is not asked for at all."""
    asks(laval, 1, SHELTER)
    broker, line, _ = laval
    for _ in range(12):
        broker.gateway.bustle(1)
        broker.clock.forward(minutes=15)
        line.adapter.read_journal()
        _outsider_signs(broker)
    for _ in range(9):
        line.adapter.read_journal()
    line.client.calls.clear()
    for _ in range(5):
        line.adapter.read_journal()
    assert line.client.calls.count("checkpoints") <= 2 * 5


def test_what_waits_under_a_version_that_was_replaced_leaves_once_the_new_one_is_confirmed(laval: Town) -> None:
    """The witnesses of the version in force count: nobody asks those of the old one any more."""
    asks(laval, 1, HEALTH)
    broker, line, shelter = laval
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    queued = sent(line)
    assert line.adapter.outbox.flush().held == [(queued.envelope, (HEALTH,))]
    with line.store.transaction() as tx:
        [old] = tx.papers.agreements()
    asked = old.document.quorum.model_copy(update={"witnesses": (SHELTER,)})
    newer = old.document.model_copy(update={"version": 2, "prev": old.sha256, "quorum": asked})
    with line.store.transaction() as tx:
        made = [agreement_signature(newer, by).to_json() for by in old.signers]
        tx.papers.save_agreement(replace(old, document=newer, sha256="ab" * 32, payload=encode(newer)), made)
    assert [each.document.version for each in asking(line.adapter.office)] == [newer.version]
    line.adapter.read_journal()
    later(broker)
    assert line.adapter.outbox.flush().held == []


def test_what_is_kept_and_does_not_hold_keeps_one_item_back_and_stops_nothing(laval: Town) -> None:
    """A note of other keys, as after a gateway was pinned anew: told by its code, and the round goes on."""
    asks(laval, 1, SHELTER)
    broker, line, _ = laval
    line.adapter.read_journal()
    sent(line)
    note = parse_note(broker.gateway.note())
    half = Note(note.checkpoint, note.signatures[:1]).encode()
    with line.store.transaction() as tx:
        [held] = tx.papers.agreements()
        tx.watches.confirm(held.sha256, half)
    for _ in range(2):
        later(broker)
        assert line.adapter.outbox.flush().stopped == "signature-missing"
    assert broker.deposits == []
    assert line.adapter.alarms() == []
