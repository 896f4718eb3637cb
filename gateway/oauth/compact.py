"""Reads what a client signed, so strictly that two programs cannot read two different things in it.

JWS compact serialisation (RFC 7515 §3.1), one part after the other: canonical base64url, JSON objects without
duplicate members, no critical extension. Reading proves nothing: the signature is checked last, by whoever holds a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.oauth.refusals import SignInError
from keys import strictjson
from keys.documents import from_b64url
from keys.errors import MalformedError

__all__ = ["ClientAlgorithm", "CompactToken", "Members", "NumericDate", "UniqueId", "read", "select"]

MAX_COMPACT = 4096
"""The longest signed token that is read, in characters: ours and the usual ones take about 800."""
_PARTS = 3

ClientAlgorithm = Literal["ES256", "Ed25519", "EdDSA"]
"""What clients may sign with; `EdDSA` is the older name of `Ed25519` (RFC 8037, RFC 9864), the key being Ed25519."""
NumericDate = Annotated[int | float, Field(ge=0, le=strictjson.MAX_INTEGER)]
"""Seconds since 1970, with or without a fraction (RFC 7519 §2)."""
UniqueId = Annotated[str, Field(min_length=1, max_length=256)]
"""A `jti`: whatever the client is sure never to use again."""


class Members(BaseModel):
    """The members that matter of a header or of claims; the others are ignored, as RFC 7515 §4 and RFC 7519 §4 ask."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class CompactToken:
    """The parts of a compact JWS: two JSON objects, the bytes that were signed, and the signature."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def read(text: str, code: str) -> CompactToken:
    """Take a compact JWS apart; raises `SignInError` with the slug `code` for anything else."""
    parts = text.split(".") if len(text) <= MAX_COMPACT else []
    if len(parts) != _PARTS:
        raise SignInError(code)
    try:
        header, claims, signature = (from_b64url(part) for part in parts)
        token = CompactToken(_object(header), _object(claims), f"{parts[0]}.{parts[1]}".encode("ascii"), signature)
    except (ValueError, MalformedError):
        raise SignInError(code) from None
    if "crit" in token.header:
        # RFC 7515 §4.1.11: an extension that must be understood, and none is.
        raise SignInError(code, "/crit")
    return token


def _object(data: bytes) -> dict[str, Any]:
    value = strictjson.loads(data, limit=MAX_COMPACT)
    if not isinstance(value, dict):
        raise MalformedError("wrong-type")
    return value


M = TypeVar("M", bound=Members)


def select(model: type[M], value: dict[str, Any], code: str) -> M:
    """The members of `model`, each of its exact type; raises `SignInError` with the slug `code` and the member."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        place = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
        raise SignInError(code, f"/{place[0]}") from None
