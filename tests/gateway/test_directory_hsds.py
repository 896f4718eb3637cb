"""Reading a directory of services: everything that helps comes through, nothing else does, and every slip is told."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.hsds import DirectoryImport, read_hsds
from gateway.directory.listing import ListedService, Phone
from keys.documents import encode, parse
from keys.words import Words
from tests.gateway.hsds_rows import imported, location, read, refused, service, term

SHARED = Path(__file__).parents[3] / "shared" / "data"
CANARY = "Zoé Canari-Fictive"


def test_a_service_is_read_whole() -> None:
    """Each thing a caseworker needs to know of a service is found in the document."""
    found = imported(service())
    assert (found.id, found.status, found.name) == ("s1", "active", "Refuge Exemple")
    assert (found.organisation, found.organisation_name) == ("refuge-exemple@laval", "Organisme Inventé")
    assert (found.needs, found.purposes) == (("shelter-tonight",), ("referral-shelter",))
    assert (found.coverage, found.languages) == (("Laval",), ("fr", "en"))
    assert (found.eligibility, found.minimum_age, found.maximum_age) == ("Adultes", 18, 100)
    assert (found.fees, found.how_to_refer) == ("Gratuit", "Appeler avant 20 h.")
    assert found.phones == (Phone(number="+1 450 555-0123", extension="7"),)
    assert found.url == "https://refuge.example/accueil"
    assert found.updated == datetime(2026, 11, 2, 14, 0, tzinfo=UTC)
    [place] = found.places
    assert (place.name, place.address) == ("Maison Exemple", "1, rue de l’Exemple, Laval")
    assert (place.latitude, place.longitude) == (45_556_900, -73_721_000)
    assert (place.accessibility, place.accessibility_note) == (("wheelchair",), "Rampe")


def test_what_is_read_can_be_written_and_read_again() -> None:
    """The document of a service survives its own bytes: no decimals, no null, every code known."""
    found = imported(service())
    assert parse(ListedService, encode(found), limit=100_000) == found


@pytest.mark.parametrize(
    ("wrapped", "pointer"),
    [
        (lambda row: [row], "/0"),
        (lambda row: {"services": [row], "version": "3.0"}, "/services/0"),
        (lambda row: {"total_items": 1, "contents": [row]}, "/contents/0"),
        (lambda row: row, ""),
    ],
)
def test_each_form_of_file_is_read(wrapped: Any, pointer: str) -> None:  # noqa: ANN401 - a table's column
    """A list, an object of services, a page of the API, and one service alone are the same service."""
    good = read_hsds(json.dumps(wrapped(service())).encode())
    assert [found.name for found in good.services] == ["Refuge Exemple"]
    bad = read_hsds(json.dumps(wrapped(service(name=7))).encode())
    assert [problem.fault.pointer for problem in bad.problems] == [f"{pointer}/name"]


def test_services_inside_their_organisation_belong_to_it() -> None:
    """An organisation with its services, as the API gives it, names the organisation of each."""
    organisation = service()["organization"]
    row = service(organization=None)
    [found] = read_hsds(json.dumps({**organisation, "services": [row]}).encode()).services
    assert (found.organisation, found.organisation_name) == ("refuge-exemple@laval", "Organisme Inventé")


def test_an_empty_directory_is_a_directory() -> None:
    """A file that lists no service gives none, and no problem."""
    assert read() == read_hsds(b'{"services": []}') == DirectoryImport((), ())


def test_what_we_do_not_know_is_ignored_and_null_is_absent() -> None:
    """HSDS lets publishers add members, and many write null for what they do not know."""
    row = service(x_ours={"deep": [1.5]}, alert=None, wait_time=3)
    assert imported({**row, "alert": None, "phones": None, "program": None}).phones == ()


def test_no_person_and_no_input_value_comes_through() -> None:
    """Names of contact persons, wherever HSDS allows them, and values that were refused are nowhere after."""
    contact = {"id": "c", "name": CANARY, "email": "canari@fictive.example", "phones": [{"number": "450 555-0199"}]}
    address = {"address_1": "1, rue de l’Exemple", "attention": CANARY}
    row = service(
        contacts=[contact],
        assurer_email="canari@fictive.example",
        organization={**service()["organization"], "contacts": [contact], "email": "canari@fictive.example"},
        service_at_locations=[{"contacts": [contact], "location": location(contacts=[contact], addresses=[address])}],
    )
    written = encode(imported(row)).decode()
    assert "1, rue de l’Exemple" in written
    for secret in ("Canari", "canari", "0199"):
        assert secret not in written
    for name in ("status", "url", "last_modified", "minimum_age", "languages", CANARY):
        problem = refused({**row, "id": "s2", "status": CANARY, name: CANARY})
        assert "Canari" not in repr(problem) + problem.sentence(Words("gateway", "keys"), "fr")


def test_hidden_characters_do_not_come_through() -> None:
    """Neither a terminal command nor a reversal of direction survives in a text; a no-break space does."""
    found = imported(service(name="Refuge\u202e\x1b[2J\n Exemple\u00a0!", description="\x00a\u2066b"))
    assert (found.name, found.description) == ("Refuge [2J Exemple\u00a0!", "a b")


def test_a_long_description_is_cut_at_a_word() -> None:
    """A description over 1000 characters ends with an ellipsis; one of 1000 is whole."""
    assert imported(service(description="a" * 1000)).description == "a" * 1000
    cut = imported(service(description="mot " * 300)).description
    assert len(cut) <= 1000
    assert cut.endswith("mot…")
    assert len(imported(service(description="a" * 1001)).description) == 1000


def test_the_directory_is_told_needs_in_three_vocabularies() -> None:
    """Our codes, data·inclusion and HL7 Gravity lead to the same needs; other taxonomies lead nowhere."""
    row = service(
        attributes=[
            term("passerelle-needs", "food"),
            term("https://www.data.inclusion.beta.gouv.fr/thematiques", "sante--addictions"),
            {"taxonomy_term": {"code": "homelessness", "taxonomy_detail": {"name": "SDOHCC Temporary Codes"}}},
            term("http://hl7.org/gravity", "financial-insecurity"),
            term("data·inclusion", "equipement-et-alimentation--alimentation"),
            term("gravity", "sdoh-category-unspecified"),
            term("gravity", "no-such-code"),
            term("openeligibility", "food"),
            {"id": "v", "value": "food"},
        ]
    )
    assert imported(row).needs == ("food", "addiction", "shelter-tonight", "money", "debt")


def test_a_service_without_partner_can_still_be_phoned() -> None:
    """Identifiers of other schemes make no partner; numbers of the organisation serve when it is all there is."""
    organisation = {
        "id": "o",
        "name": "Organisme Inventé",
        "organization_identifiers": [{"identifier_scheme": "CA-NEQ", "identifier": "refuge@laval"}],
        "phones": [{"number": '"211"', "type": "Cell"}, {"number": "450 555-0101", "type": "pager"}],
    }
    found = imported(service(organization=organisation, phones=None))
    assert found.organisation is None
    assert found.phones == (Phone(number="211"), Phone(number="450 555-0101", kind="other"))
    assert len(imported(service(organization=organisation)).phones) == 1


def test_prices_are_told_when_no_sentence_is() -> None:
    """Without words about fees, the list of prices is what the caseworker reads."""
    prices = [{"amount": 3, "currency": "CAD", "option": "par panier"}, {"amount": 2.5, "currency": "CAD"}]
    assert imported(service(fees_description=None, cost_options=prices)).fees == "3 CAD par panier; 2.50 CAD"
    assert imported(service(fees_description=None, fees="À la carte", cost_options=prices)).fees == "À la carte"
    assert imported(service(fees_description=None)).fees is None


def test_the_examples_of_the_specification_are_read() -> None:
    """Published HSDS examples give services or reasons; where absent, a row of the same kind is read instead."""
    assert imported(service(phones=[{"number": '"+44 1234 234567"'}])).phones[0].number == "+44 1234 234567"
    for folder in ("hsds-3.0", "hsds-3.1-dev"):
        for name, code in (("service_full", "out-of-range"), ("service_list", None)):
            path = SHARED / folder / "examples" / f"{name}.json"
            if path.exists():
                result = read_hsds(path.read_bytes())
                # The full example stands at latitude 100, beyond the pole.
                assert [p.fault.code for p in result.problems] == ([code] if code else [])
                mended = read_hsds(path.read_bytes().replace(b'"latitude": 100', b'"latitude": 45.5'))
                assert [found.name for found in mended.services] == ["Community Counselling"]
                assert "Persona" not in encode(mended.services[0]).decode()
