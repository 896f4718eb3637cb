"""The program `passerelle-adapter` as people and scripts use it: words, places, exit codes, and nothing leaked."""

from __future__ import annotations

import json

import pytest

from adapters.words import words
from keys.terminal import DONE, REFUSED, USAGE
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, consent_members, referral_members
from tests.adapters.terminal import Command, json_file
from tests.invented import SHELTER


def recorded(command: Command, line: Partner) -> str:
    """The id of a consent recorded by the command."""
    code, out, _ = command(line, "consent", "record", json_file(line.folder, consent_members()), "--json")
    assert code == DONE
    return str(json.loads(out)["consent"])


def test_a_referral_from_file_to_outcome(laval: Town, command: Command) -> None:
    """Consent, send, receive, show, accept, wait, resume, complete: each act is one command."""
    broker, line, shelter = laval
    consent = recorded(command, line)
    code, out, _ = command(line, "send", json_file(line.folder, referral_members(consent)))
    assert (code, out.endswith(": sent.\n")) == (DONE, True)
    ref = out.partition(":")[0]
    assert command(shelter, "sync")[0] == DONE
    short = ref.removeprefix("ref_")[:6]
    code, out, _ = command(shelter, "show", short)
    assert code == DONE
    assert "Canari" in out
    assert words("business-status.seen", "en") in out
    for arguments in (
        ("accept", short),
        ("progress", short, "--wait-list", "--review-by", "2026-03-09"),
        ("progress", short, "--resume"),
        ("complete", short, "--outcome", "place-given", "--note", "Bienvenue."),
    ):
        broker.clock.forward(minutes=1)
        shelter.adapter.sync()
        assert command(shelter, *arguments)[0] == DONE
    command(line, "sync")
    code, out, _ = command(line, "show", short, "--json")
    dossier = json.loads(out)
    assert dossier["status"] == "completed"
    assert [step["transition"] for step in dossier["steps"]] == ["T03", "T08", "T15", "T16", "T17"]
    assert dossier["contents"][1]["sections"]["outcome"]["note"] == "Bienvenue."
    assert dossier["steps"][2]["review_by"] == "2026-03-10T04:00:00.000Z"


def test_only_a_person_who_reads_marks_a_referral_as_seen(laval: Town, command: Command) -> None:
    """Another program that reads it as JSON is no person, and reading twice tells once."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    command(shelter, "show", ref, "--json")
    assert broker.told == {}
    command(shelter, "show", ref)
    command(shelter, "show", ref)
    command(line, "show", ref)
    assert [len(told) for told in broker.told.values()] == [1]


@pytest.mark.parametrize(("locale", "expected"), [("fr_CA.UTF-8", "reçue de"), ("en_CA.UTF-8", "received from")])
def test_lists_are_told_in_the_readers_language(laval: Town, command: Command, locale: str, expected: str) -> None:
    """Names instead of addresses, words instead of codes, an hour of the agreement's clocks."""
    _, line, shelter = laval
    arrived(line, shelter)
    code, out, _ = command(shelter, "list", locale=locale)
    assert code == DONE
    assert expected in out
    assert "Ligne 211 Inventée" in out
    assert "referral-shelter" not in out
    assert ("11\u00a0h\u00a000" in out) is locale.startswith("fr")


def test_a_referral_kept_for_later_says_so_and_exits_well(laval: Town, command: Command) -> None:
    """A bad line is no failure of the caseworker's: it was kept, and will leave by itself."""
    _, line, _ = laval
    consent = recorded(command, line)
    line.client.cut_off("deposit")
    code, out, _ = command(line, "send", json_file(line.folder, referral_members(consent)))
    assert code == DONE
    assert "will leave by itself" in out
    line.client.cut_off("register_statement")
    code, out, _ = command(line, "consent", "record", json_file(line.folder, consent_members()))
    assert (code, "will leave as soon as" in out) == (DONE, True)


@pytest.mark.parametrize("locale", ["fr_CA.UTF-8", "en_CA.UTF-8"])
def test_a_refused_file_is_explained_with_its_place_and_without_its_content(
    laval: Town, command: Command, locale: str
) -> None:
    """File, line, column, rule and remedy; the canary in it is never repeated."""
    _, line, _ = laval
    members = referral_members("rec_" + "z" * 26, {"/priority": "Canari-1"})
    code, out, err = command(line, "send", json_file(line.folder, members), locale=locale)
    assert (code, out) == (REFUSED, "")
    assert "given.json" in err
    assert ("ligne 4" if locale.startswith("fr") else "line 4") in err
    assert "Canari" not in err
    assert "Traceback" not in err


