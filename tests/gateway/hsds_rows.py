"""Invented services as an HSDS 3.0 file writes them; valid unless a test changes something."""

import json
from typing import Any

from gateway.directory.hsds import DirectoryImport, RowProblem, read_hsds
from gateway.directory.listing import ListedService

Row = dict[str, Any]


def term(taxonomy: str, code: str, **members: Any) -> Row:  # noqa: ANN401 - any JSON value, on purpose
    """An attribute that classifies what it hangs on."""
    return {"id": "a", "taxonomy_term": {"id": "t", "code": code, "taxonomy": taxonomy, **members}}


def zone(name: str) -> Row:
    """An attribute that names a clock."""
    return {"id": "z", "link_type": "time-zone", "value": name}


def weekly(byday: str = "MO,TU,WE,TH,FR", **changes: Any) -> Row:  # noqa: ANN401 - any JSON value, on purpose
    """A schedule, from 09:00 to 17:00 on working days."""
    row = {"id": "h", "freq": "WEEKLY", "byday": byday, "opens_at": "09:00", "closes_at": "17:00"}
    return {**row, **changes}


def location(**changes: Any) -> Row:  # noqa: ANN401 - any JSON value, on purpose
    """A location in Laval, with one accessible entrance."""
    row = {
        "id": "l",
        "location_type": "physical",
        "name": "Maison Exemple",
        "latitude": 45.5569,
        "longitude": -73.721,
        "addresses": [{"id": "d", "address_1": "1, rue de l’Exemple", "city": "Laval", "attention": "Canari"}],
        "accessibility": [
            {"id": "c", "description": "Rampe", "attributes": [term("passerelle-accessibility", "wheelchair")]}
        ],
        "attributes": [zone("America/Toronto")],
    }
    return {**row, **changes}


def service(**changes: Any) -> Row:  # noqa: ANN401 - any JSON value, on purpose
    """A night shelter that is a partner; a change to None removes the member."""
    row = {
        "id": "s1",
        "name": "Refuge Exemple",
        "status": "active",
        "description": "Exemple inventé. Un lit pour la nuit.",
        "url": "https://refuge.example/accueil",
        "application_process": "Appeler avant 20 h.",
        "fees_description": "Gratuit",
        "eligibility_description": "Adultes",
        "minimum_age": 18,
        "maximum_age": 99.5,
        "last_modified": "2026-11-02T09:00:00-05:00",
        "organization": {
            "id": "o",
            "name": "Organisme Inventé",
            "organization_identifiers": [
                {"id": "i", "identifier_scheme": "passerelle", "identifier": "refuge-exemple@laval"}
            ],
        },
        "phones": [{"id": "p", "number": "+1 450 555-0123", "extension": 7}],
        "languages": [{"id": "f", "code": "fra"}, {"id": "e", "code": "en-CA"}],
        "service_areas": [{"id": "r", "name": "Laval"}],
        "schedules": [weekly()],
        "service_at_locations": [{"id": "x", "location": location()}],
        "attributes": [
            term("passerelle-needs", "shelter-tonight"),
            term("passerelle-purposes", "referral-shelter"),
        ],
    }
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def read(*rows: object, clock: str = "UTC") -> DirectoryImport:
    """Import rows as a file that lists them."""
    return read_hsds(json.dumps(rows).encode(), zone=clock)


def imported(row: Row, clock: str = "UTC") -> ListedService:
    """The service that a row gives, which must be without problem."""
    result = read(row, clock=clock)
    assert result.problems == ()
    return result.services[0]


def refused(row: object) -> RowProblem:
    """The problem that a row gives, beside a good service that must come through."""
    result = read(service(id="other"), row)
    assert [found.id for found in result.services] == ["other"]
    [problem] = result.problems
    assert problem.row == 2
    return problem
