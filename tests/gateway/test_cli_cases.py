"""The operator’s register of incidents and the emergencies, as commands print them in both languages."""

import csv
import io
import json
from pathlib import Path

import pytest

from consent.envelope import UnverifiedEnvelope
from consent.incident import FIELDS
from gateway.cli import app
from gateway.commands.program import TERMINAL
from tests.builders import LINE
from tests.gateway.emergency_world import Emergencies
from tests.gateway.operator import Operator
from tests.gateway.world import World
from tests.keys.ceremony import play


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    """Somebody at the keyboard of a host from which the database of `world` is reached."""
    made = Operator(tmp_path)
    made.write_settings(database=str(world.broker.store.engine.url).replace("+psycopg", ""))
    return made


@pytest.fixture
def urgent(world: World) -> Emergencies:
    """A world with auditors."""
    return Emergencies(world)


@pytest.fixture
def incident(urgent: Emergencies) -> str:
    """The id of an incident that was opened by a review."""
    wire = urgent.declared()
    assert urgent.post_review(wire, urgent.review(wire, {"verdict": "not-justified"})).status_code == 201
    with urgent.world.broker.store.reading() as tx:
        [opened] = tx.incidents.all()
    return opened.id


def test_emergencies_are_listed_with_their_reviews(urgent: Emergencies, operator: Operator) -> None:
    """Who, on which ground, and whether a second person looked: overdue, awaited or found."""
    wire = urgent.declared()
    identifier = UnverifiedEnvelope.parse(wire).header.id
    listed = operator.done("emergencies", "list")
    assert listed.startswith(f"{identifier}  2026-03-02T15:00:00.000Z  {LINE}  int-7  Person in danger")
    assert "nobody reviewed it by 2026-03-05T15:00:00.000Z" in listed
    urgent.post_review(wire, urgent.review(wire))
    assert "justified, says coord-2" in operator.done("emergencies", "list")
    operator.language = "fr"
    assert "justifiée, dit coord-2" in operator.done("emergencies", "list")


def test_a_worker_is_barred_and_let_back(urgent: Emergencies, operator: Operator) -> None:
    """The command takes the right away, says so once, and gives it back; both changes are journalled."""
    assert "int-7, ligne-211@laval" in operator.done("emergencies", "bar", LINE, "int-7")
    assert "nothing has changed" in operator.done("emergencies", "bar", LINE, "int-7")
    assert f"int-7, {LINE}" in operator.done("emergencies", "list")
    with urgent.world.broker.store.reading() as tx:
        assert tx.emergencies.is_barred(LINE, "int-7")
    operator.done("emergencies", "lift", LINE, "int-7")
    assert operator.done("emergencies", "list") == ""
    states = [entry.state for entry in urgent.world.entries() if entry.type == "admin.change"]
    assert states == ["emergency-worker-barred", "emergency-worker-lifted"]


def test_what_is_not_a_worker_of_a_partner_is_refused(world: World, operator: Operator) -> None:
    """An organisation that does not exist, and what cannot be a pseudonym; nothing is journalled."""
    before = len(world.entries())
    assert "not a partner here" in operator.refused("emergencies", "bar", "inconnu@laval", "int-7")
    complaint = operator.refused("emergencies", "bar", LINE, "Personne Fictive")
    assert "/worker" in complaint
    assert "Personne" not in complaint
    assert len(world.entries()) == before


def test_the_register_is_listed_shown_and_completed(operator: Operator, incident: str) -> None:
    """Missing fields are named; codes are shown in words; an emptied field is missing again."""
    listed = operator.done("incidents", "list")
    assert incident in listed
    assert "to be completed: risk of serious injury, notices sent" in listed
    fields = ("risk=serious;sensitivity", "notices=commission:2026-03-04;persons:2026-03-05", "persons=1")
    shown = operator.done("incidents", "complete", incident, *fields)
    assert "  risk of serious injury (risk): Risk of serious injury, Sensitivity of the information" in shown
    assert "Notice to the persons concerned (2026-03-05)" in shown
    assert "complete" in operator.done("incidents", "list")
    operator.done("incidents", "complete", incident, "risk=")
    assert "(to be completed)" in operator.done("incidents", "show", incident)
    operator.language = "fr"
    assert "nombre de personnes (persons)\u00a0: 1" in operator.done("incidents", "show", incident)


def test_a_register_takes_codes_and_no_sentence(operator: Operator, incident: str) -> None:
    """A slip is told by its field and never repeated."""
    before = operator.done("incidents", "show", incident)
    for change, place in (
        ("measures=Personne-Fictive", "/measures"),
        ("victim=Personne-Fictive", "/victim"),
        ("persons", ""),
    ):
        complaint = operator.refused("incidents", "complete", incident, change)
        assert place in complaint
        assert "Personne-Fictive" not in complaint
    assert "/persons" in operator.refused("incidents", "complete", incident, "persons=1", "persons=2")
    assert operator.done("incidents", "show", incident) == before
    assert "no such incident" in operator.refused("incidents", "show", "inc_" + "a" * 26)


def test_the_register_is_exported_and_the_reading_journalled(
    operator: Operator, incident: str, urgent: Emergencies
) -> None:
    """CSV and JSON hold the same eight fields, by codes; a formula could not be among them."""
    rows = list(csv.DictReader(io.StringIO(operator.done("incidents", "export"))))
    [row] = rows
    assert list(row) == ["id", "opened", "envelope", "reported_by", *FIELDS]
    assert (row["id"], row["reported_by"], row["circumstances"]) == (incident, LINE, "emergency-not-justified")
    assert row["risk"] == ""
    [same] = json.loads(operator.done("incidents", "export", "--format", "json"))["incidents"]
    assert same == {name: value for name, value in row.items() if value}
    assert not any(value.startswith(("=", "+", "@")) for value in row.values())
    assert urgent.world.types()[-2:] == ["audit.read", "audit.read"]


def test_the_codes_are_listed_in_words() -> None:
    """Whoever completes the register finds every code, without opening a table."""
    listed = play("incidents", "codes", terminal=TERMINAL, program=app).out
    assert "risk  not-serious  No risk of serious injury" in listed
    assert "circumstances  free-text-leak" in listed
