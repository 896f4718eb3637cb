"""How calls end, as OpenAPI tells it: for each status what it means, and the problems that it can be.

Every problem has the form of RFC 9457 with our members (PROTOCOL §6), and each call names the reasons that it can have.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, get_args

from consent.remedies import Fixer
from gateway.contract.calls import Answer, Call
from gateway.contract.refusals import OUTAGE, SHARED, Problems
from gateway.contract.schemas import COUNT, Schema, array, closed
from gateway.words import words

__all__ = ["HEADERS", "problem_schema", "problems_of", "responses_of", "shared_responses"]

PROBLEM: Final = "application/problem+json"
HEADERS: Final[dict[str, Schema]] = {
    "DPoP-Nonce": {
        "description": "A fresh nonce for the next proof (RFC 9449 §8).",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    },
    "WWW-Authenticate": {
        "description": "The scheme `DPoP`, and why the token or the proof was refused (RFC 9449 §7.1).",
        "required": True,
        "schema": {"type": "string", "pattern": "^DPoP "},
    },
    "Retry-After": {
        "description": "Seconds after which the same call may be repeated.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "Content-Language": {
        "description": "The language of title and detail.",
        "required": True,
        "schema": {"enum": ["fr", "en"]},
    },
}
_PROBLEM_HEADERS: Final = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_NO_NONCE: Final = frozenset({500})
"""Statuses that are answered when nothing works any more, the nonce included."""


def problems_of(call: Call) -> Problems:
    """Every reason for which a call can be refused, outages included."""
    return call.problems | OUTAGE


def shared_responses(public_url: str) -> Schema:
    """The refusals that many calls have in common, by name."""
    return {name: _refused(problems, public_url) for name, problems in SHARED.items()}


def responses_of(call: Call, public_url: str) -> Schema:
    """By status, everything that a call can be answered."""
    by_status: defaultdict[int, set[tuple[int, str]]] = defaultdict(set)
    for status, slug in problems_of(call):
        by_status[status].add((status, slug))
    told: Schema = {}
    for status in sorted({*call.answers, *by_status}):
        refused = frozenset(by_status[status])
        if status in call.answers:
            told[str(status)] = _answered(call.answers[status], refused, public_url)
        else:
            told[str(status)] = _reference(refused) or _refused(refused, public_url)
    return told


def _reference(problems: Problems) -> Schema | None:
    names = [name for name, shared in SHARED.items() if shared == problems]
    return {"$ref": f"#/components/responses/{names[0]}"} if names else None


def _answered(answer: Answer, problems: Problems, public_url: str) -> Schema:
    """An answer; of a page the same status may also be a problem, where not even the page could be made."""
    made: Schema = {
        "description": answer.description,
        "headers": _header_references(("DPoP-Nonce", *answer.headers)),
        "content": {media: {"schema": schema} if schema else {} for media, schema in answer.content.items()},
    }
    if problems:
        refused = _refused(problems, public_url)
        made["description"] += f"\n{refused['description']}"
        made["content"] |= refused["content"]
    return made


def _refused(problems: Problems, public_url: str) -> Schema:
    """The problems of one status: each with its title, and the schema that allows no others."""
    [status] = {each for each, _ in problems}
    slugs = sorted(slug for _, slug in problems)
    narrowed: Schema = {
        "properties": {
            "type": {"enum": [f"{public_url}/problems/{slug}" for slug in slugs]},
            "status": {"const": status},
        }
    }
    nonce = () if status in _NO_NONCE else ("DPoP-Nonce",)
    return {
        "description": "\n".join(f"* `{slug}`: {words(f'error.{slug}.title', 'en')}" for slug in slugs),
        "headers": _header_references((*nonce, "Content-Language", *_PROBLEM_HEADERS.get(status, ()))),
        "content": {PROBLEM: {"schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]}}},
    }


def _header_references(names: tuple[str, ...]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_schema() -> Schema:
    """The body of a problem: the members of RFC 9457 and ours."""
    text: Schema = {"type": "string"}
    place = closed({"pointer": text, "code": text})
    members: dict[str, Schema] = {
        "type": {"type": "string", "format": "uri", "description": "Ends in the slug of the reason."},
        "title": text,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {**text, "description": "What can be done about it."},
        "rule": {**text, "description": "The rule of the decision that refused."},
        "article": {**text, "description": "The article of the agreement that was invoked."},
        "journal": {**COUNT, "description": "Where the journal tells of the refusal."},
        "who_can_fix": {"enum": list(get_args(Fixer))},
        "errors": array(place),
        "correlation": {**text, "description": "What to tell the operator about an error of ours."},
    }
    required = {"type", "title", "status", "detail"}
    said = "Why a call was refused (RFC 9457), in the language asked for; nothing that was sent is repeated."
    return {"description": said, **closed(members, [name for name in members if name not in required])}
