"""A directory with slips: each is explained with its place, and nothing is half imported."""

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.hsds import read_hsds
from gateway.directory.listing import ListedService
from keys.documents import encode, parse
from keys.errors import MalformedError
from keys.words import Words
from tests.gateway.hsds_rows import Row, location, read, refused, service, term, weekly

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-hsds"),
        (b"id,name,status\r\n1,Refuge,active\r\n", "not-hsds"),
        (b"PK\x03\x04\x00", "not-hsds"),
        (b"\xff\xfe[\x00]\x00", "not-hsds"),
        (b'"services"', "not-hsds"),
        (b"{}", "not-hsds"),
        (b'{"services": {}}', "not-hsds"),
        (b'{"services.csv": []}', "not-hsds"),
        (b'[{"id": "1"', "not-json"),
        (b"[] trailing", "not-json"),
        (b"\xef\xbb\xbf[]", "byte-order-mark"),
        ('[{"name": "Hébergement"}]'.encode("cp1252"), "not-utf8"),
        (b'[{"id": "1", "id": "2"}]', "duplicate-key"),
        (b'[{"minimum_age": NaN}]', "number-not-allowed"),
        (b'[{"minimum_age": 1e999}]', "number-not-allowed"),
        (b"[" * 17 + b"]" * 17, "too-deep"),
        (b"[" * 100_000, "too-deep"),
        (b'["\\ud800"]', "lone-surrogate"),
        (b"[" + b" " * 200_000 + b"]", "too-large"),
    ],
)
def test_a_file_that_is_no_directory_is_refused(data: bytes, code: str) -> None:
    """What is not an HSDS 3.0 file is refused as a whole, with the reason, in words of both languages."""
    with pytest.raises(MalformedError) as caught:
        read_hsds(data, limit=150_000)
    assert caught.value.code == code
    words = Words("gateway", "consent", "keys")
    assert words.explain(caught.value, "fr") != words.explain(caught.value, "en")


AT_LOCATION = "/1/service_at_locations/0/location"
BAD: list[tuple[Row, str, str]] = [
    ({"id": None}, "/1/id", "missing-field"),
    ({"id": "  "}, "/1/id", "missing-field"),
    ({"name": None}, "/1/name", "missing-field"),
    ({"name": "n" * 201}, "/1/name", "too-long"),
    ({"name": ["Refuge"]}, "/1/name", "wrong-type"),
    ({"status": "open"}, "/1/status", "unknown-code"),
    ({"description": 12}, "/1/description", "wrong-type"),
    ({"organization": "Refuge"}, "/1/organization", "wrong-type"),
    ({"organization": {"id": "o"}}, "/1/organization/name", "missing-field"),
    ({"url": "javascript:alert(1)"}, "/1/url", "bad-link"),
    ({"url": 'https://x.example/"onload="'}, "/1/url", "bad-link"),
    ({"url": "refuge.example"}, "/1/url", "bad-link"),
    ({"minimum_age": "18"}, "/1/minimum_age", "wrong-type"),
    ({"minimum_age": True}, "/1/minimum_age", "wrong-type"),
    ({"minimum_age": -1}, "/1/minimum_age", "out-of-range"),
    ({"minimum_age": 30, "maximum_age": 20}, "/1/maximum_age", "out-of-range"),
    ({"last_modified": "hier"}, "/1/last_modified", "bad-date"),
    ({"last_modified": "0001-01-01T00:00:00+14:00"}, "/1/last_modified", "bad-date"),
    ({"phones": [{"number": "appelez-nous"}]}, "/1/phones/0/number", "bad-phone"),
    ({"phones": [{"id": "p"}]}, "/1/phones/0/number", "missing-field"),
    ({"phones": {"number": "211"}}, "/1/phones", "wrong-type"),
    ({"languages": [{"code": "fr"}, {"code": "français"}]}, "/1/languages/1/code", "bad-language"),
    (
        {"attributes": [term("passerelle-needs", "bed")]},
        "/1/attributes/0/taxonomy_term/code",
        "unknown-code",
    ),
    (
        {"attributes": [term("passerelle-purposes", "marketing")]},
        "/1/attributes/0/taxonomy_term/code",
        "unknown-code",
    ),
    ({"schedules": [weekly("MO,XX")]}, "/1/schedules/0/byday", "unknown-code"),
    ({"schedules": [weekly(freq="DAILY")]}, "/1/schedules/0/freq", "unknown-code"),
    ({"schedules": [weekly(opens_at="25:00")]}, "/1/schedules/0/opens_at", "bad-opening-time"),
    ({"schedules": [weekly(opens_at="24:00")]}, "/1/schedules/0/opens_at", "bad-opening-time"),
    ({"schedules": [weekly(closes_at="24:01")]}, "/1/schedules/0/closes_at", "bad-opening-time"),
    ({"schedules": [weekly(closes_at="17:00+99:00")]}, "/1/schedules/0/closes_at", "bad-opening-time"),
    ({"schedules": [weekly(valid_to="2026-02-30")]}, "/1/schedules/0/valid_to", "bad-date"),
    ({"schedules": [weekly(dtstart="bientôt")]}, "/1/schedules/0/dtstart", "bad-date"),
    ({"schedules": [weekly(timezone=99)]}, "/1/schedules/0/timezone", "out-of-range"),
    (
        {"schedules": [weekly(attributes=[{"link_type": "time-zone", "value": "../../etc/passwd"}])]},
        "/1/schedules/0/attributes/0/value",
        "time-zone-unknown",
    ),
    (
        {"service_at_locations": [{"location": location(latitude=100)}]},
        f"{AT_LOCATION}/latitude",
        "out-of-range",
    ),
    (
        {"service_at_locations": [{"location": location(longitude=None)}]},
        f"{AT_LOCATION}/longitude",
        "missing-field",
    ),
    (
        {"service_at_locations": [{"location": location(attributes=[term("passerelle-accessibility", "x")])}]},
        f"{AT_LOCATION}/attributes/0/taxonomy_term/code",
        "unknown-code",
    ),
]


