"""The calls about the journal: what anybody reads, what concerns us, and what we bring as its witness.

PROTOCOL §7. Nothing that is read here is verified here; `adapters.keybook` and `adapters.confirmation` do. Errors are
those of `adapters.client`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from adapters import bodies
from adapters.bodies import ArchivedCheckpoint, JournalOpening, OpeningPage
from adapters.exchange import reading_answer
from adapters.interface import Interface, read_body
from consent.statement import STATEMENT_KIND
from journal.entries import MAX_LEAF, Opening
from journal.layout import SignedAgreement
from journal.notes import MAX_NOTE, parse_note
from journal.proofs import MAX_PROOF
from journal.shards import folder
from journal.tiles import ENTRIES, WIDTH, parse_path
from journal.tree import HASH_SIZE
from keys import strictjson
from keys.documents import Document, Sha256, b64url, format_time, parse_time, validate
from keys.errors import ForgedError, MalformedError
from keys.signing import SignedDocument

__all__ = ["JournalCalls"]

LARGE: Final = 16 * 1024 * 1024
"""Bytes of the largest page of openings, or of a document."""
ARCHIVE: Final = 32 * 1024 * 1024
"""Bytes of the largest page of checkpoints: a hundred, with all their witnesses."""
_TEXT: Final = "text/plain"
_JOURNAL: Final = "/v1/journal/"


class _Named(Document):
    sha256: Sha256


class JournalCalls:
    """Part of `adapters.client.GatewayClient`."""

    _interface: Interface

    def checkpoint(self, shard: int) -> bytes:
        """The newest signed checkpoint of a shard of the journal."""
        return self._interface.fetch(f"{_JOURNAL}{folder(shard)}checkpoint", limit=MAX_NOTE)

    def confirmed_checkpoint(self, shard: int, witnesses: int) -> bytes:
        """The newest checkpoint of a shard that so many witnesses cosigned; a problem of status 404 for none."""
        return self._interface.fetch(f"{_JOURNAL}{folder(shard)}checkpoint?confirmed={witnesses}", limit=MAX_NOTE)

    def checkpoints(self, shard: int, after: int, since: datetime) -> tuple[ArchivedCheckpoint, ...]:
        """The archived checkpoints of size `after` or more, of that one those published later than `since`: a page.

        Sizes are those of the shard. An empty page is the end. Whoever wants what follows asks with the size and the
        time of the last one.
        """
        moment = format_time(since)
        query = urlencode({"after": after, "time": moment})
        data = self._interface.fetch(f"{_JOURNAL}{folder(shard)}checkpoints?{query}", limit=ARCHIVE)
        with reading_answer():
            value = strictjson.loads(data, limit=ARCHIVE)
        page = read_body(bodies.CheckpointPageBody, value)
        found = tuple(ArchivedCheckpoint(item.size, item.time, item.note) for item in page.checkpoints)
        places = [(each.size, each.time) for each in found]
        # A page that goes back, or that does not move, would be read for ever.
        if places != sorted(places) or any(place <= (after, parse_time(moment)) for place in places):
            raise MalformedError("answer-malformed")
        return found

    def tile(self, shard: int, path: str) -> bytes:
        """The file of a shard under a tile path; `GatewayProblemError` of status 404 when there is none."""
        parsed = parse_path(path)
        size = MAX_LEAF + 2 if parsed.level == ENTRIES else HASH_SIZE
        return self._interface.fetch(f"{_JOURNAL}{folder(shard)}{parsed}", limit=size * WIDTH)

    def cosign(self, line: str, note: bytes) -> None:
        """Bring our cosignature of a checkpoint, and the checkpoint as we read it; raises as `parse_note` for it."""
        checkpoint = parse_note(note).checkpoint
        named = {"v": 1, "origin": checkpoint.origin, "size": checkpoint.size}
        body = strictjson.dumps(named | {"cosignature": line, "note": b64url(note)})
        value = self._interface.post("/v1/journal/cosignatures", body, None)
        if read_body(bodies.CosignedBody, value).size != checkpoint.size:
            raise ForgedError("answer-to-another")

    def openings(self, after: int) -> OpeningPage:
        """What opens the journal's entries that we may read, after cursor `after`; the end is where `next` stays."""
        value = self._interface.get("/v1/journal/openings", query={"after": after}, limit=LARGE)
        page = read_body(bodies.OpeningPageBody, value)
        if page.next < after:
            raise MalformedError("answer-malformed")
        with reading_answer():
            found = tuple(JournalOpening(item.index, Opening(item.entry, item.salt)) for item in page.openings)
        return OpeningPage(found, page.next)

    def proof(self, index: int) -> bytes:
        """The C2SP tlog-proof of an entry that we may know of; status 404 when there is none for us."""
        return self._interface.get_bytes(f"/v1/journal/proof/{index}", limit=MAX_PROOF, kind=_TEXT)

    def agreement_of_digest(self, sha256: str) -> SignedAgreement:
        """An agreement that we audit, by its digest, with its signatures, none of them verified."""
        with reading_answer():
            found = SignedAgreement.parse(strictjson.dumps(self._document(sha256)))
        if found.sha256 != sha256:
            raise ForgedError("answer-digest", "/payload")
        return found

    def statement_of_digest(self, sha256: str) -> SignedDocument:
        """A consent statement under an agreement that we audit, by its digest; its signature is not verified."""
        with reading_answer():
            found = SignedDocument.from_json(self._document(sha256), STATEMENT_KIND)
        if found.sha256 != sha256:
            raise ForgedError("answer-digest", "/payload")
        return found

    def _document(self, sha256: str) -> object:
        named = validate(_Named, {"sha256": sha256}).sha256
        return self._interface.get(f"/v1/journal/documents/{named}", limit=LARGE)
