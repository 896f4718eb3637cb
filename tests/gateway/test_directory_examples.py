"""The directories shipped as examples: they load, they are plainly invented, and they can be searched."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.directory.hsds import DirectoryImport, read_hsds
from gateway.directory.listing import ACCESSIBILITY
from gateway.directory.search import REASONS, DirectoryIndex, ServiceQuery, search
from keys.words import Words

EXAMPLES = Path(__file__).parents[2] / "examples"
TERRITORIES = {
    "laval": {"ligne-211@laval", "refuge-lavoie@laval", "equipe-sm@laval", "carrefour-accueil@laval"},
    "fr": {"veille-115@fr", "foyer-lilas@fr", "accueil-jour@fr", "equipe-sante@fr"},
}
# Numbers kept for fiction: 555-01xx in North America; the ranges that ARCEP reserved in France.
FICTIONAL = re.compile(r"\+1 450 555-01\d\d|01 99 00( \d\d){2}|06 39 98( \d\d){2}")


def _directory(territory: str) -> DirectoryImport:
    return read_hsds((EXAMPLES / f"directory-{territory}.json").read_bytes())


@pytest.mark.parametrize("territory", TERRITORIES)
def test_the_examples_load_whole(territory: str) -> None:
    """Every service of an example is imported, and the partners of the demonstration are among them."""
    result = _directory(territory)
    assert result.problems == ()
    assert {found.organisation for found in result.services} - {None} == TERRITORIES[territory]
    for found in result.services:
        assert found.needs
        assert found.languages
        assert found.how_to_refer
        assert all(place.openings and place.hours_complete for place in found.places)
        # A directory that fell back on UTC would tell the wrong hours.
        assert {opening.zone for place in found.places for opening in place.openings} <= {
            "America/Toronto",
            "Europe/Paris",
        }


@pytest.mark.parametrize("territory", TERRITORIES)
def test_the_examples_are_plainly_invented(territory: str) -> None:
    """Each service and organisation says so, and each telephone number is one that nobody has."""
    rows = json.loads((EXAMPLES / f"directory-{territory}.json").read_bytes())["services"]
    for row in rows:
        assert row["description"].startswith("Exemple inventé.")
        assert row["organization"]["description"].startswith("Exemple inventé.")
    numbers = [phone.number for found in _directory(territory).services for phone in found.phones]
    assert numbers
    assert [number for number in numbers if not FICTIONAL.fullmatch(number)] == []


@pytest.mark.parametrize(("territory", "expected"), [("laval", "refuge-lavoie@laval"), ("fr", "foyer-lilas@fr")])
def test_a_shelter_is_found_in_the_evening(territory: str, expected: str) -> None:
    """At seven in the evening, who needs a bed is told of the shelter, open and able to take a referral."""
    evening = datetime(2026, 11, 23, 0 if territory == "laval" else 18, 0, tzinfo=UTC)
    query = ServiceQuery(need="shelter-tonight", purpose="referral-shelter", open_now=True, partner_only=True)
    [match] = search(DirectoryIndex(_directory(territory).services), query, evening)
    assert match.service.organisation == expected
    assert match.reasons == ("need", "purpose", "open-now", "partner")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_code_of_the_directory_has_words(language: str) -> None:
    """Reasons and accessibility can be read by people in both languages."""
    words = Words("gateway")
    keys = [f"directory.reason.{code}" for code in REASONS]
    keys += [f"directory.accessibility.{code}" for code in ACCESSIBILITY]
    for key in keys:
        assert words.find(key, "fr" if language == "fr" else "en")
