"""The second look at an emergency: by another person, once, and never by anybody else."""

from datetime import timedelta

import pytest

from consent.emergency_review import REVIEW_WITHIN
from consent.envelope import UnverifiedEnvelope
from keys import strictjson
from keys.documents import format_time
from keys.identity import SigningKey
from tests.builders import (
    AT,
    AUDITORS,
    DAY,
    HEALTH,
    JUSTIFICATION_ID,
    LINE,
    REF,
    SHELTER,
    signing_key,
)
from tests.gateway.emergency_world import Emergencies, signed_review
from tests.gateway.world import World, receipt_of, refusal_of

OTHER_ID = "env_" + "k" * 26


@pytest.fixture
def urgent(world: World) -> Emergencies:
    """A world with auditors."""
    return Emergencies(world)


def test_a_second_person_reviews_it_once(world: World, urgent: Emergencies) -> None:
    """The review is receipted and journalled; the same bytes get the same receipt, others are refused."""
    wire = urgent.declared()
    document = urgent.review(wire)
    world.clock.move(seconds=5)
    first = urgent.post_review(wire, document)
    assert first.status_code == 201, first.text
    told = receipt_of(first)
    assert told["reviewed"] == UnverifiedEnvelope.parse(wire).header.id
    entry = world.entries()[told["index"]]
    assert (entry.type, entry.actor, entry.to, entry.state) == ("emergency.reviewed", LINE, AUDITORS, "justified")
    assert entry.document == document
    again = urgent.post_review(wire, document)
    assert (again.status_code, again.content) == (200, first.content)
    other = urgent.review(wire, {"verdict": "not-justified"})
    assert refusal_of(urgent.post_review(wire, other)) == (409, "review-differs")
    assert "incident.opened" not in world.types()


def test_nobody_reviews_their_own_emergency(world: World, urgent: Emergencies) -> None:
    """The worker who declared it is not the second person."""
    wire = urgent.declared()
    answer = urgent.post_review(wire, urgent.review(wire, {"reviewer": "int-7"}))
    assert refusal_of(answer) == (403, "reviewer-is-worker")
    assert "emergency.reviewed" not in world.types()


def test_an_emergency_that_was_not_justified_opens_an_incident(world: World, urgent: Emergencies) -> None:
    """The register gets a line with the sections that left, and both ends of the referral are told."""
    wire = urgent.declared()
    assert urgent.post_review(wire, urgent.review(wire, {"verdict": "not-justified"})).status_code == 201
    [entry] = [entry for entry in world.entries() if entry.type == "incident.opened"]
    assert (entry.from_, entry.to, entry.reason) == (LINE, AUDITORS, "emergency-not-justified")
    assert entry.sections == ("identity", "contact", "situation")
    with world.broker.store.reading() as tx:
        [opened] = tx.incidents.all()
    assert opened.incident.information == "identity;contact;situation"
    assert opened.incident.risk is None
    for partner in (world.line, world.shelter):
        [item] = partner.events()["events"]
        notice = UnverifiedEnvelope.parse(strictjson.dumps(item["envelope"])).header
        assert (notice.notice.kind, notice.notice.envelopes) == (  # type: ignore[union-attr]  # it is a notice
            "incident",
            (UnverifiedEnvelope.parse(wire).header.id,),
        )


@pytest.mark.parametrize("address", [SHELTER, AUDITORS, HEALTH])
def test_only_the_organisation_that_declared_it_reviews_it(world: World, urgent: Emergencies, address: str) -> None:
    """To anybody else the emergency does not exist, whoever they say they are."""
    wire = urgent.declared()
    own = urgent.post_review(wire, urgent.review(wire, by=address), by=address)
    assert refusal_of(own) == (404, "emergency-unknown")
    forged = signed_review(world, wire, None, signing_key(address), LINE)
    assert refusal_of(urgent.post_review(wire, forged, by=address)) == (403, "signer-is-not-sender")
    carried = urgent.post_review(wire, urgent.review(wire), by=address)
    assert refusal_of(carried) == (403, "signer-is-not-sender")


