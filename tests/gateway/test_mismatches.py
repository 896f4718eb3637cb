"""Mismatch reports: the recipient’s signed word opens an incident, told to both ends, never deleted."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from consent.envelope import UnverifiedEnvelope
from gateway.incidents import complete_incident
from gateway.problems import ProblemError
from keys import strictjson
from keys.documents import format_time
from keys.errors import MalformedError
from keys.identity import SigningKey
from keys.signing import sign
from tests.builders import ABSENT, AT, ENVELOPE_ID, HEALTH, LINE, REF, SHELTER, signing_key
from tests.gateway.first_day import SETTINGS
from tests.gateway.world import World, receipt_of, refusal_of


def _report(
    world: World,
    wire: bytes,
    changes: Mapping[str, object] | None = None,
    by: str = SHELTER,
    signer: SigningKey | None = None,
) -> bytes:
    """A signed report that a section holds something else than its name says, with changes."""
    envelope = UnverifiedEnvelope.parse(wire)
    members: dict[str, object] = {
        "v": 1,
        "by": by,
        "envelope": envelope.header.id,
        "payload_sha256": envelope.signed.sha256,
        "kind": "section-mislabelled",
        "section": "contact",
        "at": format_time(world.clock.at),
    }
    made = {**members, **(changes or {})}
    payload = strictjson.dumps({name: value for name, value in made.items() if value is not ABSENT})
    return sign("mismatch", payload, (signer or signing_key(by),)).encode()


def test_a_report_opens_an_incident_that_is_filled_in_as_far_as_the_broker_knows(world: World) -> None:
    """Receipt, journal entry and register line agree; what the broker cannot know is left to the operator."""
    wire = world.picked_up()
    world.clock.move(seconds=60)
    report = _report(world, wire)
    answer = world.shelter.post("/v1/mismatches", report, "mismatch")
    assert answer.status_code == 201, answer.text
    told = receipt_of(answer)
    assert (told["envelope"], told["incident"][:4]) == (ENVELOPE_ID, "inc_")
    entry = world.entries()[told["index"]]
    assert (entry.type, entry.actor, entry.from_, entry.to) == ("incident.opened", SHELTER, SHELTER, LINE)
    assert (entry.ref, entry.envelope, entry.reason, entry.sections) == (
        REF,
        ENVELOPE_ID,
        "section-mislabelled",
        ("contact",),
    )
    assert entry.document == report
    with world.broker.store.reading() as tx:
        opened = tx.incidents.get(told["incident"])
    assert opened is not None
    assert opened.incident.model_dump(exclude_none=True) == {
        "information": "contact",
        "circumstances": "section-mislabelled",
        "occurred": format_time(AT),
        "aware": format_time(AT + timedelta(seconds=60)),
        "persons": "~1",
        "measures": "ends-told",
    }


def test_both_ends_are_told(world: World) -> None:
    """Sender and recipient each get one notice of the incident, and the referral stays where it stands."""
    wire = world.picked_up()
    world.shelter.post("/v1/mismatches", _report(world, wire), "mismatch")
    for partner in (world.line, world.shelter):
        [item] = partner.events()["events"]
        notice = UnverifiedEnvelope.parse(strictjson.dumps(item["envelope"])).header
        assert notice.typ == "notice"
        assert (notice.notice.kind, notice.notice.envelopes, notice.event) == ("incident", (ENVELOPE_ID,), None)
    assert world.shelter.deposit(world.event("T08", 1)).status_code == 201


def test_repeating_a_report_opens_nothing_more(world: World) -> None:
    """The same bytes get the same receipt; the same gap said again is refused; another one is another incident."""
    wire = world.picked_up()
    report = _report(world, wire)
    first = world.shelter.post("/v1/mismatches", report, "mismatch")
    again = world.shelter.post("/v1/mismatches", report, "mismatch")
    assert (again.status_code, again.content) == (200, first.content)
    world.clock.move(seconds=1)
    repeated = world.shelter.post("/v1/mismatches", _report(world, wire), "mismatch")
    assert refusal_of(repeated) == (409, "mismatch-already-reported")
    for changes in ({"section": "identity"}, {"kind": "free-text-leak"}, {"kind": "other", "section": ABSENT}):
        assert world.shelter.post("/v1/mismatches", _report(world, wire, changes), "mismatch").status_code == 201
    assert world.types().count("incident.opened") == 4


def test_a_report_can_come_before_the_acknowledgement(world: World) -> None:
    """Whoever was handed an envelope may say what was in it, even while refusing to keep it."""
    wire = world.deposited()
    assert refusal_of(world.shelter.post("/v1/mismatches", _report(world, wire), "mismatch")) == (409, "not-released")
    assert len(world.shelter.lease()) == 1
    assert world.shelter.post("/v1/mismatches", _report(world, wire), "mismatch").status_code == 201


@pytest.mark.parametrize("address", [LINE, HEALTH])
def test_only_the_recipient_reports(world: World, address: str) -> None:
    """The sender and strangers are told alike that no such envelope is theirs."""
    wire = world.picked_up()
    answer = world.partners[address].post("/v1/mismatches", _report(world, wire, by=address), "mismatch")
    assert refusal_of(answer) == (404, "envelope-unknown")
    assert "incident.opened" not in world.types()


def test_nobody_reports_in_the_name_of_another(world: World) -> None:
    """Who calls, who signs and who the report says it is by have to be one."""
    wire = world.picked_up()
    own = _report(world, wire)
    assert refusal_of(world.line.post("/v1/mismatches", own, "mismatch")) == (403, "signer-is-not-sender")
    forged = _report(world, wire, signer=signing_key(LINE))
    assert refusal_of(world.line.post("/v1/mismatches", forged, "mismatch")) == (403, "signer-is-not-sender")
    assert refusal_of(world.shelter.post("/v1/mismatches", forged, "mismatch")) == (403, "signer-is-not-sender")


@pytest.mark.parametrize("changes", [{"payload_sha256": "ab" * 32}, {"envelope": "env_" + "k" * 26}])
def test_a_report_is_about_exactly_what_was_received(world: World, changes: dict[str, object]) -> None:
    """Another digest, or an envelope that never was, opens nothing."""
    wire = world.picked_up()
    answer = world.shelter.post("/v1/mismatches", _report(world, wire, changes), "mismatch")
    assert refusal_of(answer) == (404, "envelope-unknown")


@pytest.mark.parametrize(
    ("changes", "because", "pointer"),
    [
        ({"kind": "he-told-me-so"}, "unknown-code", "/kind"),
        ({"section": ABSENT}, "missing-field", "/section"),
        ({"kind": "purpose-mislabelled"}, "unexpected-member", "/section"),
        ({"section": "secrets"}, "unknown-code", "/section"),
        ({"note": "Personne-Fictive"}, "unknown-field", "/note"),
    ],
)
def test_a_report_is_made_of_codes(world: World, changes: dict[str, object], because: str, pointer: str) -> None:
    """No sentence fits into a report, and a kind that is about a section names it."""
    answer = world.shelter.post("/v1/mismatches", _report(world, world.picked_up(), changes), "mismatch")
    assert refusal_of(answer)[1] == because
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert "Personne-Fictive" not in answer.text


def test_a_signature_that_does_not_hold_opens_nothing(world: World) -> None:
    """Neither altered bytes nor a revoked key."""
    wire = world.picked_up()
    report = strictjson.loads(_report(world, wire), limit=9999)
    assert isinstance(report, dict)
    other = strictjson.loads(_report(world, wire, {"section": "housing"}), limit=9999)
    assert isinstance(other, dict)
    forged = strictjson.dumps({**report, "payload": other["payload"]})
    assert refusal_of(world.shelter.post("/v1/mismatches", forged, "mismatch")) == (403, "bad-signature")
    world.shelter.revoke(signing_key(SHELTER).kid)
    answer = world.shelter.post("/v1/mismatches", _report(world, wire), "mismatch")
    assert refusal_of(answer) == (403, "key-revoked")


def test_the_scope_to_receive_is_needed(world: World) -> None:
    """A token that may only send reports nothing."""
    wire = world.picked_up()
    world.shelter.narrow("envelope:send")
    answer = world.shelter.post("/v1/mismatches", _report(world, wire), "mismatch")
    assert refusal_of(answer) == (403, "scope-missing")


def test_the_operator_completes_the_eight_fields_and_every_change_is_journalled(world: World) -> None:
    """What changed is in the journal with the incident it is about; setting the same again writes nothing."""
    answer = world.shelter.post("/v1/mismatches", _report(world, world.picked_up()), "mismatch")
    identifier = receipt_of(answer)["incident"]
    changes = {"persons": "2", "risk": "not-serious;sensitivity", "notices": "none-no-serious-risk"}
    world.act(lambda tx, at: complete_incident(SETTINGS, tx, identifier, changes, at))
    opened = world.act(lambda tx, at: complete_incident(SETTINGS, tx, identifier, changes, at))
    assert (opened.incident.persons, opened.incident.circumstances) == ("2", "section-mislabelled")
    [entry] = [entry for entry in world.entries() if entry.type == "admin.change"]
    assert (entry.state, entry.envelope) == ("incident-completed", ENVELOPE_ID)
    assert strictjson.loads(entry.document or b"", limit=9999) == {"v": 1, "incident": identifier, "changed": changes}


def test_an_incident_that_cannot_be_changed_stays_as_it_was(world: World) -> None:
    """An unknown incident, an unknown field and a sentence are refused, and nothing is journalled."""
    answer = world.shelter.post("/v1/mismatches", _report(world, world.picked_up()), "mismatch")
    identifier = receipt_of(answer)["incident"]
    size = len(world.entries())
    attempts: list[tuple[str, dict[str, str], type[Exception], str]] = [
        ("inc_" + "a" * 26, {"persons": "2"}, ProblemError, "incident-unknown"),
        (identifier, {"who": "Personne-Fictive"}, MalformedError, "unknown-field"),
        (identifier, {"measures": "we told Personne-Fictive"}, MalformedError, "unknown-code"),
    ]
    for named, changes, kind, because in attempts:
        with pytest.raises(kind, match=because):
            world.act(lambda tx, at, n=named, c=changes: complete_incident(SETTINGS, tx, n, c, at))
    assert len(world.entries()) == size
