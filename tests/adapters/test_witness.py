"""Every partner is a witness: it signs for what it has kept, for one past only, and whatever the gateway answers."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from adapters.growth import JournalAlarmError
from adapters.identity import Identity
from adapters.own_keys import import_statement, request_key
from adapters.problems import GatewayProblemError
from adapters.store.watches import Cosigned
from adapters.witness import cosign_newest
from journal.cosignatures import parse_signature
from journal.entries import Opening, commitment_leaf
from journal.notes import open_note, parse_note
from journal.witness import verify_cosignature
from keys.errors import MalformedError
from keys.vkeys import MLDSA44, Vkey
from tests.adapters.conftest import Town
from tests.adapters.partners import PASSPHRASE, Partner
from tests.invented import LINE, SHELTER, root_key
from tests.journal.builders import entry_bytes


def cosigned(partner: Partner) -> Cosigned:
    """What a partner signed for last."""
    with partner.store.transaction() as tx:
        found = tx.watches.cosigned()
    assert found is not None
    return found


def holds(partner: Partner, signed: Cosigned) -> datetime:
    """When a cosignature was made, once it verifies by the partner's published key under what it read."""
    chain = partner.adapter.office.book.chain(partner.address, root_key(partner.address).public.fingerprint)
    keys = [key.raw for key in chain.keys if key.use == "witness"]
    journal = partner.broker.pins.vkeys
    checkpoint = open_note(signed.note, journal).checkpoint
    signature = parse_signature(signed.line)
    vkeys = [Vkey(partner.address, MLDSA44, key) for key in keys]
    vkey = next(each for each in vkeys if each.key_id == signature.key_id)
    at = verify_cosignature(vkey, signature, checkpoint, journal).at
    assert at is not None
    return at


def test_each_look_signs_for_what_is_new_and_hands_it_in(laval: Town) -> None:
    """Under the organisation's address, by the key that it published; what the gateway has is not sent again."""
    broker, line, shelter = laval
    for partner in (line, shelter):
        broker.gateway.bustle(1)
        partner.adapter.read_journal()
        assert holds(partner, cosigned(partner)) == broker.clock().replace(microsecond=0)
        assert cosigned(partner).sent
    assert set(broker.journal.cosigned[len(broker.gateway.leaves)]) == {SHELTER}
    line.adapter.read_journal()
    assert set(broker.journal.cosigned[len(broker.gateway.leaves)]) == {LINE, SHELTER}
    calls = line.client.calls.count("cosign")
    line.adapter.read_journal()
    assert line.client.calls.count("cosign") == calls


