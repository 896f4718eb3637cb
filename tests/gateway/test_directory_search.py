"""Finding a service: what fits is found, in an order a caseworker would choose, with the reasons."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.vocabulary import NEEDS
from gateway.directory.languages import language_code
from gateway.directory.listing import ListedService, Opening, Place
from gateway.directory.matching import folded, words_of
from gateway.directory.search import DirectoryIndex, Match, ServiceQuery, search
from keys.documents import encode, parse, validate
from keys.errors import MalformedError
from keys.strictjson import dumps

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""
DAYTIME = Opening(days=("MO",), opens="09:00", closes="17:00", zone="UTC")
EVENING = Opening(days=("MO",), opens="18:00", closes="23:00", zone="UTC")


def listed(name: str = "Refuge Exemple", **changes: Any) -> ListedService:  # noqa: ANN401 - any field, on purpose
    """An invented partner's shelter, without hours."""
    fields: dict[str, Any] = {
        "id": name,
        "name": name,
        "status": "active",
        "organisation": "refuge-exemple@laval",
        "needs": ("shelter-tonight",),
        "places": (Place(),),
    }
    return ListedService(**{**fields, **changes})


def found(services: list[ListedService], **query: object) -> tuple[Match, ...]:
    """What a query as JSON gives at noon."""
    return search(DirectoryIndex(services), validate(ServiceQuery, query), NOON)


def names(services: list[ListedService], **query: object) -> list[str]:
    """The names of what a query gives, in order."""
    return [match.service.name for match in found(services, **query)]


@pytest.mark.parametrize(
    "text",
    [
        "hébergement",
        "HEBERGEMENT",
        "héberg",
        "l’hébergement de la jeunesse",
        "jeunesse Hébergements",
        "œuvre",
        "oeuvre",
    ],
)
def test_words_are_found_whatever_their_accents(text: str) -> None:
    """Accents, capitals, articles, plurals and the end of a word do not hide a service."""
    services = [listed("Hébergement Jeunesse", description="Une œuvre inventée"), listed("Dortoir", needs=())]
    assert names(services, text=text) == ["Hébergement Jeunesse"]


def test_every_word_must_be_there() -> None:
    """Two words narrow, in whichever of the name, the organisation and the description they stand."""
    services = [
        listed("Repas", organisation_name="Les Lilas", needs=()),
        listed("Repas du soir", description="Tout près", needs=()),
    ]
    assert names(services, text="repas") == ["Repas", "Repas du soir"]
    assert names(services, text="repas lilas") == ["Repas"]
    assert names(services, text="pres soir repas") == ["Repas du soir"]
    assert names(services, text="repas absent") == []


def test_needs_are_found_in_the_other_language() -> None:
    """A worker who types in English finds a service described in French, and the other way round."""
    assert names([listed("Le Dortoir")], text="shelter tonight") == ["Le Dortoir"]
    assert names([listed("The Dormitory")], text="hébergement") == ["The Dormitory"]


def test_the_better_fit_comes_first() -> None:
    """A word in the name outweighs one in the description, a whole word one that only begins so; then the name."""
    services = [
        listed("Zone", description="lit", needs=()),
        listed("Abri", description="lit", needs=()),
        listed("Literie", needs=()),
        listed("Lit", needs=()),
    ]
    assert names(services, text="lit") == ["Lit", "Literie", "Abri", "Zone"]


@pytest.mark.parametrize(
    ("query", "changes", "reason"),
    [
        ({"need": "food"}, {"needs": ("food",)}, "need"),
        ({"purpose": "referral-food"}, {"purposes": ("referral-food",)}, "purpose"),
        ({"language": "es"}, {"languages": ("fr", "es")}, "language"),
        ({"language": "spa"}, {"languages": ("es",)}, "language"),
        ({"territory": "Saint-Denis"}, {"organisation": None, "coverage": ("Seine-Saint-Denis",)}, "territory"),
        ({"territory": "montreal"}, {"coverage": ("Tout Montréal et Laval",)}, "territory"),
        ({"territory": "fr"}, {"organisation": "abri@fr"}, "territory"),
        (
            {"accessibility": ["wheelchair", "hearing-loop"]},
            {"places": (Place(), Place(accessibility=("hearing-loop", "low-vision", "wheelchair")))},
            "accessibility",
        ),
        ({"text": "Banque"}, {"description": "Une banque inventée"}, "text"),
    ],
)
def test_each_filter_keeps_what_fits_and_says_so(query: Any, changes: Any, reason: str) -> None:  # noqa: ANN401 - a table's columns
    """The service that fits is found for its reason; the one that does not is not found."""
    [match] = found([listed("Autre"), listed("Voulu", **changes)], **query)
    assert (match.service.name, match.reasons) == ("Voulu", (reason,))


