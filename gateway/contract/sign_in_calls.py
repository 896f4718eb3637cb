"""The calls by which a partner's machine signs in: OAuth 2 with a signed assertion and a proof of its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from consent.vocabulary import SCOPES
from gateway.contract.calls import FORM, Answer, Body, Call, text
from gateway.contract.schemas import Schema, array, closed
from gateway.oauth.assertions import ASSERTION_TYPE
from gateway.oauth.client_keys import CLIENT_ALGORITHMS
from gateway.oauth.forms import MAX_FORM
from gateway.oauth.metadata import JWKS_PATH, RESOURCE_PATH, SERVER_PATH, TOKEN_PATH
from gateway.oauth.tokens import TOKEN_LIFE

__all__ = ["PROOF_HEADER", "SCOPES_IN_WORDS", "SIGN_IN_CALLS"]

_TEXT: Final = {"type": "string"}
_URL: Final = {"type": "string", "format": "uri"}
_SCOPES: Final = array({"enum": list(SCOPES)})
_ALGORITHMS: Final = array({"enum": list(CLIENT_ALGORITHMS)})
SCOPES_IN_WORDS: Final[Mapping[str, str]] = {
    "envelope:send": "deposit envelopes, and ask why one would be refused",
    "envelope:receive": "fetch envelopes, acknowledge them, and hear what happened",
    "consent:write": "register consent statements and end them",
    "keys:publish": "publish and revoke keys",
    "agreement:sign": "read agreements and bring signatures",
    "directory:read": "look for services and partners",
    "directory:write": "change the services of the directory",
    "capacity:write": "tell how many places are free",
    "journal:read": "read the openings of one's own journal entries",
    "stats:write": "report needs that nobody could answer",
    "stats:read": "read the published figures",
}
"""What each scope of PROTOCOL §5 is for."""
PROOF_HEADER: Final = "DPoP"
"""The header of a proof (RFC 9449 §4.1)."""
_FORM: Final[Schema] = {
    "type": "object",
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_assertion_type": {"const": ASSERTION_TYPE},
        "client_assertion": _TEXT,
        "client_id": _TEXT,
        "scope": _TEXT,
        "resource": _URL,
    },
    "required": ["grant_type", "client_assertion_type", "client_assertion", "resource"],
}
_REFUSED: Final = closed(
    {
        "error": {
            "enum": [
                *("invalid_request", "invalid_client", "invalid_scope", "invalid_target", "unsupported_grant_type"),
                *("invalid_dpop_proof", "use_dpop_nonce"),
            ]
        },
        "error_description": {"type": "string", "pattern": "^[ -~]*$"},
        "title": _TEXT,
        "remedy": _TEXT,
    }
)

SIGN_IN_CALLS: Final = (
    Call(
        "post",
        TOKEN_PATH,
        "takeToken",
        "Sign in: an access token of five minutes, bound to the key of the proof in the header `DPoP`.",
        {
            200: text(
                "The token (RFC 6749 §5.1, RFC 9449 §5).",
                closed(
                    {
                        "access_token": _TEXT,
                        "token_type": {"const": "DPoP"},
                        "expires_in": {"const": int(TOKEN_LIFE.total_seconds())},
                        "scope": _TEXT,
                    }
                ),
            ),
            400: text("Refused (RFC 6749 §5.2); `error_description` names the reason.", _REFUSED),
            413: text("The form is too large.", _REFUSED),
        },
        body=Body({FORM: _FORM}, MAX_FORM),
        tag="sign-in",
    ),
    Call(
        "get",
        SERVER_PATH,
        "readAuthorizationServer",
        "How to sign in (RFC 8414).",
        {
            200: text(
                "The metadata of the authorization server.",
                closed(
                    {
                        "issuer": _URL,
                        "token_endpoint": _URL,
                        "jwks_uri": _URL,
                        "scopes_supported": _SCOPES,
                        "response_types_supported": array(_TEXT, 0),
                        "grant_types_supported": array({"const": "client_credentials"}),
                        "token_endpoint_auth_methods_supported": array({"const": "private_key_jwt"}),
                        "token_endpoint_auth_signing_alg_values_supported": _ALGORITHMS,
                        "dpop_signing_alg_values_supported": _ALGORITHMS,
                        "protected_resources": array(_URL),
                    }
                ),
            )
        },
        tag="sign-in",
    ),
    Call(
        "get",
        RESOURCE_PATH,
        "readProtectedResource",
        "What a token must be to be accepted here (RFC 9728).",
        {
            200: text(
                "The metadata of this interface as a protected resource.",
                closed(
                    {
                        "resource": _URL,
                        "authorization_servers": array(_URL),
                        "scopes_supported": _SCOPES,
                        "bearer_methods_supported": array(_TEXT, 0),
                        "dpop_signing_alg_values_supported": _ALGORITHMS,
                        "dpop_bound_access_tokens_required": {"const": True},
                    }
                ),
            )
        },
        tag="sign-in",
    ),
    Call(
        "get",
        JWKS_PATH,
        "readTokenKeys",
        "The key that signs access tokens (RFC 7517).",
        {
            200: Answer(
                "The key set.",
                {
                    "application/json": closed(
                        {"keys": array({"type": "object", "required": ["kty", "crv", "x"]}, 1)},
                    )
                },
            )
        },
        tag="sign-in",
    ),
)
"""PROTOCOL §5."""
