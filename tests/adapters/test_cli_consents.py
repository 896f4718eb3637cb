"""`passerelle-adapter consent …` as a caseworker types it, with the person on the phone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from keys.documents import format_time
from keys.terminal import DONE, REFUSED
from tests.adapters.conftest import Town
from tests.adapters.consenting import MINUTE, PERSON
from tests.adapters.partners import Partner, consent_members
from tests.adapters.terminal import Command, json_file
from tests.adapters.test_cli import recorded
from tests.invented import AT, HEALTH, SHELTER, Json


def stand(command: Command, line: Partner, consent: str) -> Json:
    """What `show --json` tells of a record."""
    code, out, _ = command(line, "consent", "show", consent, "--json")
    assert code == DONE
    found: Json = json.loads(out)
    return found


def answers_file(folder: Path, state: str, pid: str, at: str) -> str:
    """A file with one answer."""
    event = consent_members()["events"][0] | {"purpose": pid, "event_time": at, "event_state": f"dpv:{state}"}
    return json_file(folder, {"circumstances": consent_members()["circumstances"], "events": [event]})


def test_taking_back_is_one_command_without_a_reason(laval: Town, command: Command) -> None:
    """The first characters of the reference are enough; the broker has it at once, the person a new receipt."""
    broker, line, _ = laval
    consent = recorded(command, line)
    code, out, _ = command(line, "consent", "withdraw", consent.removeprefix("rec_")[:8])
    assert code == DONE
    assert f"{consent}.2.fr.txt" in out
    assert [held.document.state for held in broker.statements.values()] == ["withdrawn"]
    assert stand(command, line, consent)["questions"][0]["standing"] == "withdrawn"


def test_part_of_it_can_be_taken_back(laval: Town, command: Command) -> None:
    """A purpose, a recipient; what is not in the record is told and changes nothing."""
    broker, line, _ = laval
    consent = recorded(command, line)
    for option, value, words_of_it in (
        ("--purpose", "referral-food", "purpose"),
        ("--recipient", "canari@laval", "recipient"),
    ):
        code, out, err = command(line, "consent", "withdraw", consent, option, value)
        assert (code, out) == (REFUSED, "")
        assert words_of_it in err
        assert "canari" not in err
    code, _, _ = command(line, "consent", "withdraw", consent, "--purpose", "referral-shelter", "--recipient", SHELTER)
    assert code == DONE
    assert [held.document.state for held in broker.statements.values()] == ["withdrawn"]


def test_any_partner_takes_a_consent_back_by_its_code(laval: Town, command: Command) -> None:
    """The person says their code to the shelter: it learns the moment and nothing else."""
    broker, line, shelter = laval
    consent = recorded(command, line)
    receipt = (line.adapter.settings.receipts / f"{consent}.en.txt").read_text(encoding="utf-8")
    said = re.search(r"(?:[0-9A-Z]{4} ){3}[0-9A-Z]{4}", receipt)
    assert said is not None
    code, out, _ = command(shelter, "consent", "withdraw-code", said.group().lower())
    assert code == DONE
    assert "2 March 2026" in out
    assert consent not in out
    assert [held.state for held in broker.statements.values()] == ["withdrawn"]
    code, out, err = command(shelter, "consent", "withdraw-code", "0000 0000 0000 0001")
    assert (code, out) == (REFUSED, "")
    assert "0000" not in err
    assert command(shelter, "consent", "withdraw-code", "0000000000000000")[0] == REFUSED


def test_a_check_tells_every_reason_and_keeps_nothing(laval: Town, command: Command) -> None:
    """By question and recipient, with the article and that no jurist reviewed the rule."""
    _, line, _ = laval
    changes: Mapping[str, object] = {
        "/circumstances/freedom": "tied-to-service",
        "/events/0/event_type": "dpv:ExpressedConsent",
    }
    file = json_file(line.folder, consent_members(changes))
    code, out, _ = command(line, "consent", "check", file)
    assert code == DONE
    assert "not free to refuse" in out
    assert "LRSSS, s. 6; P-39.1, s. 14; rule not reviewed" in out
    assert "Équipe Inventée en santé mentale" in out
    found = json.loads(command(line, "consent", "check", file, "--json")[1])
    assert [each["standing"] for each in found] == ["given", "refused", "deferred"]
    assert [each["code"] for each in found[0]["reasons"]] == ["consent-not-free", "express-consent-missing"]
    assert command(line, "consent", "check", file, locale="fr_CA.UTF-8")[1].count("règle non revue par un juriste") == 2
    with line.store.transaction() as tx:
        assert tx.papers.records_of(PERSON) == []
    assert not line.adapter.settings.receipts.exists()


def test_a_restriction_is_told_by_the_file_number(laval: Town, command: Command) -> None:
    """What is kept back, until the end of a day; a name instead of a number is refused and not repeated."""
    broker, line, _ = laval
    consent = recorded(command, line)
    restrict = ("consent", "restrict", PERSON, "--section", "contact", "--recipient", SHELTER, "--until", "2026-03-09")
    code, out, _ = command(line, *restrict)
    assert (code, "changed: 1" in out) == (DONE, True)
    [held] = broker.statements.values()
    assert "contact" not in held.document.grants[0].sections
    [notice] = stand(command, line, consent)["restrictions"]
    assert (notice["sections"], notice["recipients"]) == (["contact"], [SHELTER])
    assert notice["until"] == "2026-03-10T04:00:00.000Z"
    assert "Until 10 March 2026" in command(line, "consent", "show", consent)[1]
    days = ((PERSON, "--until", day) for day in ("canari", "9999-12-31"))
    for arguments in (("Canari Inventée",), (PERSON, "--section", "canari"), *days):
        code, out, err = command(line, "consent", "restrict", *arguments)
        assert (code, out) == (REFUSED, "")
        assert "anari" not in err


def test_answers_and_renewals_come_from_a_file(laval: Town, command: Command) -> None:
    """What was put off is answered, what runs out is renewed; `show` tells what there is to ask."""
    broker, line, _ = laval
    consent = recorded(command, line)
    broker.clock.now = AT + MINUTE
    file = answers_file(line.folder, "ConsentGiven", "p3", format_time(AT + MINUTE))
    assert command(line, "consent", "answer", consent, file)[0] == DONE
    assert len(broker.statements) == 2
    code, out, err = command(line, "consent", "answer", consent, file)
    assert (code, out) == (REFUSED, "")
    assert "given.json" in err
    assert {"pid": "p1", "recipient": SHELTER} in stand(command, line, consent)["renewal_asks"]
    broker.clock.forward(days=80)
    file = answers_file(line.folder, "RenewedConsentGiven", "p1", format_time(broker.clock()))
    assert command(line, "consent", "renew", consent, file)[0] == DONE
    assert len(broker.statements) == 3


@pytest.mark.parametrize(("verb", "state"), [("revoke", "revoked"), ("invalidate", "invalidated")])
def test_the_organisation_ends_a_consent(laval: Town, command: Command, verb: str, state: str) -> None:
    """One command each, told as what it is."""
    broker, line, _ = laval
    consent = recorded(command, line)
    code, out, _ = command(line, "consent", verb, consent, "--json")
    assert (code, json.loads(out)["registered"]) == (DONE, True)
    assert [held.document.state for held in broker.statements.values()] == [state]


@pytest.mark.parametrize(("locale", "expected"), [("fr_CA.UTF-8", "En réflexion"), ("en_CA.UTF-8", "Thinking it over")])
def test_a_record_is_shown_in_the_readers_words(laval: Town, command: Command, locale: str, expected: str) -> None:
    """Names instead of addresses, words instead of codes."""
    _, line, _ = laval
    consent = recorded(command, line)
    code, out, _ = command(line, "consent", "show", consent, locale=locale)
    assert code == DONE
    for said in (expected, "Refuge Lavoie Inventé", consent):
        assert said in out
    for coded in (HEALTH, "referral-health", "dpv:"):
        assert coded not in out


def test_what_the_gateway_refuses_is_told_and_the_record_is_kept(laval: Town, command: Command) -> None:
    """The person has their receipt and the refusal is no secret."""
    _, line, _ = laval
    line.client.refuse("register_statement", "agreement-unknown", 403)
    code, out, err = command(line, "consent", "record", json_file(line.folder, consent_members()))
    assert code == REFUSED
    assert "Receipt: " in out
    assert "agreement" in err


@pytest.mark.parametrize("typed", ["", "rec_", "abc", "zzzzzzzz", "rec_%%%%"])
def test_a_reference_that_names_nothing_is_refused(laval: Town, command: Command, typed: str) -> None:
    """Too short, unknown, or full of signs that mean something to a database."""
    _, line, _ = laval
    recorded(command, line)
    code, out, err = command(line, "consent", "withdraw", typed)
    assert (code, out) == (REFUSED, "")
    assert "Traceback" not in err
