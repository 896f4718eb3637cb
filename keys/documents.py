"""The base of every document: exact times, exact bytes, no unknown field, nothing converted silently.

PROTOCOL §0 and ARCHITECTURE §4. A document is parsed once at the border and is then the domain object. Pydantic's
own strict mode is not strict enough (it takes `true` for 1 and digit strings for times), hence our own types.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from keys import strictjson
from keys.errors import Fault, MalformedError

__all__ = [
    "Address",
    "Base64Url",
    "Clock",
    "Document",
    "Listing",
    "Sha256",
    "Time",
    "Version",
    "b64url",
    "encode",
    "fault",
    "format_time",
    "from_b64url",
    "new_id",
    "parse",
    "parse_time",
    "sha256_hex",
    "validate",
    "with_lines",
]

Clock = Callable[[], datetime]
"""Where the time comes from; passed as an argument so that every decision can be replayed."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_B64URL = re.compile(r"[A-Za-z0-9_-]*")
_CONTAINERS = (dict, list)
ADDRESS_PATTERN = r"^[a-z0-9-]{1,63}@[a-z0-9-]{1,63}$"
"""Organisation address `slug@territory` (PROTOCOL §0)."""


def parse_time(text: str) -> datetime:
    """Read `YYYY-MM-DDThh:mm:ss.mmmZ` exactly (PROTOCOL §0); raises `ValueError` for anything else."""
    if not _TIME.fullmatch(text):
        raise ValueError
    # Ten times as fast as `strptime`; newer Pythons take the hour 24 for the next midnight, which the pattern refuses.
    return datetime.fromisoformat(text)


def format_time(moment: datetime) -> str:
    """Write a time as the protocol does, in UTC with milliseconds (rounded down)."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 4648 §5), the binary form inside our JSON."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_b64url(text: str) -> bytes:
    """Read base64url without padding; stray bits, padding or another alphabet raise `ValueError`."""
    if not _B64URL.fullmatch(text):
        raise ValueError
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError from None
    if b64url(data) != text:
        raise ValueError
    return data


def sha256_hex(data: bytes) -> str:
    """SHA-256 in lowercase hexadecimal, the digest form of every document."""
    return hashlib.sha256(data).hexdigest()


def new_id(prefix: str) -> str:
    """A fresh identifier: `prefix_` and 128 random bits in lowercase base32, 26 characters (PROTOCOL §0)."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(16)).decode().rstrip('=').lower()}"


def _time(value: object, info: ValidationInfo) -> datetime:
    if isinstance(value, datetime) and not _from_json(info):
        if value.tzinfo is None:
            raise fault("bad-time")
        # Milliseconds are all that is written, so they are all that is kept: what is signed equals what is held.
        return value.astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)
    try:
        return parse_time(value if isinstance(value, str) else "")
    except ValueError:
        raise fault("bad-time") from None


def _bytes(value: object, info: ValidationInfo) -> bytes:
    if isinstance(value, bytes) and not _from_json(info):
        return value
    try:
        return from_b64url(value if isinstance(value, str) else "=")
    except ValueError:
        raise fault("bad-base64") from None


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _from_json(info: ValidationInfo) -> bool:
    return bool(info.context and info.context.get("json"))


Time = Annotated[datetime, BeforeValidator(_time), PlainSerializer(format_time, return_type=str)]
"""A moment in UTC to the millisecond."""
Base64Url = Annotated[bytes, BeforeValidator(_bytes), PlainSerializer(b64url, return_type=str)]
"""Bytes, written as base64url without padding."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lowercase hexadecimal."""
Address = Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN)]
"""An organisation's address, `slug@territory`."""
Version = Annotated[int, Field(ge=1, le=1)]
"""The `v` of every signed payload: 1."""
Item = TypeVar("Item")
Listing = Annotated[tuple[Item, ...], BeforeValidator(_tuple)]
"""A JSON array, held as a tuple."""


