"""Where a partner's machine signs in, and where any client learns how: the token endpoint and the metadata.

Cheap checks come first, signatures after them and outside the transaction; the rows are read inside it, and the token
leaves after the commit.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from gateway.broker import Broker
from gateway.oauth import metadata
from gateway.oauth.assertions import ASSERTION_TYPE, Assertion, read_assertion
from gateway.oauth.dpop import Proof, ProvenCall, read_proof
from gateway.oauth.forms import read_form
from gateway.oauth.refusals import SignInError
from gateway.oauth.server import TokenServer, VerifiedRequest
from gateway.oauth.tokens import TokenAuthority, token_authority
from gateway.store.transaction import Transaction
from gateway.words import words
from keys.words import Language, language_of_header

__all__ = ["oauth_router"]

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""What RFC 6749 §5.1 asks of every answer that might hold a token."""
_OAUTH_ERRORS = {
    "nonce-required": "use_dpop_nonce",  # RFC 9449 §8
    "proof-missing": "invalid_dpop_proof",  # RFC 9449 §5
    "proof-invalid": "invalid_dpop_proof",
    "proof-expired": "invalid_dpop_proof",
    "proof-replayed": "invalid_dpop_proof",
    "assertion-missing": "invalid_client",  # RFC 6749 §5.2
    "assertion-invalid": "invalid_client",
    "assertion-replayed": "invalid_client",
    "client-refused": "invalid_client",
    "grant-unsupported": "unsupported_grant_type",
    "scope-not-granted": "invalid_scope",
    "resource-unknown": "invalid_target",  # RFC 8707 §2
}
"""The standard word for each of our refusals; `invalid_request` for the others, which are about the form."""


def oauth_router(broker: Broker) -> APIRouter:
    """The token endpoint, the metadata of RFC 8414 and RFC 9728, and the key set of the tokens."""
    router = APIRouter()
    url = broker.settings.public_url
    authority = token_authority(url, broker.keys.tokens)

    @router.post(metadata.TOKEN_PATH, include_in_schema=False)
    async def token(request: Request) -> JSONResponse:
        try:
            answer = await _sign_in(request, broker, authority)
        except SignInError as refused:
            answer = refused
        if isinstance(answer, SignInError):
            return _refusal(answer, language_of_header(request.headers.get("accept-language")))
        return JSONResponse(answer, headers=_NO_STORE)

    @router.get(metadata.SERVER_PATH, include_in_schema=False)
    async def authorization_server() -> JSONResponse:
        return JSONResponse(metadata.authorization_server(url))

    @router.get(metadata.RESOURCE_PATH, include_in_schema=False)
    async def protected_resource() -> JSONResponse:
        return JSONResponse(metadata.protected_resource(url))

    @router.get(metadata.JWKS_PATH, include_in_schema=False)
    async def jwks() -> JSONResponse:
        return JSONResponse({"keys": [authority.jwk]})

    return router


async def _sign_in(request: Request, broker: Broker, authority: TokenAuthority) -> dict[str, object] | SignInError:
    """Check everything in the order of its cost; raises or returns a refusal, the latter once it is committed."""
    form = await read_form(request)
    at = broker.clock()
    url = broker.settings.public_url
    proof = _proof(request, broker, at)
    _check_form(request, form, url)
    assertion = _assertion(form, url, at)
    with broker.store.reading() as rows:
        usable = rows.keys.usable(assertion.address, "oauth", at)
    assertion.verify(usable)
    proof.verify()

    def decide(tx: Transaction) -> dict[str, object] | SignInError:
        verified = VerifiedRequest(form, assertion, proof, tx.journal.lock(broker.clock()))
        return TokenServer(tx, verified, authority, url).answer()

    return await broker.store.write(decide)


def _proof(request: Request, broker: Broker, at: datetime) -> Proof:
    call = ProvenCall(request.method, broker.settings.public_url, request.scope["path"])
    return read_proof(request.headers.getlist("dpop"), call, nonce_secret=broker.keys.nonce_secret, at=at)


def _check_form(request: Request, form: dict[str, str], url: str) -> None:
    if "client_secret" in form or "authorization" in request.headers:
        raise SignInError("authentication-twice")  # RFC 6749 §2.3: one method in each request
    if form.get("resource") != url:
        raise SignInError("resource-unknown", "/resource")


def _assertion(form: dict[str, str], url: str, at: datetime) -> Assertion:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise SignInError("assertion-missing", "/client_assertion_type")
    if "client_assertion" not in form:
        raise SignInError("assertion-missing", "/client_assertion")
    assertion = read_assertion(form["client_assertion"], issuer=url, at=at)
    if form.get("client_id", assertion.address) != assertion.address:  # RFC 7521 §4.2
        raise SignInError("assertion-invalid", "/client_id")
    return assertion


def _refusal(refused: SignInError, language: Language) -> JSONResponse:
    """The error of RFC 6749 §5.2; its description is ASCII by that section, so our words stand beside it."""
    place = f" {refused.pointer}" if refused.pointer else ""
    body = {
        "error": _OAUTH_ERRORS.get(refused.code, "invalid_request"),
        "error_description": f"{refused.code}{place}",
        "title": words(f"error.{refused.code}.title", language),
        "remedy": words(f"error.{refused.code}.remedy", language),
    }
    too_large = refused.code == "form-too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
    return JSONResponse(body, status_code=status, headers=_NO_STORE | {"Content-Language": language})
