"""Reads the receipts that partners collected, from files and folders, each verified with the broker's pinned key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from journal.receipts import Promised, read_receipt
from keys.errors import FileError, about
from keys.files import read_file
from keys.identity import Verifier
from keys.signing import MAX_DOCUMENT

__all__ = ["read_receipts"]

_LINES: Final = ".jsonl"
_SUFFIXES: Final = frozenset({".json", _LINES})


def read_receipts(paths: Iterable[Path], verifier: Verifier) -> list[Promised]:
    """Every receipt in these files, and in the `.json` and `.jsonl` files of these folders.

    A `.jsonl` file holds one a line, any other file one receipt. Raises `FileError` (file-missing, file-unreadable),
    and what `read_receipt` raises, with the file and the line: a receipt that is not the broker's proves nothing.
    """
    found = []
    for path in paths:
        for place, data in _receipts(path):
            with about(place):
                found.append(read_receipt(data, verifier, place))
    return found


def _receipts(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and each.is_file()):
            yield from _receipts(file)
    elif path.suffix == _LINES:
        for number, line in _lines(path):
            yield f"{path}:{number}", line
    else:
        with about(path):
            yield str(path), read_file(path, limit=MAX_DOCUMENT)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_DOCUMENT + 1):
                number += 1
                if line.strip():
                    yield number, line.removesuffix(b"\n")
    except FileNotFoundError:
        with about(path):
            raise FileError("file-missing") from None
    except OSError:
        with about(path):
            raise FileError("file-unreadable") from None