def test_partners_only() -> None:
    """Asked for partners, a service that can only be phoned is left out."""
    services = [listed("Abri", organisation=None), listed("Refuge")]
    assert names(services) == ["Abri", "Refuge"]
    assert [(match.service.name, match.reasons) for match in found(services, partner_only=True)] == [
        ("Refuge", ("partner",))
    ]


def test_a_service_that_names_no_area_is_not_hidden() -> None:
    """Unknown is not elsewhere: it stays, without the reason."""
    [match] = found([listed(organisation=None)], territory="laval")
    assert match.reasons == ()


def test_one_place_must_offer_all_that_is_asked() -> None:
    """Half of the accessibility here and half there helps nobody; the place that fits is the one shown."""
    here, there = Place(name="Ici", accessibility=("wheelchair",)), Place(name="Là", accessibility=("low-vision",))
    assert found([listed(places=(here, there))], accessibility=["wheelchair", "low-vision"]) == ()
    [match] = found([listed(places=(here, there))], accessibility=["low-vision"])
    assert match.place.name == "Là"


def test_open_comes_first_then_unknown_then_closed() -> None:
    """`open_now` orders and never hides; each answer tells what is known."""
    services = [
        listed("A fermé", places=(Place(openings=(EVENING,)),)),
        listed("B inconnu"),
        listed("C ouvert", places=(Place(openings=(EVENING,)), Place(openings=(DAYTIME,)))),
    ]
    assert names(services) == ["A fermé", "B inconnu", "C ouvert"]
    matches = found(services, open_now=True)
    assert [match.service.name for match in matches] == ["C ouvert", "B inconnu", "A fermé"]
    assert [match.open_now for match in matches] == [True, None, False]
    assert [match.reasons for match in matches] == [("open-now",), (), ()]


def test_the_nearest_place_is_shown_with_its_distance() -> None:
    """Distance orders after openness, in metres; a place without position comes last and tells none."""
    near = {"latitude": 45_500_000, "longitude": -73_600_000}
    services = [
        listed("Loin", places=(Place(latitude=46_500_000, longitude=-73_600_000),)),
        listed("Nulle part"),
        listed(
            "Proche",
            places=(
                Place(latitude=47_500_000, longitude=-73_600_000),
                Place(name="Ici", latitude=45_500_000, longitude=-73_600_000),
            ),
        ),
        listed("Ouvert au loin", places=(Place(latitude=0, longitude=106_400_000, openings=(DAYTIME,)),)),
    ]
    matches = found(services, near=near)
    assert [match.service.name for match in matches] == ["Proche", "Loin", "Ouvert au loin", "Nulle part"]
    assert matches[0].place.name == "Ici"
    assert matches[0].distance == 0
    # One degree of latitude is 111.2 km.
    assert matches[1].distance == pytest.approx(111_195, abs=5)
    assert matches[3].distance is None
    assert found(services, near=near, open_now=True)[0].service.name == "Ouvert au loin"
    antipode = {"latitude": -45_500_000, "longitude": 106_400_000}
    assert found(services[2:3], near=antipode)[0].distance is not None


def test_closed_services_are_not_found() -> None:
    """Nobody is sent to a service that is inactive, defunct or closed for now."""
    services = [listed(status=status) for status in ("inactive", "defunct", "temporarily closed")]
    assert found(services) == ()


