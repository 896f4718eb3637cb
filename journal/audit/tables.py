"""Registers as tables: rows of codes for programs, and the same in words for a spreadsheet that runs nothing.

What a spreadsheet would take for a formula has an apostrophe before it: what partners wrote is read, never run (OWASP,
*CSV injection*). Every cell is quoted, on one line, so that it is cut where it was meant to be.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

from journal.audit.program import TERMINAL, word
from keys.errors import FileError, about
from keys.terminal import printable

__all__ = ["Column", "Form", "Row", "Table", "Value", "Writer", "safe_cell", "time_column", "writers"]

Form = Literal["csv", "json"]
Value: TypeAlias = "str | int | bool | Sequence[str] | None"
Row: TypeAlias = Mapping[str, Value]
_RUN: Final = re.compile(r"(?:(?<=^)|(?<=[;,|\t\r\n]))(?=[\s\x22]*[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet would see a formula: one that takes wide signs for narrow ones, or cuts lines elsewhere, too."""
_MARK: Final = "\ufeff"
"""By which spreadsheets know UTF-8."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its code, and how a value is said in words; a value that is not known is an empty cell."""

    code: str
    say: Callable[[str], str] = str

    def cell(self, value: Value) -> str:
        """The value as a person reads it."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return word("audit.yes" if value else "audit.no")
        if isinstance(value, str | int):
            return self.say(str(value))
        return "; ".join(self.say(each) for each in value)


def time_column(code: str) -> Column:
    """A column of times, which a program reads as the protocol writes them and a spreadsheet as a date, in UTC."""
    return Column(code, lambda text: text[: len("2026-03-01T14:05:00")].replace("T", " "))


@dataclass(frozen=True, slots=True)
class Table:
    """One register: the name of its file, and its columns in order."""

    name: str
    columns: tuple[Column, ...]


class Writer:
    """Writes the rows of one register as they come."""

    def __init__(self, table: Table, form: Form, file: TextIO, about_journal: Mapping[str, object]) -> None:
        """Begin the file; `about_journal` are the members that every file of codes begins with."""
        self._table = table
        self._form = form
        self._file = file
        self.count = 0
        if form == "csv":
            # What a French spreadsheet opens by itself is cut at semicolons.
            separator = ";" if TERMINAL.language == "fr" else ","
            self._csv = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
            file.write(_MARK)
            self._csv.writerow([word(f"audit.column.{column.code}") for column in table.columns])
        else:
            head = json.dumps({"v": 1, "register": table.name, **about_journal}, ensure_ascii=False)
            file.write(f'{head[:-1]}, "rows": [')

    def add(self, row: Row) -> None:
        """Write one row; members that are not columns are left out."""
        cells = {column.code: row.get(column.code) for column in self._table.columns}
        if self._form == "csv":
            said = [safe_cell(printable(column.cell(cells[column.code]))) for column in self._table.columns]
            self._csv.writerow(said)
        else:
            known = {code: value for code, value in cells.items() if value is not None}
            self._file.write(("," if self.count else "") + "\n" + json.dumps(known, ensure_ascii=False))
        self.count += 1

    def end(self) -> None:
        """End the file."""
        if self._form == "json":
            self._file.write("\n]}\n")


def safe_cell(text: str) -> str:
    """The text of a cell that no spreadsheet runs, an apostrophe before whatever could begin a formula."""
    return _RUN.sub("'", text)


@contextmanager
def writers(
    tables: Sequence[Table], folder: Path, form: Form, about_journal: Mapping[str, object]
) -> Iterator[dict[str, Writer]]:
    """A writer for each table, in files of their own in `folder`, which nobody else may read: who refers to whom.

    All of them are written, or none stays. Raises `FileError` (file-exists, file-unwritable).
    """
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as stack:
            found = {}
            for table in tables:
                file = stack.enter_context(_new(folder, f"{table.name}.{form}", made))
                found[table.name] = Writer(table, form, file, about_journal)
            yield found
            for writer in found.values():
                writer.end()
    except OSError:
        _take_away(made)
        raise FileError("file-unwritable") from None
    except BaseException:
        _take_away(made)
        raise


@contextmanager
def _new(folder: Path, name: str, made: list[Path]) -> Iterator[TextIO]:
    path = folder / name
    with about(path):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise FileError("file-exists") from None
    made.append(path)
    with io.TextIOWrapper(os.fdopen(descriptor, "wb"), encoding="utf-8", newline="") as file:
        yield file


def _take_away(made: Sequence[Path]) -> None:
    for path in made:
        path.unlink(missing_ok=True)
