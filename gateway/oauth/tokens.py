"""Makes and checks the access tokens with which partners' machines call the broker, each good for five minutes.

RFC 9068: a JWT of type `at+jwt`, signed Ed25519 by a key used for nothing else, for one audience, and bound to the
client's key (`cnf.jkt`, RFC 9449 §6.1). It names the published key that signed in for it (`client_kid`). Nothing about
a token is stored: the database says what its holder may do, and whether that key still holds.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import Field

from gateway.oauth.compact import Members, NumericDate, UniqueId, read, select
from gateway.oauth.refusals import SignInError
from keys.documents import Address
from keys.identity import SigningKey

__all__ = ["TOKEN_ALGORITHM", "TOKEN_LIFE", "AccessToken", "TokenAuthority", "token_authority"]

TOKEN_LIFE = timedelta(seconds=300)
"""How long a token may be used (PROTOCOL §5)."""
TOKEN_ALGORITHM = "Ed25519"  # noqa: S105 - the name of an algorithm (RFC 9864)
_INVALID = "token-invalid"
_CACHED = 4096
"""Tokens remembered as verified: one per partner's machine would do."""


class _Header(Members):
    typ: Literal["at+jwt"]  # the type keeps every other JWT from being taken for a token (RFC 9068 §4)
    alg: Literal["Ed25519"]


class _Confirmation(Members):
    jkt: str


class _Claims(Members):
    iss: str
    aud: str
    sub: Address
    client_id: Address
    exp: NumericDate
    iat: NumericDate
    jti: UniqueId
    scope: str = Field(min_length=1)
    client_kid: str = Field(min_length=1, max_length=200)
    cnf: _Confirmation


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that was verified: whose, for what at most, bound to which key, and until when (exclusive).

    `client_kid` is the published sign-in key to which it was issued: the token ends with it.
    """

    address: str
    scopes: frozenset[str]
    jkt: str
    expires: datetime
    client_kid: str


class TokenAuthority:
    """Issues the tokens of one broker and recognises them; `issuer` is its public URL, and the only audience."""

    def __init__(self, issuer: str, key: SigningKey) -> None:
        """Sign with the broker's tokens key, and accept nothing else."""
        self._issuer = issuer
        self._kid = key.kid
        self._private = OKPKey.import_key(key.private)
        self._public = OKPKey.import_key(key.private.public_key())
        self._verified: dict[bytes, AccessToken] = {}

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as resource servers look it up (RFC 7517)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": str(self._public.as_dict()["x"])} | {
            "kid": self._kid,
            "use": "sig",
            "alg": TOKEN_ALGORITHM,
        }

    def issue(self, address: str, scopes: frozenset[str], *, jkt: str, client_kid: str, at: datetime) -> str:
        """A token for a machine of this organisation that holds the key of thumbprint `jkt`; `client_kid` signed in."""
        issued = int(at.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": address,
            "client_id": address,
            "iat": issued,
            "exp": issued + int(TOKEN_LIFE.total_seconds()),
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(sorted(scopes)),
            "cnf": {"jkt": jkt},
            "client_kid": client_kid,
        }
        header = {"typ": "at+jwt", "alg": TOKEN_ALGORITHM, "kid": self._kid}
        return jwt.encode(header, claims, self._private, algorithms=[TOKEN_ALGORITHM])

    def verify(self, text: str, at: datetime) -> AccessToken:
        """What a token says; raises `SignInError` (token-invalid, token-expired).

        The signature is checked once per token: what was verified is remembered by the token's SHA-256, so that the
        memory of this process holds no token. The time is looked at again on every use.
        """
        digest = hashlib.sha256(text.encode()).digest()
        token = self._verified.get(digest)
        if token is None:
            token = self._checked(text)
        if at >= token.expires:
            raise SignInError("token-expired")
        if digest not in self._verified:
            if len(self._verified) >= _CACHED:
                del self._verified[next(iter(self._verified))]  # the oldest: tokens expire in the order they came
            self._verified[digest] = token
        return token

    def _checked(self, text: str) -> AccessToken:
        parts = read(text, _INVALID)
        select(_Header, parts.header, _INVALID)
        claims = select(_Claims, parts.claims, _INVALID)
        if claims.iss != self._issuer or claims.aud != self._issuer or claims.sub != claims.client_id:
            raise SignInError(_INVALID)
        try:
            jws.deserialize_compact(text, self._public, algorithms=[TOKEN_ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError):  # joserfc lets the last three through
            raise SignInError(_INVALID) from None
        expires = datetime.fromtimestamp(claims.exp, UTC)
        scopes = frozenset(claims.scope.split(" "))
        return AccessToken(claims.sub, scopes, claims.cnf.jkt, expires, claims.client_kid)


@lru_cache(maxsize=8)
def token_authority(issuer: str, key: SigningKey) -> TokenAuthority:
    """The authority of a broker, made once per process, so that its memory of verified tokens lasts."""
    return TokenAuthority(issuer, key)
