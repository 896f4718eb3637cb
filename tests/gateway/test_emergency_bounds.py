"""What an emergency does not open: messages without end, an auditor of one’s own, a justification nobody reads."""

from collections.abc import Mapping
from datetime import datetime

import pytest

from consent.envelope import UnverifiedEnvelope
from gateway import protocols
from gateway.emergencies import set_barred
from gateway.store.transaction import Transaction
from keys.documents import encode, format_time
from tests.builders import (
    AUDITORS,
    DAY,
    HEALTH,
    JUSTIFICATION_ID,
    LINE,
    SHELTER,
    agreement,
    agreement_signature,
    emergency_message_members,
    emergency_reply_members,
    sealed_envelope,
)
from tests.gateway.emergency_world import Emergencies
from tests.gateway.endings import kept_bytes
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.world import World, envelope_id, refusal_of

PASSED = (201, "")


@pytest.fixture
def urgent(world: World) -> Emergencies:
    """A world with auditors."""
    return Emergencies(world)


def _bar(world: World, worker: str = "int-7", org: str = LINE) -> None:
    assert world.act(lambda tx, at: set_barred(SETTINGS, tx, org, worker, barred=True, at=at))


def _follow(urgent: Emergencies, wire: bytes, changes: Mapping[str, object] | None = None, by: str = LINE) -> bytes:
    """What a party adds under the emergency of a referral, a minute old and for twelve hours."""
    header = UnverifiedEnvelope.parse(wire).header
    at, number = urgent.world.clock.at, 6 + urgent.world.types().count("envelope.accepted")
    assert header.typ == "referral"
    assert header.emergency is not None
    usual = {
        **urgent.terms(),
        "/emergency": header.emergency.model_dump(mode="json", exclude_none=True),
        "/id": envelope_id(number),
        "/seq": number,
        "/iat": format_time(at),
        "/exp": format_time(at + DAY / 2),
    }
    members = emergency_message_members if by == LINE else emergency_reply_members
    return sealed_envelope(members({**usual, **(changes or {})}))


def _said(world: World, wire: bytes, by: str = LINE) -> tuple[int, str]:
    answer = world.partners[by].deposit(wire)
    return PASSED if answer.status_code == 201 else refusal_of(answer)


def test_a_message_follows_its_emergency(world: World, urgent: Emergencies) -> None:
    """What the referral forgot may be added within its day, and the owner answers."""
    wire = urgent.declared()
    assert _said(world, _follow(urgent, wire)) == PASSED
    assert _said(world, _follow(urgent, wire, by=SHELTER), SHELTER) == PASSED


@pytest.mark.parametrize(
    "changes",
    [
        {
            "/emergency/ground": "serious-risk-death-or-injury",
            "/slots": [{"sid": "s1", "section": "health-note", "schema": "health-note/1"}],
        },
        {"/emergency/worker": "int-8"},
        {"/emergency/justification/sha256": "ab" * 32},
    ],
    ids=["ground", "worker", "digest"],
)
def test_a_message_declares_what_its_referral_declared(
    world: World, urgent: Emergencies, changes: dict[str, object]
) -> None:
    """Another ground would open other sections, another worker would hide who declares it: neither was reviewed."""
    wire = urgent.declared()
    assert _said(world, _follow(urgent, wire, changes)) == (403, "emergency-of-another-referral")


def test_nothing_more_goes_under_an_emergency_that_is_over(world: World, urgent: Emergencies) -> None:
    """The day that the law gives is counted from the declaration, not from each message; answers come back."""
    wire = urgent.declared()
    world.clock.move(seconds=DAY.total_seconds() - 1)
    assert _said(world, _follow(urgent, wire)) == PASSED
    world.clock.move(seconds=1)
    assert _said(world, _follow(urgent, wire)) == (403, "emergency-over")
    assert _said(world, _follow(urgent, wire, by=SHELTER), SHELTER) == PASSED


