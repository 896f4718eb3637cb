"""The one file an auditor needs: written by the broker without holding it in memory, read without trusting it.

A bundle is a zip archive (see `journal.layout`). Whoever made it may be hostile: sizes that it declares are not
believed, names that are not a bundle's are refused, and nothing is ever extracted to disk.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final, Self, TypeVar

from journal.entries import Opening
from journal.layout import (
    CHECKPOINT,
    MAX_LINE,
    OPENINGS,
    VKEYS,
    SignedAgreement,
    agreement_name,
    encode_opening,
    largest_piece,
    read_opening,
    statement_name,
)
from journal.notes import Checkpoint
from journal.tiles import ENTRIES, WIDTH, TilePath, TileReader, parse_path
from journal.vkeys import Vkey
from keys.errors import FileError, ForgedError, MalformedError, about
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = ["Bundle", "write_bundle"]

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment a zip archive can tell: the same journal gives the same archive whenever it is written."""
_MODE: Final = (stat.S_IFREG | 0o644) << 16
_UNIX: Final = 3
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
"""Flag bits of members that are encrypted, strongly encrypted, or whose own header is hidden."""
_MAX_RATIO: Final = 64
"""How many bytes may come out for one of the archive; openings, the most compressible part, give about 2."""
_ALLOWANCE: Final = 16 * 1024 * 1024
"""Bytes that may come out of however small an archive."""


def write_bundle(
    out: BinaryIO,
    *,
    checkpoint: bytes,
    vkeys: Iterable[Vkey],
    files: Iterable[tuple[str, bytes]],
    openings: Iterable[tuple[int, Opening]],
    agreements: Iterable[SignedAgreement],
    statements: Iterable[SignedDocument],
) -> None:
    """Write a bundle to `out`, which need not be seekable, one piece at a time and in the order given.

    `files` are the journal's tiles by path, `openings` ascend by index. Raises `MalformedError` (wrong-tile-path,
    too-large, archive-duplicate-file, openings-out-of-order) and whatever an iterable raises; the checkpoint comes
    last, so that an archive cut short by an error has none and is refused by every reader.
    """
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        writer = _Writer(archive)
        writer.add(VKEYS, "".join(f"{vkey}\n" for vkey in vkeys).encode())
        for path, data in files:
            parse_path(path)
            writer.add(path, data, method=zipfile.ZIP_STORED)  # hashes do not get smaller
        for agreement in agreements:
            writer.add(agreement_name(agreement.sha256), agreement.encode())
        for statement in statements:
            writer.add(statement_name(statement.sha256), statement.encode())
        writer.add_openings(openings)
        writer.add(CHECKPOINT, checkpoint)


