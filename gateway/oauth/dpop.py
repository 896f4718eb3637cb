"""Checks the proof that whoever calls holds the key to which its token is bound (RFC 9449).

A stolen token is then useless without that key, and a stolen proof without the very call, moment and token it names.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field

from gateway.oauth.client_keys import ClientPublicKey, key_of_jwk
from gateway.oauth.compact import ClientAlgorithm, CompactToken, Members, NumericDate, UniqueId, read, select
from gateway.oauth.nonces import check_nonce
from gateway.oauth.refusals import SignInError
from keys.documents import b64url
from keys.errors import ForgedError, MalformedError, WeakKeyError

__all__ = ["CLOCK_SKEW", "PROOF_LIFE", "Proof", "ProvenCall", "read_proof"]

PROOF_LIFE = timedelta(seconds=120)
"""How old a proof may be by its own `iat`; its nonce bounds it by the broker's clock."""
CLOCK_SKEW = timedelta(seconds=120)
"""How far in the future an `iat` may be (PROTOCOL §0)."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_INVALID = "proof-invalid"


class _Header(Members):
    typ: Literal["dpop+jwt"]
    alg: ClientAlgorithm
    jwk: dict[str, Any]


class _Claims(Members):
    jti: UniqueId
    htm: str
    htu: str = Field(max_length=2048)
    iat: NumericDate
    nonce: str | None = Field(default=None, max_length=256)
    ath: str | None = None


@dataclass(frozen=True, slots=True)
class ProvenCall:
    """What a proof must be about: the method, the broker's public URL, the path, and the token beside it if any."""

    method: str
    public_url: str
    path: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof in which everything fits but the signature, which only `verify` checks.

    `once` is what must never come again (key and `jti`), to be remembered up to `until`.
    """

    key: ClientPublicKey
    once: str
    until: datetime
    _algorithm: str
    _read: CompactToken

    def verify(self) -> None:
        """Return only if the key in the proof signed it; raises `SignInError` (proof-invalid)."""
        try:
            self.key.verify(self._algorithm, self._read.signature, self._read.signed)
        except ForgedError:
            raise SignInError(_INVALID) from None


def read_proof(headers: list[str], call: ProvenCall, *, nonce_secret: bytes, at: datetime) -> Proof:
    """Check a call's `DPoP` headers, except for the signature, as RFC 9449 §4.3 lists it.

    Raises `SignInError`: proof-missing, nonce-required (none, too old or not ours), proof-invalid with the member.
    """
    if not headers:
        raise SignInError("proof-missing")
    if len(headers) > 1:
        raise SignInError(_INVALID)
    token = read(headers[0], _INVALID)
    header = select(_Header, token.header, _INVALID)
    claims = select(_Claims, token.claims, _INVALID)
    _check_call(claims, call)
    _check_age(claims.iat, at)
    ends = check_nonce(nonce_secret, claims.nonce, at)
    key = _embedded_key(header.jwk)
    # Remembered for longer than it may be used: another process, or the journal, may be ahead of this clock.
    return Proof(key, f"{key.thumbprint}\0{claims.jti}", ends + CLOCK_SKEW, header.alg, token)


def _check_call(claims: _Claims, call: ProvenCall) -> None:
    if claims.htm != call.method:
        raise SignInError(_INVALID, "/htm")
    if not _same_place(claims.htu, call):
        raise SignInError(_INVALID, "/htu")
    # At the token endpoint there is no token to prove yet, and `ath` is not looked at.
    if call.token is not None and claims.ath != b64url(hashlib.sha256(call.token.encode()).digest()):
        raise SignInError(_INVALID, "/ath")


def _check_age(issued: float, at: datetime) -> None:
    age = at.timestamp() - issued
    if not -CLOCK_SKEW.total_seconds() <= age < PROOF_LIFE.total_seconds():
        raise SignInError(_INVALID, "/iat")


def _same_place(htu: str, call: ProvenCall) -> bool:
    """Whether a URL, without its query and fragment, is where the call arrived, seen from outside.

    Compared after the normalisation of RFC 3986 §6.2: letter case of scheme and host, default port, percent-encoding.
    The `Host` header has no say: whoever stands in between chooses it.
    """
    if not htu.isascii() or not htu.isprintable() or " " in htu:
        return False  # urlsplit drops what it does not like, and would then compare another text
    try:
        claimed, ours = urlsplit(htu), urlsplit(call.public_url)
        same = _origin(claimed) == _origin(ours)
        return same and unquote(claimed.path, errors="strict") == ours.path + call.path
    except ValueError:
        return False


def _origin(url: SplitResult) -> tuple[str, str | None, int | None, bool]:
    return url.scheme, url.hostname, url.port or _DEFAULT_PORTS.get(url.scheme), "@" in url.netloc


def _embedded_key(jwk: dict[str, Any]) -> ClientPublicKey:
    try:
        return key_of_jwk(jwk)
    except (MalformedError, WeakKeyError):
        raise SignInError(_INVALID, "/jwk") from None
