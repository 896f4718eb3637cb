"""The first gate: what a partner may deposit, what it is told, and what the journal remembers."""

import pytest

from consent.agreement import AgreementState
from consent.envelope import UnverifiedEnvelope
from gateway import enrolments, protocols
from keys import strictjson
from keys.documents import from_b64url
from tests.builders import AGREEMENT_ID, ENVELOPE_ID, LINE, REF, SHELTER, sealing_kid, signing_key
from tests.databases import contents
from tests.gateway.first_day import CANARY, SETTINGS, broker_keys
from tests.gateway.world import World, envelope_id, receipt_of, refusal_of, slug


def _set_agreement(world: World, state: AgreementState) -> None:
    world.act(lambda tx, at: protocols.change_state(world.broker, tx, tx.agreements.newest(AGREEMENT_ID), state, at))


def test_an_accepted_envelope_gets_a_receipt_that_names_its_leaf(world: World) -> None:
    """201 with a signed receipt: the digest, the place in the journal, and the very leaf that stands there."""
    world.line.register()
    wire = world.referral()
    answer = world.line.deposit(wire)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/vnd.passerelle.receipt+json"
    receipt = receipt_of(answer)
    parsed = UnverifiedEnvelope.parse(wire)
    with world.broker.store.reading() as tx:
        assert [from_b64url(receipt.pop("leaf"))] == tx.journal.leaves(receipt["index"], receipt["index"] + 1)
    assert receipt == {
        "v": 1,
        "by": SETTINGS.address,
        "payload_sha256": parsed.signed.sha256,
        "origin": broker_keys().signer(1).origin,
        "index": 27,
        "time": "2026-03-02T15:00:00.000Z",
        "promise": 60,
        "envelope": parsed.header.id,
    }


def test_the_entry_says_what_was_accepted_and_is_open_to_both_ends_alone(world: World) -> None:
    """The journal tells who sent what to whom under which agreement; only sender and recipient get the opening."""
    world.deposited()
    entry = world.entries()[-1]
    assert (entry.type, entry.transition) == ("envelope.accepted", "T02")
    assert (entry.actor, entry.from_, entry.to, entry.ref) == (LINE, LINE, SHELTER, REF)
    assert (entry.purpose, entry.need) == ("referral-shelter", "shelter-tonight")
    assert entry.sections == ("identity", "contact", "housing")
    assert (entry.seal_kid, entry.signer_kid) == (sealing_kid(SHELTER), signing_key(LINE).kid)
    for partner in world.partners.values():
        openings = partner.get(f"/v1/journal/openings?after={entry.index}").json()["openings"]
        assert len(openings) == (1 if partner.address in {LINE, SHELTER} else 0)


def test_a_repeated_deposit_is_answered_byte_for_byte_for_life(world: World) -> None:
    """The same bytes get the same receipt: at once, after the acknowledgement, and once the agreement has ended."""
    world.line.register()
    wire = world.referral()
    first = world.line.deposit(wire)
    size = len(world.entries())
    again = world.line.deposit(wire)
    assert (again.status_code, again.content) == (200, first.content)
    assert len(world.entries()) == size
    world.shelter.lease()
    world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack")
    _set_agreement(world, "ended")
    world.clock.move(days=20)
    again = world.line.deposit(wire)
    assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({}, "envelope-id-taken"), ({"/id": envelope_id(3)}, "seq-taken")],
)
def test_neither_an_id_nor_a_number_serves_twice(world: World, changes: dict[str, object], code: str) -> None:
    """The same header sealed again, hence other bytes under its id, or another envelope under a used `seq`: 409."""
    world.deposited()
    size = len(world.entries())
    assert refusal_of(world.line.deposit(world.referral(changes))) == (409, code)
    assert len(world.entries()) == size


