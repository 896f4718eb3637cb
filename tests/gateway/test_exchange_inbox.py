"""The second gate and the acknowledgement: who gets an envelope, how often, and what ends its stay here."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from consent.envelope import UnverifiedEnvelope
from gateway import enrolments
from keys import strictjson
from keys.signing import SignedDocument
from tests.builders import (
    HEALTH,
    LINE,
    REF,
    SHELTER,
    STATEMENT_ID,
    signing_key,
)
from tests.gateway.first_day import SETTINGS
from tests.gateway.partner import Partner
from tests.gateway.sign_in import URL
from tests.gateway.world import World, refusal_of


def _kept_bytes(world: World, wire: bytes) -> bytes | None:
    with world.broker.store.reading() as tx:
        found = tx.envelopes.get(UnverifiedEnvelope.parse(wire).header.id)
    assert found is not None
    return found.wire


def _answer(partner: Partner, wire: bytes, **changes: object) -> httpx2.Response:
    return partner.post("/v1/acks", partner.ack(wire, changes), "ack")


def test_a_lease_hands_out_the_exact_bytes_with_their_receipt(world: World) -> None:
    """The recipient gets what was deposited, byte for byte, and the sender's receipt; the release is journalled."""
    wire = world.deposited()
    [item] = world.shelter.lease()
    assert strictjson.dumps(item["envelope"]) == wire
    receipt = SignedDocument.from_json(item["receipt"], "receipt")
    assert receipt.encode() == world.line.deposit(wire).content
    entry = world.entries()[-1]
    assert (entry.type, entry.actor, entry.from_, entry.to) == ("envelope.released", SHELTER, LINE, SHELTER)
    assert (entry.statement, entry.version) == (STATEMENT_ID, 1)


def test_only_the_recipient_gets_it(world: World) -> None:
    """Nobody else's inbox holds it, the sender's included."""
    world.deposited()
    for address, partner in world.partners.items():
        assert len(partner.lease()) == (1 if address == SHELTER else 0)


def test_a_lease_that_ran_out_is_given_again_through_the_gate(world: World) -> None:
    """Nothing twice within 120 s; afterwards the same bytes again, released a second time."""
    world.deposited()
    [first] = world.shelter.lease()
    world.clock.move(seconds=119)
    assert world.shelter.lease() == []
    world.clock.move(seconds=1)
    assert world.shelter.lease() == [first]
    assert world.types()[-2:] == ["envelope.released", "envelope.released"]


def test_what_is_acknowledged_is_let_go_of(world: World) -> None:
    """Once stored by its recipient, the sealed bytes are gone here and never come again."""
    wire = world.deposited()
    world.shelter.lease()
    assert _kept_bytes(world, wire) == wire
    answer = _answer(world.shelter, wire)
    assert (answer.status_code, answer.json()["index"]) == (200, 27)
    assert _kept_bytes(world, wire) is None
    world.clock.move(seconds=300)
    assert world.shelter.lease() == []
    assert world.types()[-1] == "envelope.acknowledged"


def test_an_acknowledgement_may_be_repeated_but_not_changed(world: World) -> None:
    """The same bytes get the same answer and no new entry; another result is a conflict."""
    wire = world.deposited()
    world.shelter.lease()
    ack = world.shelter.ack(wire)
    first, again = (world.shelter.post("/v1/acks", ack, "ack") for _ in range(2))
    assert (first.content, first.status_code) == (again.content, again.status_code)
    assert refusal_of(_answer(world.shelter, wire, result="refused", code="decrypt")) == (409, "ack-differs")
    assert world.types().count("envelope.acknowledged") == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"payload_sha256": "ab" * 32}, 404, "envelope-unknown"),
        ({"envelope": "env_" + "z" * 26}, 404, "envelope-unknown"),
        ({"by": HEALTH}, 403, "signer-is-not-sender"),
        ({"result": "refused"}, 422, "ack-code"),
        ({"code": "decrypt"}, 422, "ack-code"),
        ({"result": "lost"}, 422, "unknown-code"),
        ({"why": "other"}, 422, "unknown-field"),
    ],
)
def test_an_acknowledgement_of_something_else_is_refused(
    world: World, changes: dict[str, object], status: int, code: str
) -> None:
    """A wrong digest, an unknown id, another signer, or a result that does not add up; the envelope stays."""
    wire = world.deposited()
    world.shelter.lease()
    assert refusal_of(_answer(world.shelter, wire, **changes)) == (status, code)
    assert _kept_bytes(world, wire) == wire