def test_a_refusal_names_the_rule_and_the_place_in_the_file(laval: Town, command: Command) -> None:
    """What consent does not cover is refused here, with the number an auditor cites."""
    _, line, _ = laval
    consent = recorded(command, line)
    changes = {"/sections/health-note": {"note": "Canari"}}
    code, _, err = command(line, "send", json_file(line.folder, referral_members(consent, changes)))
    assert code == REFUSED
    assert "R20" in err
    assert "/sections/health-note" in err
    assert "Canari" not in err


def test_a_refusal_of_the_gateway_is_told_in_its_own_words(laval: Town, command: Command) -> None:
    """The gateway may know rules that this program does not."""
    _, line, _ = laval
    consent = recorded(command, line)
    line.client.refuse("deposit", "recipient-suspended")
    code, _, err = command(line, "send", json_file(line.folder, referral_members(consent)))
    assert code == REFUSED
    assert "suspended" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "zzzz"),
        ("show", "a"),
        ("accept", "ref_" + "z" * 26),
        ("progress", "aaaa"),
        ("progress", "aaaa", "--resume", "--started"),
        ("decline", "aaaa", "--reason", "no-capacity"),
        ("agreement", "show", "agr_x@1"),
        ("agreement", "sign", "agr_x@1", "--fingerprint", "ABCD"),
        ("send", "nowhere.json"),
        ("consent", "record", "."),
    ],
)
def test_what_cannot_be_done_exits_with_one(laval: Town, command: Command, arguments: tuple[str, ...]) -> None:
    """A short explanation on standard error, nothing on standard output, no stack trace."""
    _, line, _ = laval
    code, out, err = command(line, *arguments)
    assert (code, out) == (REFUSED, "")
    assert err.startswith("passerelle-adapter: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [("show",), ("decline", "aaaa"), ("fly",), ("list", "--loud")])
def test_what_is_not_understood_exits_with_two(laval: Town, command: Command, arguments: tuple[str, ...]) -> None:
    """And points to the help."""
    _, line, _ = laval
    code, _, err = command(line, *arguments)
    assert code == USAGE
    assert "--help" in err


def test_an_unknown_code_is_refused_at_its_place(laval: Town, command: Command) -> None:
    """A mistyped reason or outcome is told as such and takes no step."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    for arguments in (("decline", ref, "--reason", "Canari"), ("complete", ref, "--outcome", "Canari")):
        code, _, err = command(shelter, *arguments)
        assert code == REFUSED
        assert "Canari" not in err
    assert broker.told == {}


@pytest.mark.parametrize("day", ["demain", "2026-02-30", "2026-3-9", "9999-12-31", ""])
def test_a_review_date_must_be_a_day(laval: Town, command: Command, day: str) -> None:
    """Nothing is guessed from anything else."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    shelter.adapter.accept(ref)
    code, _, err = command(shelter, "progress", ref, "--wait-list", "--review-by", day)
    assert (code, "2026-03-01" in err) == (REFUSED, True)
    code, _, err = command(shelter, "progress", ref, "--wait-list")
    assert (code, "/event/review_by" in err) == (REFUSED, True)


def test_text_from_outside_cannot_command_the_terminal(laval: Town, command: Command) -> None:
    """What another organisation wrote is shown character by character."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    with shelter.store.transaction() as tx:
        tx.session.connection().exec_driver_sql(
            "UPDATE content SET sections = ?", (b'{"identity":{"alias":"a\\u001b[2Jb","age_band":"25-54"}}',)
        )
    code, out, _ = command(shelter, "show", ref)
    assert code == DONE
    assert "\x1b" not in out
    assert "\\u001b[2J" in out


def test_services_are_found_and_listed(laval: Town, command: Command) -> None:
    """A line each, with what a caseworker needs to choose; the same as JSON for a program."""
    broker, line, _ = laval
    found = {"service": {"id": "s-1", "name": "Refuge Inventé", "partner": SHELTER}, "open_now": True}
    broker.services = [found]
    code, out, _ = command(line, "services", "--need", "shelter-tonight", "--open-now")
    assert (code, "Refuge Inventé" in out, "open now" in out, SHELTER in out) == (DONE, True, True, True)
    assert json.loads(command(line, "services", "--text", "refuge", "--json")[1]) == [found]
    broker.services = []
    assert "No service found" in command(line, "services", "--need", "food")[1]
