"""Signing in at the gateway, and calling it signed in: tokens, proofs and nonces, each renewed when it must be.

PROTOCOL §5, RFC 6749, 7523, 8707 and 9449. The token endpoint and the interface each hand out their own nonces; a
question is asked again at most once for a nonce and once for a token, and never for anything else.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from adapters.exchange import Answer, Exchange, Question, answered_json, reading_answer
from adapters.pins import GatewayPins
from adapters.problems import problem_of, sign_in_refused
from adapters.proofs import ProofKey, client_assertion
from keys import strictjson
from keys.documents import Clock, validate
from keys.errors import MalformedError
from keys.identity import ClientKey
from keys.words import Language

__all__ = ["AccessTokens", "SignedInExchange"]

RENEWED_BEFORE: Final = timedelta(seconds=30)
"""A token is not used in its last seconds: it could end on the way."""
MAX_TOKEN_ANSWER: Final = 16 * 1024
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_USE_NONCE: Final = "use_dpop_nonce"
_BAD_TOKEN: Final = "invalid_token"  # noqa: S105 - an error code of RFC 6750
_NONCE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}", re.ASCII)
_CHALLENGE: Final = re.compile(r'\bDPoP\b.*?\berror="(?P<error>[a-z_]{1,40})"', re.ASCII | re.IGNORECASE)
_OK, _BAD_REQUEST, _UNAUTHORIZED, _TOO_MANY, _SERVER_ERROR = 200, 400, 401, 429, 500


class _TokenAnswer(BaseModel):
    """RFC 6749 §5.1; members it does not define are ignored, as that standard asks."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/=-]{1,8192}$")]
    token_type: Annotated[str, Field(pattern=r"^[Dd][Pp][Oo][Pp]$")]
    expires_in: Annotated[int, Field(ge=1, le=86400)]


class _Nonce:
    """The latest nonce one server gave; several threads may ask, and any recent nonce will do."""

    def __init__(self) -> None:
        self.latest: str | None = None

    def keep(self, answer: Answer) -> bool:
        """Remember the nonce of an answer, if it brings one of the form of RFC 9449 §8.1; tell whether it did."""
        offered = answer.headers.get("dpop-nonce", "")
        if not _NONCE.fullmatch(offered):
            return False
        self.latest = offered
        return True


class AccessTokens:
    """The access token in force, fetched when there is none or 30 s before it ends; safe among threads."""

    def __init__(
        self,
        exchange: Exchange,
        pins: GatewayPins,
        key: ClientKey,
        clock: Clock,
        proofs: ProofKey,
        *,
        scopes: Iterable[str] | None = None,
        language: Language = "fr",
    ) -> None:
        """Sign in as the organisation of `key`, with proofs of possession by `proofs`.

        Without `scopes`, for all that the operator granted (RFC 6749 §3.3): asking for more is refused whole.
        Refusals come in `language`.
        """
        self._exchange = exchange
        self._pins = pins
        self._key = key
        self._clock = clock
        self._proofs = proofs
        self._scope = {} if scopes is None else {"scope": " ".join(scopes)}
        self._language = language
        self._nonce = _Nonce()
        self._lock = threading.Lock()
        self._held: tuple[str, datetime] | None = None

    def token(self) -> str:
        """A token that is good for some seconds yet.

        Raises `GatewayProblemError` (sign-in-refused, or the gateway's slug), `GatewayUnreachableError`, and
        `MalformedError` for an answer that is no DPoP token: a bearer token is refused, anybody could use it.
        """
        with self._lock:
            now = self._clock()
            if self._held is None or now >= self._held[1]:
                answer = self._fetch()
                self._held = answer.access_token, now + timedelta(seconds=answer.expires_in) - RENEWED_BEFORE
            return self._held[0]

    def forget(self, token: str) -> None:
        """Drop a token the gateway no longer accepts, unless another thread has replaced it already."""
        with self._lock:
            if self._held is not None and self._held[0] == token:
                self._held = None

    def _fetch(self) -> _TokenAnswer:
        answer = self._exchange.ask(self._question())
        if self._nonce.keep(answer) and answer.status == _BAD_REQUEST and _wants_nonce(answer):
            answer = self._exchange.ask(self._question())
            self._nonce.keep(answer)
        if _BAD_REQUEST <= answer.status < _SERVER_ERROR and answer.status != _TOO_MANY:
            raise sign_in_refused(answer.status, answer.headers, answer.body)
        if answer.status != _OK:
            raise problem_of(answer.status, answer.headers, answer.body)
        with reading_answer():
            return validate(_TokenAnswer, answered_json(answer, limit=MAX_TOKEN_ANSWER))

    def _question(self) -> Question:
        """A request for a token; assertion and proof are made anew each time, their `jti` serve once."""
        url = f"{self._pins.issuer}/oauth/token"
        at = self._clock()
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": client_assertion(self._key, self._pins.issuer, at),
            "resource": self._pins.issuer,
            **self._scope,
        }
        headers = {
            "Accept": "application/json",
            "Accept-Language": self._language,
            "Content-Type": "application/x-www-form-urlencoded",
            "DPoP": self._proofs.proof("POST", url, at, nonce=self._nonce.latest),
        }
        return Question("POST", url, headers, urlencode(form).encode("ascii"), MAX_TOKEN_ANSWER)


class SignedInExchange:
    """Asks questions with the organisation's token and a fresh proof."""

    def __init__(self, exchange: Exchange, tokens: AccessTokens, clock: Clock, proofs: ProofKey) -> None:
        """Use the tokens that were bound to the key of `proofs`."""
        self._exchange = exchange
        self._tokens = tokens
        self._clock = clock
        self._proofs = proofs
        self._nonce = _Nonce()

    def ask(self, question: Question) -> Answer:
        """The answer to a question, after at most one retry for a nonce and one for a token.

        Raises as `Exchange.ask` and `AccessTokens.token`. A refusal that remains is returned like any answer.
        """
        retries = {_USE_NONCE, _BAD_TOKEN}
        while True:
            token = self._tokens.token()
            answer = self._exchange.ask(self._signed(question, token))
            renewed = self._nonce.keep(answer)
            refused = _refused(answer)
            if refused not in retries or (refused == _USE_NONCE and not renewed):
                return answer
            retries.remove(refused)
            if refused == _BAD_TOKEN:
                self._tokens.forget(token)

    def _signed(self, question: Question, token: str) -> Question:
        proof = self._proofs.proof(question.method, question.url, self._clock(), nonce=self._nonce.latest, token=token)
        return replace(question, headers={**question.headers, "Authorization": f"DPoP {token}", "DPoP": proof})


def _refused(answer: Answer) -> str | None:
    """What a 401 asks for: a nonce when it says so, otherwise another token (RFC 9449 §7.1 and §9)."""
    if answer.status != _UNAUTHORIZED:
        return None
    challenge = _CHALLENGE.search(answer.headers.get("www-authenticate", ""))
    return _USE_NONCE if challenge is not None and challenge["error"] == _USE_NONCE else _BAD_TOKEN


def _wants_nonce(answer: Answer) -> bool:
    try:
        value = strictjson.loads(answer.body, limit=MAX_TOKEN_ANSWER)
    except MalformedError:
        return False
    return isinstance(value, dict) and value.get("error") == _USE_NONCE