def test_nobody_acknowledges_for_the_recipient(world: World) -> None:
    """Another partner, even the sender, is told that there is no such envelope for it."""
    wire = world.deposited()
    world.shelter.lease()
    for partner in (world.line, world.partners[HEALTH]):
        assert refusal_of(_answer(partner, wire)) == (404, "envelope-unknown")


def test_an_acknowledgement_signed_by_another_key_is_forged(world: World) -> None:
    """The recipient's own published key signs it; a stolen token alone cannot make mail disappear."""
    wire = world.deposited()
    world.shelter.lease()
    forged = world.shelter.ack(wire, signer=signing_key(LINE))
    assert refusal_of(world.shelter.post("/v1/acks", forged, "ack")) == (403, "signer-is-not-sender")
    unpublished = world.shelter.ack(wire, signer=signing_key(SHELTER, "unpublished"))
    assert refusal_of(world.shelter.post("/v1/acks", unpublished, "ack")) == (403, "key-unknown")


def test_what_was_not_handed_out_cannot_be_acknowledged(world: World) -> None:
    """An acknowledgement before the lease is refused, and the envelope waits on."""
    wire = world.deposited()
    assert refusal_of(_answer(world.shelter, wire)) == (409, "not-released")
    assert len(world.shelter.lease()) == 1


def test_a_withdrawal_between_deposit_and_pick_up_destroys_the_envelope(world: World) -> None:
    """It is destroyed for good at once, and both ends are told why by the broker itself."""
    wire = world.deposited()
    assert world.line.withdraw().status_code == 201
    assert _kept_bytes(world, wire) is None
    assert world.shelter.lease() == []
    assert world.types()[-4:] == ["consent.withdrawn", "envelope.destroyed", "task.transition", "envelope.accepted"]
    for partner in (world.line, world.shelter):
        [told] = partner.events()["events"]
        header = UnverifiedEnvelope.parse(strictjson.dumps(told["envelope"])).header
        assert (header.typ, header.from_, header.to, header.ref) == ("notice", SETTINGS.address, partner.address, REF)
    assert world.entries()[-2].reason == "consent-withdrawn"
    assert refusal_of(_answer(world.shelter, wire)) == (409, "not-released")


def test_a_withdrawal_after_a_release_stops_the_second_one(world: World) -> None:
    """An envelope whose lease ran out is not given again once the consent has ended."""
    world.deposited()
    assert len(world.shelter.lease()) == 1
    world.line.withdraw()
    world.clock.move(seconds=121)
    assert world.shelter.lease() == []
    assert "envelope.destroyed" in world.types()


def test_what_the_recipient_cannot_open_is_reported_to_its_sender(world: World) -> None:
    """A refusal by the recipient's machine ends the referral (T04), with a notice to each end."""
    wire = world.deposited()
    world.shelter.lease()
    assert _answer(world.shelter, wire, result="refused", code="decrypt").status_code == 200
    entries = world.entries()[-3:]
    assert [(entry.type, entry.state or entry.transition, entry.to) for entry in entries] == [
        ("envelope.acknowledged", "refused", SHELTER),
        ("task.transition", "T04", LINE),
        ("envelope.accepted", None, SHELTER),
    ]
    assert len(world.line.events()["events"]) == len(world.shelter.events()["events"]) == 1


def test_a_suspended_recipient_gets_nothing_and_loses_nothing(world: World) -> None:
    """Its calls are refused from the next one on, its token notwithstanding; its mail is there when it comes back."""
    world.deposited()
    world.shelter.token()
    world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, SHELTER, active=False, at=at))
    answer = world.shelter.post("/v1/inbox/lease", b'{"max":1,"wait":0}')
    assert refusal_of(answer) == (401, "client-suspended")
    world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, SHELTER, active=True, at=at))
    assert len(world.shelter.lease()) == 1