def test_the_number_of_answers_is_bounded() -> None:
    """Twenty unless asked, at most fifty."""
    services = [listed(f"Refuge {number:03d}") for number in range(120)]
    assert len(found(services)) == 20
    assert names(services, limit=2) == ["Refuge 000", "Refuge 001"]
    assert len(found(services, limit=50)) == 50


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"name": "x"}, "/name", "unknown-field"),
        ({"text": ""}, "/text", "too-short"),
        ({"text": "?! …"}, "/text", "query-without-words"),
        ({"text": "x" * 101}, "/text", "too-long"),
        ({"text": ["x"]}, "/text", "wrong-type"),
        ({"need": "bed"}, "/need", "unknown-code"),
        ({"purpose": "marketing"}, "/purpose", "unknown-code"),
        ({"language": "français"}, "/language", "bad-language"),
        ({"accessibility": ["stairs"]}, "/accessibility/0", "unknown-code"),
        ({"accessibility": ["wheelchair"] * 9}, "/accessibility", "too-long"),
        ({"open_now": "yes"}, "/open_now", "wrong-type"),
        ({"open_now": 1}, "/open_now", "wrong-type"),
        ({"limit": 0}, "/limit", "out-of-range"),
        ({"limit": 51}, "/limit", "out-of-range"),
        ({"limit": True}, "/limit", "wrong-type"),
        ({"near": {"latitude": 90_000_001, "longitude": 0}}, "/near/latitude", "out-of-range"),
        ({"near": {"latitude": 45.5, "longitude": 0}}, "/near/latitude", "wrong-type"),
        ({"near": {"latitude": 0}}, "/near/longitude", "missing-field"),
        ({"territory": "--"}, "/territory", "query-without-words"),
    ],
)
def test_a_bad_query_is_refused_with_its_place(query: object, pointer: str, code: str) -> None:
    """The form is closed: every slip has its slug and its place, on the bytes as they come."""
    with pytest.raises(MalformedError) as caught:
        parse(ServiceQuery, dumps(query), limit=4096)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_an_answer_can_be_written() -> None:
    """A match is a document of our JSON: unknown members are left out, never null."""
    [match] = found([listed()])
    assert b"null" not in encode(match)
    assert parse(Match, encode(match), limit=100_000) == match


@given(
    texts=st.lists(st.text(min_size=1, max_size=30).filter(words_of), min_size=1, max_size=6, unique=True),
    need=st.sampled_from([None, *NEEDS]),
)
def test_a_service_is_found_by_its_own_name(texts: list[str], need: str | None) -> None:
    """Whatever the writing, a service is found by its name, and asking for more never finds more."""
    services = [listed(text, needs=() if need is None else (need,)) for text in texts]
    for text in texts:
        every = names(services, text=text)
        assert text in every
        assert {*names(services, text=text, need="food")} <= {*every}


@given(st.text(max_size=50))
def test_folding_twice_is_folding_once(text: str) -> None:
    """Comparing folded texts is stable, so that the index and the question agree."""
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("tag", "code"),
    [("fr", "fr"), ("FRA", "fr"), ("fre", "fr"), ("fr-CA", "fr"), ("zh_Hant_TW", "zh"), ("fcs", "fcs")],
)
def test_a_language_has_one_spelling(tag: str, code: str) -> None:
    """Two and three letters, regions and capitals lead to one code; sign languages keep theirs."""
    assert language_code(tag) == code
    assert [language_code(wrong) for wrong in ("", "f", "french", "fr CA", "fr-")] == [None] * 5


def test_ten_thousand_services_are_searched() -> None:
    """A large directory answers exactly: one in a thousand fits three conditions at once."""
    needs = list(NEEDS)
    services = [
        listed(
            f"Service {number:05d}",
            needs=(needs[number % 20],),
            languages=("fr",) if number % 10 else ("es",),
            places=(Place(latitude=number, longitude=0, openings=(DAYTIME,)),),
        )
        for number in range(10_000)
    ]
    query = {"text": "service", "need": needs[0], "language": "es", "near": {"latitude": 10_000, "longitude": 0}}
    matches = found(services, **query, open_now=True, limit=3)
    assert [match.service.name for match in matches] == ["Service 09980", "Service 09960", "Service 09940"]
    assert names(services, text="service 04242") == ["Service 04242"]
