"""The consent record: what it must hold, and when a consent that was given has no effect."""

import csv
import hashlib
from pathlib import Path
from typing import get_args

import pytest

from consent.answers import ConsentState, ConsentType
from consent.record import MAX_RECORD, ConsentRecord, record_commitment
from keys import strictjson
from keys.documents import b64url, encode, format_time, parse
from keys.errors import MalformedError
from tests.builders import (
    ABSENT,
    AT,
    DAY,
    HEALTH,
    NEWCOMERS,
    SHELTER,
    STATEMENT_ID,
    derived_statement,
    record,
    record_members,
)

DPV = Path(__file__).parents[2].parent / "shared" / "data" / "dpv-2.3" / "2.3" / "dpv" / "dpv.csv"


def test_a_record_reads_back_as_written() -> None:
    """What is kept is what was read, to the byte, and its digest with the salt is the commitment."""
    kept = encode(record())
    assert encode(parse(ConsentRecord, kept, limit=MAX_RECORD)) == kept
    assert record_commitment(kept, record().salt) == hashlib.sha256(bytes(range(32)) + kept).hexdigest()


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"/header/schema_version": "1"}, "unknown-code", "/header/schema_version"),
        ({"/header/record_id": STATEMENT_ID}, "wrong-form", "/header/record_id"),
        ({"/header/pii_principal_id": "Personne Fictive"}, "wrong-form", "/header/pii_principal_id"),
        ({"/processing/language": "français"}, "wrong-form", "/processing/language"),
        ({"/processing/purposes/1/pid": "p1"}, "duplicate-entry", "/processing/purposes/1/pid"),
        ({"/processing/purposes/0/purpose": "everything"}, "unknown-code", "/processing/purposes/0/purpose"),
        (
            {"/processing/purposes/0/lawful_basis": "x"},
            "unknown-code",
            "/processing/purposes/0/lawful_basis",
        ),
        ({"/processing/purposes/0/sections": []}, "too-short", "/processing/purposes/0/sections"),
        (
            {"/processing/purposes/0/sections": ["identity", "identity"]},
            *("duplicate-entry", "/processing/purposes/0/sections/1"),
        ),
        (
            {"/processing/purposes/0/recipients": [SHELTER, "inconnu@laval"]},
            *("party-not-identified", "/processing/purposes/0/recipients/1"),
        ),
        (
            {"/processing/purposes/1/purpose": "referral-shelter", "/processing/purposes/1/recipients": [SHELTER]},
            *("duplicate-entry", "/processing/purposes/1/recipients/0"),
        ),
        (
            {"/party_identification/recipients/1/party_id": SHELTER},
            *("duplicate-entry", "/party_identification/recipients/1/party_id"),
        ),
        ({"/events/0/purpose": "p9"}, "purpose-not-asked", "/events/0/purpose"),
        ({"/events/0/purpose": ["p1", "p2"]}, "wrong-type", "/events/0/purpose"),
        ({"/events/1/event_time": format_time(AT - DAY)}, "events-out-of-order", "/events/1/event_time"),
        ({"/events/0/event_state": "dpv:ConsentAssumed"}, "unknown-code", "/events/0/event_state"),
        ({"/events/0/validity_duration": "forever"}, "wrong-form", "/events/0/validity_duration"),
        ({"/events/0/expression/script": ABSENT}, "missing-field", "/events/0/expression/script"),
        ({"/events/0/expression/kept_at": "armoire 2"}, "unexpected-member", "/events/0/expression/kept_at"),
        ({"/events/0/expression": {"how": "nodded"}}, "unknown-code", "/events/0/expression/how"),
        ({"/events/0/expression": {"how": "signed-paper"}}, "missing-field", "/events/0/expression/kept_at"),
        ({"/events/0/worker": "Prénom Inventé"}, "wrong-form", "/events/0/worker"),
        ({"/circumstances/age": "13"}, "unknown-code", "/circumstances/age"),
        ({"/circumstances/given_by": "neighbour"}, "unknown-code", "/circumstances/given_by"),
        ({"/salt": b64url(bytes(31))}, "wrong-form", "/salt"),
        ({"/note": "Personne-Fictive"}, "unknown-field", "/note"),
    ],
)
def test_a_record_with_a_slip_is_refused(changes: dict[str, object], code: str, pointer: str) -> None:
    """Each slip in a record is refused at its own place, with its line and column."""
    with pytest.raises(MalformedError) as caught:
        parse(ConsentRecord, strictjson.dumps(record_members(changes)), limit=MAX_RECORD)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    assert caught.value.faults[0].line == 1


def test_questions_and_recipients_are_counted() -> None:
    """A record asks for a hundred purposes and recipients together at most."""
    many = [f"organisme-{number}@laval" for number in range(99)]
    everyone = (SHELTER, HEALTH, NEWCOMERS, *many[:97])
    parties = [{"party_id": address, "party_name": "Organisme inventé"} for address in everyone]
    purposes = record_members()["processing"]["purposes"]
    purposes[0]["recipients"] = [SHELTER, *many[:97]]
    changes: dict[str, object] = {
        "/processing/purposes": purposes,
        "/party_identification/recipients": parties,
    }
    assert len(derived_statement(changes).grants) == 98
    purposes[1]["recipients"] = [HEALTH, many[0]]
    with pytest.raises(MalformedError) as caught:
        record(changes)
    assert (caught.value.code, caught.value.pointer) == ("too-long", "/processing/purposes")


def test_the_terms_are_those_of_dpv() -> None:
    """States and types are written as the Data Privacy Vocabulary names them, wherever its list is at hand."""
    names = {name.removeprefix("dpv:") for name in (*get_args(ConsentState), *get_args(ConsentType), "dpv:Consent")}
    assert len(names) == 14
    assert {"ConsentGiven", "ConsentRefused", "ConsentRequested", "ConsentRequestDeferred"} <= names
    if DPV.exists():
        with DPV.open(encoding="utf-8", newline="") as file:
            known = {row["term"]: row["iri"] for row in csv.DictReader(file)}
        assert {name: known.get(name) for name in names} == {name: f"https://w3id.org/dpv#{name}" for name in names}
