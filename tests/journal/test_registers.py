"""`passerelle-audit registers`: what the law asks for, out of the bundle and nothing else, for people and programs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from consent.incident import FIELDS
from journal.audit.program import TERMINAL
from journal.layout import SignedAgreement
from keys.documents import encode, format_time
from tests.builders import BROKER, LINE, REF, SHELTER, agreement
from tests.journal.ledgers import START, cited, envelope_id
from tests.journal.lives import lived, review, urgent
from tests.journal.registering import rows, sheet, speak, word
from tests.journal.storytelling import completed, reported
from tests.journal.test_invariant_emergencies import lawful
from tests.journal.test_invariant_two_people import erased

ONE, TWO = "inc_" + "a" * 26, "inc_" + "b" * 26


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """English unless a test chooses."""
    speak(monkeypatch, "en")


def test_every_handing_out_is_a_communication(tmp_path: Path) -> None:
    """What, of whom to whom, for which purpose, on which basis, under which agreement and version."""
    ledger = lived()
    found = rows(ledger, "communications", tmp_path)
    assert [row["index"] for row in found] == [ledger.index(f"{name}released") for name in ("", "message ", "answer ")]
    assert [row["what"] for row in found] == ["referral", "message", "answer"]
    first = found[0]
    assert (first["from"], first["to"], first["ref"]) == (LINE, SHELTER, REF)
    assert (first["sections"], first["purpose"]) == (["identity", "contact", "housing"], "referral-shelter")
    assert (first["basis"], first["version"], first["article"]) == ("consent", 1, "1")
    assert first["time"] == ledger["released"]["time"]
    assert {row["purpose"] for row in found} == {"referral-shelter"}
    assert "law" not in first


def test_a_paper_is_a_communication_of_its_own(tmp_path: Path) -> None:
    """Each fetch of an attached paper is a row."""
    ledger = lived()
    ledger.again("released", "paper", "acknowledged", state="attachment", document="AAEC")
    [found] = [row for row in rows(ledger, "communications", tmp_path) if row["what"] == "attachment"]
    assert found["sections"] == ["documents"]


def test_what_goes_without_consent_cites_its_law(tmp_path: Path) -> None:
    """An emergency by its ground and the law of its place, sharing by its article; each shown as not reviewed."""
    found = rows(urgent(), "communications", tmp_path)
    assert [row["what"] for row in found] == ["justification", "referral", "message", "answer"]
    assert {(row["basis"], row["ground"], row["law"]) for row in found} == {
        ("emergency", "person-in-danger-unable", "CA-QC/person-in-danger-unable")
    }
    assert {row["basis"] for row in rows(lawful(), "communications", tmp_path)} == {"legal-sharing"}
    said = sheet(lawful(), "communications", tmp_path)[0]
    assert said[word("law")].startswith("French Social Action and Families Code, Art. L. 345-2-10")
    assert "Not reviewed by a jurist" in said[word("law")]


def test_what_is_not_shown_of_a_communication_is_left_out(tmp_path: Path) -> None:
    """Without the acceptance nobody knows the sections, without the statement nobody knows the basis: no guess."""
    ledger = lived()
    ledger.written("accepted").shown = False
    ledger.statements.clear()
    first = rows(ledger, "communications", tmp_path)[0]
    assert not {"sections", "purpose", "basis", "what", "article"} & first.keys()
    assert (first["to"], first["statement"]) == (SHELTER, ledger["released"]["statement"])


def test_an_incident_has_its_eight_fields(tmp_path: Path) -> None:
    """As the register begins it, and as the operator completed it since."""
    ledger = reported(lived(), "incident", "accepted")
    [found] = rows(ledger, "incidents", tmp_path)
    known = {
        "information": "situation",
        "circumstances": "more-than-announced",
        "persons": "~1",
        "measures": "ends-told",
    }
    known |= {"occurred": ledger["accepted"]["time"], "aware": ledger["incident"]["time"]}
    assert {name: found[name] for name in FIELDS if name in found} == known
    assert (found["incident"], found["reporter"], found["about"]) == (ONE, SHELTER, LINE)
    completed(ledger, "noted", "accepted", ONE, risk="not-serious;sensitivity", persons="2")
    completed(ledger, "again", "accepted", ONE, measures="")
    [found] = rows(ledger, "incidents", tmp_path)
    assert {name: found.get(name) for name in ("risk", "persons", "measures")} == {
        "risk": "not-serious;sensitivity",
        "persons": "2",
        "measures": None,
    }
    assert found["completed"] == ledger["again"]["time"]
    said = sheet(ledger, "incidents", tmp_path)[0]
    assert list(said)[5:13] == [word(name) for name in FIELDS]
    assert said[word("information")] == "Situation"


def test_changes_find_their_own_incident(tmp_path: Path) -> None:
    """Of two incidents about one envelope the one that is named is completed."""
    ledger = reported(reported(lived(), "one", "accepted", ONE), "two", "accepted", TWO)
    completed(ledger, "noted", "accepted", TWO, persons="7")
    assert [row["persons"] for row in rows(ledger, "incidents", tmp_path)] == ["~1", "7"]


def test_changes_of_an_older_journal_find_the_only_incident(tmp_path: Path) -> None:
    """Where the entry tells no identifier, the only incident about the envelope is meant; of several, nobody knows."""
    ledger = reported(lived(), "one", "accepted", None)
    completed(ledger, "noted", "accepted", ONE, persons="7")
    [found] = rows(ledger, "incidents", tmp_path)
    assert (found["persons"], found["incident"], found["uncertain"]) == ("7", ONE, False)
    ledger = reported(reported(lived(), "one", "accepted", None), "two", "accepted", None)
    completed(ledger, "noted", "accepted", ONE, persons="7")
    assert [(row["persons"], row["uncertain"]) for row in rows(ledger, "incidents", tmp_path)] == [("~1", True)] * 2


def test_an_emergency_that_was_not_justified_is_an_incident(tmp_path: Path) -> None:
    """Opened by the review, with the sections that left without consent."""
    ledger = urgent()
    ledger.entries.remove(ledger.written("reviewed"))
    verdict = review(ledger, "accepted", "not-justified")
    told = {member: verdict[member] for member in ("to", "ref", "envelope", "document")}
    ledger.add("incident", "incident.opened", LINE, from_=LINE, state=ONE, reason="emergency-not-justified", **told)
    [found] = rows(ledger, "incidents", tmp_path)
    assert (found["information"], found["circumstances"]) == ("identity;contact;situation", "emergency-not-justified")
    assert found["occurred"] == ledger["accepted"]["time"]


def test_an_incident_whose_envelope_is_not_shown_has_no_date(tmp_path: Path) -> None:
    """Nobody guesses when it happened, and a report that cannot be read fills in nothing."""
    ledger = reported(lived(), "incident", "accepted")
    ledger.written("accepted").shown = False
    assert "occurred" not in rows(ledger, "incidents", tmp_path)[0]
    ledger["incident"]["document"] = "AAEC"
    assert not set(FIELDS) & rows(ledger, "incidents", tmp_path)[0].keys()


@pytest.mark.parametrize(
    ("after", "answers", "state"),
    [
        (timedelta(hours=1), (), "open"),
        (timedelta(hours=73), (), "overdue"),
        (timedelta(hours=73), ("escalated",), "escalated"),
        (timedelta(hours=73), ("escalated", "reviewed"), "reviewed"),
        (timedelta(hours=1), ("reviewed",), "reviewed"),
    ],
)
def test_an_emergency_is_told_as_it_stands(
    tmp_path: Path, after: timedelta, answers: tuple[str, ...], state: str
) -> None:
    """Declared by whom, on what ground and law, justified to whom, reviewed or escalated when."""
    ledger = urgent()
    ledger.entries.remove(ledger.written("reviewed"))
    if "escalated" in answers:
        about = {member: ledger["accepted"][member] for member in ("ref", "envelope")}
        ledger.add("escalated", "incident.escalated", BROKER, from_=LINE, **about)
        ledger.again("escalated", "escalated again")
    if "reviewed" in answers:
        review(ledger, "accepted")
    ledger.add("later", "emergency.reviewed", LINE, envelope=envelope_id("unknown"))
    ledger["later"]["time"] = format_time(START + after)
    [found] = rows(ledger, "emergencies", tmp_path)
    assert (found["state"], found["justified"], found["escalations"]) == (state, True, 2 * ("escalated" in answers))
    assert (found["worker"], found["directive"]) == ("int-7", "DIR-2026-4")
    assert found.get("reviewer") == ("int-3" if "reviewed" in answers else None)
    said = sheet(ledger, "emergencies", tmp_path)[0]
    assert said[word("state")] == TERMINAL.word(f"audit.emergency.{state}")


def test_agreements_are_told_with_their_versions_and_parties(tmp_path: Path) -> None:
    """When each was proposed, signed by whom, in force, suspended and ended; parties where the text is shown."""
    ledger = lived()
    ledger.again("in-force", "stopped", type="agreement.suspended")
    [found] = rows(ledger, "agreements", tmp_path)
    assert (found["state"], found["suspended"]) == ("suspended", ledger["stopped"]["time"])
    assert (found["parties"], found["signed"]) == (found["signed"], found["parties"])
    assert found["impact-assessment"] == "EFVP inventée 2026-1"
    ledger.agreements.clear()
    [found] = rows(ledger, "agreements", tmp_path)
    assert (found["shown"], "parties" in found, len(found["signed"])) == (False, False, 4)


def test_processing_is_told_article_by_article(tmp_path: Path) -> None:
    """Purposes, categories, recipients, retention and measures, as they were signed; else that it is not shown."""
    ledger = lived()
    found = rows(ledger, "processing", tmp_path)
    assert [row["article"] for row in found] == ["1", "2"]
    first = found[0]
    assert (first["purposes"][0], first["sections"][0]) == ("referral-shelter", "identity")
    assert (first["envelope-days"], first["copy-days"], first["evidence-days"]) == (14, 90, 1095)
    assert first["jurisdictions"] == ["CA-QC"]
    ledger.agreements.clear()
    [found_without] = rows(ledger, "processing", tmp_path)
    assert found_without == {"agreement": first["agreement"], "state": "in-force", "shown": False}


def test_what_was_erased_by_order_says_so(tmp_path: Path) -> None:
    """Before its time, and not by the operator: the table tells it from what was erased when its time was over."""
    ledger = lived()
    first = ledger.index("released")
    ledger.add("erasure", "erasure", BROKER, document=erased([first, first], by="court", ordered=True))
    ledger.written("released").shown = False
    [told] = rows(ledger, "not-shown", tmp_path)
    assert (told["why"], told["by"]) == ("ordered", "court")


def test_what_was_erased_or_withheld_has_its_own_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By whose order it was erased, or that it was not given: nobody takes a register for whole that is not."""
    ledger = lived()
    first = ledger.index("released")
    ledger.add("erasure", "erasure", BROKER, document=erased([first, first + 1], by="court"))
    for name in ("released", "acknowledged", "message released", "waits"):
        ledger.written(name).shown = False
    told = rows(ledger, "not-shown", tmp_path)
    assert told[0] == {
        "first": first,
        "last": first + 1,
        "why": "erased",
        "erasure": 38,
        "time": ledger["erasure"]["time"],
        "by": "court",
        "erasure-ground": "retention-over",
    }
    withheld = [
        {"first": place, "last": place, "why": "withheld"} for place in map(ledger.index, ("message released", "waits"))
    ]
    assert told[1:] == withheld
    said = capsys.readouterr().out
    assert TERMINAL.word("audit.registers.erased", count=2) in said
    assert TERMINAL.word("audit.registers.withheld", count=2) in said


def test_a_version_that_was_only_proposed_renames_nobody(tmp_path: Path) -> None:
    """A party could give another one a name by a text that nobody else signed."""
    ledger = lived()
    proposed = agreement({"/version": 2, "/prev": "00" * 32, "/parties/0/legal_name": "Faux Nom Inventé"})
    ledger.agreements.append(SignedAgreement(encode(proposed), ()))
    ledger.add("proposed again", "agreement.proposed", BROKER, **cited(proposed))
    said = sheet(ledger, "agreements", tmp_path)
    assert len(said) == 2
    assert "Faux Nom" not in str(said)
