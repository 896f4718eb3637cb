"""A bundle's files in a folder that grows: what `passerelle-audit fetch` keeps of a journal between two visits.

The folder may have been given by somebody, or be written to while it is read: no link is followed, nothing but plain
files is read, and a file is replaced whole or not at all. It tells who refers to whom, so only its owner may read it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Self

from journal.layout import CHECKPOINT, largest_piece, shard_of
from journal.shards import FIRST, folder
from keys.errors import FileError, MalformedError, about

__all__ = ["Mirror"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK: Final = os.O_NOFOLLOW | os.O_NONBLOCK
"""No link is followed, and a pipe under the name of a file makes nobody wait."""
_NEW: Final = ".new."
"""How the names of unfinished files begin; no file of a bundle is named so."""
_LOCK: Final = ".lock"
_SHARDS: Final = "shards"
_LINKS: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})
"""What opening something else than a folder or a file fails with."""


class Mirror:
    """A folder, held open: it stays the same one whatever happens to its path. A `Shelf`, and it can be written to."""

    def __init__(self, descriptor: int, beneath: str = "") -> None:
        """Read and write beneath the folder that is open as `descriptor`, which `close` closes.

        `beneath` comes before each name, as the folder of a shard does.
        """
        self._folder = descriptor
        self._beneath = beneath
        self._lock: int | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the folder at `path`; raises `FileError` (file-missing, file-unreadable)."""
        try:
            return cls(os.open(path, _FOLDER))
        except FileNotFoundError:
            raise FileError("file-missing") from None
        except OSError:
            raise FileError("file-unreadable") from None

    @classmethod
    def make(cls, path: Path) -> Self:
        """Open the folder at `path`, made if it is not there, for this process alone to write to.

        What an earlier one left unfinished is removed. Raises `FileError` (file-unwritable, file-unreadable, and
        mirror-in-use while another process writes to it).
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            raise FileError("file-unwritable") from None
        mirror = cls.open(path)
        try:
            mirror.hold()
        except BaseException:
            mirror.close()
            raise
        return mirror

    def shard(self, number: int) -> Mirror:
        """The files of one shard in the same folder; to be used while this mirror is open, and never closed itself."""
        return Mirror(self._folder, folder(number))

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes] | None]:
        """As `Shelf.stream`; raises `MalformedError` (archive-special-file) and `FileError` (file-unreadable)."""
        name = self._beneath + name
        largest_piece(name)
        with about(name):
            descriptor = self._open(name)
        if descriptor is None:
            yield None
            return
        with os.fdopen(descriptor, "rb") as stream:
            try:
                yield stream
            except OSError:
                raise FileError("file-unreadable") from None

    def last_shard(self) -> int:
        """As `Shelf.last_shard`; only its checkpoint counts, without which an interrupted visit left the other files.

        Raises as `stream` does.
        """
        try:
            with about(_SHARDS), _refusals("file-unreadable"):
                there = self._descend((_SHARDS,), make=False)
                try:
                    names = os.listdir(there)  # noqa: PTH208 - a path cannot be a descriptor
                finally:
                    os.close(there)
        except FileNotFoundError:
            return FIRST
        notes = (f"{_SHARDS}/{name}/{CHECKPOINT}" for name in names)
        return max((shard_of(note) for note in notes if shard_of(note) != FIRST and note in self), default=FIRST)

    def spend(self, size: int) -> None:
        """As `Shelf.spend`; what comes out of a folder is in it, so nothing is counted."""

    def close(self) -> None:
        """As `Shelf.close`."""
        os.close(self._folder)
        if self._lock is not None:
            os.close(self._lock)  # which also gives it up

    def __contains__(self, name: str) -> bool:
        with self.stream(name) as stream:
            return stream is not None

    def read(self, name: str) -> bytes | None:
        """The bytes of a file that is read as one piece, up to one more than it may hold; raises as `stream` does."""
        with self.stream(name) as stream:
            return None if stream is None else stream.read(largest_piece(name) + 1)

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write the file `name` in place of the old one: a crash leaves either of them, never half of one.

        Raises `MalformedError` (archive-unknown-file, archive-special-file when a link stands where a folder should),
        `FileError` (file-unwritable), and whatever `pieces` raises; then the old file stays.
        """
        name = self._beneath + name
        largest_piece(name)
        *folders, last = name.split("/")
        temporary = _NEW + secrets.token_hex(8)
        with about(name), _refusals("file-unwritable"):
            try:
                there = self._descend(folders, make=True)
                try:
                    _write(self._folder, temporary, pieces)
                    os.rename(temporary, last, src_dir_fd=self._folder, dst_dir_fd=there)
                    os.fsync(there)  # the name of a file is on disk only once its folder is
                finally:
                    os.close(there)
                    _forget(self._folder, temporary)
            except FileNotFoundError:
                raise FileError("file-unwritable") from None

    def remove(self, name: str) -> None:
        """Remove the file `name` if it is there; raises as `put` does."""
        name = self._beneath + name
        largest_piece(name)
        *folders, last = name.split("/")
        with about(name), _refusals("file-unwritable"), suppress(FileNotFoundError):
            there = self._descend(folders, make=False)
            try:
                os.unlink(last, dir_fd=there)
            finally:
                os.close(there)

    def _open(self, name: str) -> int | None:
        """A plain file as a descriptor, each part of its name opened in the folder before it; None when absent."""
        *folders, last = name.split("/")
        try:
            with _refusals("file-unreadable"):
                there = self._descend(folders, make=False)
                try:
                    descriptor = os.open(last, os.O_RDONLY | os.O_CLOEXEC | _NO_LINK, dir_fd=there)
                finally:
                    os.close(there)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise MalformedError("archive-special-file")
        return descriptor

    def _descend(self, folders: Iterable[str], *, make: bool) -> int:
        """The folder under these names, opened anew."""
        here = os.dup(self._folder)
        for part in folders:
            try:
                if make:
                    _make_folder(here, part)
                below = os.open(part, _FOLDER | _NO_LINK, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here

    def hold(self) -> None:
        """Let no other process write here, and remove what an earlier one left unfinished; raises as `make` does."""
        with _refusals("file-unwritable"):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | _NO_LINK
            self._lock = os.open(_LOCK, flags, 0o600, dir_fd=self._folder)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FileError("mirror-in-use") from None
            for name in os.listdir(self._folder):  # noqa: PTH208 - a path cannot be a descriptor
                if name.startswith(_NEW):
                    _forget(self._folder, name)


def _make_folder(here: int, name: str) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=here)
    except FileExistsError:
        return
    os.fsync(here)


def _write(folder: int, name: str, pieces: Iterable[bytes]) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _forget(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return


@contextmanager
def _refusals(otherwise: str) -> Iterator[None]:
    """What the system says of a name, as our own refusal; that there is none of it is for the caller."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _LINKS:
            raise MalformedError("archive-special-file") from None
        raise FileError(otherwise) from None
