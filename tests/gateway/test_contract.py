"""The OpenAPI document tells of every call of the broker and of no other, in the very words the broker uses."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Request, Response
from jsonschema_rs import Draft202012Validator, meta
from pydantic import BaseModel

from consent.statement import ConsentStatement
from consent.vocabulary import SCOPES
from gateway.contract.document import CALLS, openapi_document
from gateway.contract.refusals import SHARED
from gateway.contract.responses import problems_of
from gateway.contract.schemas import Schema, resolved
from gateway.contract.sign_in_calls import SCOPES_IN_WORDS
from gateway.problems import STATUS
from gateway.words import words
from tests.builders import Json
from tests.gateway.contract import check_documented
from tests.gateway.sign_in import URL
from tests.gateway.world import World

DOCUMENT = openapi_document(URL, "0.4.0")
STATUSES = {400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503}
"""PROTOCOL §6, and 500 for what is our fault."""
HEALTHY: Json = {"headers": {"DPoP-Nonce": "abc"}, "json": {"status": "ok"}}
"""An answer of `GET /healthz` as it should be, but for its status."""


def _served(world: World) -> Counter[tuple[str, str]]:
    """Every method and path that the application answers."""
    routes: list[Any] = [route for each in world.app.routes for route in vars(each)["original_router"].routes]
    return Counter((method.lower(), route.path.replace(":path}", "}")) for route in routes for method in route.methods)


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def test_the_table_holds_every_call_and_no_other(world: World) -> None:
    """What the application answers and what the table tells are the same calls, each once."""
    assert _served(world) == Counter((call.method, call.path) for call in CALLS)


def test_the_document_holds_the_table(world: World) -> None:
    """Every call of the table stands in the document that is served, which is made for this broker's public URL."""
    served = world.client.get("/openapi.json").json()
    assert served == DOCUMENT
    assert served["servers"] == [{"url": URL}]
    told = {(method, path): call for path, calls in served["paths"].items() for method, call in calls.items()}
    assert set(told) == {(call.method, call.path) for call in CALLS}
    assert {told[call.method, call.path]["operationId"] for call in CALLS} == {call.operation for call in CALLS}


def test_operations_have_names_of_their_own() -> None:
    """No two calls share an operationId, from which programmers' tools make the names of functions."""
    assert [name for name, count in Counter(call.operation for call in CALLS).items() if count > 1] == []


def test_every_reason_has_its_status_and_its_words() -> None:
    """Each slug is told with the status by which it is answered, one of PROTOCOL §6, and has its words."""
    found = {problem for call in CALLS for problem in problems_of(call)} | frozenset().union(*SHARED.values())
    assert {status for status, _ in found} <= STATUSES
    assert {(status, slug) for status, slug in found if STATUS.get(slug, status) != status} == set()
    for _, slug in found:
        for language in ("fr", "en"):
            assert words.find(f"error.{slug}.title", language) is not None, slug
            assert words.find(f"error.{slug}.remedy", language) is not None, slug


def test_every_success_has_its_own_status() -> None:
    """Calls succeed with 200 or 201, and every call succeeds somehow."""
    for call in CALLS:
        succeeded = {status for status in call.answers if status in {200, 201}}
        assert succeeded, call.operation
        assert {status for status in call.answers if status < min(STATUSES)} == succeeded


def test_every_scope_is_explained() -> None:
    """The scopes of the document are those of the protocol, and calls ask for no others."""
    assert list(SCOPES_IN_WORDS) == list(SCOPES)
    assert {call.scope for call in CALLS} - {None} <= set(SCOPES)
    told = DOCUMENT["components"]["securitySchemes"]["token"]["flows"]["clientCredentials"]["scopes"]
    assert told == SCOPES_IN_WORDS


def test_whoever_needs_a_token_is_told_so() -> None:
    """A call with a scope can answer 401, and one without never does; the proof is asked for with every token."""
    for call in CALLS:
        told = DOCUMENT["paths"][call.path][call.method]
        assert ("401" in told["responses"]) == (call.scope is not None), call.operation
        if call.scope is not None:
            assert told["security"] == [{"token": [call.scope], "proof": []}]


