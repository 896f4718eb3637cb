"""Checks the assertion by which a partner's machine proves who it is, instead of a password (RFC 7523 §3).

Stricter than libraries are, and in the order that costs least: form, audience, time, and the signature last, by a key
that the organisation has published.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from gateway.oauth.client_keys import client_key
from gateway.oauth.compact import ClientAlgorithm, CompactToken, Members, NumericDate, UniqueId, read, select
from gateway.oauth.dpop import CLOCK_SKEW
from gateway.oauth.refusals import SignInError
from keys.documents import Address
from keys.errors import ForgedError
from keys.statements import PublishedKey

__all__ = ["ASSERTION_LIFE", "ASSERTION_TYPE", "Assertion", "read_assertion"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The only way to authenticate here (RFC 7523 §2.2)."""
ASSERTION_LIFE = timedelta(seconds=300)
"""How far ahead the end of an assertion may be."""
_INVALID = "assertion-invalid"


class _Header(Members):
    # Absent counts as JWT; the third kind is announced by the newer drafts of RFC 7523. A null is none of these.
    typ: Literal["JWT", "client-authentication+jwt"] = "JWT"
    alg: ClientAlgorithm
    kid: str = Field(max_length=200)


class _Claims(Members):
    iss: str
    sub: Address
    aud: str  # a list is refused: an assertion made for two servers can be replayed by the first at the second
    exp: NumericDate
    nbf: NumericDate = 0
    iat: NumericDate = 0
    jti: UniqueId


@dataclass(frozen=True, slots=True)
class Assertion:
    """A client assertion in which everything fits but the signature, which only `verify` checks.

    `address` is whom it claims to be, `kid` the key it names, `once` what must never come again, to be remembered up
    to `until`.
    """

    address: str
    kid: str
    once: str
    until: datetime
    _algorithm: str
    _read: CompactToken

    def verify(self, keys: Iterable[PublishedKey]) -> None:
        """Return only if the named key is among the organisation's usable `keys` and signed this.

        Raises `SignInError` (client-refused), in the same words whether organisation, key or signature is wrong.
        """
        for key in keys:
            if key.kid == self.kid and isinstance(key.public, bytes):
                try:
                    client_key(key.public).verify(self._algorithm, self._read.signature, self._read.signed)
                except ForgedError:
                    break
                return
        raise SignInError("client-refused")


def read_assertion(text: str, *, issuer: str, at: datetime) -> Assertion:
    """Check a client assertion, except for the signature; raises `SignInError` (assertion-invalid) with the member.

    `iss` and `sub` are the address, `aud` is exactly this issuer, `exp` at most 300 s ahead (PROTOCOL §5).
    """
    token = read(text, _INVALID)
    header = select(_Header, token.header, _INVALID)
    claims = select(_Claims, token.claims, _INVALID)
    if claims.iss != claims.sub:
        raise SignInError(_INVALID, "/iss")
    if claims.aud != issuer:
        raise SignInError(_INVALID, "/aud")
    _check_period(claims, at.timestamp())
    until = datetime.fromtimestamp(claims.exp, UTC) + CLOCK_SKEW  # as for proofs, longer than it may be used
    return Assertion(claims.sub, header.kid, f"{claims.sub}\0{claims.jti}", until, header.alg, token)


def _check_period(claims: _Claims, now: float) -> None:
    if not now < claims.exp <= now + ASSERTION_LIFE.total_seconds():
        raise SignInError(_INVALID, "/exp")
    if claims.nbf > now:
        raise SignInError(_INVALID, "/nbf")
    if claims.iat > now + CLOCK_SKEW.total_seconds():
        raise SignInError(_INVALID, "/iat")
