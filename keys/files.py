"""Files that are written whole or not at all, and private ones that nobody else may read.

Errors name a slug, never the path: whoever opened the file knows which one it was, and says so beside the refusal.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keys.errors import FileError

__all__ = ["one_at_a_time", "read_file", "read_private", "write_new", "write_private"]

PRIVATE = 0o600
PUBLIC = 0o644
OTHERS = 0o077
"""The permission bits that a private file must not have: any of its group's and of everybody's."""


def read_file(path: Path, *, limit: int) -> bytes:
    """The bytes of a file that may be public; raises `FileError` (file-missing, file-unreadable, too-large)."""
    return _read(path, limit, forbidden=0)


def read_private(path: Path, *, limit: int, forbidden: int = OTHERS) -> bytes:
    """The bytes of a file whose mode has none of the `forbidden` bits; else `FileError` (file-readable-by-others)."""
    return _read(path, limit, forbidden)


def _read(path: Path, limit: int, forbidden: int) -> bytes:
    try:
        with path.open("rb") as file:
            # The mode is that of the open file, so it cannot be exchanged for another after the check.
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & forbidden:
                raise FileError("file-readable-by-others")
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise FileError("file-missing") from None
    except OSError:
        raise FileError("file-unreadable") from None
    if len(data) > limit:
        raise FileError("too-large")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 in place of the old one: a crash leaves either of them, never half of one.

    Raises `FileError` (file-unwritable) when the disk is full or the folder is closed; the old file stays.
    """
    _write(path, data, mode=PRIVATE, replace=True)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let nobody else who asks change a file meanwhile, by a lock on the file `.lock` beside it, which stays there.

    Raises `FileError`: file-in-use while somebody does, file-unwritable where the lock cannot be made.
    """
    try:
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError:
        raise FileError("file-unwritable") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileError("file-in-use") from None
        yield
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file that is not there yet, whole or not at all; raises `FileError` (file-exists, file-unwritable)."""
    _write(path, data, mode=PRIVATE if private else PUBLIC, replace=False)


def _write(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new.")  # readable by its owner only
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)  # refuses an existing name, in one step with taking it
        _sync_folder(path.parent)
    except FileExistsError:
        raise FileError("file-exists") from None
    except OSError:
        raise FileError("file-unwritable") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    # The name of a file is on disk only once its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