def test_an_acknowledgement_is_heard_although_the_bytes_were_destroyed(world: World) -> None:
    """What was handed out before the consent ended is held by its recipient, and the journal says so."""
    wire = world.deposited()
    world.shelter.lease()
    world.line.withdraw()
    assert _kept_bytes(world, wire) is None
    assert _answer(world.shelter, wire).status_code == 200
    assert world.types()[-1] == "envelope.acknowledged"


def test_a_refusal_of_what_was_destroyed_ends_nothing(world: World) -> None:
    """The referral ended with the consent: that its recipient could not open it takes no other step."""
    wire = world.deposited()
    world.shelter.lease()
    world.line.withdraw()
    assert _answer(world.shelter, wire, result="refused", code="decrypt").status_code == 200
    assert world.types().count("task.transition") == 1


def test_an_expired_envelope_is_not_delivered(world: World) -> None:
    """Past its `exp` it is let go of, at the latest at the next pick-up, and both ends hear of it."""
    wire = world.deposited()
    world.clock.move(days=7)
    assert world.shelter.lease() == []
    assert _kept_bytes(world, wire) is None
    assert world.types()[-3:] == ["envelope.expired", "task.transition", "envelope.accepted"]


def test_the_oldest_come_first_and_no_more_than_asked(world: World) -> None:
    """With `max` 1 the referral comes before the message that followed it."""
    world.line.register()
    wires = [world.referral(), world.message({"/id": "env_" + "m" * 26})]
    for wire in wires:
        assert world.line.deposit(wire).status_code == 201
    for wire in wires:
        [item] = world.shelter.lease(most=1)
        assert strictjson.dumps(item["envelope"]) == wire
        assert _answer(world.shelter, wire).status_code == 200
    assert world.shelter.lease(most=1) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"max":0,"wait":0}', "/max"),
        (b'{"max":51,"wait":0}', "/max"),
        (b'{"max":1,"wait":31}', "/wait"),
        (b'{"max":1,"wait":-1}', "/wait"),
    ],
)
def test_a_lease_stays_within_its_limits(world: World, body: bytes, pointer: str) -> None:
    """At most 50 envelopes and 30 seconds; the place of the fault is told."""
    answer = world.shelter.post("/v1/inbox/lease", body)
    assert refusal_of(answer) == (422, "out-of-range")
    assert answer.json()["errors"] == [{"pointer": pointer, "code": "out-of-range"}]


def test_a_lease_needs_the_scope(world: World) -> None:
    """A token that only sends does not receive."""
    world.shelter.narrow("envelope:send")
    answer = world.shelter.post("/v1/inbox/lease", b'{"max":1,"wait":0}')
    assert refusal_of(answer) == (403, "scope-missing")
    assert 'scope="envelope:receive"' in answer.headers["www-authenticate"]


def test_a_waiting_lease_is_woken_by_the_deposit(world: World) -> None:
    """A call that waits for mail is answered as soon as some is committed, long before its time is over."""
    world.line.register()
    wire = world.referral()
    asking = world.shelter.headers("POST", "/v1/inbox/lease")
    sending = world.line.headers("POST", "/v1/envelopes")

    async def play() -> tuple[httpx2.Response, httpx2.Response, float]:
        transport = httpx2.ASGITransport(app=world.app)
        json = {"Content-Type": "application/json"}
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as client:
            began = asyncio.get_running_loop().time()
            waiting = asyncio.create_task(
                client.post("/v1/inbox/lease", content=b'{"max":1,"wait":30}', headers=asking | json)
            )
            await asyncio.sleep(0.05)
            assert not waiting.done()
            deposited = await client.post("/v1/envelopes", content=wire, headers=sending | json)
            leased = await waiting
            return deposited, leased, asyncio.get_running_loop().time() - began

    deposited, leased, seconds = asyncio.run(play())
    assert (deposited.status_code, leased.status_code) == (201, 200)
    assert len(leased.json()) == 1
    assert timedelta(seconds=seconds) < timedelta(seconds=15)