def test_a_review_is_of_exactly_one_emergency(world: World, urgent: Emergencies) -> None:
    """Another digest, another path, an envelope without emergency, an unknown key: none of them is reviewed."""
    wire = urgent.declared()
    identifier = UnverifiedEnvelope.parse(wire).header.id
    for changes in ({"payload_sha256": "ab" * 32}, {"envelope": JUSTIFICATION_ID}, {"envelope": OTHER_ID}):
        document = urgent.review(wire, changes)
        assert refusal_of(urgent.post_review(wire, document)) == (404, "emergency-unknown")
    path = f"/v1/emergencies/{JUSTIFICATION_ID}/review"
    document = urgent.review(wire, {"envelope": JUSTIFICATION_ID})
    assert refusal_of(world.line.post(path, document, "emergency-review")) == (404, "emergency-unknown")
    stranger = signed_review(world, wire, None, SigningKey(LINE, "signing", bytes(range(32))), LINE)
    answer = world.line.post(f"/v1/emergencies/{identifier}/review", stranger, "emergency-review")
    assert refusal_of(answer) == (403, "key-unknown")


def test_a_late_review_still_counts(world: World, urgent: Emergencies) -> None:
    """After 72 hours it has been told that nobody looked; looking then is better than never."""
    wire = urgent.declared()
    with world.broker.store.reading() as tx:
        assert tx.emergencies.unreviewed(AT + REVIEW_WITHIN - timedelta(seconds=1), 9) == []
        assert len(tx.emergencies.unreviewed(AT + REVIEW_WITHIN, 9)) == 1
    world.clock.move(seconds=REVIEW_WITHIN.total_seconds() + 60)
    assert urgent.post_review(wire, urgent.review(wire)).status_code == 201
    with world.broker.store.reading() as tx:
        assert tx.emergencies.unreviewed(AT + 99 * DAY, 9) == []


def test_its_own_emergencies_are_listed_to_the_sender_and_to_its_auditors(world: World, urgent: Emergencies) -> None:
    """Both see ground, worker, deadline and verdict; nobody else sees that there was one."""
    wire = urgent.declared()
    [item] = world.line.get("/v1/emergencies").json()["emergencies"]
    assert item == {
        "envelope": UnverifiedEnvelope.parse(wire).header.id,
        "ref": REF,
        "from": LINE,
        "auditor": AUDITORS,
        "worker": "int-7",
        "ground": "person-in-danger-unable",
        "at": format_time(AT),
        "review_by": format_time(AT + REVIEW_WITHIN),
    }
    urgent.post_review(wire, urgent.review(wire))
    [reviewed] = urgent.auditors.get("/v1/emergencies").json()["emergencies"]
    assert (reviewed["verdict"], reviewed["reviewer"]) == ("justified", "coord-2")
    for address in (SHELTER, HEALTH):
        assert world.partners[address].get("/v1/emergencies").json()["emergencies"] == []
        answer = world.partners[address].get(f"/v1/emergencies?before={item['envelope']}")
        assert refusal_of(answer) == (404, "emergency-unknown")
    assert world.line.get(f"/v1/emergencies?before={item['envelope']}").json()["emergencies"] == []


def test_a_referral_that_takes_the_place_of_another_is_reviewed_as_itself(world: World, urgent: Emergencies) -> None:
    """What was deposited anew under another ground is a declaration of its own."""
    justified = urgent.justification()
    world.line.deposit(justified)
    first = urgent.referral(justified)
    assert world.line.deposit(first).status_code == 201
    changes: dict[str, object] = {"/id": OTHER_ID, "/seq": 2, "/replaces": UnverifiedEnvelope.parse(first).header.id}
    second = urgent.referral(justified, {**changes, "/emergency/worker": "int-9"})
    answer = world.line.deposit(second)
    assert answer.status_code == 201, answer.text
    assert [item["worker"] for item in world.line.get("/v1/emergencies").json()["emergencies"]] == ["int-9", "int-7"]
    assert urgent.post_review(second, urgent.review(second)).status_code == 201
    assert urgent.post_review(first, urgent.review(first)).status_code == 201
