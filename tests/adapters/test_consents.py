"""Consent on the partner's side: the whole record stays, the statement leaves, the person gets a receipt."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.consents import MAX_CONSENT_FILE, read_consent
from adapters.dead_letters import drop, refused_items
from adapters.registration import read_registration
from adapters.store.tables import Row
from consent.record import record_commitment
from consent.statement import STATEMENT_KIND, read_statement
from consent.withdrawal_code import shown
from keys import strictjson
from keys.documents import encode, format_time
from keys.errors import FileError, MalformedError
from keys.files import write_private
from keys.signing import SignedDocument
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, consent_file, consent_members
from tests.invented import ABSENT, AT, HEALTH, LINE, NEWCOMERS, SHELTER

MINUTE = timedelta(minutes=1)
CONTRADICTION = {
    "purpose": "p1",
    "event_time": format_time(AT - 5 * MINUTE),
    "event_state": "dpv:ConsentRefused",
    "worker": "int-7",
}
"""No to the shelter, at the very moment at which the person also said yes."""


def test_the_statement_grants_what_was_given_and_tells_nothing_else(laval: Town) -> None:
    """One grant to the shelter; neither the refusal, nor the person, nor the deferred question leaves."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    with line.store.transaction() as tx:
        [waiting] = tx.traffic.waiting()
        record = tx.papers.record(recorded.record_id)
    signed, code = read_registration(waiting.body)
    assert code == recorded.receipt.withdrawal_code
    statement = read_statement(signed)
    assert [(grant.purpose, grant.recipient) for grant in statement.grants] == [("referral-shelter", SHELTER)]
    assert (statement.issuer, statement.authority.kind) == (LINE, "consent")
    assert record is not None
    assert statement.record_commitment == record_commitment(encode(record), record.salt)
    for secret in (b"personne-fictive", HEALTH.encode(), NEWCOMERS.encode(), b"Refused", b"int-7"):
        assert secret not in encode(statement)
    line.adapter.sync()
    assert set(broker.statements) == {statement.id}
    with line.store.transaction() as tx:
        held = tx.papers.statement_of(recorded.record_id)
    assert held is not None
    assert held.registered


def test_two_records_of_the_same_answers_cannot_be_told_together(laval: Town) -> None:
    """Ids and salts are random: nothing in two statements says that it is the same person."""
    _, line, _ = laval
    first, second = (line.adapter.record_consent(consent_file())[0].statement for _ in range(2))
    assert first.id != second.id
    assert first.record_commitment != second.record_commitment


