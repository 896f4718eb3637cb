"""The JSON schemas of what travels, made from the documents that read it, so that the two can never differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from keys.signing import MAX_SIGNATURES, media_type
from keys.strictjson import MAX_INTEGER

__all__ = [
    "BASE64URL",
    "COUNT",
    "TIME",
    "Named",
    "Schema",
    "Shape",
    "array",
    "closed",
    "encoded",
    "envelope",
    "form_of",
    "resolved",
    "signed",
]

Schema = dict[str, Any]
"""A JSON Schema of the 2020-12 dialect, as OpenAPI 3.1 takes it; models may stand in it until it is `resolved`."""


@dataclass(frozen=True, slots=True)
class Named:
    """A schema that stands once in the document, under this name."""

    name: str
    schema: Schema


Shape: TypeAlias = Schema | type[BaseModel] | Named | list[Any] | str | int | bool | None
"""A schema or a part of one, or in its place a name for it or a model of ours."""

TIME: Schema = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"}
"""A moment in UTC with milliseconds (PROTOCOL §0)."""
BASE64URL: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}
"""Bytes as base64url without padding (PROTOCOL §0)."""
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
"""A number of things, or a place in a list."""
_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_KEYID: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_DEFINITIONS = "#/components/schemas/{model}"


class _WireSchema(GenerateJsonSchema):
    """Pydantic's own generator, but for what our documents do differently on the wire."""

    def datetime_schema(self, _schema: core_schema.DatetimeSchema) -> Schema:
        """Times have one form only."""
        return dict(TIME)

    def bytes_schema(self, schema: core_schema.BytesSchema) -> Schema:
        """Bytes travel as base64url; a length in bytes is one in characters then."""
        lengths = {"minLength": schema.get("min_length"), "maxLength": schema.get("max_length")}
        return {**BASE64URL, **{name: -(-value * 4 // 3) for name, value in lengths.items() if value is not None}}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        """Optional members are left out, never null (PROTOCOL §0)."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        """What an absent member means, unless it means nothing."""
        made = super().default_schema(schema)
        return {name: value for name, value in made.items() if (name, value) != ("default", None)}

    def int_schema(self, schema: core_schema.IntSchema) -> Schema:
        """Every integer stands within ±(2^53 − 1) (PROTOCOL §0)."""
        return {"minimum": -MAX_INTEGER, "maximum": MAX_INTEGER, **super().int_schema(schema)}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Schema:
        """A list is an array of whatever its items are."""
        made = super().tuple_schema(schema)
        return {name: value for name, value in made.items() if (name, value) != ("minItems", 0)}

    def field_title_should_be_set(self, _schema: object) -> bool:
        """A title that repeats the name of its member says nothing."""
        return False


def form_of(kind: Any) -> Schema:  # noqa: ANN401 - a type with its conditions is no class
    """The schema of a text that has a type of its own, such as `Address`."""
    return dict(_mended(TypeAdapter(kind).json_schema(schema_generator=_WireSchema)))


def resolved(shape: Shape, components: dict[str, Schema]) -> Any:  # noqa: ANN401 - any part of a schema
    """A schema in which each model became a reference; what it refers to is added to `components`.

    Raises `ValueError` when two of them share a name: one would be told as the other.
    """
    if isinstance(shape, Named):
        return _kept({shape.name: resolved(shape.schema, components)}, shape.name, components)
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        made = shape.model_json_schema(schema_generator=_WireSchema, ref_template=_DEFINITIONS, mode="validation")
        found = {**made.pop("$defs", {}), shape.__name__: made}
        return _kept({name: _mended(each) for name, each in found.items()}, shape.__name__, components)
    if isinstance(shape, dict):
        return {name: resolved(value, components) for name, value in shape.items()}
    return [resolved(each, components) for each in shape] if isinstance(shape, list) else shape


def _kept(found: Mapping[str, Schema], name: str, components: dict[str, Schema]) -> Schema:
    """Keep the schemas that were found, and refer to the one of this name."""
    for other, schema in found.items():
        if components.setdefault(other, schema) != schema:
            raise ValueError(other)
    return {"$ref": _DEFINITIONS.format(model=name)}


def _mended(value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Bounds that pydantic told of an array as if it were a text."""
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {"minLength": "minItems", "maxLength": "maxItems"} if value.get("type") == "array" else {}
    return {renamed.get(name, name): _mended(each) for name, each in value.items() if name != "title"}


def closed(members: Mapping[str, Shape], optional: Iterable[str] = ()) -> Schema:
    """An object of exactly these members, all required but the `optional` ones."""
    left_out = frozenset(optional)
    return {
        "type": "object",
        "properties": dict(members),
        "required": [name for name in members if name not in left_out],
        "additionalProperties": False,
    }


def array(items: Shape, most: int | None = None) -> Schema:
    """A list of such items, at most so many."""
    return {"type": "array", "items": items, **({} if most is None else {"maxItems": most})}


def encoded(schema: Shape, how: str = "base64url") -> Schema:
    """JSON that travels as base64 inside other JSON."""
    form = BASE64URL if how == "base64url" else {"type": "string", "pattern": _BASE64}
    return {**form, "contentEncoding": how, "contentMediaType": "application/json", "contentSchema": schema}


def signed(kind: str, payload: type[BaseModel] | Named, signatures: int = MAX_SIGNATURES) -> Named:
    """A document of this kind, signed: a DSSE envelope around the exact payload bytes (PROTOCOL §1)."""
    name = payload.name if isinstance(payload, Named) else payload.__name__
    return Named(f"Signed{name}", _dsse(kind, payload, signatures))


def envelope(payload: Named, slots: int) -> Named:
    """A sealed envelope as it travels: signed, with the key block and the sealed sections beside it (PROTOCOL §4)."""
    made = _dsse("envelope", payload, 1)
    sections = {
        "type": "object",
        "propertyNames": {"pattern": "^s[1-9][0-9]?$"},
        "additionalProperties": dict(BASE64URL),
        "minProperties": 1,
        "maxProperties": slots,
    }
    members = {**made["properties"], "key": dict(BASE64URL), "sections": sections}
    return Named("SealedEnvelope", made | {"properties": members})


def _dsse(kind: str, payload: Shape, signatures: int) -> Schema:
    each = closed({"keyid": _KEYID, "sig": {"type": "string", "pattern": _BASE64}})
    return closed(
        {
            "payloadType": {"const": media_type(kind)},
            "payload": encoded(payload, "base64"),
            "signatures": {**array(each, signatures), "minItems": 1},
        }
    )
