"""The outbox: cut off anywhere, started again, it loses nothing and does nothing twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.erasure import ERASED, erase
from adapters.events import fold
from adapters.outbox import Outbox
from adapters.outgoing import Queued
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from adapters.receipts import VerifiedReceipt
from adapters.store.records import Shipment
from consent.envelope import ReferralHeader, UnverifiedEnvelope
from keys.errors import ForgedError
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, sent
from tests.invented import SHELTER


def waiting(partner: Partner) -> list[Shipment]:
    """What has not been answered yet."""
    with partner.store.transaction() as tx:
        return tx.traffic.waiting()


def accepted_once(town: Town, queued: Queued) -> None:
    """The broker took the referral once, and the sender knows it."""
    broker, line, _ = town
    assert broker.waiting[SHELTER] == [queued.envelope]
    assert len(set(broker.deposits)) == 1
    assert waiting(line) == []
    assert line.adapter.show(queued.ref).state.status == "requested"


@pytest.mark.parametrize("call", ["register_statement", "deposit"])
@pytest.mark.parametrize("lost", [True, False])
def test_a_call_that_is_cut_off_is_made_again_with_the_same_bytes(laval: Town, call: str, *, lost: bool) -> None:
    """The line dies before the broker hears, or before its answer is heard; then the program starts again."""
    broker, line, _ = laval
    queued = sent(line)
    (line.client.lose_answer if lost else line.client.cut_off)(call)
    flushed = line.adapter.outbox.flush()
    assert flushed.stopped == "gateway-unreachable"
    assert waiting(line)
    line.restart()
    broker.clock.forward(seconds=5)
    assert line.adapter.outbox.flush().stopped is None
    accepted_once(laval, queued)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_around_the_deposit_leaves_everything_to_be_sent_again(laval: Town, when: str) -> None:
    """The program itself dies, before or after the broker committed; the restarted one finishes the work."""
    _, line, _ = laval
    queued = sent(line)
    getattr(line.client, when)["deposit"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        line.adapter.outbox.flush()
    line.restart()
    line.adapter.outbox.flush()
    accepted_once(laval, queued)


def test_a_crash_while_the_answer_is_kept_leaves_the_item_waiting(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer and what follows from it are one transaction: half of it never happened."""
    _, line, _ = laval
    queued = sent(line)
    with monkeypatch.context() as broken:
        broken.setattr("adapters.outbox.refresh", lambda *_args: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            line.adapter.outbox.flush()
    assert [item.item for item in waiting(line)] == [queued.envelope]
    assert line.adapter.show(queued.ref).state.status == "draft"
    line.restart()
    line.adapter.outbox.flush()
    accepted_once(laval, queued)


def test_pauses_grow_and_never_fall_below_what_the_gateway_asks(laval: Town) -> None:
    """2 s, 4 s, 8 s… up to a quarter of an hour; `Retry-After` counts when it is longer."""
    broker, line, _ = laval
    sent(line)
    outbox = Outbox(line.adapter.office, line.client, jitter=lambda: 1.0)
    pauses = []
    for attempt in range(12):
        if attempt == 11:
            line.client.refuse("register_statement", "busy", 503, retry_after=3600)
        else:
            line.client.cut_off("register_statement")
        outbox.flush()
        pause = waiting(line)[0].next_try - broker.clock()
        pauses.append(pause.total_seconds())
        broker.clock.now += pause
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 900.0, 900.0, 3600.0]


def test_partners_do_not_knock_together(laval: Town) -> None:
    """The usual pause varies by a quarter either way."""
    broker, line, _ = laval
    sent(line)
    line.client.cut_off("register_statement")
    line.adapter.outbox.flush()
    pause = waiting(line)[0].next_try - broker.clock()
    assert timedelta(seconds=1.499) <= pause <= timedelta(seconds=2.501)


def test_a_refusal_for_good_is_kept_with_its_reason_and_what_follows_goes_on(laval: Town) -> None:
    """The broker's word is final for that item only; nothing of it is tried again by itself."""
    broker, line, _ = laval
    first, second = sent(line), sent(line)
    broker.clock.forward(seconds=1)
    line.client.refuse("deposit", "recipient-suspended")
    flushed = line.adapter.outbox.flush()
    assert flushed.refused == [(first.envelope, "recipient-suspended")]
    assert second.envelope in flushed.accepted
    assert line.adapter.show(first.ref).referral.problem == "recipient-suspended"
    assert line.adapter.outbox.flush().accepted == []


def test_a_sign_in_that_fails_refuses_nothing(laval: Town) -> None:
    """A 401 says nothing about the referral: it waits until the sign-in works again."""
    broker, line, _ = laval
    queued = sent(line)
    line.client.refuse("register_statement", "sign-in-refused", 401, transient=True)
    assert line.adapter.outbox.flush().stopped == "sign-in-refused"
    broker.clock.forward(seconds=5)
    line.adapter.outbox.flush()
    accepted_once(laval, queued)


def test_a_forged_receipt_is_an_alarm_and_not_an_answer(laval: Town) -> None:
    """Nothing counts as sent on the word of somebody else's signature."""
    broker, line, _ = laval
    queued = sent(line)
    line.client.after["deposit"] = ForgedError("bad-signature")
    assert line.adapter.outbox.flush().stopped == "bad-signature"
    assert [(alarm.code, alarm.subject) for alarm in line.adapter.alarms()] == [("bad-signature", queued.envelope)]
    broker.clock.forward(seconds=5)
    line.adapter.outbox.flush()
    accepted_once(laval, queued)


