"""One token request, decided inside one transaction: who asks, whether it may, and the token.

Authlib keeps the order of RFC 6749 §4.4 (grant, client, scope, token). What it would accept too easily is ours: the
assertion and the proof were read and their signatures verified before the transaction began; here the rows are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped]  # Authlib ships without types
    AuthorizationServer,
    ClientCredentialsGrant,
    OAuth2Error,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]  # as above

from gateway.oauth.assertions import Assertion
from gateway.oauth.dpop import Proof
from gateway.oauth.metadata import TOKEN_PATH
from gateway.oauth.refusals import SignInError
from gateway.oauth.scopes import narrow
from gateway.oauth.tokens import TOKEN_LIFE, TokenAuthority
from gateway.store.transaction import Transaction

__all__ = ["TokenServer", "VerifiedRequest"]

_METHOD = "private_key_jwt"


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A token request whose assertion and proof are signed as they should be; `at` is the transaction's moment."""

    form: dict[str, str]
    assertion: Assertion
    proof: Proof
    at: datetime


class _RefusedError(OAuth2Error):  # type: ignore[misc]  # Authlib ships without types
    """One of our refusals on its way through Authlib, which answers its own errors and lets others through."""

    def __init__(self, reason: SignInError) -> None:
        super().__init__()
        self.reason = reason


class _Client:
    """An organisation's machine, as Authlib asks about it."""

    def __init__(self, scopes: frozenset[str]) -> None:
        self.scopes = scopes

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == _METHOD and endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        return bool(grant_type == _MachineGrant.GRANT_TYPE)


class _MachineGrant(ClientCredentialsGrant):  # type: ignore[misc]  # as above
    """The only grant: a machine speaks for its own organisation."""

    TOKEN_ENDPOINT_AUTH_METHODS = (_METHOD,)

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        # Authlib's own would also write the token to its debug log.
        return 200, self.generate_token(scope=self.request.payload.scope), self.TOKEN_RESPONSE_HEADER


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # as above
    """The authorization server, for one request and the time of its transaction."""

    def __init__(self, tx: Transaction, request: VerifiedRequest, authority: TokenAuthority, public_url: str) -> None:
        """Decide `request` with the rows of `tx`, and issue with `authority`."""
        super().__init__()
        self._tx = tx
        self._request = request
        self._authority = authority
        self._public_url = public_url
        self.register_grant(_MachineGrant)
        self.register_client_auth_method(_METHOD, self._authenticate)
        self.register_token_generator("default", self._generate)

    def answer(self) -> dict[str, object] | SignInError:
        """The token answer of RFC 6749 §5.1, or why there is none; a refusal is a value, so that it is committed.

        The assertion and the proof are used up either way: what was refused once is not tried again.
        """
        answer: dict[str, object] | SignInError = self.create_token_response()
        return answer

    def create_oauth2_request(self, _request: None) -> OAuth2Request:
        """The request as Authlib reads it; the address is the configured one, never the one of the `Host` header."""
        oauth = OAuth2Request("POST", self._public_url + TOKEN_PATH)
        oauth.payload = BasicOAuth2Payload(self._request.form)
        return oauth

    def query_client(self, client_id: str) -> _Client | None:
        """The client of this address, if the organisation is active."""
        organisation = self._tx.organisations.get(client_id)
        return _Client(organisation.scopes) if organisation is not None and organisation.active else None

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Authlib tells what happens; nobody listens."""

    def handle_response(
        self, _status: int, body: dict[str, object], _headers: list[tuple[str, str]]
    ) -> dict[str, object]:
        """The body alone; status and headers are the endpoint's."""
        return body

    def handle_error_response(self, _request: OAuth2Request, error: OAuth2Error) -> SignInError:
        """Our refusal, or our word for the only one that Authlib makes here: its own sentence repeats what was sent."""
        return error.reason if isinstance(error, _RefusedError) else SignInError("grant-unsupported", "/grant_type")

    def _authenticate(self, _query_client: object, _request: OAuth2Request) -> _Client:
        """Check under the lock what may have changed since the signatures were verified, and use both up."""
        assertion, proof = self._request.assertion, self._request.proof
        if self._request.at >= min(assertion.until, proof.until):
            # This process's clock is behind the journal by minutes: another one may have forgotten them already.
            raise _RefusedError(SignInError("proof-expired"))
        client = self.query_client(assertion.address)
        usable = self._tx.keys.usable(assertion.address, "oauth", self._request.at)
        if client is None or all(key.kid != assertion.kid for key in usable):
            raise _RefusedError(SignInError("client-refused"))
        if not self._tx.replay.once("assertion", assertion.once, assertion.until):
            raise _RefusedError(SignInError("assertion-replayed"))
        if not self._tx.replay.once("proof", proof.once, proof.until):
            raise _RefusedError(SignInError("proof-replayed"))
        return client

    def _generate(self, *, client: _Client, scope: str | None, **_unused: object) -> dict[str, object]:
        """The token: with scopes that were granted, bound to the key of the proof."""
        try:
            scopes = narrow(scope, client.scopes)
        except SignInError as refused:
            raise _RefusedError(refused) from None
        assertion, jkt, at = self._request.assertion, self._request.proof.key.thumbprint, self._request.at
        return {
            "access_token": self._authority.issue(assertion.address, scopes, jkt=jkt, client_kid=assertion.kid, at=at),
            "token_type": "DPoP",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }
