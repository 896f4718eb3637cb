"""Asks one public witness to cosign a checkpoint, and believes nothing but its signature.

C2SP tlog-witness, `add-checkpoint`. Whoever answers is not trusted with this program's memory or patience: an answer
is dropped when it grows past what it may be, redirects are not followed, and everything ends after some seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from gateway.broker import PublicWitness
from journal.checkpoints import Checkpoint
from journal.cosignatures import NoteSignature
from journal.notes import parse_note
from journal.witness import verify_cosignature
from journal.witness_calls import ADD_CHECKPOINT, MAX_ANSWER, AddCheckpoint, Behind, Cosigned, Declined, parse_answer
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.vkeys import Vkey

__all__ = ["WHOLE_SECONDS", "Asked", "WitnessAheadError", "WitnessError", "ask"]

WHOLE_SECONDS: Final = 10.0
"""How long one call may take from its beginning to the end of its answer."""
_SILENCE_SECONDS: Final = 8.0
_TRIES: Final = 2
_OCTETS: Final = {"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"}


class WitnessError(PasserelleError):
    """A witness that cosigned nothing: witness-unreachable, witness-ahead, or the reason that it gave."""


class WitnessAheadError(WitnessError):
    """A witness that has signed a larger tree of this name than it was shown: `size` leaves."""

    def __init__(self, size: int) -> None:
        super().__init__("witness-ahead")
        self.size = size


@dataclass(frozen=True, slots=True)
class Asked:
    """What a witness is asked: to cosign this note, whose journal has these keys, with proofs from smaller sizes."""

    note: bytes
    journal: Collection[Vkey]
    proof: Callable[[int], Sequence[bytes]]
    """The consistency proof from a size to that of the note; empty from nothing."""


async def ask(http: httpx2.AsyncClient, witness: PublicWitness, asked: Asked, old_size: int) -> NoteSignature:
    """The witness's signature, verified; `old_size` is what it is believed to have signed last.

    Raises `WitnessError`, `MalformedError` (wrong-witness-answer, too-large) and, for an answer without its signature
    of this very checkpoint, `ForgedError` (signature-does-not-hold, cosignature-undated, signature-missing).
    """
    checkpoint = parse_note(asked.note).checkpoint
    # A witness that has seen more, or less, than we remember says so once; then it is asked again from there.
    size = old_size
    for _ in range(_TRIES):
        answer = await _call(http, witness, AddCheckpoint(size, tuple(asked.proof(size)), asked.note))
        if isinstance(answer, Cosigned):
            return _signature(answer, witness.vkey, checkpoint, asked.journal)
        if isinstance(answer, Declined):
            raise WitnessError(answer.code)
        if answer.size > checkpoint.size:
            raise WitnessAheadError(answer.size)
        size = answer.size
    raise MalformedError("wrong-witness-answer")


async def _call(
    http: httpx2.AsyncClient, witness: PublicWitness, request: AddCheckpoint
) -> Cosigned | Behind | Declined:
    """One call; raises `WitnessError` (witness-unreachable) when no whole answer comes in time."""
    timeout = httpx2.Timeout(_SILENCE_SECONDS)
    url = witness.url + ADD_CHECKPOINT
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            made = http.build_request("POST", url, content=request.encode(), headers=_OCTETS, timeout=timeout)
            response = await http.send(made, stream=True, auth=None, follow_redirects=False)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
    except (TimeoutError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL):
        raise WitnessError("witness-unreachable") from None
    return parse_answer(response.status_code, response.headers.get("content-type", ""), body)


async def _read(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise MalformedError("wrong-witness-answer")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MAX_ANSWER:
            raise MalformedError("too-large")
    return bytes(body)


def _signature(answer: Cosigned, vkey: Vkey, checkpoint: Checkpoint, journal: Collection[Vkey]) -> NoteSignature:
    """The signature by the key that the operator named; others in the answer are nobody's word."""
    for signature in answer.signatures:
        if (signature.name, signature.key_id) == (vkey.name, vkey.key_id):
            verify_cosignature(vkey, signature, checkpoint, journal)
            return signature
    raise ForgedError("signature-missing")