class Document(BaseModel):
    """A frozen document that refuses unknown fields and never prints its content in an error."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )


D = TypeVar("D", bound=BaseModel)

_CODES = {
    "extra_forbidden": "unknown-field",
    "missing": "missing-field",
    "string_too_long": "too-long",
    "bytes_too_long": "too-long",
    "too_long": "too-long",
    "string_too_short": "too-short",
    "bytes_too_short": "too-short",
    "too_short": "too-short",
    "greater_than_equal": "out-of-range",
    "less_than_equal": "out-of-range",
    "greater_than": "out-of-range",
    "less_than": "out-of-range",
    "string_pattern_mismatch": "wrong-form",
    "literal_error": "unknown-code",
    "enum": "unknown-code",
    "value_error": "wrong-form",
}
_OWN_CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+")


def parse(model: type[D], data: bytes, *, limit: int) -> D:
    """Read bytes as a document of `model`; raises `MalformedError` with every fault and its place."""
    value = strictjson.loads(data, limit=limit)
    try:
        return validate(model, value)
    except MalformedError as error:
        raise with_lines(error, data) from None


def validate(model: type[D], value: object, *, pointer: str = "") -> D:
    """Make a document of an already read JSON value; raises `MalformedError` with every fault and its place."""
    if not isinstance(value, dict):
        raise MalformedError("wrong-type", pointer)
    if _holds_null(value):
        _refuse_null(value, pointer)
    try:
        # By alias only: a field may not be spelled two ways on the wire (`from`, never `from_`).
        return model.model_validate(value, context={"json": True}, by_alias=True, by_name=False)
    except ValidationError as error:
        faults = tuple(
            Fault(_code(item["type"]), pointer + _pointer(item, value))
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise MalformedError(faults[0].code, faults=faults) from None


def encode(document: BaseModel) -> bytes:
    """Write a document once, as the exact bytes that will be signed; absent members are left out, never null."""
    return strictjson.dumps(document.model_dump(mode="json", exclude_none=True))


def _code(pydantic_type: str) -> str:
    """Our slug for pydantic's error type; our own validators raise theirs with `fault()`."""
    if _OWN_CODE.fullmatch(pydantic_type):
        return pydantic_type
    return _CODES.get(pydantic_type, "wrong-type")


def fault(code: str) -> PydanticCustomError:
    """What a validator raises so that `code` becomes the slug of the refusal; the place is pydantic's."""
    return PydanticCustomError(code, code)


def _pointer(error: ErrorDetails, value: object) -> str:
    """Where pydantic found an error, without the names that it puts among the keys for the branches of a union."""
    pointer = ""
    for part in error["loc"]:
        members = dict(strictjson.children(value))
        if part in members:
            pointer += f"/{strictjson.escaped(part)}"
            value = members[part]
    return f"{pointer}/{strictjson.escaped(error['loc'][-1])}" if error["type"] == "missing" else pointer


def _holds_null(value: dict[Any, Any] | list[Any]) -> bool:
    """Whether there is a null anywhere: asked of every document, so it makes no pointer to each of the members."""
    for child in value.values() if isinstance(value, dict) else value:
        if child is None or (isinstance(child, _CONTAINERS) and _holds_null(child)):
            return True
    return False


def _refuse_null(value: object, pointer: str) -> None:
    for key, child in strictjson.children(value):
        if child is None:
            raise MalformedError("null-not-allowed", f"{pointer}/{strictjson.escaped(key)}")
        if isinstance(child, dict | list):
            _refuse_null(child, f"{pointer}/{strictjson.escaped(key)}")


def with_lines(error: MalformedError, data: bytes) -> MalformedError:
    """The same faults with the line and column each pointer stands at in `data`, for people who edit files."""
    text = data.decode("utf-8")
    offsets = dict(strictjson.positions(text))
    faults = []
    for item in error.faults:
        pointer = item.pointer
        while pointer not in offsets and pointer:
            pointer = pointer.rpartition("/")[0]
        line, column = strictjson.line_and_column(text, offsets.get(pointer, 0))
        faults.append(Fault(item.code, item.pointer, line, column))
    return MalformedError(error.code, faults=tuple(faults))
