"""A client that knows only the public URL finds everything it needs to sign in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consent.vocabulary import SCOPES
from tests.gateway.sign_in import URL, SignIn, signing_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignIn]:
    """A broker with one partner enrolled."""
    with signing_in(tmp_path) as made:
        yield made


def test_the_server_describes_itself(desk: SignIn) -> None:
    """RFC 8414: issuer, addresses, and the only way in; the address asked is never repeated."""
    told = desk.client.get("/.well-known/oauth-authorization-server").json()
    assert told == {
        "issuer": URL,
        "token_endpoint": f"{URL}/oauth/token",
        "jwks_uri": f"{URL}/oauth/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "Ed25519", "EdDSA"],
        "dpop_signing_alg_values_supported": ["ES256", "Ed25519", "EdDSA"],
        "protected_resources": [URL],
    }


def test_the_resource_describes_itself(desk: SignIn) -> None:
    """RFC 9728: who issues its tokens, that a bare token is worth nothing, and that a proof is required."""
    told = desk.client.get("/.well-known/oauth-protected-resource").json()
    assert told == {
        "resource": URL,
        "authorization_servers": [URL],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": [],
        "dpop_signing_alg_values_supported": ["ES256", "Ed25519", "EdDSA"],
        "dpop_bound_access_tokens_required": True,
    }


def test_the_key_set_holds_one_public_key(desk: SignIn) -> None:
    """RFC 7517: the key of the tokens, and no other key of the broker."""
    [key] = desk.client.get("/oauth/jwks").json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert key["kid"] == desk.broker.keys.tokens.kid


def test_the_addresses_told_are_the_addresses_served(desk: SignIn) -> None:
    """Whoever follows the metadata arrives."""
    told = desk.client.get("/.well-known/oauth-authorization-server").json()
    assert desk.client.get(told["jwks_uri"].removeprefix(URL)).status_code == 200
    assert desk.client.post(told["token_endpoint"].removeprefix(URL)).json()["error"] == "invalid_request"
