"""This organisation as a witness of the journal: it signs for each state it has read, and never for two pasts.

PROTOCOL §7 *Witnesses*. What was read is kept before it is signed, and a signature before it is sent: after a crash the
same state is signed for, never another. The gateway that shows an older journal than it published is handed our copy.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from adapters.calls import GatewayCalls
from adapters.identity import WitnessKey
from adapters.lineage import Seen
from adapters.office import Office
from adapters.store.watches import Cosigned
from journal.cosignatures import parse_signature, vkey_of
from journal.notes import Note, parse_note
from journal.shards import Shard
from journal.witness import Witnessed, cosign
from keys.errors import PasserelleError

__all__ = ["EXAMINED", "bring_back", "cosign_newest"]

EXAMINED: Final = frozenset({"journal-restored", "journal-contradicted"})
"""What a gateway answers to everything while it waits for its witnesses to show what they saw."""

_TIME: Final = slice(0, 8)
"""Where a cosignature states its moment, in seconds."""


def cosign_newest(office: Office, client: GatewayCalls) -> bool:
    """Sign for the newest state that was accepted, and hand the signature in; False for who has no key to witness with.

    What the gateway has already is not sent again. Raises `StoreError`, and what the call raises: the signature is
    kept then, and goes with the next look unless a newer state takes its place.
    """
    seen, key = office.book.seen(), office.identity.witness_key(office.now())
    if seen is None or key is None:
        return False
    with office.store.transaction() as tx:
        saved, before = tx.keyring.journal(), tx.watches.cosigned()
        if saved is None or saved[0] != seen.note:
            return True  # Another program of ours read on meanwhile: it signs for what it read.
        if before is None or before.note != seen.note or _signer(before) != vkey_of(key.address, key.private).key_id:
            line = _sign(key, seen, office.now(), before)
            tx.watches.cosign(seen.note, line)
            before = Cosigned(seen.note, line, sent=False)
    if not before.sent:
        client.cosign(before.line, _as_published(seen.shard, before.note))
        with office.store.transaction() as tx:
            tx.watches.sent(before.line)
    return True


def bring_back(office: Office, client: GatewayCalls) -> None:
    """Hand the gateway the last state that it published to us, which it does not show any more.

    Whoever restored a backup in good faith learns of it so, and stops. Raises `StoreError`; that it cannot be handed in
    is no error, since the next look tries again.
    """
    seen = office.book.seen()
    if seen is None:
        return
    with office.store.transaction() as tx:
        cosigned = tx.watches.cosigned()
    mine = cosigned is not None and cosigned.note == seen.note
    published = _as_published(seen.shard, seen.note)
    # Without a key of ours the journal's own signature stands in: what tells is the note.
    line = cosigned.line if cosigned is not None and mine else parse_note(published).signatures[0].line()
    with suppress(PasserelleError):
        client.cosign(line, published)


def _as_published(shard: Shard, note: bytes) -> bytes:
    """A note with the journal's own two signatures only: what others signed tells the gateway nothing here."""
    read, own = parse_note(note), {(each.name, each.key_id) for each in shard.vkeys}
    return Note(read.checkpoint, tuple(each for each in read.signatures if (each.name, each.key_id) in own)).encode()


def _sign(key: WitnessKey, seen: Seen, now: datetime, before: Cosigned | None) -> str:
    """Our signature line; its moment never goes back, whatever this machine's clock does."""
    witnessed = Witnessed(seen.checkpoint.origin, seen.checkpoint.size, seen.checkpoint.root, seen.note)
    at = max(now, seen.at, _moment(before)) if before is not None else max(now, seen.at)
    return cosign(key.address, key.private, witnessed, at).line()


def _moment(cosigned: Cosigned) -> datetime:
    data = parse_signature(cosigned.line).data
    return datetime.fromtimestamp(int.from_bytes(data[_TIME], "big"), UTC)


def _signer(cosigned: Cosigned) -> bytes:
    return parse_signature(cosigned.line).key_id
