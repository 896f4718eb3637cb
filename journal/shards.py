"""How a journal goes on under new keys: its last entry names the next shard, whose first entry commits to its end.

PROTOCOL §7: shards roll, and the keys that sign a shard live no longer than it. Whoever pinned the first shard follows
the others by what stands in the journal itself. Entries are counted through all shards, so that order among them is
never in doubt; a tree counts its own leaves from 0, so the two differ by where the shard starts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from journal.checkpoints import Checkpoint
from journal.entries import CLEAR, MAX_ENTRY, Entry
from journal.notes import open_note
from journal.tree import HASH_SIZE, MAX_SIZE
from keys.documents import Base64Url, Document, Listing, Version, encode, parse
from keys.errors import ForgedError, MalformedError
from keys.vkeys import ED25519, MLDSA44, Vkey, parse_vkey

__all__ = [
    "CLOSED",
    "FIRST",
    "HAND_OVER",
    "MAX_SHARDS",
    "OPENED",
    "RESTARTED",
    "RESTART_BLUR",
    "Announced",
    "Restart",
    "Shard",
    "announce",
    "announced_by",
    "check_opening",
    "commit",
    "first_index",
    "first_shard",
    "folder",
    "next_origin",
    "restarted_after",
    "resumes",
    "succeed",
]

HAND_OVER: Final = "journal.rotated"
"""The type of the entries between two shards; both stand in clear, because everybody must be able to follow them."""
CLOSED: Final = "closed"
"""The state of the last entry of a shard, which names the next."""
OPENED: Final = "opened"
"""The state of the first entry of the next shard."""
RESTART_BLUR: Final = timedelta(seconds=1)
"""A note tells its second: what it covers may be made so much later than a restart that begins at its very second."""
RESTARTED: Final = "restarted"
"""The state of the first entry of a shard that nobody announced: a backup was restored, and what came later is lost."""
FIRST: Final = 1
MAX_SHARDS: Final = 9999
"""Shards of the longest journal; with one each year nobody will meet it, and a reader never follows for ever."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a journal: its number from 1, its name, its two keys, and how many entries came before it."""

    number: int
    origin: str
    vkeys: tuple[Vkey, Vkey]
    start: int

    def position(self, index: int) -> int:
        """The leaf of this shard's tree at which the entry `index` stands."""
        return index - self.start

    def index(self, position: int) -> int:
        """The entry that stands at leaf `position` of this shard's tree."""
        return self.start + position

    def end(self, checkpoint: Checkpoint) -> int:
        """How many entries the journal has up to a checkpoint of this shard, all shards before it counted."""
        return self.start + checkpoint.size


class Announced(Document):
    """The next shard, as the last entry of the one before names it."""

    number: Annotated[int, Field(ge=FIRST + 1, le=MAX_SHARDS)]
    origin: Annotated[str, StringConstraints(max_length=255)]
    vkeys: Listing[str] = Field(min_length=2, max_length=2)


class _Closing(Document):
    v: Version
    next: Announced


class _Previous(Document):
    origin: Annotated[str, StringConstraints(max_length=255)]
    note: Base64Url


class _Held(Document):
    size: Annotated[int, Field(ge=0, le=MAX_SIZE)]
    root: Annotated[Base64Url, Field(min_length=HASH_SIZE, max_length=HASH_SIZE)]


class _Opening(Document):
    v: Version
    number: Annotated[int, Field(ge=FIRST + 1, le=MAX_SHARDS)]
    previous: _Previous
    held: _Held | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """What the first entry of a restarted shard says of the one before: its largest note that anybody showed, verified.

    `held` is the tree of that shard as the backup has it and as it is shown from then on: one past for everybody, which
    witnesses of the restarted shard sign too. Its leaves are still there; those up to the size of the note are lost.
    `at` is when the journal went on: whatever was lost was made before.
    """

    note: bytes
    checkpoint: Checkpoint
    held: Checkpoint
    at: datetime


def first_shard(vkeys: Collection[Vkey]) -> Shard:
    """The shard whose two keys were pinned, from which every other is followed.

    Raises `MalformedError` (vkeys-not-a-pair) unless they are one key of each kind under one name.
    """
    classic, lasting = _pair(vkeys)
    return Shard(FIRST, classic.name, (classic, lasting), 0)


def folder(number: int) -> str:
    """Where the files of a shard lie, in a bundle and under `/v1/journal/`: the first one's have no folder."""
    return "" if number == FIRST else f"shards/{number}/"


def next_origin(shard: Shard) -> str:
    """The name of the shard that follows: `<host>/<territory>/journal/<number>`."""
    return f"{shard.origin.rpartition('/')[0]}/{shard.number + 1}"


def announce(shard: Shard, vkeys: Collection[Vkey]) -> bytes:
    """The `document` of the last entry of a shard: who comes next.

    Raises `MalformedError` (vkeys-not-a-pair, too-many-shards).
    """
    if shard.number == MAX_SHARDS:
        raise MalformedError("too-many-shards")
    texts = tuple(str(vkey) for vkey in _pair(vkeys))
    return encode(_Closing(v=1, next=Announced(number=shard.number + 1, origin=next_origin(shard), vkeys=texts)))


