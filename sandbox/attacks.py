"""What a thief tries with what was stolen on the way: a token, an envelope, a call that somebody recorded, a key.

Each is really tried against the broker that the demonstration runs, over HTTP, and gives the slug it was refused with.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import httpx2

from adapters.exchange import Answer, Exchange, Question
from adapters.partner import Adapter
from adapters.problems import GatewayProblemError, problem_of
from adapters.proofs import ProofKey
from adapters.tokens import AccessTokens, SignedInExchange
from keys import strictjson
from keys.documents import Clock
from keys.identity import ClientKey

__all__ = ["Thief", "changed_on_the_way"]

_LIMIT = 64 * 1024
_MAX_ENVELOPE = 2 * 1024 * 1024


class _Stolen(AccessTokens):
    """A token that was found somewhere; whoever holds it cannot get another one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def token(self) -> str:
        return self._text

    def forget(self, token: str) -> None:
        """Nothing replaces it."""


@dataclass(frozen=True)
class _Recorder(Exchange):
    """Passes questions on and keeps them, as they went over the wire."""

    heard: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> Answer:
        self.heard.append(question)
        return Exchange.ask(self, question)


class Thief:
    """Somebody on the network with a partner's access token, but without the key that it is bound to."""

    def __init__(self, http: httpx2.Client, victim: Adapter, key: ClientKey, clock: Clock) -> None:
        """Let `victim` sign in with `key`, and take the token and one of its calls on the way."""
        self._exchange = Exchange(http)
        self._issuer = victim.office.pins.issuer
        self._clock = clock
        self._own = ProofKey()
        self._tokens = AccessTokens(self._exchange, victim.office.pins, key, clock, self._own)

    def token_without_its_key(self) -> str:
        """Call with the stolen token and a proof by the thief's own key; the slug of the refusal."""
        stolen = _Stolen(self._tokens.token())
        thief = SignedInExchange(self._exchange, stolen, self._clock, ProofKey())
        return self._refused(thief.ask(self._question({})))

    def recorded_call(self) -> str:
        """Send a whole call again, proof included, just as it was recorded; the slug of the refusal."""
        recorder = _Recorder(self._exchange.http)
        honest = SignedInExchange(recorder, self._tokens, self._clock, self._own)
        honest.ask(self._question({}))
        return self._refused(self._exchange.ask(recorder.heard[-1]))

    def _question(self, headers: dict[str, str]) -> Question:
        wanted = {"Accept": "application/json, application/problem+json", **headers}
        return Question("GET", f"{self._issuer}/v1/events?after=0", wanted, None, _LIMIT)

    @staticmethod
    def _refused(answer: Answer) -> str:
        return problem_of(answer.status, answer.headers, answer.body).code


def changed_on_the_way(adapter: Adapter, wire: bytes) -> str:
    """Bring an envelope of which one byte of one sealed section was changed; the slug of the refusal."""
    outer = strictjson.loads(wire, limit=_MAX_ENVELOPE)
    assert isinstance(outer, dict)  # noqa: S101 - every envelope is an object
    section = bytearray(base64.urlsafe_b64decode(outer["sections"]["s1"] + "=="))
    section[0] ^= 1
    outer["sections"]["s1"] = base64.urlsafe_b64encode(section).rstrip(b"=").decode()
    try:
        adapter.client.deposit(strictjson.dumps(outer))
    except GatewayProblemError as refused:
        return refused.code
    return ""
