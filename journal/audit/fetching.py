"""Keeps a mirror of a journal: fetches what is new, verifies it, and adds the openings that others have exported."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from journal.bundle import Bundle
from journal.enriching import Enriched, Openings, enrich
from journal.entries import Opening
from journal.gathering import FetchMany
from journal.growing import Grown, grow
from journal.layout import MAX_LINE, read_opening
from journal.mirror import Mirror
from journal.pins import Pins
from journal.republishing import Fetch
from keys.errors import FileError, about

__all__ = ["Fetched", "fetch_journal"]

_AT_ONCE: Final = 8
"""Files that are asked for at the same time."""
Bar = Callable[[str], Callable[[int, int], object] | None]
"""Begins a bar of this name; gives what tells it how far."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a visit brought, and what was added to it from files."""

    grown: Grown
    enriched: Enriched | None


def fetch_journal(fetch: Fetch, folder: Path, pins: Pins, openings: Sequence[Path], bar: Bar) -> Fetched:
    """Bring the mirror in `folder` up to date with what `fetch` gives, then add `openings` to it.

    Raises `ContradictedError`; `DownloadError`, `FileError`, `MalformedError` and `ForgedError` as `grow` and `enrich`
    do. Whatever is kept was verified, and another run goes on from there.
    """
    with about(folder):
        mirror = Mirror.make(folder)
    with ExitStack() as stack:
        stack.callback(mirror.close)
        bundles, lines = _opened(openings, stack)
        many = stack.enter_context(_together(fetch))
        grown = grow(mirror, fetch, many, pins, bar("audit.fetching"))
        enriched = enrich(mirror, grown.shards, lines, bundles, bar("audit.adding")) if openings else None
        return Fetched(grown, enriched)


def _opened(paths: Iterable[Path], stack: ExitStack) -> tuple[list[Bundle], list[Openings]]:
    """The bundles and mirrors among the files that were given, and the openings that stand alone."""
    bundles: list[Bundle] = []
    lines: list[Openings] = []
    for path in paths:
        if path.is_dir() or zipfile.is_zipfile(path):
            with about(path):
                bundles.append(stack.enter_context(Bundle.open(path)))
        elif not path.is_file():
            with about(path):
                raise FileError("file-missing")
        else:
            lines.append(_lines(path))
    return bundles, lines


def _lines(path: Path) -> Iterator[tuple[int, Opening]]:
    """The openings of a file that holds one a line; raises `FileError` (file-unreadable), and a line's faults."""
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                with about(f"{path}:{number}"):
                    yield read_opening(line)
    except OSError:
        with about(path):
            raise FileError("file-unreadable") from None


@contextmanager
def _together(fetch: Fetch) -> Iterator[FetchMany]:
    """Asks for several files at the same time; nothing is asked for any more once one of them fails."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:

        def many(asked: Iterable[tuple[str, int]]) -> Iterator[bytes | None]:
            return pool.map(lambda each: fetch(*each), asked)

        try:
            yield many
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
