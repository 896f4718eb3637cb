"""What a partner does goes on over a hand-over: it witnesses, is confirmed, holds promises, takes papers as before."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from adapters.journal_papers import fetch_proof
from adapters.standing import read_standing
from adapters.store.records import Alarm
from adapters.store.watches import Cosigned
from journal.convictions import convict
from journal.cosignatures import parse_signature
from journal.evidence import read_evidence
from journal.layout import CHECKPOINT, OPENINGS
from journal.notes import open_note
from journal.proofs import parse_proof
from journal.shards import folder
from journal.witness import verify_cosignature
from keys.errors import ForgedError, MalformedError
from keys.statements import publish
from keys.terminal import DONE
from keys.vkeys import MLDSA44, Vkey
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, sent
from tests.adapters.terminal import Command
from tests.adapters.test_confirmation import asks, later
from tests.adapters.watching import looks, only_alarm, swap
from tests.invented import LINE, SHELTER, root_key


def cosigned(partner: Partner) -> Cosigned:
    """What a partner signed for last."""
    with partner.store.transaction() as tx:
        found = tx.watches.cosigned()
    assert found is not None
    return found


def evidence_about(partner: Partner, alarm: Alarm) -> tuple[str, bool, int | None]:
    """What the evidence of an alarm shows to somebody who knows the shards."""
    evidence = read_evidence((partner.folder / "evidence" / str(alarm.evidence)).read_bytes())
    gateway = partner.broker.gateway
    shards = [gateway.shard(number + 1) for number in range(len(gateway.shards))]
    shard = next(each for each in shards if each.origin == evidence.origin)
    shown = convict(evidence, shard.vkeys, partner.broker.pins.receipts_verifier, start=shard.start)
    return shown.kind, shown.by_itself, shown.index


def promised(partner: Partner, envelope: str) -> int:
    """The place that a receipt names."""
    with partner.store.transaction() as tx:
        receipt = tx.watches.receipt_of(envelope)
        return next(each.place for each in tx.watches.promises(99) if each.receipt == receipt)


def test_a_partner_works_on_over_a_hand_over(laval: Town) -> None:
    """A referral of the second shard, its receipt, its arrival and its keys: nothing asks which shard it is."""
    broker, line, shelter = laval
    arrived(line, shelter)
    broker.gateway.rotate()
    queued = sent(line)
    flushed = line.adapter.outbox.flush()
    assert queued.envelope in flushed.accepted, "a receipt of a shard that was not read yet is one all the same"
    for partner in (line, shelter, line):
        done = partner.adapter.sync()
        assert (done.troubles, partner.adapter.alarms()) == ([], [])
    with line.store.transaction() as tx:
        assert tx.watches.promises(10) == []
    assert [each.ref for each in shelter.adapter.referrals("received")].count(queued.ref) == 1
    line.restart()
    assert line.adapter.read_journal() == len(broker.gateway.leaves)


def test_the_current_shard_is_signed_for_under_its_own_name(laval: Town) -> None:
    """The cosignature holds under the note of the second shard, and its moment never goes back."""
    broker, line, _ = laval
    line.adapter.read_journal()
    before = parse_signature(cosigned(line).line).data[:8]
    broker.gateway.rotate()
    broker.clock.forward(seconds=-30)
    line.adapter.read_journal()
    found, shard = cosigned(line), broker.gateway.shard(2)
    checkpoint = open_note(found.note, shard.vkeys).checkpoint
    chain = line.adapter.office.book.chain(LINE, root_key(LINE).public.fingerprint)
    [key] = [Vkey(LINE, MLDSA44, key.raw) for key in chain.keys if key.use == "witness"]
    signature = parse_signature(found.line)
    verify_cosignature(key, signature, checkpoint, shard.vkeys)
    assert (found.sent, signature.data[:8] >= before) == (True, True)
    assert set(broker.journal.cosigned[len(broker.gateway.leaves)]) == {LINE}
    told = read_standing(line.adapter.office)
    assert told.signed_for == len(broker.gateway.leaves)


def test_who_confirms_a_later_shard_confirms_all_before_it(laval: Town) -> None:
    """A key of the first shard is confirmed by witnesses who signed for the second one only."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    broker.gateway.rotate()
    line.adapter.read_journal()
    queued = sent(line)
    assert line.adapter.outbox.flush().held == [(queued.envelope, (SHELTER,))]
    shelter.adapter.read_journal()
    line.adapter.read_journal()
    [agreement] = read_standing(line.adapter.office).agreements
    assert (agreement.confirmation.confirmed, agreement.size) == (True, len(broker.gateway.leaves))
    later(broker)
    line.adapter.outbox.flush()
    assert len(broker.deposits) == 1


def test_what_was_confirmed_before_a_hand_over_stays_so_for_its_day(laval: Town) -> None:
    """Until somebody signs for the new shard, what they signed for last still counts, also for who learns it late."""
    asks(laval, 1, SHELTER)
    broker, line, shelter = laval
    shelter.adapter.read_journal()
    broker.gateway.rotate()
    line.adapter.read_journal()
    sent(line)
    line.adapter.outbox.flush()
    assert len(broker.deposits) == 1
    broker.clock.forward(hours=24, seconds=1)
    line.adapter.read_journal()
    queued = sent(line)
    assert line.adapter.outbox.flush().held == [(queued.envelope, (SHELTER,))]


# Alarms.


