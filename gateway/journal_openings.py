"""What the journal's commitments say: to each party its own entries, and to auditors those of their agreements.

PROTOCOL §7. Whoever is neither is told that there is nothing, in the same words as for what does not exist.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from consent.agreement import SIGNATURE_KIND
from consent.statement import STATEMENT_KIND, ConsentStatement
from gateway.auditors import audited, journal_reading
from gateway.bodies import json_answer, query_number, signed_answer
from gateway.broker import Broker
from gateway.callers import Presented, present
from gateway.paths import named
from gateway.polling import admitted
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
from journal.entries import Opening
from journal.layout import SignedAgreement
from keys.documents import Address, b64url, parse
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.strictjson import MAX_INTEGER

__all__ = ["MAX_OPENINGS", "journal_openings_router"]

MAX_OPENINGS = 500
SPAN = 20_000
"""Entries looked through for one page of an auditor, so that no page takes long however little it finds."""


def journal_openings_router(broker: Broker) -> APIRouter:
    """`GET /v1/journal/openings` and `GET /v1/journal/documents/{sha256}`."""
    router = APIRouter()

    @router.get("/v1/journal/openings")
    async def openings(request: Request) -> Response:
        """The entries that the caller may read, with their salts, from the cursor `after` on."""
        presented = present(request, broker)
        after = query_number(request, "after", maximum=MAX_INTEGER)
        caller, agreements = await broker.store.write(lambda tx: _admitted(broker, tx, presented, "openings"))
        with broker.store.reading() as tx:
            if agreements:
                found, following = _of_auditor(tx, caller, agreements, after)
            else:
                found = tx.journal.openings_of(caller, after, MAX_OPENINGS)
                following = found[-1][0] + 1 if found else after
        items = [{"index": i, "entry": b64url(each.entry), "salt": b64url(each.salt)} for i, each in found]
        return json_answer({"openings": items, "next": following})

    @router.get("/v1/journal/documents/{sha256}")
    async def document(request: Request, sha256: str) -> Response:
        """An agreement with its signatures or a consent statement, by its digest, for auditors of the agreement."""
        presented = present(request, broker)
        _, agreements = await broker.store.write(lambda tx: _admitted(broker, tx, presented, "documents"))
        with broker.store.reading() as tx:
            found = _agreement(tx, named(sha256), agreements) or _statement(tx, named(sha256), agreements)
        if found is None:
            raise ProblemError("document-unknown")
        return found

    return router


def _admitted(broker: Broker, tx: Transaction, presented: Presented, part: str) -> tuple[Address, frozenset[str]]:
    """The caller and the agreements that it audits; that an auditor reads is journalled with it."""
    caller = admitted(broker, tx, presented, "journal:read")
    agreements = audited(tx, caller.address, broker.clock())
    if agreements:
        at: datetime = tx.journal.lock(broker.clock())
        journal_reading(broker, tx, caller.address, part, at)
    return caller.address, agreements


def _of_auditor(
    tx: Transaction, address: Address, agreements: frozenset[str], after: int
) -> tuple[list[tuple[int, Opening]], int]:
    """A page of openings, and the cursor to go on with: it stands still only at the end of the journal."""
    end = min(after + SPAN, tx.journal.head().size)
    found = tx.openings.of_auditor(address, agreements, (after, end), MAX_OPENINGS)
    return found, found[-1][0] + 1 if len(found) == MAX_OPENINGS else max(after, end)


def _agreement(tx: Transaction, sha256: str, agreements: frozenset[str]) -> Response | None:
    found = tx.agreements.of_digest(sha256)
    if found is None or found[0].document.id not in agreements:
        return None
    registered, payload = found
    given = tx.agreements.signatures(registered.document.id, registered.document.version).values()
    signatures = tuple(SignedDocument.parse(each, SIGNATURE_KIND) for each in given if each)
    # As a bundle holds it, so that an auditor can put it beside what it has.
    content = SignedAgreement(payload, signatures).encode()
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _statement(tx: Transaction, sha256: str, agreements: frozenset[str]) -> Response | None:
    found = tx.statements.of_digest(sha256)
    if found is None or agreements.isdisjoint(_named_in(tx, found[0])):
        return None
    return signed_answer(found[1], STATEMENT_KIND, 200)


def _named_in(tx: Transaction, identifier: str) -> set[str]:
    """The agreements under which a consent was given, in any version: the one that ends it has no grants."""
    signed = (SignedDocument.parse(each, STATEMENT_KIND) for each in tx.statements.versions(identifier))
    versions = (parse(ConsentStatement, each.payload, limit=MAX_DOCUMENT) for each in signed)
    return {grant.agreement for version in versions for grant in version.grants}
