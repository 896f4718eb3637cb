"""The two short-lived signed texts by which a partner's program shows who it is: assertion and DPoP proof.

RFC 7523 (private_key_jwt) says which organisation asks for a token; RFC 9449 (DPoP) ties the token to a key that
exists in the memory of this process only, so that a token that leaks is of no use to whoever finds it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import ECKey

from keys.documents import b64url
from keys.identity import ClientKey

__all__ = ["ASSERTION_SECONDS", "ProofKey", "client_assertion"]

ASSERTION_SECONDS: Final = 120
"""Life of an assertion: the gateway allows 300 s by its own clock (PROTOCOL §5), the rest is for slow clocks."""
_ALGORITHM: Final = "ES256"


def client_assertion(key: ClientKey, issuer: str, at: datetime) -> str:
    """Sign in as `key.address` at `issuer`: `iss` and `sub` the address, `aud` the issuer alone, `jti` never twice."""
    seconds = int(at.timestamp())
    header = {"typ": "client-authentication+jwt", "alg": _ALGORITHM, "kid": key.kid}
    claims = {
        "iss": key.address,
        "sub": key.address,
        "aud": issuer,
        "iat": seconds,
        "exp": seconds + ASSERTION_SECONDS,
        "jti": _once(),
    }
    return jwt.encode(header, claims, ECKey.import_key(key.private), algorithms=[_ALGORITHM])


class ProofKey:
    """A fresh ES256 key that lives as long as this object and is never written anywhere (PROTOCOL §2, *DPoP*)."""

    def __init__(self) -> None:
        """Make the key from the operating system's randomness."""
        self._key = ECKey.generate_key("P-256")
        self._public = self._key.as_dict(private=False)

    def proof(self, method: str, url: str, at: datetime, *, nonce: str | None = None, token: str | None = None) -> str:
        """The `DPoP` header of one request (RFC 9449 §4.2).

        `htu` is `url` without query and fragment; `nonce` the server's latest, `token` the access token shown.
        """
        header = {"typ": "dpop+jwt", "alg": _ALGORITHM, "jwk": self._public}
        claims: dict[str, Any] = {
            "jti": _once(),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(at.timestamp()),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if token is not None:
            claims["ath"] = b64url(hashlib.sha256(token.encode()).digest())
        return jwt.encode(header, claims, self._key, algorithms=[_ALGORITHM])


def _once() -> str:
    return secrets.token_urlsafe(16)
