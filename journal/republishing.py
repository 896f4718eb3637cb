"""Brings the archived checkpoints of a mirror up to date, page by page, each verified before it is kept.

A gateway that leaves out what it showed before cannot make a mirror forget it. The last checkpoints that a mirror has
are asked for again, because witnesses may have cosigned them since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Annotated, Final

from pydantic import Field

from journal.archive import lines_of
from journal.contradictions import Contradiction, Signed, contradiction, open_signed
from journal.layout import CHECKPOINTS, encode_archived, read_archived
from journal.mirror import Mirror
from journal.notes import MAX_NOTE, parse_note, with_cosignatures
from journal.publication import root_at
from journal.tiles import TileReader
from keys.documents import Base64Url, Document, Listing, Time, format_time, parse
from keys.errors import ForgedError, MalformedError, about
from keys.strictjson import MAX_INTEGER
from keys.vkeys import Vkey

__all__ = ["ContradictedError", "Fetch", "bring_archive"]

Fetch = Callable[[str, int], bytes | None]
"""Gives the bytes of a file of the journal by its path and the most it may hold; None when there is none."""
_MAX_PAGE: Final = 32 * 1024 * 1024
"""Bytes of the largest page; a hundred checkpoints with all the witnesses they may have take 21 MB."""
_AGAIN: Final = 200
"""Archived checkpoints of the mirror that are asked for again."""


class _ArchivedItem(Document):
    size: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    time: Time
    note: Annotated[Base64Url, Field(max_length=MAX_NOTE)]


class _Page(Document):
    checkpoints: Annotated[Listing[_ArchivedItem], Field(max_length=10_000)]
    next: Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class ContradictedError(Exception):
    """The gateway shows another past than it did before: what it signed convicts it, and nothing of it was kept.

    `later` reads the tree of the larger checkpoint, when that can be had.
    """

    def __init__(self, found: Contradiction, later: TileReader | None) -> None:
        super().__init__(found.kind)
        self.found = found
        self.later = later


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a mirror has: how many lines stay as they are, the last of those, and the ones that are asked for again."""

    lines: int
    last: Signed | None
    again: tuple[Signed, ...]


def bring_archive(
    mirror: Mirror, fetch: Fetch, vkeys: Collection[Vkey], newest: Signed, reader: TileReader, *, closed: bool
) -> int:
    """Bring the archived checkpoints of a shard up to `newest`, whose tree `reader` reads; returns how many are new.

    Raises `ContradictedError`; `ForgedError` and `MalformedError` for what is no checkpoint of this journal or does not
    follow (checkpoints-out-of-order, hand-over-broken for a larger one after that of a `closed` shard); and what
    `fetch` raises. Then the mirror keeps what it had.
    """
    kept = _kept(mirror, vkeys)
    tree = _Tree(newest, reader, closed)
    for signed in (*([kept.last] if kept.last else ()), *kept.again):
        tree.check(signed)  # a visit that was interrupted may have kept more than its checkpoint says
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        yield from (line for _, line in islice(lines_of(mirror, CHECKPOINTS), kept.lines))
        before = kept.last
        for signed in _united(kept.again, _checked(_published(fetch, vkeys, kept, newest), tree)):
            tree.follows(before, signed)
            before = signed
            count += 1
            yield encode_archived(signed.note)

    mirror.put(CHECKPOINTS, lines())
    return count - len(kept.again)


@dataclass(frozen=True, slots=True)
class _Tree:
    """The newest checkpoint, and what reads the tree that it signs: nothing that is kept may contradict them."""

    newest: Signed
    reader: TileReader
    closed: bool

    def check(self, signed: Signed) -> None:
        """Raise `ContradictedError` if a checkpoint contradicts the newest one, or is not of its tree."""
        self.follows(self.newest, signed)
        size = signed.checkpoint.size
        if size <= self.newest.checkpoint.size and root_at(self.reader, size) != signed.checkpoint.root:
            raise ContradictedError(Contradiction("fork", signed, self.newest), self.reader)
        if self.closed and size > self.newest.checkpoint.size:
            raise ForgedError("hand-over-broken")

    def follows(self, other: Signed | None, signed: Signed) -> None:
        """Raise `ContradictedError` if two checkpoints contradict each other by themselves."""
        found = contradiction(other, signed) if other else None
        if found is not None:
            raise ContradictedError(found, self.reader)


