"""Whether we remember the last state that we signed for: the database of a partner may be a backup that was restored.

PROTOCOL §7 *Witnesses*. Right after what such a backup remembers, the gateway's archive shows signatures of ours that
we do not know of. Then nothing more is signed for before what was read holds the last of those states. A gateway that
hides them from us cannot be found out so: that takes somebody else's copy of the journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from adapters.archive import PAGES
from adapters.bodies import ArchivedCheckpoint
from adapters.calls import GatewayCalls
from adapters.growth import JournalAlarmError
from adapters.identity import WitnessKey
from adapters.journal_tree import root_of
from adapters.lineage import ReadShard, Seen
from adapters.office import Office
from adapters.store.watches import Cosigned
from journal.cosignatures import vkey_of
from journal.notes import open_note, parse_note
from journal.shards import Shard
from keys.errors import MalformedError
from keys.vkeys import Vkey

__all__ = ["Recollection"]

_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
_Place = tuple[int, datetime]
"""Where to go on in the archive of a shard: a size, and a moment."""


class Recollection:
    """Asks the archive once after each start, before anything new is signed for."""

    def __init__(self, office: Office, client: GatewayCalls) -> None:
        """Ask through a client."""
        self._office = office
        self._client = client
        self._is_sound = False

    def check(self) -> None:
        """Return only if what was read holds the last state that is known to be signed for by us.

        Raises `JournalAlarmError` (journal-forked for another past, checkpoint-rolled-back for more than is shown now),
        `ForgedError` for a signature in our name that does not hold, `MalformedError` (answer-malformed), and what the
        calls raise: it is asked again then.
        """
        office, seen = self._office, self._office.book.seen()
        key = office.identity.witness_key(office.now())
        if self._is_sound or seen is None or key is None:
            return
        with office.store.transaction() as tx:
            before, enrolled = tx.watches.cosigned(), tx.keyring.statements(office.address)
        if before is not None and before.note == seen.note:
            return  # There is nothing new to sign for.
        index = enrolled[0][0] if enrolled else seen.size - 1
        found = [(read, self._last(read.shard, key, place)) for read, place in _stretches(seen, before, index)]
        for read, note in found:
            if note is not None:
                self._check_holds(read.shard, note)
        self._is_sound = True

    def _last(self, shard: Shard, key: WitnessKey, place: _Place) -> bytes | None:
        """The last checkpoint after a place that bears our signature.

        Who was restored signed for what came right after the backup: where a few pages hold nothing of ours, we were
        only away.
        """
        vkey, found, without = vkey_of(key.address, key.private), None, 0
        while without < PAGES:
            page = self._client.checkpoints(shard.number, *place)
            if not page:
                break
            ours = [each.note for each in page if _is_ours(each, shard, vkey)]
            found, without = (ours[-1], 0) if ours else (found, without + 1)
            place = page[-1].size, page[-1].time
        return found

    def _check_holds(self, shard: Shard, note: bytes) -> None:
        checkpoint = parse_note(note).checkpoint
        seen = self._office.book.seen()  # Another program of ours may have read on, and signed, meanwhile.
        read = seen.named(shard.origin) if seen else None
        signed_at = open_note(note, shard.vkeys).signed_at or _BEGINNING
        if seen is None or read is None or seen.loses(shard.origin, shard.end(checkpoint) - 1, signed_at):
            return
        if checkpoint.size > read.checkpoint.size:
            raise JournalAlarmError("checkpoint-rolled-back", shard=shard, note=note)
        if root_of(self._client, shard, read.checkpoint, checkpoint.size) != checkpoint.root:
            raise JournalAlarmError("journal-forked", shard=shard, note=note)


def _stretches(seen: Seen, before: Cosigned | None, index: int) -> Iterator[tuple[ReadShard, _Place]]:
    """Each shard that we may have signed for since, and from where on: after what we remember, or after entry `index`.

    Who remembers nothing can have signed for nothing before `index`, where the journal first spoke of us.
    """
    end = seen.end(before.note) if before is not None else index + 1
    for read in seen.read():
        yield read, (max(0, end - read.shard.start), _signed_at(before, read.shard))
        if read.shard.start < end:
            return


def _signed_at(before: Cosigned | None, shard: Shard) -> datetime:
    """When the state that we remember was signed, if it is one of this shard."""
    if before is None or parse_note(before.note).checkpoint.origin != shard.origin:
        return _BEGINNING
    return open_note(before.note, shard.vkeys).signed_at or _BEGINNING


def _is_ours(item: ArchivedCheckpoint, shard: Shard, vkey: Vkey) -> bool:
    """Whether an archived checkpoint bears our signature; what turns the pages has to be what the note says."""
    if all((each.name, each.key_id) != (vkey.name, vkey.key_id) for each in parse_note(item.note).signatures):
        return False
    opened = open_note(item.note, shard.vkeys, witnesses=(vkey,), required=shard.vkeys)
    at = opened.signed_at
    if opened.checkpoint.size != item.size or at is None or int(at.timestamp()) != int(item.time.timestamp()):
        raise MalformedError("answer-malformed")
    return True
