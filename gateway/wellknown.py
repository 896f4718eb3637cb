"""What a partner pins when it enrols: who the broker is, and the public keys of its receipts and its journal."""

from __future__ import annotations

import base64
import hashlib

from fastapi import APIRouter
from starlette.responses import Response

from gateway.bodies import json_answer
from gateway.broker import Broker
from gateway.problems import ProblemError
from gateway.words import words
from keys.documents import b64url

__all__ = ["pin_code", "pins", "wellknown_router"]


def pins(broker: Broker) -> dict[str, object]:
    """The document of `/.well-known/passerelle` (PROTOCOL §0)."""
    keys = broker.keys
    return {
        "v": 1,
        "address": broker.settings.address,
        "territory": broker.settings.territory,
        "issuer": broker.settings.public_url,
        "receipts": b64url(keys.receipts.public_bytes),
        "journal": {"origin": keys.journal.origin, "vkeys": [str(vkey) for vkey in keys.journal.vkeys]},
    }


def pin_code(broker: Broker) -> str:
    """The code by which a partner compares its pins aloud: four groups of four, as `ABCD EFGH IJKL MNOP`.

    Base32 of the first 80 bits of SHA-256(`passerelle/pins/1` NUL LP(address) LP(territory) LP(issuer) LP(receipts)
    LP(origin) LP(Ed25519 vkey) LP(ML-DSA-44 vkey)) (LP as in PROTOCOL §0).
    """
    settings, keys = broker.settings, broker.keys
    texts = [settings.address, settings.territory, settings.public_url]
    names = [keys.journal.origin, *(str(vkey) for vkey in keys.journal.vkeys)]
    parts = [*(text.encode() for text in texts), keys.receipts.public_bytes, *(name.encode() for name in names)]
    content = b"passerelle/pins/1\0" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    code = base64.b32encode(hashlib.sha256(content).digest()[:10]).decode("ascii")
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def wellknown_router(broker: Broker) -> APIRouter:
    """`GET /.well-known/passerelle`, `/healthz`, `/readyz` and `/problems/{slug}`."""
    router = APIRouter()

    @router.get("/.well-known/passerelle")
    async def passerelle() -> Response:
        """The broker's address and public keys, to be compared by phone and pinned."""
        return json_answer(pins(broker))

    @router.get("/healthz")
    async def healthz() -> Response:
        """The process runs."""
        return json_answer({"status": "ok"})

    @router.get("/readyz")
    async def readyz() -> Response:
        """The database answers and holds a journal that nobody contradicts; 503 otherwise."""
        with broker.store.reading() as tx:
            tx.journal.require_uncontradicted()
        return json_answer({"status": "ok"})

    @router.get("/problems/{slug}")
    async def explained(slug: str) -> Response:
        """What a problem type means, in both languages."""
        if words.find(f"error.{slug}.title", "fr") is None:
            raise ProblemError("not-found")
        return json_answer(
            {
                language: {
                    "title": words(f"error.{slug}.title", language),
                    "detail": words(f"error.{slug}.remedy", language),
                }
                for language in ("fr", "en")
            }
        )

    return router