def _kept(mirror: Mirror, vkeys: Collection[Vkey]) -> _Kept:
    """What the mirror has; only the end of it is looked at."""
    count = 0
    end: deque[tuple[int, bytes]] = deque(maxlen=_AGAIN + 1)
    for number, line in lines_of(mirror, CHECKPOINTS):
        count = number
        end.append((number, line))
    opened = []
    for number, line in end:
        with about(f"{CHECKPOINTS}:{number}"):
            opened.append(open_signed(read_archived(line), vkeys))
    if count <= _AGAIN:
        return _Kept(0, None, tuple(opened))
    return _Kept(count - _AGAIN, opened[0], tuple(opened[1:]))


def _published(fetch: Fetch, vkeys: Collection[Vkey], kept: _Kept, newest: Signed) -> Iterator[Signed]:
    """What the gateway shows from there on, in order, nothing twice, to the end of the page that goes beyond `newest`.

    The sizes and the moments beside the notes turn the pages, so they have to be those of the notes: a gateway that
    makes them up could turn pages for ever. Raises `MalformedError` (checkpoints-out-of-order).
    """
    last = kept.last
    after, moment = (kept.last.checkpoint.size if kept.last else 0), ""
    while items := _page(fetch, f"checkpoints?after={after}{moment}"):
        for item in items:
            signed = open_signed(item.note, vkeys)
            if (item.size, int(item.time.timestamp())) != (signed.checkpoint.size, int(signed.at.timestamp())):
                raise MalformedError("checkpoints-out-of-order")
            if last is None or _place(signed) > _place(last):
                yield signed
                last = signed
        if (items[-1].size, f"&time={format_time(items[-1].time)}") <= (after, moment):
            raise MalformedError("checkpoints-out-of-order")
        if last is not None and _place(last) > _place(newest):
            return
        after, moment = items[-1].size, f"&time={format_time(items[-1].time)}"


def _page(fetch: Fetch, path: str) -> tuple[_ArchivedItem, ...]:
    with about(path):
        data = fetch(path, _MAX_PAGE)
        return () if data is None else parse(_Page, data, limit=_MAX_PAGE).checkpoints


def _checked(published: Iterable[Signed], tree: _Tree) -> Iterator[Signed]:
    """Those up to the newest; what comes after it may contradict neither it nor what comes before that."""
    beyond = None
    for signed in published:
        tree.check(signed)
        if _place(signed) > _place(tree.newest):
            tree.follows(beyond, signed)
            beyond = signed  # published since the newest was asked for: the next visit will bring it
        else:
            yield signed


def _united(kept: Iterable[Signed], fresh: Iterable[Signed]) -> Iterator[Signed]:
    """Both in order, each checkpoint once, with whatever signatures either had."""
    waiting = deque(kept)
    for signed in fresh:
        while waiting and _place(waiting[0]) < _place(signed):
            yield waiting.popleft()
        if waiting and _place(waiting[0]) == _place(signed):
            yield _merged(waiting.popleft(), signed)
        else:
            yield signed
    yield from waiting


def _merged(kept: Signed, fresh: Signed) -> Signed:
    """The checkpoint that is kept, with the signatures that came since: lines of nobody push none of them out."""
    note = with_cosignatures(kept.note, parse_note(fresh.note).signatures)
    return kept if len(note) > MAX_NOTE else replace(kept, note=note)


def _place(signed: Signed) -> tuple[int, datetime]:
    return signed.checkpoint.size, signed.at
