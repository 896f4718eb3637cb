"""Holds every answer of the broker against its OpenAPI document: an answer that it does not tell of is a fault."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from httpx2 import Response
from jsonschema_rs import Draft202012Validator

from gateway.contract.document import openapi_document
from tests.builders import Json
from tests.gateway.sign_in import URL

OUTSIDE = {404: "not-found", 405: "method-not-allowed", 500: "internal"}
"""What is answered where the document tells of no call: its introduction says so."""


def check_documented(answer: Response) -> None:
    """Return only if the document tells of this answer: its status, media type, headers and body."""
    answer.read()
    method, path = answer.request.method, answer.request.url.path
    call = call_of(method.lower(), path)
    if call is None:
        assert answer.status_code in OUTSIDE, f"{method} {path}: {answer.status_code}"
        assert answer.json()["type"] == f"{URL}/problems/{OUTSIDE[answer.status_code]}"
        return
    told = _resolved(call["responses"].get(str(answer.status_code)))
    assert told is not None, f"{method} {path}: {answer.status_code} is not documented: {_slug(answer)}"
    _check_headers(told, answer)
    media = answer.headers["content-type"].partition(";")[0]
    assert media in told["content"], f"{method} {path}: {media} is not documented for {answer.status_code}"
    schema = told["content"][media].get("schema")
    if schema is not None:
        body = answer.json() if media.endswith("json") else answer.text
        faults = [fault.message for fault in _validator(json.dumps(schema)).iter_errors(body)]
        assert faults == [], f"{method} {path}: {answer.status_code} {_slug(answer)}: {faults}"
    if answer.is_success and "requestBody" in call:
        _check_taken(call["requestBody"]["content"], answer)


def _check_taken(content: Json, answer: Response) -> None:
    """What was taken is what the document asks for: it may not tell partners to send less than they may."""
    request = answer.request
    media = request.headers["content-type"].partition(";")[0].lower()
    assert media in content, f"{request.method} {request.url.path}: takes {media}"
    if media.endswith("json"):
        _validator(json.dumps(content[media]["schema"])).validate(json.loads(request.content))


def _resolved(part: Json | None) -> Json | None:
    """A part of the document, or the one that it refers to."""
    if part is None or "$ref" not in part:
        return part
    found: Json = _document()
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def _slug(answer: Response) -> str:
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return str(answer.json()["type"].rpartition("/")[2]) if is_problem else ""


def _check_headers(told: Json, answer: Response) -> None:
    for name, reference in told.get("headers", {}).items():
        header = _resolved(reference) or {}
        value: Any = answer.headers.get(name)
        assert value is not None or not header["required"], f"{name} is missing"
        if header["schema"].get("type") == "integer":
            value = int(value)
        assert _validator(json.dumps(header["schema"])).is_valid(value), f"{name} is not as documented"


class _Contained:
    """The keyword `contentSchema`: what travels as base64 inside JSON is read, and held against its own schema."""

    def __init__(self, parent_schema: Json, value: Any, schema_path: list[str | int]) -> None:  # noqa: ANN401, ARG002 - as it is called
        self._alphabet = b"-_" if parent_schema["contentEncoding"] == "base64url" else b"+/"
        self._schema = value

    def validate(self, instance: Any) -> None:  # noqa: ANN401 - as it is called
        """Raise `ValueError` unless the text holds what its schema asks for."""
        inside = json.loads(base64.b64decode(instance + "=" * (-len(instance) % 4), altchars=self._alphabet))
        _validator(json.dumps(self._schema)).validate(inside)


@cache
def _validator(schema: str) -> Draft202012Validator:
    """A validator of one schema of the document, which may refer to the others."""
    with_others = {**json.loads(schema), "components": _document()["components"]}
    return Draft202012Validator(with_others, keywords={"contentSchema": _Contained})


def _document() -> Json:
    return openapi_document(URL, "0.4.0")


@cache
def _patterns() -> Mapping[tuple[str, re.Pattern[str]], Json]:
    found = {}
    # Fixed paths first: `/v1/journal/openings` is not a tile.
    for path, calls in sorted(_document()["paths"].items(), key=lambda item: "{" in item[0]):
        pattern = re.compile(re.sub(r"\{path\}", ".*", path).replace("{", "(?P<").replace("}", ">[^/]+)"))
        for method, call in calls.items():
            found[method, pattern] = call
    return found


def call_of(method: str, path: str) -> Json | None:
    """The call of this place as the document tells of it, if it does."""
    for (known, pattern), call in _patterns().items():
        if known == method and pattern.fullmatch(path):
            return call
    return None
