"""The inbox: what was leased is kept before it is acknowledged, answered once, and never believed unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.bodies import Delivery
from adapters.headings import message_header
from adapters.inbox import Acknowledgement, Arrival
from adapters.outgoing import Queued
from adapters.problems import GatewayUnreachableError
from adapters.receipts import verify_envelope_receipt
from adapters.recipients import agreement_of, recipient_key
from adapters.sealed import seal
from adapters.sections import OutcomeSection, WorkerSection
from adapters.store.records import Referral
from consent.envelope import ReferralHeader, UnverifiedEnvelope
from keys.documents import b64url, parse
from keys.identity import verifier
from keys.signing import MAX_DOCUMENT, SignedDocument
from tests.adapters.broker_double import BrokerDouble
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, sent
from tests.adapters.test_sealed import altered
from tests.invented import HEALTH, LINE, SHELTER


def read_ack(signed: SignedDocument) -> Acknowledgement:
    """What an acknowledgement says."""
    return parse(Acknowledgement, signed.payload, limit=MAX_DOCUMENT)


def delivered(broker: BrokerDouble, wire: bytes) -> Delivery:
    """A lease of bytes that a broken broker accepted, with a receipt for exactly them."""
    return Delivery(wire, verify_envelope_receipt(broker.gateway.envelope_receipt(wire), wire, broker.pins))


def received(partner: Partner, delivery: Delivery) -> Arrival:
    """What becomes of a delivery once the journal was read as far as it."""
    partner.adapter.read_journal()
    return partner.adapter.inbox.receive(delivery)


def deposited(town: Town) -> bytes:
    """The wire of a referral that waits for the shelter."""
    broker, line, _ = town
    queued = sent(line)
    line.adapter.sync()
    return broker.wires[queued.envelope]


def test_the_acknowledgement_is_signed_and_about_the_very_bytes(laval: Town) -> None:
    """Who, which envelope, which digest, and that it is stored."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    [signed] = broker.acks
    ack = read_ack(signed)
    assert (ack.envelope, ack.by, ack.result, ack.code) == (queued.envelope, SHELTER, "stored", None)
    assert ack.payload_sha256 == UnverifiedEnvelope.parse(broker.wires[queued.envelope]).signed.sha256
    signer = shelter.adapter.office.signer()
    signed.verify((verifier(SHELTER, "signing", signer.public_bytes),))


def test_a_redelivery_gets_the_stored_acknowledgement_again(laval: Town) -> None:
    """The answer was lost: the same bytes are answered with the same bytes, and nothing is opened twice."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    broker.waiting[SHELTER] = [queued.envelope]
    broker.clock.forward(minutes=3)
    shelter.restart()
    done = shelter.adapter.sync()
    assert [arrival.result for arrival in done.arrivals] == ["again"]
    assert broker.acks[0].encode() == broker.acks[1].encode()
    assert len(shelter.adapter.show(queued.ref).contents) == 1


def test_other_bytes_under_a_known_id_are_an_alarm(laval: Town) -> None:
    """Nothing is opened, answered or changed; a person is told."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    delivery = delivered(broker, broker.wires[queued.envelope])
    changed = replace(delivery, receipt=replace(delivery.receipt, payload_sha256="00" * 32))
    assert shelter.adapter.inbox.receive(changed).result == "alarm"
    assert [alarm.code for alarm in shelter.adapter.alarms()] == ["envelope-changed"]
    assert len(broker.acks) == 1


@pytest.mark.parametrize("call", ["acknowledge", "lease"])
def test_a_crash_after_storing_loses_nothing(laval: Town, call: str) -> None:
    """The program dies as it tells the broker, or as it asks for more; the restarted one finishes the work."""
    broker, line, shelter = laval
    deposited(laval)
    shelter.client.before[call] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        shelter.adapter.sync()
    shelter.restart()
    shelter.adapter.sync()
    assert [read_ack(ack).result for ack in broker.acks] == ["stored"]
    assert [referral.direction for referral in shelter.adapter.referrals()] == ["received"]
    assert line.adapter.alarms() == shelter.adapter.alarms() == []