def test_nothing_more_goes_under_an_emergency_found_unjustified(world: World, urgent: Emergencies) -> None:
    """The verdict of a second person ends it for the requester, and for no one else."""
    wire = urgent.declared()
    assert urgent.post_review(wire, urgent.review(wire, {"verdict": "not-justified"})).status_code == 201
    assert _said(world, _follow(urgent, wire)) == (403, "emergency-not-justified")
    assert _said(world, _follow(urgent, wire, by=SHELTER), SHELTER) == PASSED


def test_declaring_it_again_does_not_undo_the_verdict(world: World, urgent: Emergencies) -> None:
    """An emergency that was found unjustified stays so when another envelope takes its referral's place."""
    wire = urgent.declared()
    assert urgent.post_review(wire, urgent.review(wire, {"verdict": "not-justified"})).status_code == 201
    justified = urgent.justification()
    again = urgent.referral(justified, {"/id": envelope_id(5), "/seq": 5, **_named(wire)})
    assert _said(world, again) == PASSED
    assert _said(world, _follow(urgent, again)) == (403, "emergency-not-justified")


def _named(wire: bytes) -> dict[str, object]:
    header = UnverifiedEnvelope.parse(wire).header
    assert header.typ == "referral"
    assert header.emergency is not None
    assert header.emergency.justification is not None
    return {"/replaces": header.id, "/emergency/justification": header.emergency.justification.model_dump()}


def test_a_barred_worker_adds_nothing(world: World, urgent: Emergencies) -> None:
    """The right is gone for messages too; the owner's answer repeats the worker and says nothing for them."""
    wire = urgent.declared()
    _bar(world)
    _bar(world, org=SHELTER)
    assert _said(world, _follow(urgent, wire)) == (403, "emergency-worker-suspended")
    assert _said(world, _follow(urgent, wire, by=SHELTER), SHELTER) == PASSED


def test_barring_a_worker_takes_nothing_from_the_auditors_or_the_owner(world: World, urgent: Emergencies) -> None:
    """What waits when the right is taken away is read: why it was declared above all."""
    urgent.declared()
    _bar(world)
    assert [len(partner.lease()) for partner in (urgent.auditors, world.shelter)] == [1, 1]


def test_an_agreement_that_ends_takes_nothing_from_the_auditors(world: World, urgent: Emergencies) -> None:
    """Ending the agreement is no way to keep them from reading why nobody was asked."""
    urgent.declared()
    with world.broker.store.reading() as tx:
        registered = tx.agreements.newest(urgent.agreement.id)
    assert registered is not None
    world.act(lambda tx, at: protocols.change_state(world.broker, tx, registered, "ended", at))
    assert kept_bytes(world, JUSTIFICATION_ID) is not None
    assert len(urgent.auditors.lease()) == 1


def test_an_auditor_of_another_agreement_justifies_nothing(world: World, urgent: Emergencies) -> None:
    """Two accomplices cannot agree among themselves who audits them: the auditors of this agreement were not told."""
    members = urgent.agreement.model_dump(mode="json", exclude_none=True, by_alias=True)
    parties = [
        party | {"roles": [*party["roles"], "auditor"]} if party["address"] == HEALTH else party
        for party in members["parties"]
        if party["address"] != AUDITORS
    ]
    changes = {"/id": "agr_" + "e" * 26, "/version": 1, "/parties": parties}
    keys = {"/broker/journal": [str(vkey) for vkey in broker_keys().signer(1).vkeys]}
    kept = {f"/{name}": members[name] for name in ("articles", "not_before", "not_after")}
    own = agreement({**kept, **keys, **changes})

    def conclude(tx: Transaction, at: datetime) -> None:
        registered = protocols.propose(world.broker, tx, encode(own), at)
        for party in own.parties:
            protocols.sign(tx, registered, agreement_signature(own, party.address), party.address, at)
        protocols.change_state(world.broker, tx, registered, "in-force", at)

    world.act(conclude)
    with world.broker.store.reading() as tx:
        registered = tx.agreements.newest(own.id)
    assert registered is not None
    cited = {"/agreement": own.ref, "/agreement_sha256": registered.sha256}
    justified = urgent.justification({**cited, "/to": HEALTH})
    assert _said(world, justified) == PASSED
    assert _said(world, urgent.referral(justified)) == (403, "justification-not-to-auditors")
    assert world.shelter.lease() == []
