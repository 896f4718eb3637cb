"""The one file an auditor needs: written by the broker without holding it in memory, read without trusting it.

A bundle is a zip archive, or a folder with the same files in it, a *mirror* (see `journal.layout`). Whoever made it may
be hostile: nothing that it holds is believed before it was verified, and no more of it is held than is needed.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeVar

from journal.archive import Archive, Shelf, lines_of
from journal.entries import Opening
from journal.layout import (
    CHECKPOINT,
    CHECKPOINTS,
    OPENINGS,
    VKEYS,
    SignedAgreement,
    agreement_name,
    encode_archived,
    encode_opening,
    largest_piece,
    read_archived,
    read_opening,
    statement_name,
)
from journal.mirror import Mirror
from journal.notes import Checkpoint
from journal.shards import FIRST, folder
from journal.tiles import ENTRIES, WIDTH, TilePath, TileReader, parse_path
from keys.errors import FileError, ForgedError, MalformedError, about
from keys.signing import MAX_DOCUMENT, SignedDocument
from keys.vkeys import Vkey

__all__ = ["Bundle", "ShardFiles", "open_bundle", "write_bundle"]

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment a zip archive can tell: the same journal gives the same archive whenever it is written."""
_MODE: Final = (stat.S_IFREG | 0o644) << 16
_UNIX: Final = 3


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """What a bundle holds of one shard; every iterable is gone through once, when the shard is written.

    `files` are its tiles by path, without the folder of the shard. `openings` ascend by index, which counts through all
    shards. `checkpoints` are the notes of all that were ever published, in the order of the journal: without them
    nobody can tell when an entry became visible.
    """

    number: int
    vkeys: Iterable[Vkey]
    checkpoint: bytes
    files: Iterable[tuple[str, bytes]]
    openings: Iterable[tuple[int, Opening]]
    checkpoints: Iterable[bytes] | None = None


def write_bundle(
    out: BinaryIO,
    *,
    shards: Iterable[ShardFiles],
    agreements: Iterable[SignedAgreement],
    statements: Iterable[SignedDocument],
) -> None:
    """Write a bundle to `out`, which need not be seekable, one piece at a time and in the order given.

    `shards` are all shards from the first. Raises `MalformedError` (wrong-tile-path, too-large, archive-duplicate-file,
    openings-out-of-order, shards-out-of-order) and whatever an iterable raises; the checkpoints come last, so that an
    archive cut short by an error has none and is refused by every reader.
    """
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        writer = _Writer(archive)
        notes: list[tuple[str, bytes]] = []
        for number, shard in enumerate(shards, start=FIRST):
            if shard.number != number:
                raise MalformedError("shards-out-of-order")
            _write_shard(writer, shard)
            notes.append((folder(number) + CHECKPOINT, shard.checkpoint))
        for agreement in agreements:
            writer.add(agreement_name(agreement.sha256), agreement.encode())
        for statement in statements:
            writer.add(statement_name(statement.sha256), statement.encode())
        for name, note in reversed(notes):
            writer.add(name, note)


def _write_shard(writer: _Writer, shard: ShardFiles) -> None:
    beneath = folder(shard.number)
    writer.add(beneath + VKEYS, "".join(f"{vkey}\n" for vkey in shard.vkeys).encode())
    for path, data in shard.files:
        parse_path(path)
        writer.add(beneath + path, data, method=zipfile.ZIP_STORED)  # hashes do not get smaller
    writer.add_lines(beneath + OPENINGS, _in_order(shard.openings))
    if shard.checkpoints is not None:
        writer.add_lines(beneath + CHECKPOINTS, map(encode_archived, shard.checkpoints))


