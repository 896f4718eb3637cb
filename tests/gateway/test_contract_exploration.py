"""Schemathesis tries the broker at length from its OpenAPI document and finds nothing but documented answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.document import CALLS
from tests.builders import Json
from tests.databases import Server
from tests.repository import ROOT

OWN = "/openapi.json"
"""The document itself, which schemathesis reads and does not try."""
FOUND = {
    "GET /problems/{slug}",
    "GET /v1/agreements/{identifier}/{version}",
    "GET /v1/consents/{identifier}",
    "GET /v1/journal/proof/{index}",
    "GET /v1/journal/tile/{path}",
    "GET /v1/organisations/{address}",
}
"""What a partner finds who names what is there."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gateway.sqlite3'}"
        return
    server: Server = request.getfixturevalue("server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def _explored(url: str, run: str) -> Json:
    """What one run of the explorer found, and how often each call was answered with each status."""
    program = [sys.executable, "-m", "tests.gateway.explorer", url, run]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _labels(*, private: bool | None = None) -> set[str]:
    return {
        f"{call.method.upper()} {call.path}"
        for call in CALLS
        if call.path != OWN and (private is None or (call.scope is not None) == private)
    }


def test_a_partner_gets_documented_answers_whatever_it_sends(url: str) -> None:
    """Every call, with valid and invalid bodies, parameters, headers and methods: no other status, form or error."""
    result = _explored(url, "signed-in")
    assert result["findings"] == []
    assert set(result["answers"]) == _labels()
    assert all(set(told) != {"401"} for told in result["answers"].values())


def test_what_is_there_is_told_as_documented(url: str) -> None:
    """The same where the caller names agreements, consents, partners and tiles that exist."""
    result = _explored(url, "known")
    assert result["findings"] == []
    assert {label for label, told in result["answers"].items() if "200" in told} == FOUND


def test_nobody_gets_in_without_a_token(url: str) -> None:
    """Every call that needs a token is refused, as documented, and the others are answered."""
    result = _explored(url, "anonymous")
    assert result["findings"] == []
    assert {label for label, told in result["answers"].items() if set(told) == {"401"}} == _labels(private=True)
    assert {label for label, told in result["answers"].items() if "401" not in told} == _labels(private=False)


def test_a_document_that_lies_is_found_out(tmp_path: Path) -> None:
    """A call that answers with another body or another status than it says is among the findings."""
    found = {
        tuple(finding.split(": ")[:2])
        for finding in _explored(f"sqlite:///{tmp_path / 'gateway.sqlite3'}", "lying")["findings"]
    }
    assert found == {("GET /healthz", "response_schema_conformance"), ("GET /readyz", "status_code_conformance")}
