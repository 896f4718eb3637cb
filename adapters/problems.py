"""What can go wrong between a partner and the gateway: it refuses and says why, or it cannot be reached.

RFC 9457 (HTTP problems), RFC 6749 §5.2 (refusals of the token endpoint). Whoever retries asks one question of these
errors: `transient`, that is, does the failure say nothing about what was sent, so that the same bytes may be sent
again later?
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from adapters.words import words
from keys import strictjson
from keys.errors import Fault, MalformedError, PasserelleError
from keys.words import Language

__all__ = [
    "GatewayProblemError",
    "GatewayUnreachableError",
    "explain",
    "problem_of",
    "retry_after_of",
    "sign_in_refused",
]

PROBLEM_TYPE: Final = "application/problem+json"
MAX_PROBLEM: Final = 256 * 1024
"""Bytes of the largest problem that is read."""
MAX_RETRY_AFTER: Final = 24 * 3600
"""Seconds; nobody waits longer than a day on a server's word."""
_MAX_TITLE: Final = 300
_MAX_DETAIL: Final = 2000
_MAX_FAULTS: Final = 50
_SLUG: Final = re.compile(r"[a-z0-9]{1,40}(?:-[a-z0-9]{1,40}){0,8}", re.ASCII)
_RULE: Final = re.compile(r"[A-Za-z0-9._/-]{1,64}", re.ASCII)
_POINTER: Final = re.compile(r"(?:/[A-Za-z0-9_.~@-]{0,80}){0,16}", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_SPACING: Final = frozenset({"Cc", "Zl", "Zp"})
"""Unicode categories that end a line or steer a terminal; a no-break space (Zs) stays, French needs it."""
_UNAUTHORIZED: Final = 401
_SERVER_ERROR: Final = 500
_NOT_ABOUT_WHAT_WAS_SENT: Final = frozenset({_UNAUTHORIZED, 408, 425, 429})
"""Statuses by which a server judges the caller's sign-in or its pace, never the document."""


class GatewayProblemError(PasserelleError):
    """The gateway refused; `code` is the slug of its problem, for people it brings its own title and detail.

    `status` is that of HTTP, `retry_after` in seconds when the gateway asked for a pause, `rule` the rule of the
    decision when one refused. `transient` is true when the failure says nothing about what was sent (429, 503 and
    other 5xx, a failed sign-in, a proxy's own page): the same bytes may succeed later.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int,
        retry_after: int | None = None,
        rule: str | None = None,
        title: str = "",
        detail: str = "",
        faults: tuple[Fault, ...] = (),
        transient: bool | None = None,
    ) -> None:
        """Make an error of what the gateway said; `transient` follows from the status unless it is given."""
        super().__init__(code, faults=faults)
        self.status = status
        self.retry_after = retry_after
        self.rule = rule
        self.title = title
        self.detail = detail
        by_status = status >= _SERVER_ERROR or status in _NOT_ABOUT_WHAT_WAS_SENT
        self.transient = by_status if transient is None else transient


class GatewayUnreachableError(PasserelleError):
    """No answer, or none by the gateway: a network that is down, a time limit, a page of somebody in between."""

    transient: Final = True
    retry_after: Final = None


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> GatewayProblemError:
    """Read a refusal; anything that is no problem document becomes gateway-problem, which is transient.

    Never raises: what a broken or hostile server writes here must not hide that it refused.
    """
    retry_after = retry_after_of(headers)
    members = _members(headers, body)
    kind = members.get("type")
    slug = kind.rpartition("/")[2] if isinstance(kind, str) else ""
    if not _SLUG.fullmatch(slug):
        return GatewayProblemError("gateway-problem", status=status, retry_after=retry_after, transient=True)
    rule = members.get("rule")
    return GatewayProblemError(
        slug,
        status=status,
        retry_after=retry_after,
        rule=rule if isinstance(rule, str) and _RULE.fullmatch(rule) else None,
        title=_readable(members.get("title"), _MAX_TITLE),
        detail=_readable(members.get("detail"), _MAX_DETAIL),
        faults=_faults(members.get("errors")),
    )


def sign_in_refused(status: int, headers: Mapping[str, str], body: bytes) -> GatewayProblemError:
    """Read a refusal of the token endpoint (RFC 6749 §5.2): its error code stands in `rule`, its words beside it.

    Always transient: it judges the client, and what waits to be sent may go once the sign-in is mended.
    """
    members = _json_object(body)
    error = members.get("error")
    return GatewayProblemError(
        "sign-in-refused",
        status=status,
        retry_after=retry_after_of(headers),
        rule=error if isinstance(error, str) and _RULE.fullmatch(error) else None,
        title=_readable(members.get("title"), _MAX_TITLE),
        detail=_readable(members.get("remedy"), _MAX_DETAIL),
        transient=True,
    )


def retry_after_of(headers: Mapping[str, str]) -> int | None:
    """The pause asked for, in seconds (RFC 9110 §10.2.3, the form with a number), at most a day."""
    text = headers.get("retry-after", "")
    return min(int(text), MAX_RETRY_AFTER) if _SECONDS.fullmatch(text) else None


def explain(error: PasserelleError, language: Language) -> str:
    """Any error as a person reads it: what is wrong, what to do, every place; never raises for an unknown slug.

    A refusal by the gateway is told in the gateway's own words, which came in the language that was asked for: it
    may be newer than this program and know refusals that this program has no words for.
    """
    if not isinstance(error, GatewayProblemError) or not error.title:
        known = words.find(f"error.{error.code}.title", language) is not None
        return words.explain(error if known else GatewayProblemError("gateway-problem", status=0), language)
    places = [words.place(fault, language) for fault in error.faults]
    return "\n".join([f"{error.title} {error.detail}".rstrip(), *(f"  - {place}" for place in places if place)])


def _members(headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return _json_object(body) if media_type == PROBLEM_TYPE else {}


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = strictjson.loads(body, limit=MAX_PROBLEM)
    except MalformedError:
        return {}
    return value if isinstance(value, dict) else {}


def _readable(value: object, longest: int) -> str:
    """Words for a terminal or a page: without control, direction or invisible characters, and not endless."""
    if not isinstance(value, str):
        return ""
    categories = ((character, unicodedata.category(character)) for character in value[:longest])
    spaced = (" " if category in _SPACING else character for character, category in categories if category != "Cf")
    return "".join(character for character in spaced if not unicodedata.category(character).startswith("C")).strip()


def _faults(value: object) -> tuple[Fault, ...]:
    found = []
    for item in value[:_MAX_FAULTS] if isinstance(value, list) else []:
        code, pointer = (item.get("code"), item.get("pointer", "")) if isinstance(item, dict) else (None, "")
        if isinstance(code, str) and _SLUG.fullmatch(code) and isinstance(pointer, str) and _POINTER.fullmatch(pointer):
            found.append(Fault(code, pointer))
    return tuple(found)
