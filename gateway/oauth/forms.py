"""Reads the form of a token request, and refuses one that could be read in two ways."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.oauth.refusals import SignInError

__all__ = ["MAX_FORM", "read_form"]

MAX_FORM = 16 * 1024
"""The largest form that is read, in bytes."""
_MAX_FIELDS = 32
_FORM_TYPE = "application/x-www-form-urlencoded"
_PLACES = frozenset({"grant_type", "client_id", "client_assertion_type", "client_assertion", "scope", "resource"})


async def read_form(request: Request) -> dict[str, str]:
    """The parameters of an `application/x-www-form-urlencoded` body in UTF-8 (RFC 6749 appendix B).

    Raises `SignInError`: form-wrong-type, form-too-large, form-malformed, or parameter-repeated (RFC 6749 §3.2).
    Parameters without a value count as left out, as that section says.
    """
    _check_type(request.headers.getlist("content-type"))
    try:
        text = (await _body(request)).decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise SignInError("form-malformed") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise SignInError("parameter-repeated", f"/{name}" if name in _PLACES else "")
        form[name] = value
    return {name: value for name, value in form.items() if value}


def _check_type(types: list[str]) -> None:
    kind, _, parameters = (types[0] if len(types) == 1 else "").lower().partition(";")
    charset = parameters.replace('"', "").replace(" ", "")
    if kind.strip() != _FORM_TYPE or charset not in {"", "charset=utf-8"}:
        raise SignInError("form-wrong-type")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise SignInError("form-too-large")
    return bytes(body)
