"""A bundle's files in one zip archive, read without trusting whoever packed it.

Names that are not a bundle's are refused, sizes that the archive declares are not believed, and nothing is unpacked.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Final, Protocol, Self

from journal.layout import largest_piece, shard_of
from journal.shards import FIRST
from keys.errors import FileError, MalformedError, about

__all__ = ["Archive", "Shelf", "lines_of"]

_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
"""Flag bits of members that are encrypted, strongly encrypted, or whose own header is hidden."""
_MAX_RATIO: Final = 64
"""How many bytes may come out for one of the archive; openings, the most compressible part, give about 2."""
_ALLOWANCE: Final = 16 * 1024 * 1024
"""Bytes that may come out of however small an archive."""
_PIECE: Final = 256 * 1024
"""Bytes read at once of a file of lines."""


class Shelf(Protocol):
    """Where the files of a bundle lie."""

    def stream(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        """The file of this name, open for reading; None when there is none."""
        ...

    def last_shard(self) -> int:
        """The largest number of a shard of which there is anything."""
        ...

    def spend(self, size: int) -> None:
        """Count bytes that came out; raises `MalformedError` (archive-bomb) past what may."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def lines_of(shelf: Shelf, name: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, from 1, each with its newline if it has one; none when it is absent.

    A line longer than any that may stand there is cut, and the last one. Raises what reading from `shelf` raises.
    """
    limit, number, rest = largest_piece(name), 0, b""
    with shelf.stream(name) as stream:
        while stream is not None and (piece := stream.read(_PIECE)):
            shelf.spend(len(piece))
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                number += 1
                yield number, line + b"\n"
            if len(rest) > limit:
                break
        if rest:
            yield number + 1, rest


class Archive:
    """A zip archive, held open: every member is a plain file under a bundle's name, and there once."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile) -> None:
        """Check the names and kinds of the members of an open archive; raises as `open` does."""
        self._file = file
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in archive.infolist():
            _check_kind(member)
            if member.filename in self._members:
                raise MalformedError("archive-duplicate-file")
            self._members[member.filename] = member
        self._left = _ALLOWANCE + _MAX_RATIO * file.seek(0, 2)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the archive at `path`.

        Raises `FileError` (file-missing, file-unreadable) and `MalformedError`: archive-damaged, archive-unknown-file,
        archive-duplicate-file, archive-encrypted, archive-special-file, archive-compression.
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

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes] | None]:
        """As `Shelf.stream`; raises `MalformedError` (archive-damaged) while it is read."""
        member = self._members.get(name)
        if member is None:
            yield None
            return
        with _translated(), self._archive.open(member) as stream:
            yield stream

    def last_shard(self) -> int:
        """As `Shelf.last_shard`; a file of it is enough."""
        return max(map(shard_of, self._members), default=FIRST)

    def spend(self, size: int) -> None:
        """As `Shelf.spend`: many members may share the same few bytes of an archive."""
        self._left -= size
        if self._left < 0:
            raise MalformedError("archive-bomb")

    def close(self) -> None:
        """As `Shelf.close`."""
        self._archive.close()
        self._file.close()


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