def test_only_what_the_journal_signed_is_handed_in(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The note that was read bears other witnesses' signatures; they are not ours to bring."""
    broker, line, shelter = laval
    broker.gateway.bustle(1)
    shelter.adapter.read_journal()
    brought, real = list[bytes](), line.client.cosign

    def seen(signed: str, note: bytes) -> None:
        brought.append(note)
        real(signed, note)

    monkeypatch.setattr(line.client, "cosign", seen)
    line.adapter.read_journal()
    assert len(parse_note(cosigned(line).note).signatures) > len(broker.pins.vkeys)
    assert [len(parse_note(note).signatures) for note in brought] == [len(broker.pins.vkeys)]


def test_a_quiet_journal_is_signed_for_anew(laval: Town) -> None:
    """Signed again every hour, it is cosigned again: who asks for witnesses of today finds them."""
    broker, line, _ = laval
    line.adapter.read_journal()
    before = cosigned(line)
    broker.clock.forward(hours=1)
    line.adapter.read_journal()
    after = cosigned(line)
    assert parse_note(after.note).checkpoint == parse_note(before.note).checkpoint
    assert holds(line, after) == holds(line, before) + timedelta(hours=1)


@pytest.mark.parametrize(
    "answer",
    [
        MalformedError("answer-malformed"),
        GatewayProblemError("key-unknown", status=403),
        GatewayProblemError("checkpoint-unknown", status=404),
        GatewayProblemError("gateway-problem", status=503),
    ],
)
def test_a_signature_that_cannot_be_handed_in_is_no_alarm(laval: Town, answer: Exception) -> None:
    """Garbage, a refusal, trouble: the keys are read all the same, and the next look tries again with the newest."""
    broker, line, _ = laval
    broker.gateway.bustle(1)
    line.client.before["cosign"] = answer
    assert line.adapter.read_journal() == len(broker.gateway.leaves)
    assert not cosigned(line).sent
    broker.gateway.bustle(1)
    line.adapter.read_journal()
    assert cosigned(line).sent
    assert set(broker.journal.cosigned[len(broker.gateway.leaves)]) == {LINE}
    assert line.adapter.alarms() == []


@pytest.mark.parametrize("crash", ["before-signing", "before-sending", "after-sending"])
def test_a_crash_at_any_step_signs_for_the_same_state_again(
    laval: Town, crash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is kept before it is signed for, and the signature before it is sent."""
    broker, line, _ = laval
    line.adapter.read_journal()
    broker.gateway.bustle(1)
    if crash == "before-signing":
        with monkeypatch.context() as patch:
            patch.setattr("adapters.witness.cosign", _crash)
            with pytest.raises(KeyboardInterrupt):
                line.adapter.read_journal()
    else:
        (line.client.before if crash == "before-sending" else line.client.after)["cosign"] = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            line.adapter.read_journal()
    kept, size = line.adapter.office.book.seen(), len(broker.gateway.leaves)
    line.restart()
    broker.journal.silent = True
    line.adapter.read_journal()
    assert kept is not None
    assert (cosigned(line).note, cosigned(line).sent) == (kept.note, True)
    assert list(broker.journal.cosigned[size]) == [LINE]


def _crash(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_nothing_is_signed_for_after_a_fork(laval: Town) -> None:
    """A witness that signed for a state signs for no other past, however often it is asked."""
    broker, line, _ = laval
    line.adapter.read_journal()
    before = cosigned(line)
    broker.gateway.leaves[1] = commitment_leaf(Opening(entry_bytes(index=1), bytes(32)))
    broker.gateway.bustle(1)
    for _ in range(2):
        with pytest.raises(JournalAlarmError):
            line.adapter.read_journal()
    assert cosigned(line) == before
    forked = len(broker.gateway.leaves)
    assert LINE not in broker.journal.cosigned.get(forked, {})


def test_two_programs_of_one_partner_never_sign_for_two_pasts(laval: Town) -> None:
    """A gateway shows each program another journal: one of the two is refused, and not signed for."""
    broker, line, _ = laval
    line.adapter.read_journal()
    forged = broker.clone()
    forged.clock.now = broker.clock()
    forged.gateway.leaves.append(commitment_leaf(Opening(entry_bytes(index=len(forged.gateway.leaves)), bytes(32))))
    broker.gateway.bustle(1)
    other = Partner.__new__(Partner)
    other.broker, other.address, other.folder = forged, LINE, line.folder
    other.client, other._identity = forged.calls(LINE), line._identity  # noqa: SLF001 - the same keys, another program
    other.restart()
    barrier, signed = threading.Barrier(2), []

    def work(partner: Partner) -> None:
        barrier.wait()
        try:
            partner.adapter.read_journal()
        except JournalAlarmError as error:
            signed.append(error.code)

    threads = [threading.Thread(target=work, args=(partner,)) for partner in (line, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.store.close()
    size = len(broker.gateway.leaves)
    honest, lying = (LINE in each.journal.cosigned.get(size, {}) for each in (broker, forged))
    assert not (honest and lying)
    with line.store.transaction() as tx:
        found = tx.watches.cosigned()
        saved = tx.keyring.journal()
    assert found is not None
    assert saved is not None
    assert found.note == saved[0]


def test_the_moment_of_a_signature_never_goes_back(laval: Town) -> None:
    """A clock that was set back by a minute makes the next cosignature no older than the last one."""
    broker, line, _ = laval
    line.adapter.read_journal()
    first = holds(line, cosigned(line))
    broker.gateway.bustle(1)
    note = broker.gateway.note(at=first + timedelta(seconds=1))
    broker.journal.notes.append(note)
    broker.journal.silent = True
    broker.clock.forward(seconds=-60)
    line.adapter.read_journal()
    assert holds(line, cosigned(line)) >= first
    assert cosigned(line).note == note


def test_who_was_enrolled_before_gets_a_witness_key_from_the_root(laval: Town) -> None:
    """Without one nothing is signed for and nothing fails; asked for, signed and imported, it is used at once."""
    broker, line, _ = laval
    identity = Identity.open(LINE, line.folder / "keystore.json", PASSPHRASE)
    line.restart(identity)
    first = identity.witness_key(broker.clock())
    assert first is not None
    identity.add({}, at=broker.clock(), gone=(first.kid,))
    broker.gateway.bustle(1)
    line.adapter.read_journal()
    assert LINE not in broker.journal.cosigned.get(len(broker.gateway.leaves), {})
    assert not cosign_newest(line.adapter.office, line.client)
    office = line.adapter.office
    request = request_key(office, "witness")
    assert request_key(office, "witness").content["public_key"] == request.content["public_key"]
    assert identity.witness_key(broker.clock()) is None
    import_statement(office, request.sign(root_key(LINE)))
    line.adapter.outbox.flush()
    line.adapter.read_journal()
    found = identity.witness_key(broker.clock())
    assert found is not None
    assert found.kid != first.kid
    assert holds(line, cosigned(line)) <= broker.clock().astimezone(UTC)
    assert set(broker.journal.cosigned[len(broker.gateway.leaves)]) == {LINE}