class _Writer:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names: set[str] = set()

    def add(self, name: str, data: bytes, *, method: int = zipfile.ZIP_DEFLATED) -> None:
        if len(data) > largest_piece(name):
            raise MalformedError("too-large")
        self._archive.writestr(self._new(name, method), data)

    def add_openings(self, openings: Iterable[tuple[int, Opening]]) -> None:
        last = -1
        with self._archive.open(self._new(OPENINGS, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as stream:
            for index, opening in openings:
                if index <= last:
                    raise MalformedError("openings-out-of-order")
                last = index
                stream.write(encode_opening(index, opening))

    def _new(self, name: str, method: int) -> zipfile.ZipInfo:
        if name in self._names:
            raise MalformedError("archive-duplicate-file")
        self._names.add(name)
        member = zipfile.ZipInfo(name, _EPOCH)
        member.compress_type = method
        member.external_attr = _MODE
        member.create_system = _UNIX
        return member


class Bundle:
    """A bundle open for reading; use it in a `with` statement. Nothing that it holds is verified by opening it.

    Every method raises `MalformedError` (archive-damaged, too-large, archive-bomb) besides what it names itself.
    """

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile) -> None:
        """Check the names and kinds of the members of an open archive; raises as `Bundle.open` does."""
        self._file = file
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in archive.infolist():
            _check_kind(member)
            if member.filename in self._members:
                raise MalformedError("archive-duplicate-file")
            self._members[member.filename] = member
        for name in (CHECKPOINT, OPENINGS):
            if name not in self._members:
                with about(name):
                    raise MalformedError("archive-file-missing")
        self._left = _ALLOWANCE + _MAX_RATIO * file.seek(0, 2)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the bundle at `path`.

        Raises `FileError` (file-missing, file-unreadable) and `MalformedError`: archive-damaged, archive-unknown-file,
        archive-duplicate-file, archive-encrypted, archive-special-file, archive-compression, archive-file-missing.
        """
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise FileError("file-missing") from None
        except OSError:
            raise FileError("file-unreadable") from None
        try:
            with _translated():
                return cls(file, zipfile.ZipFile(file))
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()
        self._file.close()

    def checkpoint(self) -> bytes:
        """The signed note, as its bytes."""
        return self._read(CHECKPOINT) or b""

    def tile(self, path: str) -> bytes | None:
        """The bytes of a tile, or None when the bundle has none at this path; a reader for `TileReader`."""
        data = self._read(path)
        self._spend(len(data or b""))
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
        last = -1
        with self._stream(OPENINGS) as stream:
            number = 0
            while line := stream.readline(MAX_LINE + 1):
                self._spend(len(line))
                number += 1
                with about(f"{OPENINGS}:{number}"):
                    index, opening = read_opening(line)
                    if index <= last:
                        raise MalformedError("openings-out-of-order")
                last = index
                yield index, opening

    def leaves(self, checkpoint: Checkpoint) -> Iterator[tuple[int, bytes, Opening | None]]:
        """Each leaf of the tree under `checkpoint` in order, 256 held at a time, with its opening if there is one.

        Leaves are verified, openings are not. Raises what `TileReader` and `openings` raise, and `MalformedError`
        (no-such-entry) for an opening of an entry that the tree does not have.
        """
        reader = TileReader(self.tile, checkpoint.size, checkpoint.root)
        openings = self.openings()
        shown = next(openings, None)
        for first in range(0, checkpoint.size, WIDTH):
            number, width = first // WIDTH, min(WIDTH, checkpoint.size - first)
            with about(TilePath(ENTRIES, number, width)):
                leaves = reader.leaves(number)
            for index, leaf in enumerate(leaves, start=first):
                if shown is None or shown[0] != index:
                    yield index, leaf, None
                    continue
                yield index, leaf, shown[1]
                shown = next(openings, None)
        if shown is not None:
            with about(OPENINGS):
                raise MalformedError("no-such-entry")

    def _read(self, name: str) -> bytes | None:
        """The whole of a member, which is never believed to be as large as it says."""
        if name not in self._members:
            return None
        limit = largest_piece(name)
        with about(name), self._stream(name) as stream:
            data = stream.read(limit + 1)
            if len(data) > limit:
                raise MalformedError("too-large")
            return data

    @contextmanager
    def _stream(self, name: str) -> Iterator[IO[bytes]]:
        with _translated(), self._archive.open(self._members[name]) as stream:
            yield stream

    def _spend(self, size: int) -> None:
        # Counted as it comes out: many members may share the same few bytes of the archive.
        self._left -= size
        if self._left < 0:
            raise MalformedError("archive-bomb")


_Document = TypeVar("_Document", SignedAgreement, SignedDocument)


def _named(document: _Document, sha256: str) -> _Document:
    """The document, if it is the one its name says."""
    if document.sha256 != sha256:
        raise ForgedError("archive-wrong-name")
    return document


def _check_kind(member: zipfile.ZipInfo) -> None:
    """Refuse whatever is not a plain file of a bundle."""
    # Python cuts a name at a NUL: the name as it was written has to be the name as it is used.
    name = member.filename if member.filename == member.orig_filename else ""
    largest_piece(name)
    with about(name):
        if member.flag_bits & _ENCRYPTED:
            raise MalformedError("archive-encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise MalformedError("archive-compression")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise MalformedError("archive-special-file")


@contextmanager
def _translated() -> Iterator[None]:
    """What the zip library raises for a damaged or hostile archive, as our own refusal."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError):
        raise MalformedError("archive-damaged") from None
    except OSError:
        raise FileError("file-unreadable") from None