def test_a_foreign_key_in_a_later_shard_convicts(laval: Town) -> None:
    """Anybody finds it at its place among all entries."""
    broker, line, _ = laval
    broker.gateway.rotate()
    broker.gateway.bustle(1)
    root, now = root_key(LINE), broker.clock()
    stolen = publish((11, "ab" * 32), LINE, "root", root.public, (now, now.replace(year=now.year + 1)), root.signers)
    broker.gateway.publish(stolen)
    looks(line, "foreign-key-statement")
    index = len(broker.gateway.leaves) - 1
    assert only_alarm(line).subject == f"journal#{index}"
    assert evidence_about(line, only_alarm(line)) == ("foreign-key", False, index)


@pytest.mark.parametrize("growth", [0, 5])
def test_a_fork_of_a_later_shard_is_one_alarm_with_evidence(laval: Town, growth: int) -> None:
    """Under the keys of that shard, and with its own tree."""
    broker, line, _ = laval
    broker.gateway.rotate()
    broker.gateway.bustle(2)
    line.adapter.read_journal()
    swap(line, len(broker.gateway.leaves) - 1)
    broker.gateway.bustle(growth)
    looks(line, "journal-forked")
    assert evidence_about(line, only_alarm(line)) == ("fork", True, None)


def test_a_broken_hand_over_is_one_alarm_and_nothing_is_signed_for(laval: Town) -> None:
    """The last state that was accepted stays, and is the last that we signed for."""
    broker, line, _ = laval
    line.adapter.read_journal()
    before = cosigned(line)
    broker.gateway.rotate()
    broker.gateway.leaves.pop()
    broker.gateway.bustle(1)
    looks(line, "hand-over-broken")
    assert only_alarm(line).code == "hand-over-broken"
    assert cosigned(line) == before


def test_a_closed_shard_that_is_shown_to_go_on_is_an_alarm(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys should be gone: whoever signs with them once more, for whomever, has kept them."""
    asks(laval, 1, SHELTER)
    broker, line, _ = laval
    first = broker.clone()
    broker.gateway.rotate()
    line.adapter.read_journal()
    first.gateway.bustle(9)
    monkeypatch.setattr(line.client, "confirmed_checkpoint", lambda *_asked: first.gateway.note())
    line.adapter.read_journal()
    assert only_alarm(line).code == "hand-over-broken"


# Papers.


def entries(broker: BrokerDouble) -> range:
    """Every entry of the journal."""
    return range(len(broker.gateway.leaves))


def test_a_proof_is_for_the_entry_through_all_shards(laval: Town, tmp_path: Path, command: Command) -> None:
    """The proof counts the leaves of its shard; the partner asks by the entry's own number, or by an envelope."""
    broker, line, _ = laval
    broker.gateway.rotate()
    queued = sent(line)
    line.adapter.outbox.flush()
    index = promised(line, queued.envelope)
    line.adapter.read_journal()
    shard = broker.gateway.shard(2)
    for which, place in ((queued.envelope, index), (str(index), index), ("1", 1)):
        data, _ = fetch_proof(line.adapter.office, line.client, which)
        held = shard if place >= shard.start else broker.gateway.shard(1)
        assert parse_proof(data).index == held.position(place)
        parse_proof(data).verify(broker.gateway.leaves[place], held.vkeys)
    out = tmp_path / "kept.tlog-proof"
    assert command(line, "journal", "proof", str(index), "--out", str(out))[0] == DONE


def test_a_proof_from_another_shard_is_refused(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same place of its own tree stands something else."""
    broker, line, _ = laval
    broker.gateway.rotate()
    line.adapter.read_journal()
    start = broker.gateway.shards[-1].start
    wrong = broker.journal.proof(start)
    monkeypatch.setattr(line.client, "proof", lambda _index: wrong)
    with pytest.raises(ForgedError):
        fetch_proof(line.adapter.office, line.client, "0")
    with pytest.raises(MalformedError, match="no-such-entry"):
        fetch_proof(line.adapter.office, line.client, str(len(broker.gateway.leaves)))


def test_openings_are_written_by_shard(laval: Town, tmp_path: Path, command: Command) -> None:
    """Each shard's in its own folder, with the state that was read of it, by their numbers through all of them."""
    broker, line, _ = laval
    broker.gateway.rotate()
    broker.gateway.bustle(3)
    line.adapter.read_journal()
    out = tmp_path / "openings.zip"
    assert command(line, "journal", "openings", str(out))[0] == DONE
    found = []
    with zipfile.ZipFile(out) as archive:
        for number in (1, 2):
            shard = broker.gateway.shard(number)
            end = shard.end(open_note(archive.read(folder(number) + CHECKPOINT), shard.vkeys).checkpoint)
            lines = archive.read(folder(number) + OPENINGS).splitlines()
            found += [(number, len(lines), shard.start, end)]
    second = broker.gateway.shards[-1].start
    assert found == [(1, second, 0, second), (2, len(entries(broker)) - second, second, len(entries(broker)))]


def test_status_counts_through_all_shards(laval: Town, command: Command) -> None:
    """A program reads which shard goes on, and how many entries there are."""
    broker, line, _ = laval
    broker.gateway.rotate()
    line.adapter.read_journal()
    told = command(line, "journal", "status", "--json")[1]
    assert '"shard": 2' in told
    assert f'"size": {len(entries(broker))}' in told
    assert f'"cosigned": {len(entries(broker))}' in told