@pytest.mark.parametrize(("changes", "pointer", "code"), BAD)
def test_a_bad_service_is_explained_and_left_out(changes: Row, pointer: str, code: str) -> None:
    """One slip leaves out its service only, and is told by slug and place in one line of each language."""
    problem = refused({**service(), **changes})
    assert (problem.fault.code, problem.fault.pointer) == (code, pointer)
    words = Words("gateway", "consent", "keys")
    for language in ("fr", "en"):
        line = problem.sentence(words, language)
        assert pointer in line
        assert "\n" not in line
        assert words(f"error.{code}.title", language) in line
        assert words(f"error.{code}.remedy", language) in line


@pytest.mark.parametrize("row", [None, 5, "service", [], True])
def test_a_row_that_is_no_object_is_explained(row: object) -> None:
    """A row of another type is one problem, not the end of the import."""
    assert refused(row).fault.code == "wrong-type"


def test_the_line_and_the_column_are_those_of_the_slip() -> None:
    """Whoever edits the file finds the slip where the problem says; what is missing stands at its object."""
    text = (
        '[\n  {"id": "1", "name": "é", "status": "active"},\n'
        '  {\n    "id": "2",\n    "status": "active", "name": 7}\n,{"id": "3"}]'
    )
    problems = read_hsds(text.encode()).problems
    assert [(p.fault.line, p.fault.column, p.fault.code) for p in problems] == [
        (5, 33, "wrong-type"),
        (6, 2, "missing-field"),
    ]


def test_two_services_may_not_share_an_identifier() -> None:
    """The first is kept and the second explained, so that nothing is silently replaced."""
    result = read(service(), service(name="Imposteur"))
    assert [found.name for found in result.services] == ["Refuge Exemple"]
    assert [(p.fault.code, p.fault.pointer) for p in result.problems] == [("duplicate-service", "/1/id")]


@pytest.mark.parametrize(
    "identifiers",
    [
        [{"identifier_scheme": "passerelle", "identifier": "Refuge@Laval"}],
        [{"identifier_scheme": "passerelle", "identifier": "refuge@laval@ailleurs"}],
        [
            {"identifier_type": "passerelle", "identifier": "refuge@laval"},
            {"identifier_scheme": "passerelle", "identifier": "autre@laval"},
        ],
    ],
)
def test_an_unclear_partner_is_refused(identifiers: list[Row]) -> None:
    """A referral must not go astray: an address out of form, or two of them, leave the service out."""
    row = service(organization={"id": "o", "name": "Organisme Inventé", "organization_identifiers": identifiers})
    assert [p.fault.code for p in read(row).problems] == ["bad-partner-address"]


def _paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _paths(child, (*path, key))


PATHS = list(_paths(service()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(path=st.sampled_from(PATHS), value=JSON)
def test_whatever_is_in_a_row_it_is_whole_or_explained(path: tuple[str | int, ...], value: object) -> None:
    """Any JSON in any place gives one service that can be written, or one problem with its place."""
    row = copy.deepcopy(service())
    inner: Any = row
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    result = read(row)
    assert len(result.services) + len(result.problems) == 1
    for found in result.services:
        assert parse(ListedService, encode(found), limit=1_000_000) == found
    for problem in result.problems:
        assert problem.fault.pointer.startswith("/0")
        assert problem.fault.line == 1


@given(data=st.binary(max_size=300), value=JSON)
def test_any_bytes_are_refused_or_read(data: bytes, value: object) -> None:
    """No file makes the import fail otherwise than by a refusal, and no odd row is taken for a service."""
    for sample in (data, json.dumps(value).encode(), json.dumps([value]).encode()):
        with suppress(MalformedError):
            result = read_hsds(sample)
            assert result.services == ()
            assert all(problem.fault.line for problem in result.problems)


def test_an_older_tabular_directory_is_refused_with_its_reason() -> None:
    """CSV tables of HSDS 1 (such as Ohana's) are not half understood: the whole file is refused, and says why."""
    samples = [b"id,agency_id,name\n1,1,Example Food Bank\n"]
    samples += [path.read_bytes() for path in sorted((SHARED / "ohana-hsds-1").glob("*.csv"))]
    for sample in samples:
        with pytest.raises(MalformedError) as caught:
            read_hsds(sample)
        assert caught.value.code == "not-hsds"
        assert "CSV" in Words("gateway", "keys").explain(caught.value, "en")
