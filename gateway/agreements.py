"""Protocols of agreement: a party reads the exact bytes it is asked to sign, and brings its signature."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.agreement import SIGNATURE_KIND, RegisteredAgreement
from gateway import protocols
from gateway.bodies import json_answer, read_body
from gateway.broker import Broker
from gateway.callers import Caller, Presented, admit, present
from gateway.paths import named
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
from keys.documents import Address, b64url
from keys.signing import SignedDocument

__all__ = ["agreements_router"]

_MAX_VERSION = 999_999


def agreements_router(broker: Broker) -> APIRouter:
    """`GET /v1/agreements`, `GET /v1/agreements/{id}/{version}`, `POST …/signatures`."""
    router = APIRouter()

    @router.get("/v1/agreements")
    async def agreements(request: Request) -> Response:
        """The agreements that name the caller, with their digests and states."""
        presented = present(request, broker)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "agreement:sign"))
        with broker.store.reading() as tx:
            found = tx.agreements.of_party(caller.address)
        items = [{"agreement": each.document.ref, "sha256": each.sha256, "state": each.state} for each in found]
        return json_answer({"agreements": items})

    @router.get("/v1/agreements/{identifier}/{version}")
    async def agreement(request: Request, identifier: str, version: str) -> Response:
        """The exact bytes of one version, its state, and every signature given so far."""
        presented = present(request, broker)
        caller = await broker.store.write(lambda tx: admitted(broker, tx, presented, "agreement:sign"))
        with broker.store.reading() as tx:
            return json_answer(_shown(tx, caller, identifier, version))

    @router.post("/v1/agreements/{identifier}/{version}/signatures")
    async def sign(request: Request, identifier: str, version: str) -> Response:
        """Bring the caller's signature by its root; 201, or 200 when it had already signed."""
        presented = present(request, broker)
        signed = SignedDocument.parse(await read_body(request, (SIGNATURE_KIND,)), SIGNATURE_KIND)
        missing, is_new = await broker.store.write(
            lambda tx: _sign(broker, tx, presented, (identifier, version), signed)
        )
        return json_answer({"v": 1, "missing": missing}, 201 if is_new else 200)

    return router


def _shown(tx: Transaction, caller: Caller, identifier: str, version: str) -> dict[str, object]:
    found, payload = _of_party(tx, caller, identifier, version)
    given = tx.agreements.signatures(found.document.id, found.document.version).values()
    return {
        "v": 1,
        "payload": b64url(payload),
        "sha256": found.sha256,
        "state": found.state,
        "signatures": [SignedDocument.parse(each, SIGNATURE_KIND).to_json() for each in given if each],
    }


def _of_party(tx: Transaction, caller: Caller, identifier: str, version: str) -> tuple[RegisteredAgreement, bytes]:
    """An agreement that names the caller, or that it joined since; the unknown and the others' are answered alike."""
    number = int(version) if version.isascii() and version.isdigit() and len(version) <= len(str(_MAX_VERSION)) else 0
    found = tx.agreements.get(named(identifier), number)
    if found is None or not _concerns(tx, caller, found[0]):
        raise ProblemError("agreement-unknown", status=404)
    return found


def _concerns(tx: Transaction, caller: Caller, found: RegisteredAgreement) -> bool:
    named = found.document.party(caller.address) is not None
    return named or protocols.joined_later(tx, found, caller.address)


def _sign(
    broker: Broker, tx: Transaction, presented: Presented, named: tuple[str, str], signed: SignedDocument
) -> tuple[list[Address], bool]:
    at = tx.journal.lock(broker.clock())
    caller = admit(tx, presented, at)
    caller.require("agreement:sign")
    found, _ = _of_party(tx, caller, *named)
    is_new = protocols.sign(tx, found, signed, caller.address, at)
    return protocols.missing_signatures(tx, found), is_new