def test_the_receipt_is_written_in_both_languages_and_kept_private(laval: Town) -> None:
    """It names what was given and what was refused, by the names the agreement has, and whom to call."""
    _, line, _ = laval
    recorded, paths = line.adapter.record_consent(consent_file())
    assert [path.name.removeprefix(recorded.record_id) for path in paths] == [".json", ".fr.txt", ".en.txt"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    french, english = (path.read_text(encoding="utf-8") for path in paths[1:])
    for text in (french, english):
        assert "Refuge Lavoie Inventé" in text
        assert "Équipe Inventée en santé mentale" in text
        assert "450 555-0199" in text
    assert "Vous avez refusé" in french
    said = json.loads(paths[0].read_text(encoding="utf-8"))
    assert said["reference"] == recorded.record_id
    code = recorded.receipt.withdrawal_code
    assert code is not None
    assert "withdrawal_code" not in said
    for text in (french, english):
        assert shown(code) in text
        assert "https://passerelle.example/withdraw" in text


def test_the_code_is_kept_by_nobody_once_the_broker_has_it(laval: Town) -> None:
    """Before the answer it waits beside the statement, and nowhere else; after it, only the receipt has it."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    code = recorded.receipt.withdrawal_code
    assert code is not None
    assert tables_with(line, code) == ["outbox"]
    line.client.lose_answer("register_statement")
    line.adapter.outbox.flush()
    assert tables_with(line, code) == ["outbox"]
    broker.clock.forward(hours=1)
    line.adapter.outbox.flush()
    assert broker.codes == {code: recorded.statement.id}
    assert tables_with(line, code) == []
    with line.store.transaction() as tx:
        kept = tx.traffic.shipment(f"{recorded.statement.id}@1")
    assert kept is not None
    assert read_statement(SignedDocument.parse(kept.body, STATEMENT_KIND)) == recorded.statement


def tables_with(line: Partner, text: str) -> list[str]:
    """The tables of a partner's database in which a text stands, as such or inside a document."""
    with line.store.transaction() as tx:
        connection = tx.session.connection()
        rows = {table.name: connection.execute(select(table)).all() for table in Row.metadata.sorted_tables}
        return [name for name, found in rows.items() if any(text in repr(tuple(row)) for row in found)]


def test_a_code_goes_from_here_when_its_statement_is_dropped(laval: Town) -> None:
    """While somebody may try it again the code waits beside the statement; once dropped, only the person has it."""
    _, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    code = recorded.receipt.withdrawal_code
    assert code is not None
    line.client.refuse("register_statement", "agreement-unknown")
    line.adapter.outbox.flush()
    assert tables_with(line, code) == ["outbox"]
    [refused] = refused_items(line.adapter.office)
    drop(line.adapter.office, refused)
    assert tables_with(line, code) == []


@pytest.mark.parametrize("ending", [".json", ".fr.txt", ".en.txt"])
def test_a_receipt_that_cannot_be_written_undoes_the_consent(
    laval: Town, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """A full disk is told, nothing is kept or sent, and trying again makes one consent with its code."""
    broker, line, _ = laval

    def full(path: Path, data: bytes) -> None:
        if path.name.endswith(ending):
            raise FileError("file-unwritable")
        write_private(path, data)

    with monkeypatch.context() as broken:
        broken.setattr("adapters.consent_desk.write_private", full)
        with pytest.raises(FileError):
            line.adapter.record_consent(consent_file())
    with line.store.transaction() as tx:
        assert (tx.traffic.waiting(), tx.papers.records_of("personne-fictive-1")) == ([], [])
    recorded, _ = line.adapter.record_consent(consent_file())
    line.adapter.outbox.flush()
    assert broker.codes == {recorded.receipt.withdrawal_code: recorded.statement.id}


def test_a_person_who_agrees_to_nothing_has_a_record_and_a_receipt(laval: Town) -> None:
    """Refusals and what is being thought over are kept, told, and sent to nobody."""
    _, line, _ = laval
    recorded, paths = line.adapter.record_consent(consent_file({"/events/0/event_state": "dpv:ConsentRefused"}))
    assert recorded.statements == ()
    assert (recorded.receipt.agreed, recorded.receipt.withdrawal_code) == ((), None)
    assert [item.purpose for item in recorded.receipt.refused] == ["referral-shelter", "referral-health"]
    assert len(paths) == 3
    with line.store.transaction() as tx:
        assert tx.traffic.waiting() == []
        assert tx.papers.record(recorded.record_id) is not None
    with pytest.raises(MalformedError, match="nothing-given"):
        _ = recorded.statement


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/events/0/event_time": format_time(AT)}, ("events-out-of-order", "/events/1/event_time")),
        ({"/events/2/event_time": format_time(AT + MINUTE)}, ("event-in-future", "/events/2/event_time")),
        ({"/events/3": CONTRADICTION}, ("answers-contradict", "/events/3/event_time")),
        ({"/processing/privacy_notice": ABSENT}, ("nothing-given", "/events")),
        (
            {"/processing/purposes/0/recipients": ["inconnu@laval"]},
            ("agreement-does-not-cover", "/processing/purposes/0"),
        ),
        ({"/processing/purposes/0/purpose": "referral-food"}, ("agreement-does-not-cover", "/processing/purposes/0")),
        ({"/processing/purposes/0/sections": ["safety"]}, ("agreement-does-not-cover", "/processing/purposes/0")),
        ({"/events/0/purpose": "p9"}, ("purpose-not-asked", "/events/0/purpose")),
    ],
)
def test_what_cannot_take_effect_is_not_kept(
    laval: Town, changes: Mapping[str, object], expected: tuple[str, str]
) -> None:
    """Nothing given, no notice, no agreement for it, or answers to questions that were not asked."""
    _, line, _ = laval
    with pytest.raises(MalformedError) as caught:
        line.adapter.record_consent(consent_file(changes))
    assert (caught.value.code, caught.value.pointer) == expected
    with line.store.transaction() as tx:
        assert tx.traffic.waiting() == []
    assert not line.adapter.settings.receipts.exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/person": "Jeanne Inventée"}, ("wrong-form", "/person")),
        ({"/salt": "AAAA"}, ("unknown-field", "/salt")),
        ({"/max_uses": 0}, ("out-of-range", "/max_uses")),
        ({"/events": []}, ("too-short", "/events")),
        ({"/circumstances/given_by": "neighbour"}, ("unknown-code", "/circumstances/given_by")),
        ({"/processing/purposes/0/purpose": "referral-luxury"}, ("unknown-code", "/processing/purposes/0/purpose")),
    ],
)
def test_a_consent_file_is_refused_at_the_line(changes: Mapping[str, object], expected: tuple[str, str]) -> None:
    """Each slip with its pointer and its line, none with its value."""
    with pytest.raises(MalformedError) as caught:
        read_consent(json.dumps(consent_members(changes), indent=1).encode())
    assert (caught.value.code, caught.value.pointer) == expected
    assert caught.value.faults[0].line


def test_an_oversized_consent_file_is_refused() -> None:
    """The limit comes first."""
    with pytest.raises(MalformedError, match="too-large"):
        read_consent(strictjson.dumps(consent_members()) + b" " * MAX_CONSENT_FILE)