class _Writer:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names: set[str] = set()

    def add(self, name: str, data: bytes, *, method: int = zipfile.ZIP_DEFLATED) -> None:
        if len(data) > largest_piece(name):
            raise MalformedError("too-large")
        self._archive.writestr(self._new(name, method), data)

    def add_lines(self, name: str, lines: Iterable[bytes]) -> None:
        with self._archive.open(self._new(name, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as stream:
            for line in lines:
                if len(line) > largest_piece(name):
                    raise MalformedError("too-large")
                stream.write(line)

    def _new(self, name: str, method: int) -> zipfile.ZipInfo:
        if name in self._names:
            raise MalformedError("archive-duplicate-file")
        self._names.add(name)
        member = zipfile.ZipInfo(name, _EPOCH)
        member.compress_type = method
        member.external_attr = _MODE
        member.create_system = _UNIX
        return member


def _in_order(openings: Iterable[tuple[int, Opening]]) -> Iterator[bytes]:
    last = -1
    for index, opening in openings:
        if index <= last:
            raise MalformedError("openings-out-of-order")
        last = index
        yield encode_opening(index, opening)


class Bundle:
    """A bundle open for reading; use it in a `with` statement. Nothing that it holds is verified by opening it.

    Every method raises `MalformedError` (archive-damaged, archive-special-file, too-large, archive-bomb) besides what
    it names itself, and `FileError` (file-unreadable).
    """

    def __init__(self, shelf: Shelf, number: int = FIRST) -> None:
        """Read the files of one shard that lie on `shelf`, which is closed with the bundle; raises as `open` does."""
        self._shelf = shelf
        self.number: Final = number
        self._beneath = folder(number)
        for name in (self._beneath + CHECKPOINT, self._beneath + OPENINGS):
            with shelf.stream(name) as stream:
                if stream is None:
                    with about(name):
                        raise MalformedError("archive-file-missing")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the bundle at `path`, an archive or a folder.

        Raises `FileError` (file-missing, file-unreadable, no-journal-here for a folder without a checkpoint) and
        `MalformedError`: archive-damaged, archive-unknown-file, archive-duplicate-file, archive-encrypted,
        archive-special-file, archive-compression, archive-file-missing.
        """
        shelf: Shelf = _mirror(path) if path.is_dir() else Archive.open(path)
        try:
            return cls(shelf)
        except BaseException:
            shelf.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._shelf.close()

    def shard(self, number: int) -> Bundle | None:
        """The files of another shard of the same bundle, None when it has none; documents are the same for all.

        Raises `MalformedError` (archive-file-missing; shard-missing for one before others of which there are files).
        """
        with about(folder(number) + CHECKPOINT), self._shelf.stream(folder(number) + CHECKPOINT) as stream:
            if stream is None and self._shelf.last_shard() >= number:
                raise MalformedError("shard-missing")
            return None if stream is None else Bundle(self._shelf, number)

    def checkpoint(self) -> bytes:
        """The signed note, as its bytes."""
        return self._read(self._beneath + CHECKPOINT) or b""

    def tile(self, path: str) -> bytes | None:
        """The bytes of a tile, or None when the bundle has none at this path; a reader for `TileReader`."""
        data = self._read(self._beneath + path)
        self._shelf.spend(len(data or b""))
        return data

    def agreement(self, sha256: str) -> SignedAgreement | None:
        """The agreement with this digest, or None; raises `ForgedError` (archive-wrong-name) for another one."""
        name = agreement_name(sha256)
        data = self._read(name)
        with about(name):
            return None if data is None else _named(SignedAgreement.parse(data), sha256)

    def statement(self, sha256: str, kind: str) -> SignedDocument | None:
        """The document of `kind` whose payload has this digest, or None; raises as `agreement` does."""
        name = statement_name(sha256)
        data = self._read(name)
        with about(name):
            return None if data is None else _named(SignedDocument.parse(data, kind, limit=MAX_DOCUMENT), sha256)

    def openings(self) -> Iterator[tuple[int, Opening]]:
        """The openings by index, ascending; raises `MalformedError` (openings-out-of-order, or a line's faults)."""
        last, name = -1, self._beneath + OPENINGS
        for number, line in lines_of(self._shelf, name):
            with about(f"{name}:{number}"):
                index, opening = read_opening(line)
                if index <= last:
                    raise MalformedError("openings-out-of-order")
            last = index
            yield index, opening

    @property
    def has_checkpoints(self) -> bool:
        """Whether it holds the archived checkpoints; bundles of earlier releases do not."""
        with self._shelf.stream(self._beneath + CHECKPOINTS) as stream:
            return stream is not None

    def checkpoints(self) -> Iterator[bytes]:
        """The archived checkpoints as signed notes, in the order of the file; raises `MalformedError` (a line's)."""
        name = self._beneath + CHECKPOINTS
        for number, line in lines_of(self._shelf, name):
            with about(f"{name}:{number}"):
                yield read_archived(line)

    def leaves(self, checkpoint: Checkpoint, start: int = 0) -> Iterator[tuple[int, bytes, Opening | None]]:
        """Each leaf of the tree under `checkpoint` in order, 256 held at a time, with its opening if there is one.

        Each comes with the index of its entry; `start` is that of the first. Leaves are verified, openings are not.
        Raises what `TileReader` and `openings` raise, and `MalformedError` (no-such-entry) for an opening of an entry
        that the tree does not have.
        """
        reader = TileReader(self.tile, checkpoint.size, checkpoint.root)
        openings = self.openings()
        shown = next(openings, None)
        for first in range(0, checkpoint.size, WIDTH):
            number, width = first // WIDTH, min(WIDTH, checkpoint.size - first)
            with about(f"{self._beneath}{TilePath(ENTRIES, number, width)}"):
                leaves = reader.leaves(number)
            for index, leaf in enumerate(leaves, start=start + first):
                if shown is None or shown[0] != index:
                    yield index, leaf, None
                    continue
                yield index, leaf, shown[1]
                shown = next(openings, None)
        if shown is not None:
            with about(self._beneath + OPENINGS):
                raise MalformedError("no-such-entry")

    def _read(self, name: str) -> bytes | None:
        """The whole of a file, which is never believed to be as large as it says."""
        limit = largest_piece(name)
        with about(name), self._shelf.stream(name) as stream:
            if stream is None:
                return None
            data = stream.read(limit + 1)
            if len(data) > limit:
                raise MalformedError("too-large")
            return data


def _mirror(path: Path) -> Mirror:
    """The mirror at `path`: any other folder is a wrong path, not a bundle that lacks something."""
    mirror = Mirror.open(path)
    if CHECKPOINT not in mirror:
        mirror.close()
        raise FileError("no-journal-here")
    return mirror


_Document = TypeVar("_Document", SignedAgreement, SignedDocument)


def _named(document: _Document, sha256: str) -> _Document:
    """The document, if it is the one its name says."""
    if document.sha256 != sha256:
        raise ForgedError("archive-wrong-name")
    return document


@contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """The bundle at `path`, archive or folder, closed afterwards; raises as `Bundle.open` does, and errors name it."""
    with about(path), Bundle.open(path) as bundle:
        yield bundle
