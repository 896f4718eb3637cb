"""What a partner pins when it enrols: who the broker is, and the public keys of its receipts and its journal."""

from __future__ import annotations

import base64
import hashlib

from fastapi import APIRouter
from starlette.responses import Response

from gateway.bodies import json_answer
from gateway.broker import Broker
from gateway.problems import ProblemError
from gateway.shards import all_shards
from gateway.words import words
from journal.shards import FIRST, OPENED, RESTARTED, Shard
from keys.documents import b64url

__all__ = ["pin_code", "pins", "wellknown_router"]


def pins(broker: Broker) -> dict[str, object]:
    """The document of `/.well-known/passerelle` (PROTOCOL §0)."""
    with broker.store.reading() as tx:
        first, *later = all_shards(broker.keys, tx)
        restarted = {kept.number: kept.restarted for kept in tx.shards.all()}
    members = {
        "v": 1,
        "address": broker.settings.address,
        "territory": broker.settings.territory,
        "issuer": broker.settings.public_url,
        "receipts": b64url(broker.keys.receipts.public_bytes),
        "journal": _named(first),
    }
    shards = [
        {"number": each.number, **_named(each), "start": each.start, "restarted": restarted[each.number]}
        for each in later
    ]
    return {**members, "shards": shards} if shards else members


def pin_code(broker: Broker) -> str:
    """The code by which a partner compares its pins aloud: four groups of four, as `ABCD EFGH IJKL MNOP`.

    Base32 of the first 80 bits of SHA-256(`passerelle/pins/1` NUL LP(address) LP(territory) LP(issuer) LP(receipts)
    LP(origin) LP(Ed25519 vkey) LP(ML-DSA-44 vkey)) (LP as in PROTOCOL §0); the last three again for each later shard,
    and then LP(first entry) LP(`opened` or `restarted`) of it.
    """
    settings = broker.settings
    texts = [settings.address, settings.territory, settings.public_url]
    with broker.store.reading() as tx:
        shards, kept = all_shards(broker.keys, tx), tx.shards.all()
    names: list[str] = []
    for shard, begun in zip(shards, kept, strict=True):
        names += [shard.origin, *(str(vkey) for vkey in shard.vkeys)]
        if shard.number > FIRST:
            names += [str(shard.start), RESTARTED if begun.restarted else OPENED]
    receipts = broker.keys.receipts.public_bytes
    parts = [*(text.encode() for text in texts), receipts, *(name.encode() for name in names)]
    content = b"passerelle/pins/1\0" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    code = base64.b32encode(hashlib.sha256(content).digest()[:10]).decode("ascii")
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def _named(shard: Shard) -> dict[str, object]:
    return {"origin": shard.origin, "vkeys": [str(vkey) for vkey in shard.vkeys]}


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
        """The database answers and holds a journal whose keys this process has; 503 otherwise.

        An alarm or a restored backup changes nothing here: a proxy that sends nobody to us any more would keep people
        from withdrawing, and witnesses from showing what they saw.
        """
        with broker.store.reading() as tx:
            tx.journal.require_keys()
        return json_answer({"status": "ok"})

    _add_problems(router)
    return router


def _add_problems(router: APIRouter) -> None:
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
