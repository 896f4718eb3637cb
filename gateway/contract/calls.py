"""The shape of the table: what is told of one call, and of one way in which it can end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from consent.vocabulary import Scope
from gateway.contract.schemas import Schema, Shape
from keys.signing import media_type

__all__ = ["BINARY", "FORM", "HTML", "JSON", "Answer", "Body", "Call", "Parameter", "document", "plain", "text"]

JSON = "application/json"
BINARY = "application/octet-stream"
HTML = "text/html"
FORM = "application/x-www-form-urlencoded"
Method = Literal["get", "post", "put"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One part of the path, or one member of the query or of the headers."""

    name: str
    place: Literal["path", "query", "header"]
    schema: Schema
    description: str
    required: bool = False

    def to_json(self) -> Schema:
        """As OpenAPI writes it; what stands in the path is always there."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.required or self.place == "path",
            "schema": self.schema,
            "description": self.description,
        }


@dataclass(frozen=True, slots=True)
class Body:
    """What a call takes: for each media type the schema of the body."""

    content: Mapping[str, Shape]
    limit: int
    """Bytes that are read; more is refused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a call succeeds, or is refused in words that are not ours (OAuth)."""

    description: str
    content: Mapping[str, Shape]
    headers: tuple[str, ...] = ()
    """Names of the headers that only such answers have."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its place, what it takes, and every way in which it can end.

    `scope` is what the token must hold; without one nobody signs in. `problems` are pairs of a status and a slug.
    """

    method: Method
    path: str
    operation: str
    summary: str
    answers: Mapping[int, Answer]
    scope: Scope | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: frozenset[tuple[int, str]] = frozenset()
    tag: str = "exchange"


def document(kind: str, schema: Shape, limit: int, more: Mapping[str, Shape] | None = None) -> Body:
    """A signed document as a body: under its own media type or as plain JSON, where `more` may be taken too."""
    as_json: Shape = schema if not more else {"oneOf": [schema, *more.values()]}
    return Body({media_type(kind): schema, JSON: as_json}, limit)


def plain(schema: Shape, limit: int) -> Body:
    """A body in JSON."""
    return Body({JSON: schema}, limit)


def text(description: str, content: Shape, media: str = JSON) -> Answer:
    """An answer of one media type; a text as `content` describes what is not JSON."""
    schema: Shape = {"type": "string", "description": content} if isinstance(content, str) else content
    return Answer(description, {media: schema})
