"""The calls that anybody may make: who the broker is, its journal, what a refusal means, and whether it runs."""

from __future__ import annotations

from typing import Final

from gateway.contract.calls import BINARY, JSON, Answer, Call, Parameter, text
from gateway.contract.exchange_calls import AFTER
from gateway.contract.refusals import QUERY, SIGNED_IN, at
from gateway.contract.schemas import BASE64URL, COUNT, array, closed, form_of
from gateway.journal_files import MAX_OPENINGS
from keys.documents import Address

__all__ = ["OPEN_CALLS"]

_TEXT: Final = {"type": "string"}
_URL: Final = {"type": "string", "format": "uri"}
_RUNNING: Final = closed({"status": {"const": "ok"}})
_EXPLAINED: Final = closed({"title": _TEXT, "detail": _TEXT})

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
                    }
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
        "Whether the database answers and holds a journal.",
        {200: text("It does.", _RUNNING)},
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
    Call(
        "get",
        "/v1/journal/checkpoint",
        "readCheckpoint",
        "The newest signed checkpoint of the journal.",
        {200: text("The checkpoint.", "A C2SP signed note.", "text/plain")},
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/tile/{path}",
        "readTile",
        "A hash tile or an entry bundle, full or of any width that the published tree has.",
        {200: Answer("The bytes of the tile, which never change.", {BINARY: {}})},
        parameters=(
            Parameter(
                "path",
                "path",
                {"type": "string"},
                "Level and place as C2SP tlog-tiles writes them, with slashes: `0/000`, `entries/x001/234.p/56`.",
            ),
        ),
        problems=at(404, "not-found"),
        tag="journal",
    ),
    Call(
        "get",
        "/v1/journal/openings",
        "listOpenings",
        "The entries that name the caller, with their salts.",
        {
            200: Answer(
                "The openings after the cursor.",
                {
                    JSON: closed(
                        {
                            "openings": array(
                                closed({"index": COUNT, "entry": BASE64URL, "salt": BASE64URL}), MAX_OPENINGS
                            ),
                            "next": COUNT,
                        }
                    )
                },
            )
        },
        scope="journal:read",
        parameters=(AFTER,),
        problems=SIGNED_IN | QUERY,
        tag="journal",
    ),
)
"""PROTOCOL §0 and §7, and operations."""
