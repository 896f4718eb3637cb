"""How a call of the gateway's interface is put and how its answer is taken, whichever call it is.

PROTOCOL §0 and §6: bodies are strict JSON under their own media type, refusals are problems, anything else is an
answer of a limited size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

import httpx2
from pydantic import BaseModel

from adapters.exchange import Answer, Exchange, Question, answered_json, reading_answer
from adapters.pins import GatewayPins
from adapters.problems import GatewayUnreachableError, problem_of
from adapters.proofs import ProofKey
from adapters.tokens import AccessTokens, SignedInExchange
from keys.documents import Clock, validate
from keys.errors import MalformedError
from keys.identity import ClientKey
from keys.signing import SignedDocument, media_type
from keys.words import Language

__all__ = ["SMALL", "Interface", "read_body"]

SMALL: Final = 64 * 1024
"""Bytes of the largest answer to a call that answers with one short document."""
_FINE: Final = frozenset({200, 201})
_REFUSED: Final = 400
_BYTES: Final = "application/octet-stream"

B = TypeVar("B", bound=BaseModel)


class Interface:
    """Asks one gateway as one organisation; safe among threads."""

    def __init__(
        self,
        http: httpx2.Client,
        pins: GatewayPins,
        client_key: ClientKey,
        clock: Clock,
        *,
        scopes: Iterable[str] | None,
        language: Language,
    ) -> None:
        """Sign in with `client_key` when the first call needs it; refusals come in `language`."""
        self._issuer = pins.issuer
        self._language = language
        self._public = Exchange(http)
        proofs = ProofKey()
        tokens = AccessTokens(self._public, pins, client_key, clock, proofs, scopes=scopes, language=language)
        self._signed_in = SignedInExchange(self._public, tokens, clock, proofs)

    def get(self, path: str, *, query: Mapping[str, int] | None = None, limit: int = SMALL, wait: float = 0) -> object:
        """The JSON value answered to a GET, signed in; raises as the module `adapters.client` says."""
        target = f"{path}?{urlencode(query)}" if query else path
        answer = self._signed_in.ask(Question("GET", self._issuer + target, self._headers(), None, limit, wait))
        return _value(answer, limit)

    def post(self, path: str, body: bytes, kind: str | None, *, limit: int = SMALL, wait: float = 0) -> object:
        """The JSON value answered to a POST, signed in; `kind` is that of the document sent, None for plain JSON."""
        headers = {**self._headers(), "Content-Type": media_type(kind) if kind else "application/json"}
        answer = self._signed_in.ask(Question("POST", self._issuer + path, headers, body, limit, wait))
        return _value(answer, limit)

    def send(self, path: str, signed: SignedDocument, kind: str, *, limit: int = SMALL) -> object:
        """The JSON value answered to a signed document; another kind than the call's own is not even sent."""
        if signed.payload_type != media_type(kind):
            raise MalformedError("wrong-payload-type", "/payloadType")
        return self.post(path, signed.encode(), kind, limit=limit)

    def put(self, path: str, data: bytes, *, query: Mapping[str, str]) -> object:
        """The JSON value answered to a PUT of sealed bytes, signed in."""
        target = f"{self._issuer}{path}?{urlencode(query)}"
        headers = {**self._headers(), "Content-Type": _BYTES}
        return _value(self._signed_in.ask(Question("PUT", target, headers, data, SMALL)), SMALL)

    def get_bytes(self, path: str, *, query: Mapping[str, str] | None = None, limit: int, kind: str = _BYTES) -> bytes:
        """The bytes answered to a GET, signed in; any other `kind` of answer than asked for is not the gateway's."""
        target = f"{self._issuer}{path}?{urlencode(query)}" if query else self._issuer + path
        headers = {**self._headers(), "Accept": f"{kind}, application/problem+json"}
        answer = self._signed_in.ask(Question("GET", target, headers, None, limit))
        _refuse_refusal(answer)
        if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
            raise GatewayUnreachableError("answer-not-from-gateway")
        return answer.body

    def fetch(self, path: str, *, limit: int) -> bytes:
        """The bytes of a public file, asked for without saying who asks."""
        headers = {"Accept": "*/*", "Accept-Language": self._language}
        answer = self._public.ask(Question("GET", self._issuer + path, headers, None, limit))
        _refuse_refusal(answer)
        return answer.body

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json, application/problem+json", "Accept-Language": self._language}


def read_body(model: type[B], value: object) -> B:
    """An answered JSON value in its form; raises `MalformedError` (answer-malformed) with every fault."""
    with reading_answer():
        return validate(model, value)


def _value(answer: Answer, limit: int) -> object:
    _refuse_refusal(answer)
    with reading_answer():
        return answered_json(answer, limit=limit)


def _refuse_refusal(answer: Answer) -> None:
    if answer.status >= _REFUSED:
        raise problem_of(answer.status, answer.headers, answer.body)
    if answer.status not in _FINE:
        raise MalformedError("answer-malformed")
