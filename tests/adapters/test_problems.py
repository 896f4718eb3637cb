"""How a refusal is read: the slug and the place are kept, nothing in it can harm the reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.problems import GatewayProblemError, GatewayUnreachableError, explain, problem_of, sign_in_refused
from adapters.words import words
from keys.errors import Fault, MalformedError
from keys.words import Language

PROBLEM = {"content-type": "application/problem+json; charset=utf-8"}
LANGUAGES: tuple[Language, Language] = ("fr", "en")


def refusal(status: int = 403, headers: dict[str, str] | None = None, **members: object) -> GatewayProblemError:
    """A refusal read from the members of a problem."""
    body = {"type": "https://passerelle.example/problems/consent-ended"} | members
    return problem_of(status, PROBLEM | (headers or {}), json.dumps(body).encode())


def test_a_refusal_keeps_what_the_gateway_explained() -> None:
    """Slug, status, rule, title, detail and the places of the faults reach the reader."""
    problem = refusal(
        title="Consentement retiré.",
        detail="La personne l’a retiré hier.",
        rule="R07",
        errors=[{"pointer": "/payload/protected/authority", "code": "consent-ended"}],
        unknown=True,
    )
    assert (problem.code, problem.status, problem.rule) == ("consent-ended", 403, "R07")
    assert problem.faults == (Fault("consent-ended", "/payload/protected/authority"),)
    assert not problem.transient
    assert explain(problem, "fr").startswith("Consentement retiré. La personne l’a retiré hier.\n")


@pytest.mark.parametrize("status", [401, 408, 425, 429, 500, 502, 503, 504])
def test_what_says_nothing_about_the_document_is_transient(status: int) -> None:
    """Pace, sign-in and broken servers are no judgement on what was sent."""
    assert refusal(status).transient


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 415, 422])
def test_a_judgement_on_the_document_is_final(status: int) -> None:
    """The same bytes would be refused again."""
    assert not refusal(status).transient


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html"}, b"<h1>404</h1>"),
        ({}, b""),
        (PROBLEM, b"{"),
        (PROBLEM, b"[]"),
        (PROBLEM, b'{"type": 3}'),
        (PROBLEM, b'{"type": "https://x.example/Nom De Quelqu un"}'),
        (PROBLEM, b'{"type": "about:blank"}'),
    ],
)
def test_a_page_of_somebody_in_between_judges_nothing(headers: dict[str, str], body: bytes) -> None:
    """A 404 that is no problem document is a proxy's or a mistake in an address: what waits is not thrown away."""
    problem = problem_of(404, headers, body)
    assert (problem.code, problem.transient, problem.title) == ("gateway-problem", True, "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("0", 0), ("999999999", 86400), ("-1", None), ("soon", None), ("1e3", None), ("9" * 5000, None)],
)
def test_a_pause_is_asked_for_in_seconds(text: str, seconds: int | None) -> None:
    """Nobody waits longer than a day, and what is no number is no pause."""
    assert refusal(503, {"retry-after": text}).retry_after == seconds


def test_words_of_the_gateway_cannot_steer_a_terminal() -> None:
    """Escape sequences, new lines, direction marks and endless text are taken out; French spacing stays."""
    problem = refusal(title="Refus\u00a0: \x1b[31mrouge\u202e\r\nsuite\u2028", detail="x" * 100_000)
    assert problem.title == "Refus\u00a0:  [31mrouge  suite"
    assert len(problem.detail) == 2000


def test_places_of_an_odd_form_are_left_out() -> None:
    """A pointer or code that could carry something else than a place is dropped."""
    errors = [
        {"pointer": "not a pointer", "code": "a-b"},
        {"pointer": "/ok", "code": "Marie Inventée"},
        {"pointer": "/x\x1b", "code": "a-b"},
        "text",
        {"code": "missing-field"},
    ]
    assert refusal(errors=errors).faults == (Fault("missing-field", ""),)
    assert refusal(errors={"a": 1}).faults == (Fault("consent-ended", ""),)


def test_a_refused_sign_in_waits_to_be_mended() -> None:
    """A client that is not known may be known tomorrow: nothing that waits is given up."""
    problem = sign_in_refused(401, {"retry-after": "5"}, b'{"error": "invalid_client", "error_description": "x"}')
    assert (problem.code, problem.rule, problem.transient, problem.retry_after) == (
        *("sign-in-refused", "invalid_client"),
        *(True, 5),
    )
    assert sign_in_refused(400, {}, b"\xff").rule is None
    worded = sign_in_refused(400, {}, '{"error": "x", "title": "Clé échue.", "remedy": "Publiez-en une."}'.encode())
    assert explain(worded, "fr") == "Clé échue. Publiez-en une."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_can_be_explained(language: Language) -> None:
    """A slug this program has no words for, as a newer gateway's may be, never stops the explanation."""
    unknown = GatewayProblemError("rule-of-tomorrow", status=403)
    assert explain(unknown, language) == explain(GatewayProblemError("gateway-problem", status=404), language)
    assert explain(GatewayUnreachableError("gateway-unreachable"), language) == words.explain(
        GatewayUnreachableError("gateway-unreachable"), language
    )
    faulty = MalformedError("answer-malformed", faults=(Fault("answer-malformed"), Fault("missing-field", "/v")))
    assert "/v" in explain(faulty, language)


@given(st.binary(max_size=300), st.integers(400, 599), st.text(max_size=30))
def test_reading_a_refusal_never_fails(body: bytes, status: int, retry_after: str) -> None:
    """Whatever a server writes, what is known remains: that it refused."""
    headers = PROBLEM | {"retry-after": retry_after}
    assert problem_of(status, headers, body).status == status
    assert sign_in_refused(status, headers, body).status == status