def test_every_reference_leads_somewhere() -> None:
    """Whatever the document refers to is in it."""
    for reference in set(_references(DOCUMENT)):
        part: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
        assert part


def test_every_schema_is_one() -> None:
    """Each schema is valid JSON Schema 2020-12, the dialect of OpenAPI 3.1, and compiles with those it refers to."""
    components = DOCUMENT["components"]
    for name, schema in components["schemas"].items():
        assert meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}), name
        Draft202012Validator({**schema, "components": components})


def test_an_optional_member_is_never_null() -> None:
    """No schema offers null: what is absent is left out (PROTOCOL §0)."""
    assert '"null"' not in json.dumps(DOCUMENT["components"]["schemas"])
    assert "prev" not in DOCUMENT["components"]["schemas"]["ConsentStatement"]["required"]


def test_closed_lists_are_told_whole() -> None:
    """A member that takes codes lists them all, and nothing else may be added to a document."""
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Authority"]["properties"]["jurisdiction"]["enum"] == ["CA-QC", "FR"]
    assert schemas["ConsentStatement"]["additionalProperties"] is False


def test_two_models_of_one_name_are_not_mixed_up() -> None:
    """Making the document stops when one of two documents would be told as the other."""
    twin = type("ConsentStatement", (BaseModel,), {"__annotations__": {"other": int}})
    components: dict[str, Schema] = {}
    resolved(ConsentStatement, components)
    with pytest.raises(ValueError, match="ConsentStatement"):
        resolved(twin, components)


@pytest.mark.parametrize(
    ("path", "status", "changes"),
    [
        ("/healthz", 418, {}),
        ("/healthz", 401, {}),
        ("/healthz", 200, {"headers": {}}),
        ("/healthz", 200, {"headers": {"DPoP-Nonce": "with space"}}),
        ("/healthz", 200, {"json": {"status": "ok", "more": 1}}),
        ("/healthz", 200, {"json": {"status": "tired"}}),
        ("/healthz", 200, {"json": None, "text": "ok"}),
        ("/nowhere", 200, {}),
    ],
)
def test_an_answer_that_is_not_told_of_is_found(path: str, status: int, changes: Json) -> None:
    """The check that all tests of the broker make sees a wrong status, header, media type, body or place."""
    fine = Response(200, **HEALTHY, request=Request("GET", f"{URL}/healthz"))
    check_documented(fine)
    with pytest.raises(AssertionError):
        check_documented(Response(status, **{**HEALTHY, **changes}, request=Request("GET", URL + path)))


@pytest.mark.parametrize(
    ("slug", "documented"), [("agreement-unknown", True), ("envelope-unknown", False), ("no-such-slug", False)]
)
def test_a_reason_that_is_not_told_of_is_found(slug: str, *, documented: bool) -> None:
    """A status may be right and the reason one that this call does not have."""
    body = {"type": f"{URL}/problems/{slug}", "title": "t", "status": 404, "detail": "d"}
    answer = Response(
        404,
        headers={"DPoP-Nonce": "a", "Content-Language": "fr", "Content-Type": "application/problem+json"},
        content=json.dumps(body).encode(),
        request=Request("GET", f"{URL}/v1/agreements/agr_x/1"),
    )
    if documented:
        check_documented(answer)
    else:
        with pytest.raises(AssertionError):
            check_documented(answer)


def test_what_a_receipt_holds_is_checked_inside(world: World) -> None:
    """The payload of a signed answer is read and held against its own schema."""
    given = world.line.register()
    receipt = given.json()
    forged = {**receipt, "payload": "e30="}  # {} in base64
    headers = {"DPoP-Nonce": "a", "Content-Type": given.headers["content-type"]}
    check_documented(Response(201, headers=headers, content=given.content, request=given.request))
    with pytest.raises(AssertionError, match="required"):
        check_documented(Response(201, headers=headers, content=json.dumps(forged).encode(), request=given.request))


def test_a_path_with_a_slash_too_many_is_another_path(world: World) -> None:
    """Nothing is redirected: a proof is for one place, and the document tells of no other."""
    for path in ("/healthz/", "/v1/agreements/", "/openapi.json/"):
        assert world.line.get(path).status_code == 404
