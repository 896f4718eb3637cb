"""What any OAuth client can look up before it signs in: where, how, and with which algorithms."""

from __future__ import annotations

from consent.vocabulary import SCOPES
from gateway.oauth.client_keys import CLIENT_ALGORITHMS

__all__ = [
    "JWKS_PATH",
    "RESOURCE_PATH",
    "SERVER_PATH",
    "TOKEN_PATH",
    "authorization_server",
    "protected_resource",
]

SERVER_PATH = "/.well-known/oauth-authorization-server"
RESOURCE_PATH = "/.well-known/oauth-protected-resource"
JWKS_PATH = "/oauth/jwks"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path


def authorization_server(public_url: str) -> dict[str, object]:
    """The metadata of RFC 8414 §2, with the members that RFC 9449 §5.1 and RFC 9728 §4 add."""
    return {
        "issuer": public_url,
        "token_endpoint": public_url + TOKEN_PATH,
        "jwks_uri": public_url + JWKS_PATH,
        "scopes_supported": list(SCOPES),
        "response_types_supported": [],  # required by RFC 8414; nobody is redirected here
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "dpop_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "protected_resources": [public_url],
    }


def protected_resource(public_url: str) -> dict[str, object]:
    """The metadata of RFC 9728 §2: an empty list of bearer methods says that a bare token is worth nothing."""
    return {
        "resource": public_url,
        "authorization_servers": [public_url],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": [],
        "dpop_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "dpop_bound_access_tokens_required": True,
    }
