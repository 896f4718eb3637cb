"""What is held back waits, and nothing of it is lost: after a suspension, or behind a referral that is on its way."""

from datetime import datetime

from consent.agreement import AgreementState
from gateway import enrolments, protocols
from gateway.store.transaction import Transaction
from keys import strictjson
from tests.builders import (
    ABSENT,
    AGREEMENT_ID,
    LINE,
    NEWCOMERS,
    SHELTER,
    Json,
    referral_members,
    sealed_envelope,
    signed_statement,
    statement,
)
from tests.gateway.endings import kept_bytes
from tests.gateway.first_day import SETTINGS, header_changes
from tests.gateway.world import World


def _set_active(world: World, address: str, *, active: bool) -> None:
    world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, address, active=active, at=at))


def _set_agreement(world: World, state: AgreementState) -> None:
    def job(tx: Transaction, at: datetime) -> None:
        newest = tx.agreements.newest(AGREEMENT_ID)
        assert newest is not None
        protocols.change_state(world.broker, tx, newest, state, at)

    world.act(job)


def test_what_a_suspended_sender_sent_waits(world: World) -> None:
    """A suspension that may be lifted holds its mail back and destroys nothing; a minute after the end it is given."""
    wire = world.deposited()
    _set_active(world, LINE, active=False)
    before = world.types()
    assert world.shelter.lease() == []
    assert kept_bytes(world) == wire
    _set_active(world, LINE, active=True)
    world.clock.move(seconds=60)
    assert len(world.shelter.lease()) == 1
    assert "envelope.destroyed" not in [*before, *world.types()]


def test_what_a_suspended_agreement_holds_back_waits(world: World) -> None:
    """Under a suspended agreement nothing is handed out and nothing is lost."""
    wire = world.deposited()
    _set_agreement(world, "suspended")
    for _ in range(2):
        assert world.shelter.lease() == []
        world.clock.move(seconds=60)
    assert kept_bytes(world) == wire
    _set_agreement(world, "in-force")
    assert len(world.shelter.lease()) == 1


def _to_the_line(world: World, sender: str, letter: str) -> bytes:
    """A referral that a service sends to the line under a consent of its own, deposited."""
    grant: Json = {"gid": "g1", "purpose": "referral-rights", "sections": ["identity"], "recipient": LINE}
    grant |= {"max_uses": 1, "geo": ["CA-QC"], "agreement": AGREEMENT_ID}
    document = statement({"/id": "cs_" + letter * 26, "/issuer": sender, "/grants": [grant]})
    signed = signed_statement(document)
    assert world.partners[sender].post("/v1/consents", signed.encode(), "statement").status_code == 201
    changes = {
        **header_changes(),
        "/id": "env_" + letter * 26,
        "/ref": "ref_" + letter * 26,
        "/from": sender,
        "/to": LINE,
        "/article": "2",
        "/purpose": "referral-rights",
        "/need": ABSENT,
        "/authority": {"statement": document.id, "version": 1, "sha256": signed.sha256},
        "/slots": [{"sid": "s1", "section": "identity", "schema": "identity/1"}],
    }
    wire = sealed_envelope(referral_members(changes))
    answer = world.partners[sender].deposit(wire)
    assert answer.status_code == 201, answer.text
    return wire


def test_what_is_held_back_does_not_stand_before_what_may_pass(world: World) -> None:
    """An envelope of a suspended sender does not keep another sender's from coming in the same call."""
    _to_the_line(world, SHELTER, "s")
    wire = _to_the_line(world, NEWCOMERS, "n")
    _set_active(world, SHELTER, active=False)
    [item] = world.line.lease(most=1)
    assert strictjson.dumps(item["envelope"]) == wire


def test_a_message_waits_for_its_referral_while_that_is_out_on_a_lease(world: World) -> None:
    """Whoever lost the answer that held the referral could not tell what the message is about, and would refuse it."""
    wire = world.deposited()
    [lost] = world.shelter.lease()
    message = world.message({"/id": "env_" + "m" * 26})
    assert world.line.deposit(message).status_code == 201
    assert world.shelter.lease() == []
    world.clock.move(seconds=120)
    again, followed = world.shelter.lease()
    assert (again, strictjson.dumps(followed["envelope"])) == (lost, message)
    assert strictjson.dumps(again["envelope"]) == wire


def test_a_message_comes_at_once_when_its_referral_was_acknowledged(world: World) -> None:
    """Only what is out keeps what follows it waiting."""
    wire = world.deposited()
    world.shelter.lease()
    assert world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack").status_code == 200
    message = world.message({"/id": "env_" + "m" * 26})
    assert world.line.deposit(message).status_code == 201
    [item] = world.shelter.lease()
    assert strictjson.dumps(item["envelope"]) == message