def commit(number: int, previous: bytes, held: Checkpoint | None = None) -> bytes:
    """The `document` of the first entry of shard `number`: the last signed note of the shard before it.

    Of a shard that nobody announced, `held` is the last published checkpoint of the shard before that is still shown.
    """
    before = _Previous(origin=previous.partition(b"\n")[0].decode(), note=previous)
    told = {} if held is None else {"held": _Held(size=held.size, root=held.root)}
    return encode(_Opening.model_validate({"v": 1, "number": number, "previous": before, **told}))


def announced_by(entry: Entry, shard: Shard) -> Announced | None:
    """The shard that an entry of `shard` says comes next; None for every entry but its last.

    Raises `MalformedError` with the faults of its document, and `ForgedError` (hand-over-broken) when what it names is
    not the next shard of the same journal, or has a key of this one.
    """
    if entry.type != HAND_OVER or entry.state != CLOSED:
        return None
    following = parse(_Closing, entry.document or b"", limit=MAX_ENTRY).next
    keys = {vkey.public_key for vkey in _announced_keys(following)}
    named = (following.number, following.origin)
    if named != (shard.number + 1, next_origin(shard)) or keys & {vkey.public_key for vkey in shard.vkeys}:
        raise ForgedError("hand-over-broken", "/document")
    return following


def succeed(shard: Shard, final: Checkpoint, following: Announced) -> Shard:
    """The next shard, after the last checkpoint of the one that announced it; raises as `announced_by`."""
    return Shard(following.number, following.origin, _announced_keys(following), shard.end(final))


def check_opening(entry: Entry, shard: Shard, before: Shard, final: Checkpoint, *, restarted: bool = False) -> bytes:
    """Return the note that the first entry of `shard` commits to, if that is exactly the end of the shard `before`.

    With `restarted`, the entry must say that nobody announced the shard. Raises `MalformedError` with the faults of
    the document, what `open_note` raises, and `ForgedError` (hand-over-broken) for any other past or place.
    """
    opening, committed = _opening(entry, before, restarted=restarted)
    if (entry.index, committed, shard.start) != (shard.start, final, before.end(final)):
        raise ForgedError("hand-over-broken", "/document")
    if opening.number != shard.number:
        raise ForgedError("hand-over-broken", "/document/number")
    return opening.previous.note


def restarted_after(entry: Entry, before: Shard) -> Restart:
    """What the first entry of a restarted shard says of the shard `before`; raises as `check_opening` does.

    That the journal may restart there is not said by the journal: whoever reads it has that from the broker's operator.
    """
    opening, committed = _opening(entry, before, restarted=True)
    if opening.held is None:
        raise ForgedError("hand-over-broken", "/document/held")
    held = Checkpoint(before.origin, opening.held.size, opening.held.root)
    if held.size > committed.size or (held.size == committed.size and held != committed):
        raise ForgedError("hand-over-broken", "/document/held")
    return Restart(opening.previous.note, committed, held, entry.time)


def resumes(entry: Entry, origin: str) -> bool:
    """Whether an entry begins a restarted shard after the one named `origin`; raises as `parse` does."""
    if (entry.type, entry.state) != (HAND_OVER, RESTARTED):
        return False
    return parse(_Opening, entry.document or b"", limit=MAX_ENTRY).previous.origin == origin


def first_index(leaf: bytes) -> tuple[int, int | None]:
    """The index that the first leaf of a later shard tells, and after a restart how many leaves are held, unverified.

    Raises `MalformedError` with the faults of the entry and of its document, and `ForgedError` (hand-over-broken).
    """
    entry = parse(Entry, leaf.removeprefix(CLEAR), limit=MAX_ENTRY)
    if entry.type != HAND_OVER:
        raise ForgedError("hand-over-broken")
    held = parse(_Opening, entry.document or b"", limit=MAX_ENTRY).held
    return entry.index, None if held is None else held.size


def _opening(entry: Entry, before: Shard, *, restarted: bool) -> tuple[_Opening, Checkpoint]:
    """What the first entry of the shard after `before` carries, and the checkpoint that it commits to, verified."""
    if (entry.type, entry.state) != (HAND_OVER, RESTARTED if restarted else OPENED):
        raise ForgedError("hand-over-broken")
    opening = parse(_Opening, entry.document or b"", limit=MAX_ENTRY)
    if opening.previous.origin != before.origin or (opening.held is None) == restarted:
        raise ForgedError("hand-over-broken", "/document")
    return opening, open_note(opening.previous.note, before.vkeys).checkpoint


def _announced_keys(following: Announced) -> tuple[Vkey, Vkey]:
    vkeys = _pair([parse_vkey(text) for text in following.vkeys])
    if vkeys[0].name != following.origin:
        raise ForgedError("hand-over-broken", "/document")
    return vkeys


def _pair(vkeys: Collection[Vkey]) -> tuple[Vkey, Vkey]:
    """The two keys of one journal, Ed25519 first."""
    ordered = sorted(vkeys, key=lambda vkey: vkey.type)
    if [vkey.type for vkey in ordered] != [ED25519, MLDSA44] or ordered[0].name != ordered[1].name:
        raise MalformedError("vkeys-not-a-pair")
    return ordered[0], ordered[1]
