"""The calls that anybody may make: who the broker is, what a refusal means, and whether it runs."""

from __future__ import annotations

from typing import Final

from gateway.contract.calls import Call, Parameter, text
from gateway.contract.refusals import at
from gateway.contract.schemas import BASE64URL, COUNT, array, closed, form_of
from keys.documents import Address

__all__ = ["OPEN_CALLS"]

_TEXT: Final = {"type": "string"}
_URL: Final = {"type": "string", "format": "uri"}
_RUNNING: Final = closed({"status": {"const": "ok"}})
_EXPLAINED: Final = closed({"title": _TEXT, "detail": _TEXT})
_SHARD: Final = closed(
    {
        "number": COUNT,
        "origin": _TEXT,
        "vkeys": array(_TEXT),
        "start": COUNT,
        "restarted": {"type": "boolean"},
    }
)

OPEN_CALLS: Final = (
    Call(
        "get",
        "/.well-known/passerelle",
        "readPins",
        "Who the broker is, and the public keys that partners compare by phone and pin.",
        {
            200: text(
                "The broker's address and keys.",
                closed(
                    {
                        "v": {"const": 1},
                        "address": form_of(Address),
                        "territory": _TEXT,
                        "issuer": _URL,
                        "receipts": BASE64URL,
                        "journal": closed({"origin": _TEXT, "vkeys": array(_TEXT)}),
                        "shards": array(_SHARD),
                    },
                    optional=("shards",),
                ),
            )
        },
        tag="broker",
    ),
    Call("get", "/healthz", "isAlive", "Whether the process runs.", {200: text("It does.", _RUNNING)}, tag="broker"),
    Call(
        "get",
        "/readyz",
        "isReady",
        "Whether the database answers and holds a journal whose keys this process has.",
        {200: text("It does.", _RUNNING)},
        problems=at(503, "journal-keys-missing"),
        tag="broker",
    ),
    Call(
        "get",
        "/problems/{slug}",
        "explainProblem",
        "What a problem type means, in both languages.",
        {200: text("Its words.", closed({"fr": _EXPLAINED, "en": _EXPLAINED}))},
        parameters=(Parameter("slug", "path", {"type": "string"}, "The last part of the problem's `type`."),),
        problems=at(404, "not-found"),
        tag="broker",
    ),
    Call(
        "get",
        "/openapi.json",
        "readContract",
        "This document.",
        {200: text("The document.", {"type": "object"})},
        tag="broker",
    ),
)
"""PROTOCOL §0, and operations."""
