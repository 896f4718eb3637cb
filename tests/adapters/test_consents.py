"""Consent on the partner's side: the whole record stays, the statement leaves, the person gets a receipt."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping

import pytest

from adapters.consents import MAX_CONSENT_FILE, read_consent
from consent.record import record_commitment
from consent.statement import STATEMENT_KIND, read_statement
from keys import strictjson
from keys.documents import encode
from keys.errors import MalformedError
from keys.signing import SignedDocument
from tests.adapters.conftest import Town
from tests.adapters.partners import consent_file, consent_members
from tests.invented import ABSENT, HEALTH, LINE, NEWCOMERS, SHELTER

UNCOVERED = ("agreement-does-not-cover", "/processing/purposes/0")


def test_the_statement_grants_what_was_given_and_tells_nothing_else(laval: Town) -> None:
    """One grant to the shelter; neither the refusal, nor the person, nor the deferred question leaves."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    with line.store.transaction() as tx:
        [waiting] = tx.traffic.waiting()
        record = tx.papers.record(recorded.record_id)
    statement = read_statement(SignedDocument.parse(waiting.body, STATEMENT_KIND))
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
    assert json.loads(paths[0].read_text(encoding="utf-8"))["reference"] == recorded.record_id


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/events/0/event_state": "dpv:ConsentRefused"}, ("nothing-given", "/events")),
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
