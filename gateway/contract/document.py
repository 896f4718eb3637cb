"""The OpenAPI document: what the table tells, in the words of a standard that every programmer's tools read."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Final

from consent.vocabulary import SCOPES
from gateway.contract.calls import Call
from gateway.contract.case_calls import CASE_CALLS
from gateway.contract.consent_calls import CONSENT_CALLS
from gateway.contract.exchange_calls import EXCHANGE_CALLS
from gateway.contract.journal_calls import JOURNAL_CALLS
from gateway.contract.open_calls import OPEN_CALLS
from gateway.contract.record_calls import RECORD_CALLS
from gateway.contract.responses import HEADERS, problem_schema, responses_of, shared_responses
from gateway.contract.schemas import Schema, resolved
from gateway.contract.sign_in_calls import PROOF_HEADER, SCOPES_IN_WORDS, SIGN_IN_CALLS
from gateway.oauth.metadata import TOKEN_PATH

__all__ = ["CALLS", "openapi_document"]

CALLS: Final[tuple[Call, ...]] = (
    *EXCHANGE_CALLS,
    *CASE_CALLS,
    *CONSENT_CALLS,
    *RECORD_CALLS,
    *JOURNAL_CALLS,
    *OPEN_CALLS,
    *SIGN_IN_CALLS,
)
"""Every call of the broker."""
_TAGS: Final = {
    "exchange": "Sealed envelopes: deposit, pick-up, acknowledgement, events.",
    "consents": "What people allowed, and how it ends.",
    "agreements": "Protocols of agreement between the partners.",
    "partners": "Organisations and the published chains of their keys.",
    "directory": "Services to which a person can be referred.",
    "journal": "The transparency log, and to each party its own openings.",
    "sign-in": "How a partner's machine obtains an access token.",
    "broker": "Who the broker is and whether it runs.",
}
_ABOUT: Final = (
    "The broker of a territory: it lets sealed referrals pass between partners, or says why not. It never sees who"
    " they are about. Every body is JSON in UTF-8, read strictly; every refusal is an RFC 9457 problem in French or"
    " English. A path that is not listed is answered 404 (`not-found`), a method that is not listed 405"
    " (`method-not-allowed`, with `Allow`). Any call may be repeated until it is answered: it has one effect."
)


@cache
def openapi_document(public_url: str, version: str) -> Schema:
    """The OpenAPI 3.1 document of a broker at this public URL; made once, and never to be changed."""
    schemas: dict[str, Schema] = {"Problem": problem_schema()}
    paths: dict[str, dict[str, Schema]] = defaultdict(dict)
    for call in CALLS:
        paths[call.path][call.method] = resolved(_operation(call, public_url), schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Passerelle",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": [{"name": name, "description": said} for name, said in _TAGS.items()],
        "paths": dict(paths),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": shared_responses(public_url),
            "headers": HEADERS,
            "parameters": {"Accept-Language": _accept_language()},
            "securitySchemes": _security_schemes(public_url),
        },
    }


def _operation(call: Call, public_url: str) -> Schema:
    made: Schema = {
        "operationId": call.operation,
        "summary": call.summary,
        "tags": [call.tag],
        "parameters": [
            *(parameter.to_json() for parameter in call.parameters),
            {"$ref": "#/components/parameters/Accept-Language"},
        ],
        "responses": responses_of(call, public_url),
        "security": [{"token": [call.scope], "proof": []}] if call.scope else [],
    }
    if call.path == TOKEN_PATH:
        made["security"] = [{"proof": []}]
    if call.body is not None:
        made["requestBody"] = {
            "required": True,
            "description": f"At most {call.body.limit} bytes.",
            "content": {media: {"schema": schema} for media, schema in call.body.content.items()},
        }
    return made


def _accept_language() -> Schema:
    return {
        "name": "Accept-Language",
        "in": "header",
        "description": "The language of problems: French or English (RFC 9110 §12.5.4).",
        "schema": {"type": "string", "default": "fr", "examples": ["fr", "en"]},
    }


def _security_schemes(public_url: str) -> Schema:
    flow = {"tokenUrl": public_url + TOKEN_PATH, "scopes": {scope: SCOPES_IN_WORDS[scope] for scope in SCOPES}}
    return {
        "token": {
            "type": "oauth2",
            "description": (
                "An access token in `Authorization: DPoP <token>`, obtained with a signed client assertion"
                " (`private_key_jwt`) and bound to the key of the proof (RFC 9449). A bearer token is refused."
            ),
            "flows": {"clientCredentials": flow},
        },
        "proof": {
            "type": "apiKey",
            "in": "header",
            "name": PROOF_HEADER,
            "description": "A proof of this very call, with the newest nonce and, with a token, its digest (RFC 9449).",
        },
    }