@pytest.mark.parametrize(
    ("changes", "code", "rule", "fixer"),
    [
        ({"/purpose": "referral-health"}, "recipient-not-granted", "R19", "person"),
        ({"/purpose": "referral-newcomer"}, "purpose-not-granted", "R18", "person"),
        ({"/article": "9"}, "article-unknown", "R09", "sender"),
        ({"/territory": "chomedey"}, "clear-not-allowed", "R13", "sender"),
        ({"/authority/sha256": "ab" * 32}, "consent-digest", "R16", "developer"),
        ({"/agreement_sha256": "ab" * 32}, "agreement-digest", "R05", "developer"),
        ({"/part_of": "ref_" + "z" * 26}, "referral-unknown", "R31", "sender"),
    ],
)
def test_a_refusal_is_explained_and_remembered(
    world: World, changes: dict[str, object], code: str, rule: str, fixer: str
) -> None:
    """It names rule, article, who can fix it and the entry of the journal, and that entry says the same."""
    world.line.register()
    answer = world.line.deposit(world.referral(changes))
    body = answer.json()
    assert (slug(answer), body["rule"], body["who_can_fix"]) == (code, rule, fixer)
    assert body["article"] == changes.get("/article", "1")
    entry = world.entries()[body["journal"]]
    assert (entry.type, entry.rule, entry.state) == ("envelope.refused", rule, code)
    assert world.types() == ["consent.registered", "envelope.refused"]


def test_a_refusal_burns_neither_id_nor_number(world: World) -> None:
    """What was refused while the recipient was suspended passes, in the same bytes, once it is back."""
    world.line.register()
    wire = world.referral()
    world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, SHELTER, active=False, at=at))
    assert refusal_of(world.line.deposit(wire)) == (403, "recipient-suspended")
    world.act(lambda tx, at: enrolments.set_active(SETTINGS, tx, SHELTER, active=True, at=at))
    assert world.line.deposit(wire).status_code == 201


def test_a_consent_is_spent_once(world: World) -> None:
    """The grant allows one use: a refused referral spends nothing, and a second one under it is refused."""
    world.line.register()
    assert world.line.deposit(world.referral({"/article": "9"})).status_code == 403
    assert world.line.deposit(world.referral()).status_code == 201
    second = world.referral({"/id": envelope_id(4), "/ref": REF[:-1] + "b"})
    assert refusal_of(world.line.deposit(second)) == (403, "uses-exhausted")


def test_nothing_passes_after_a_withdrawal(world: World) -> None:
    """A withdrawal registered before the deposit wins, whatever version the header names."""
    world.line.register()
    wire = world.referral()
    assert world.line.withdraw().status_code == 201
    assert refusal_of(world.line.deposit(wire)) == (403, "consent-withdrawn")


def test_a_caller_without_the_scope_is_refused_by_the_first_rule(world: World) -> None:
    """A token narrowed to receiving does not send, although the organisation may."""
    world.line.register()
    wire = world.referral()
    world.line.narrow("envelope:receive")
    answer = world.line.deposit(wire)
    assert (*refusal_of(answer), answer.json()["rule"]) == (403, "scope-missing", "R01")


def test_a_suspended_agreement_lets_nothing_start(world: World) -> None:
    """Under suspension the deposit is refused; once it is lifted, the same bytes pass."""
    world.line.register()
    wire = world.referral()
    _set_agreement(world, "suspended")
    assert refusal_of(world.line.deposit(wire)) == (403, "agreement-suspended")
    _set_agreement(world, "in-force")
    assert world.line.deposit(wire).status_code == 201


def test_times_of_the_journal_never_go_back(world: World) -> None:
    """A clock that was set back decides at the time of the last entry, not before it."""
    world.line.register()
    world.clock.move(seconds=-90)
    answer = world.line.deposit(world.referral())
    assert answer.status_code == 201
    assert receipt_of(answer)["time"] == "2026-03-02T15:00:00.000Z"


def test_no_name_that_travels_sealed_is_anywhere_at_the_broker(world: World) -> None:
    """The canary of the referral is in no answer, and in no byte of the database."""
    wire = world.deposited()
    leased = world.shelter.lease()
    assert CANARY.encode() not in strictjson.dumps(leased)
    world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack")
    kept = contents(world.broker.store)
    assert ENVELOPE_ID.encode() in kept
    assert CANARY.encode() not in kept
