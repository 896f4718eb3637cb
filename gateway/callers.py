"""Who is calling: the token and the proof that come with a call, and what the organisation behind them may do.

Two steps, because signatures are checked before the transaction and rows inside it (PROTOCOL §6, *Order*): `present`
needs no database, `admit` needs nothing else. A token only narrows; the row is the authority at every use.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from gateway.broker import Broker
from gateway.oauth.client_keys import CLIENT_ALGORITHMS
from gateway.oauth.dpop import Proof, ProvenCall, read_proof
from gateway.oauth.metadata import RESOURCE_PATH
from gateway.oauth.refusals import SignInError
from gateway.oauth.tokens import AccessToken, token_authority
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
from keys.errors import UntrustedKeyError

__all__ = ["Caller", "Presented", "admit", "admitted_scopes", "present"]

_DPOP_ERRORS = {
    "token-missing": "",  # RFC 6750 §3.1: nothing was tried, so nothing is wrong
    "nonce-required": "use_dpop_nonce",
    "proof-missing": "invalid_dpop_proof",
    "proof-invalid": "invalid_dpop_proof",
    "proof-expired": "invalid_dpop_proof",
    "proof-replayed": "invalid_dpop_proof",
}
"""The word of RFC 9449 §7.1 for each of our refusals; `invalid_token` for the others."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A call whose token and proof hold; whether the organisation may call is still to be read from its row."""

    token: AccessToken
    proof: Proof
    challenge: str
    """The `WWW-Authenticate` value of a refusal, but for its reason."""

    @property
    def address(self) -> str:
        """Which organisation calls."""
        return self.token.address


@dataclass(frozen=True, slots=True)
class Caller:
    """An active organisation that may call: its address, and its scopes as far as its token carries them."""

    address: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Return only if the caller has this scope; else `ProblemError` (scope-missing, RFC 6750 §3.1)."""
        if scope not in self.scopes:
            challenge = f'DPoP error="insufficient_scope", scope="{scope}"'
            raise ProblemError("scope-missing", headers={"WWW-Authenticate": challenge})


def present(request: Request, broker: Broker) -> Presented:
    """Check the token and the proof of a call: form, place and time first, signatures last; no database is read.

    Raises `ProblemError`, status 401: token-missing, token-wrong-scheme, token-invalid, token-expired,
    token-wrong-key, proof-missing, proof-invalid, nonce-required.
    """
    url = broker.settings.public_url
    challenge = f'DPoP algs="{" ".join(CLIENT_ALGORITHMS)}", resource_metadata="{url}{RESOURCE_PATH}"'
    try:
        token, proof = _verified(request, broker, url)
    except SignInError as refused:
        raise _problem(refused, challenge) from None
    return Presented(token, proof, challenge)


def admit(tx: Transaction, presented: Presented, at: datetime, *, while_stopped: bool = False) -> Caller:
    """Read under the lock whether the organisation may call, and use the proof up; `at` is the transaction's time.

    Raises `ProblemError`, status 401: client-suspended, client-key-revoked (revoked or out of its period: a token ends
    with the key that signed in for it), proof-expired, proof-replayed. A job that raises later gives
    the proof back, with everything else it did: a repetition then meets the same refusal. Unless `while_stopped`,
    raises `StoppedError` while nothing may be journalled.
    """
    if not while_stopped:
        tx.journal.require_open()
    if at >= presented.proof.until:
        # This process's clock is behind the journal by minutes: another one may have forgotten the proof already.
        raise _problem(SignInError("proof-expired"), presented.challenge)
    scopes = admitted_scopes(tx, presented, at)
    if not tx.replay.once("proof", presented.proof.once, presented.proof.until):
        raise _problem(SignInError("proof-replayed"), presented.challenge)
    return Caller(presented.address, scopes)


def admitted_scopes(tx: Transaction, presented: Presented, at: datetime) -> frozenset[str]:
    """What a caller may ask for at `at`, as its rows say now: asked again of whoever was made to wait.

    Raises `ProblemError`, status 401: client-suspended, client-key-revoked.
    """
    organisation = tx.organisations.get(presented.address)
    if organisation is None or not organisation.active:
        raise _problem(SignInError("client-suspended"), presented.challenge)
    if not _key_holds(tx, presented, at):
        raise _problem(SignInError("client-key-revoked"), presented.challenge)
    return presented.token.scopes & organisation.scopes


def _key_holds(tx: Transaction, presented: Presented, at: datetime) -> bool:
    """Whether the caller's key to which the token was issued is published, in its period and not revoked."""
    kid = presented.token.client_kid
    key = tx.keys.get(kid) if kid.partition("#")[0] == presented.address else None
    if key is None or key.use != "oauth":
        return False
    try:
        key.check(at, None)
    except UntrustedKeyError:
        return False
    return True


def _verified(request: Request, broker: Broker, url: str) -> tuple[AccessToken, Proof]:
    at = broker.clock()
    text = _token_text(request.headers.getlist("authorization"))
    call = ProvenCall(request.method, url, request.scope["path"], text)
    proof = read_proof(request.headers.getlist("dpop"), call, nonce_secret=broker.keys.nonce_secret, at=at)
    token = token_authority(url, broker.keys.tokens).verify(text, at)
    if not hmac.compare_digest(token.jkt, proof.key.thumbprint):
        raise SignInError("token-wrong-key")
    proof.verify()
    return token, proof


def _token_text(headers: list[str]) -> str:
    if not headers:
        raise SignInError("token-missing")
    if len(headers) > 1:
        raise SignInError("token-invalid")
    scheme, _, text = headers[0].partition(" ")
    if scheme.lower() != "dpop":  # above all `Bearer`: a token without a proof is anybody's
        raise SignInError("token-wrong-scheme")
    return text


def _problem(refused: SignInError, challenge: str) -> ProblemError:
    error = _DPOP_ERRORS.get(refused.code, "invalid_token")
    reason = f'{challenge}, error="{error}"' if error else challenge
    return ProblemError(refused.code, pointer=refused.pointer, status=401, headers={"WWW-Authenticate": reason})
