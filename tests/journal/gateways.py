"""A gateway as whoever reads its journal meets it: files by path, made of leaves; a test changes one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from journal.bundle import open_bundle
from journal.contradictions import open_signed
from journal.growing import Grown, grow
from journal.mirror import Mirror
from journal.notes import Checkpoint, JournalSigner
from journal.pins import Pins
from journal.publication import read_publication
from journal.shards import first_shard
from keys import strictjson
from keys.documents import b64url, format_time, parse_time
from keys.errors import MalformedError
from tests.journal.builders import Files, leaves_of
from tests.journal.ledgers import START, Ledger, journal_keys
from tests.journal.relays import legs, shard_keys

__all__ = [
    "LEAVES",
    "PAGE",
    "PAGE_ONE",
    "SIZES",
    "FakeGateway",
    "LostError",
    "gateway",
    "kept",
    "shards_of",
    "signed",
    "visit",
    "whole",
]

LEAVES = leaves_of(700)
"""A journal of a few tiles."""
SIZES = [1, 40, 256, 300, 512, 700]
"""When it was published."""
PAGE_ONE = "checkpoints?after=0"
PAGE = 3
"""Archived checkpoints on one page, few, so that every test turns pages."""


class LostError(Exception):
    """The connection, or this program, ended in the middle."""


def signed(files: Files, size: int, at: datetime, signer: JournalSigner | None = None) -> bytes:
    """The note of the first `size` leaves."""
    keys = signer or journal_keys()
    return keys.sign(Checkpoint(keys.origin, size, files.root(size)), at)


@dataclass
class FakeGateway:
    """Serves a journal of these leaves, published at each of `sizes`, a second for each leaf; counts what is asked."""

    leaves: Sequence[bytes]
    sizes: Sequence[int]
    signer: JournalSigner = field(default_factory=journal_keys)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, bytes | None] = field(default_factory=dict)
    """What is answered under a path instead of the truth."""
    fails_at: int | None = None
    """After how many answers the connection is lost."""
    start: int = 0
    """How many leaves the shards before this one have."""
    later: dict[int, FakeGateway] = field(default_factory=dict)
    """The shards after this one, by number."""

    def __post_init__(self) -> None:
        self.files = Files(list(self.leaves), *self.sizes)
        self.published = [(size, self._at(size), self._note(size)) for size in self.sizes]

    def _at(self, size: int) -> datetime:
        return START + timedelta(seconds=self.start + size)

    def _note(self, size: int) -> bytes:
        return signed(self.files, size, self._at(size), self.signer)

    def __call__(self, path: str, limit: int) -> bytes | None:
        """The bytes under a path, as `Fetch`."""
        if self.fails_at is not None and len(self.asked) >= self.fails_at:
            raise LostError
        self.asked.append(path)
        data = self.answers[path] if path in self.answers else self._truth(path)
        if data is not None and len(data) > limit:
            raise MalformedError("answer-too-large")
        return data

    def _truth(self, path: str) -> bytes | None:
        if path.startswith("shards/"):
            number, _, beneath = path.removeprefix("shards/").partition("/")
            shard = self.later.get(int(number))
            return None if shard is None else shard._truth(beneath)  # noqa: SLF001 - another of the same kind
        if path == "checkpoint":
            return self.published[-1][2]
        if path.startswith("checkpoints?"):
            return self._page(path)
        return self.files.get(path)

    def _page(self, path: str) -> bytes:
        query = parse_qs(urlsplit(path).query)
        after = int(query["after"][0])
        moment = parse_time(query["time"][0]) if "time" in query else None
        found = [
            (size, at, note)
            for size, at, note in self.published
            if size > after or (size == after and (moment is None or at > moment))
        ][:PAGE]
        items = [{"size": size, "time": format_time(at), "note": b64url(note)} for size, at, note in found]
        return strictjson.dumps({"checkpoints": items, "next": found[-1][0] + 1 if found else after})

    @property
    def tiles_asked(self) -> list[str]:
        """The tiles that were asked for so far."""
        return [path for path in self.asked if path.startswith("tile/")]


def visit(folder: Path, gateway: Callable[[str, int], bytes | None], pins: Pins | None = None) -> Grown:
    """One visit of a mirror to a gateway; by default, nothing but the first shard is pinned."""
    mirror = Mirror.make(folder)

    def many(asked: Iterable[tuple[str, int]]) -> Iterator[bytes | None]:
        return (gateway(path, limit) for path, limit in asked)

    try:
        return grow(mirror, gateway, many, pins or Pins(first_shard(journal_keys().vkeys)))
    finally:
        mirror.close()


def gateway(*sizes: int) -> FakeGateway:
    """A gateway that published the journal at these sizes, all of them by default."""
    chosen = sizes or tuple(SIZES)
    return FakeGateway(LEAVES[: chosen[-1]], chosen)


def shards_of(ledger: Ledger, *, lost: bool = False) -> FakeGateway:
    """A gateway that serves every shard of a ledger, published every ten entries and at its end.

    What it lost when it was restored it does not serve, unless `lost`.
    """
    leaves = ledger.leaves()
    made = {}
    for reach in legs(ledger.entries):
        count = reach.end - reach.start if lost else reach.held
        sizes = [*range(10, count, 10), count]
        ours, signer = leaves[reach.start : reach.start + count], shard_keys(reach.shard.number)
        made[reach.shard.number] = FakeGateway(ours, sizes, signer, start=reach.start)
    first = made.pop(1)
    first.later = made
    return first


def kept(folder: Path) -> dict[str, bytes]:
    """What a mirror holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole(folder: Path, size: int) -> int:
    """Read every leaf of the mirror, and all of its checkpoints; returns how many of these there are."""
    with open_bundle(folder) as bundle:
        newest = open_signed(bundle.checkpoint(), journal_keys().vkeys)
        assert [leaf for _, leaf, _ in bundle.leaves(newest.checkpoint)] == LEAVES[:size]
        publication = read_publication(bundle, newest, journal_keys().vkeys)
        assert publication.contradictions == []
        return len(publication.sizes)