def test_steps_of_one_referral_leave_in_the_order_in_which_they_were_taken(laval: Town) -> None:
    """A bad line keeps the order: seen, then accepted, then started."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    for act in (shelter.adapter.seen, shelter.adapter.accept, shelter.adapter.start):
        assert isinstance(act(ref), Queued)
        shelter.client.cut_off("deposit")
        shelter.adapter.outbox.flush()
    shelter.client.before.clear()
    broker.clock.forward(minutes=1)
    assert shelter.adapter.outbox.flush().stopped is None
    line.adapter.sync()
    assert [step.event.transition for step in line.adapter.show(ref).steps] == ["T03", "T08", "T14"]
    assert [step.header.seq for step in line.adapter.show(ref).steps] == [0, 1, 2]


def test_what_is_sealed_to_a_key_that_ended_is_sealed_anew_once_refused(laval: Town) -> None:
    """A fresh id and `seq`, today's key, the same content; the old bytes were never taken, so nothing is doubled."""
    broker, line, shelter = laval
    queued = sent(line)
    before = waiting(line)[-1]
    broker.clock.forward(days=8)
    line.adapter.read_journal()
    line.client.refuse("deposit", "key-not-in-period")
    assert line.adapter.outbox.flush().refused == []
    [fresh] = broker.waiting[SHELTER]
    old, new = UnverifiedEnvelope.parse(before.body), UnverifiedEnvelope.parse(broker.wires[fresh])
    assert isinstance(new.header, ReferralHeader)
    assert (new.header.ref, new.header.seq) == (queued.ref, old.header.seq + 1)
    assert new.header.id != old.header.id
    assert old.payload.key is not None
    assert new.payload.key is not None
    assert new.payload.key.kid != old.payload.key.kid
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored"]
    assert shelter.adapter.show(queued.ref).contents[0].sections == line.adapter.show(queued.ref).contents[0].sections


def test_without_another_key_a_refused_envelope_stays_refused(laval: Town) -> None:
    """Sealing to the same key again would be refused again."""
    _, line, _ = laval
    queued = sent(line)
    line.client.refuse("deposit", "key-revoked")
    assert line.adapter.outbox.flush().refused == [(queued.envelope, "key-revoked")]
    assert waiting(line) == []
    referral = line.adapter.show(queued.ref).referral
    assert referral.problem == "key-revoked"
    assert fold(referral, []).state.status == "draft"


@pytest.mark.parametrize("error", [GatewayUnreachableError("gateway-too-slow"), ForgedError("answer-to-another")])
def test_an_acknowledgement_is_repeated_until_it_is_heard(laval: Town, error: Exception) -> None:
    """What was stored stays stored; the same signed answer is sent again."""
    broker, line, shelter = laval
    sent(line)
    line.adapter.sync()
    shelter.client.before["acknowledge"] = error
    shelter.adapter.sync()
    assert broker.acks == []
    broker.clock.forward(seconds=5)
    shelter.restart()
    shelter.adapter.outbox.flush()
    assert len(broker.acks) == 1
    assert broker.waiting[SHELTER] == []


def test_two_programs_that_send_at_once_do_each_thing_once(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other made the envelope anew while this one heard that it is refused: nothing is left to do, or refused."""
    broker, line, shelter = laval
    queued = sent(line)
    broker.clock.forward(days=8)
    line.adapter.read_journal()
    other, real = Outbox(line.adapter.office, line.client), line.client.deposit
    refused: list[bytes] = []

    def deposit(wire: bytes) -> VerifiedReceipt:
        if not refused:
            refused.append(wire)
            line.client.refuse("deposit", "key-not-in-period")
            assert other.flush().refused == []
            raise GatewayProblemError("key-not-in-period", status=403)
        return real(wire)

    monkeypatch.setattr(line.client, "deposit", deposit)
    assert line.adapter.outbox.flush().refused == []
    assert len(broker.waiting[SHELTER]) == 1
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored"]
    assert shelter.adapter.show(queued.ref).contents
    assert line.adapter.show(queued.ref).referral.problem is None


@pytest.mark.parametrize("code", ["recipient-suspended", None])
def test_what_is_erased_while_it_leaves_stays_erased(
    laval: Town, monkeypatch: pytest.MonkeyPatch, code: str | None
) -> None:
    """A refusal that comes later changes nothing and troubles nobody; a receipt is kept, and nothing comes back."""
    _, line, _ = laval
    queued, real = sent(line), line.client.deposit

    def deposit(wire: bytes) -> VerifiedReceipt:
        office = line.adapter.office
        with office.store.transaction() as tx:
            erase(tx, queued.ref, office.now())
        if code is not None:
            raise GatewayProblemError(code, status=403)
        return real(wire)

    monkeypatch.setattr(line.client, "deposit", deposit)
    flushed = line.adapter.outbox.flush()
    assert flushed.refused == []
    with line.store.transaction() as tx:
        kept = tx.traffic.shipment(queued.envelope)
    assert kept is not None
    assert (kept.state, kept.body, kept.receipt is None) == ("dropped" if code else "done", b"", code is not None)
    assert kept.problem == (ERASED if code else None)
    referral = line.adapter.show(queued.ref).referral
    assert (referral.problem, referral.erased_at is not None) == (None, True)
