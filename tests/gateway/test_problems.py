"""Refusals explain themselves: a status for every slug, words in both languages, and nothing of what was sent."""

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from gateway.problems import RETRY_SECONDS, STATUS, ProblemError, problem
from gateway.store.store import StoreUnavailableError
from gateway.words import words
from keys import errors
from keys.errors import Fault, MalformedError, PasserelleError
from tests import house_rules
from tests.gateway.first_day import CANARY
from tests.gateway.sign_in import URL
from tests.gateway.world import World, refusal_of
from tests.repository import CODE

STATUSES = {400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503}
"""The statuses of PROTOCOL §6, with 405 for a wrong method and 500 for a fault of ours."""
KINDS = (
    (errors.MalformedError, 422),
    (errors.ForgedError, 403),
    (errors.UntrustedKeyError, 403),
    (errors.WeakKeyError, 422),
    (errors.ChainConflictError, 409),
    (errors.CannotOpenError, 422),
    (StoreUnavailableError, 503),
    (ProblemError, 403),
)


def _uttered() -> list[str]:
    """Every slug that the broker, or a core it stands on, can utter."""
    code = {
        path: text for path, text in CODE.items() if path.split("/")[0] in {"keys", "consent", "journal", "gateway"}
    }
    names = house_rules.error_names(CODE)
    return sorted({slug for text in code.values() for _, slug in house_rules.slugs_used(text, names)} | set(STATUS))


def _told(world: World, error: PasserelleError, language: str = "en") -> Response:
    scope = {"type": "http", "app": world.app, "headers": [(b"accept-language", language.encode())]}
    return problem(Request(scope), error)


def test_every_slug_has_a_status_and_words_in_both_languages(world: World) -> None:
    """No slug is left to chance: a status of the protocol, a title and a remedy in French and in English."""
    slugs = _uttered()
    assert len(slugs) > 150
    for slug in slugs:
        for kind, _ in KINDS:
            assert _told(world, kind(slug)).status_code in STATUSES
        for part in ("title", "remedy"):
            french, english = (words(f"error.{slug}.{part}", language) for language in ("fr", "en"))
            assert french != english


@pytest.mark.parametrize(("kind", "status"), KINDS)
def test_the_kind_of_an_error_decides_where_its_slug_does_not(
    world: World, kind: type[PasserelleError], status: int
) -> None:
    """Malformed is 422, forged 403, a conflict of chains 409, a database out of reach 503."""
    assert _told(world, kind("wrong-type")).status_code == status


@pytest.mark.parametrize(("slug", "status"), sorted(STATUS.items()))
def test_the_table_of_statuses_holds(world: World, slug: str, status: int) -> None:
    """Each slug of the table has its status, and a delay where repeating helps."""
    answer = _told(world, MalformedError(slug))
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == (str(RETRY_SECONDS[status]) if status in RETRY_SECONDS else None)


@pytest.mark.parametrize(
    ("asked", "language"),
    [("fr", "fr"), ("en-CA,fr;q=0.5", "en"), ("fr-CA,en;q=0.9", "fr"), ("de", "fr"), ("*;;q=x", "fr"), ("", "fr")],
)
def test_a_problem_speaks_the_readers_language(world: World, asked: str, language: str) -> None:
    """French or English as asked for, French otherwise; the type is the same in both."""
    answer = world.client.get("/v1/nothing", headers={"Accept-Language": asked})
    assert answer.headers["content-language"] == language
    assert answer.headers["vary"] == "Accept-Language"
    assert answer.json()["type"] == f"{URL}/problems/not-found"
    assert answer.json()["title"] == words("error.not-found.title", "fr" if language == "fr" else "en")


def test_the_type_of_a_problem_can_be_looked_up(world: World) -> None:
    """Its address explains it in both languages; a slug that does not exist is not found."""
    page = world.client.get("/problems/seq-taken").json()
    assert page["fr"]["title"] != page["en"]["title"]
    assert world.client.get("/problems/no-such-slug").status_code == 404
    assert world.client.get("/problems/x.title").status_code == 404


def test_every_fault_is_told_with_its_place(world: World) -> None:
    """All of them, each with pointer and code."""
    faults = (Fault("missing-field", "/a"), Fault("wrong-type", "/b/0"))
    answer = _told(world, MalformedError("missing-field", faults=faults))
    assert b'"errors": [{"pointer": "/a", "code": "missing-field"}, {"pointer": "/b/0", "code": "wrong-type"}]' in (
        bytes(answer.body)
    )


def test_a_fault_of_ours_says_nothing_but_a_number(world: World) -> None:
    """An unknown exception is a bare 500 whose number is in the log, with its kind and without its text."""

    async def fail() -> None:
        raise RuntimeError(CANARY)

    world.app.add_api_route("/broken", fail)
    client = TestClient(world.app, raise_server_exceptions=False)
    with capture_logs() as logs:
        answer = client.get("/broken", headers={"Accept-Language": "en"})
    assert refusal_of(answer) == (500, "internal")
    assert set(answer.json()) == {"type", "title", "status", "detail", "correlation"}
    assert CANARY not in answer.text
    assert "RuntimeError" not in answer.text
    [line] = [log for log in logs if log["event"] == "request.failed"]
    assert line["correlation"] == answer.json()["correlation"]
    assert line["kind"] == "RuntimeError"
    assert CANARY not in str(logs)
