"""The journal of the gateway's double: its entries through all shards, who signs each, and how one follows another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from journal.entries import Opening, clear_leaf, commitment_leaf
from journal.notes import Checkpoint, JournalSigner, parse_note
from journal.shards import CLOSED, HAND_OVER, OPENED, RESTARTED, Shard, announce, commit, next_origin
from keys.documents import b64url, format_time
from keys.signing import SignedDocument
from tests.adapters.answers_double import HeldClock
from tests.journal.builders import SALT, Files, entry_bytes, journal_signer, key_entry_bytes

GATEWAY = "gateway@laval"


@dataclass(frozen=True)
class HeldShard:
    """One shard of its journal: who signs it, how many entries came before it, and how it ended if it did.

    Of a shard that was restarted after it, `end` and `final` are what a backup holds; `restarted` says that nobody
    announced it.
    """

    signer: JournalSigner
    start: int
    end: int | None = None
    final: bytes | None = None
    restarted: bool = False


class ShardsDouble:
    """Part of `tests.adapters.gateway_double.GatewayDouble`."""

    clock: HeldClock
    shards: list[HeldShard]
    leaves: list[bytes]

    @property
    def journal(self) -> JournalSigner:
        """Who signs the shard that goes on."""
        return self.shards[-1].signer

    def held(self, number: int) -> HeldShard:
        """The shard of this number."""
        return self.shards[number - 1]

    def shard(self, number: int) -> Shard:
        """The same, as its readers know it."""
        held = self.held(number)
        return Shard(number, held.signer.origin, held.signer.vkeys, held.start)

    def rotate(self, signer: JournalSigner | None = None) -> None:
        """Close the shard that goes on and open the next one, which has keys of its own."""
        number = len(self.shards)
        shard = self.shard(number)
        following = signer or journal_signer(next_origin(shard))
        self.hand_over(CLOSED, announce(shard, following.vkeys))
        final = self.note()
        self.shards[-1] = replace(self.shards[-1], end=len(self.leaves), final=final)
        self.shards.append(HeldShard(following, len(self.leaves)))
        self.hand_over(OPENED, commit(number + 1, final))

    def restart(self, held: int, witnessed: bytes, signer: JournalSigner | None = None) -> None:
        """Go back to the first `held` entries, and go on in a new shard after what somebody saw signed."""
        number = len(self.shards)
        shard = self.shard(number)
        shown = self.note(size=shard.position(held), at=self.clock())
        self.shards[-1] = replace(self.shards[-1], end=held, final=shown)
        start = shard.end(parse_note(witnessed).checkpoint)
        self.leaves[held:] = [b""] * (start - held)
        self.shards.append(HeldShard(signer or journal_signer(next_origin(shard)), start, restarted=True))
        self.hand_over(RESTARTED, commit(number + 1, witnessed, parse_note(shown).checkpoint))

    def hand_over(self, state: str, document: bytes) -> None:
        """Journal one of the two entries between shards."""
        entry = key_entry_bytes(
            index=len(self.leaves),
            type=HAND_OVER,
            state=state,
            time=format_time(self.clock()),
            actor=GATEWAY,
            document=b64url(document),
        )
        self.append(clear_leaf(entry))

    def append(self, leaf: bytes) -> int:
        """Add a leaf; its index."""
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def publish(self, *documents: SignedDocument, kind: str = "key.published", at: datetime | None = None) -> None:
        """Journal key statements in clear, as the protocol wants."""
        for document in documents:
            entry = key_entry_bytes(
                index=len(self.leaves),
                type=kind,
                time=format_time(at or self.clock()),
                actor=GATEWAY,
                document=b64url(document.encode()),
            )
            self.append(clear_leaf(entry))

    def bustle(self, count: int) -> None:
        """Journal other people's business, as commitments."""
        for _ in range(count):
            self.append(commitment_leaf(Opening(entry_bytes(index=len(self.leaves)), SALT)))

    def note(self, *, size: int | None = None, at: datetime | None = None) -> bytes:
        """The signed checkpoint of the first `size` leaves of the shard that goes on."""
        files = self.files(size)
        return self.journal.sign(Checkpoint(self.journal.origin, len(files.hashes), files.root()), at or self.clock())

    def files(self, size: int | None = None, *, number: int | None = None) -> Files:
        """The tiles of the first `size` leaves of a shard, the one that goes on unless another is named."""
        held = self.shards[-1] if number is None else self.held(number)
        return Files(self.leaves[held.start : held.end][:size])