def test_a_crash_while_storing_stores_nothing(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content, the answer and its signature are one transaction; the redelivery is opened afresh."""
    broker, _, shelter = laval
    deposited(laval)
    with monkeypatch.context() as broken:
        broken.setattr("adapters.inbox.refresh", lambda *_args: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            shelter.adapter.sync()
    assert shelter.adapter.referrals() == []
    assert broker.acks == []
    shelter.restart()
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored"]


def test_what_cannot_be_opened_is_refused_with_its_code(laval: Town) -> None:
    """A part altered on the way: the broker and the sender are told `digest`, and a person here sees an alarm."""
    broker, _, shelter = laval
    wire = deposited(laval)
    tampered = altered(lambda value: value["sections"].update(s1=b64url(b"x" * 64)), wire)
    assert received(shelter, delivered(broker, tampered)).code == "digest"
    shelter.adapter.outbox.flush()
    assert [(read_ack(ack).result, read_ack(ack).code) for ack in broker.acks] == [("refused", "digest")]
    assert shelter.adapter.referrals() == []
    assert [alarm.code for alarm in shelter.adapter.alarms()] == ["digest-mismatch"]


def test_a_sender_outside_the_agreement_is_refused(laval: Town) -> None:
    """A broker that lets somebody else's envelope through gains nothing: its root is pinned nowhere."""
    broker, line, shelter = laval
    broker.signatures.pop(LINE)
    with shelter.store.transaction() as tx:
        [held] = tx.papers.agreements()
        tx.papers.save_agreement(replace(held, signers=held.signers - {LINE}), [])
    assert received(shelter, delivered(broker, deposited(laval))).code == "signature"
    assert line.adapter.referrals()[0].status == "requested"


def test_an_agreement_not_known_yet_is_fetched(laval: Town) -> None:
    """A partner that was away when the agreement came into force opens the referral all the same."""
    _, _, shelter = laval
    wire = deposited(laval)
    with shelter.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM agreement")
    assert wire
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored"]


def test_an_envelope_ahead_of_the_journal_waits_for_it(laval: Town) -> None:
    """Whether a key was revoked before the envelope cannot be told yet, so it is neither opened nor refused."""
    broker, _, shelter = laval
    wire = deposited(laval)
    delivery = delivered(broker, wire)
    assert shelter.adapter.inbox.receive(delivery).result == "waiting"
    assert (shelter.adapter.inbox.waiting, broker.acks) == (1, [])
    shelter.adapter.read_journal()
    assert shelter.adapter.inbox.receive(delivery).result == "stored"
    assert shelter.adapter.inbox.waiting == 0


def test_an_unreachable_gateway_keeps_the_other_deliveries_in_sight(laval: Town) -> None:
    """Two envelopes leased, the first needs an agreement that cannot be fetched: both are opened afterwards."""
    broker, _, shelter = laval
    deposited(laval)
    deposited(laval)
    with shelter.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM agreement")
    shelter.adapter.read_journal()
    shelter.client.before["agreements"] = GatewayUnreachableError("gateway-unreachable")
    with pytest.raises(GatewayUnreachableError):
        shelter.adapter.inbox.work()
    assert shelter.adapter.inbox.waiting == 2
    assert [arrival.result for arrival in shelter.adapter.sync().arrivals] == ["stored", "stored"]
    assert len(broker.acks) == 2


def test_a_second_referral_under_a_known_reference_is_refused(laval: Town) -> None:
    """A reference is one person's request; no other sender can slip its own content under it."""
    broker, _, shelter = laval
    wire = deposited(laval)
    header = UnverifiedEnvelope.parse(wire).header
    assert isinstance(header, ReferralHeader)
    known = Referral(header.ref, "received", HEALTH, header, broker.clock(), status="requested")
    with shelter.store.transaction() as tx:
        tx.dossiers.add(known)
    assert received(shelter, delivered(broker, wire)).code == "schema"
    dossier = shelter.adapter.show(header.ref)
    assert (dossier.referral, dossier.contents) == (known, ())


def test_a_message_reaches_the_requester_sealed(laval: Town) -> None:
    """The owner answers with an outcome; the requester reads it beside what it sent."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.answer(ref, OutcomeSection(outcome="place-given", note="Une place, ce soir."))
    shelter.adapter.sync()
    assert [arrival.result for arrival in line.adapter.sync().arrivals] == ["stored"]
    said = [(content.author, list(content.sections)) for content in line.adapter.show(ref).contents]
    assert said[1:] == [(SHELTER, ["outcome"])]
    assert b"Une place" not in b"".join(broker.wires.values())


def test_a_message_about_nothing_known_is_refused(laval: Town) -> None:
    """A message belongs to a referral of its sender; any other is not kept."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.answer(ref, OutcomeSection(note="Inventé."))
    shelter.adapter.sync()
    with line.store.transaction() as tx:
        for statement in ("DELETE FROM content", "DELETE FROM event", "DELETE FROM referral"):
            tx.session.connection().exec_driver_sql(statement)
    line.adapter.sync()
    assert [(read_ack(ack).by, read_ack(ack).code) for ack in broker.acks[1:]] == [(LINE, "schema")]


def test_the_names_of_people_stay_inside_the_seal(laval: Town) -> None:
    """No envelope, receipt or acknowledgement holds the canary's name, in any encoding a reader would try."""
    broker, line, shelter = laval
    arrived(line, shelter)
    everything = b"".join([*broker.wires.values(), *(ack.encode() for ack in broker.acks), *broker.gateway.leaves])
    for canary in (b"Canari", b"Personne-Fictive", b"555-0123", b64url(b"Canari").encode()[:7]):
        assert canary not in everything


def message_in_place_of(line: Partner, ref: str, replaced: str) -> bytes:
    """A message of the 211 line, in good order but for what it says that it replaces."""
    office = line.adapter.office
    with office.store.transaction() as tx:
        referral, seq = tx.dossiers.find(ref), tx.dossiers.next_seq(ref)
        agreement = agreement_of(office, tx, referral) if referral else None
    assert referral is not None
    assert agreement is not None
    cited = referral.header.authority
    header = message_header((office, office.now(), None), referral, agreement, seq, ("worker",), cited)
    said = {"worker": WorkerSection(name="Intervenante Inventée")}
    to = recipient_key(office, agreement, referral.peer)
    return seal(header.model_copy(update={"replaces": replaced}), said, office.signer(), to)


def test_a_message_takes_the_place_of_a_message_of_its_sender_only(laval: Town) -> None:
    """Not of what we wrote, of another person's referral, or of the referral itself; of its own, sealed bytes too."""
    broker, line, shelter = laval
    other, ref = arrived(line, shelter), arrived(line, shelter)
    ours = shelter.adapter.answer(ref.ref, OutcomeSection(note="Une place, ce soir."))
    assert isinstance(ours, Queued)
    for replaced in (ours.envelope, other.envelope, ref.envelope):
        wire = message_in_place_of(line, ref.ref, replaced)
        assert received(shelter, delivered(broker, wire)).code == "schema"
    assert len(shelter.adapter.show(other.ref).contents) == 1
    assert [content.envelope for content in shelter.adapter.show(ref.ref).contents] == [ref.envelope, ours.envelope]
    first = message_in_place_of(line, ref.ref, "env_" + "z" * 26)
    named = UnverifiedEnvelope.parse(first).header.id
    assert received(shelter, delivered(broker, first)).result == "stored"
    again = delivered(broker, message_in_place_of(line, ref.ref, named))
    assert received(shelter, again).result == "stored"
    said = [content.envelope for content in shelter.adapter.show(ref.ref).contents]
    assert (named in said, again.receipt.subject in said) == (False, True)
    with shelter.store.transaction() as tx:
        before = tx.traffic.received(named)
    assert before is not None
    assert before.wire == b""


def test_the_sealed_bytes_of_what_was_refused_are_not_kept(laval: Town) -> None:
    """A key of ours may open them, and no act would ever erase them: digest, receipt and answer are enough."""
    broker, line, shelter = laval
    wire = message_in_place_of(line, arrived(line, shelter).ref, arrived(line, shelter).envelope)
    delivery = delivered(broker, wire)
    assert received(shelter, delivery).result == "refused"
    with shelter.store.transaction() as tx:
        kept = tx.traffic.received(delivery.receipt.subject)
    assert kept is not None
    assert (kept.wire, kept.receipt, kept.payload_sha256) == (
        b"",
        delivery.receipt.wire,
        delivery.receipt.payload_sha256,
    )
    assert shelter.adapter.inbox.receive(delivery).result == "again"
