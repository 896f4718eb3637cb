"""Reads the small tables that people review (one row a code), and refuses a table that has a slip in it.

A table is a CSV file of `consent/tables/`: UTF-8, a header with exactly the columns expected, `yes` or `no`
for answers, `;` between several codes. A fault is told by table and column (as a pointer) and by line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final, TypeVar

from keys.errors import MalformedError

__all__ = ["Row", "keyed", "rows", "shipped"]

Code = TypeVar("Code", bound=str)
Entry = TypeVar("Entry")
Key = TypeVar("Key")
_FLAGS: Final = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: the table's name, the line (from 1, the header included), the cells by column."""

    table: str
    line: int
    cells: Mapping[str, str]

    def fault(self, code: str, column: str = "") -> MalformedError:
        """The error to raise for this row, or for one of its cells; it holds the place, never the cell."""
        pointer = f"/{self.table}/{column}" if column else f"/{self.table}"
        return MalformedError(code, pointer, line=self.line, column=1)

    def text(self, column: str) -> str:
        """A cell that must not be empty (missing-field)."""
        if not self.cells[column]:
            raise self.fault("missing-field", column)
        return self.cells[column]

    def optional(self, column: str) -> str | None:
        """A cell that may be empty, which reads as None."""
        return self.cells[column] or None

    def flag(self, column: str) -> bool:
        """A cell that says `yes` or `no` (unknown-code otherwise)."""
        return _FLAGS[self.choice(column, tuple(_FLAGS))]

    def choice(self, column: str, allowed: Sequence[Code]) -> Code:
        """A cell that holds one of the allowed codes (missing-field, unknown-code)."""
        text = self.text(column)
        for code in allowed:
            if code == text:
                return code
        raise self.fault("unknown-code", column)

    def several(self, column: str, allowed: Container[str] | None = None, mark: str = ";") -> tuple[str, ...]:
        """A cell that lists codes, none for an empty cell (unknown-code, duplicate-code)."""
        codes = tuple(self.cells[column].split(mark)) if self.cells[column] else ()
        if any(not code or (allowed is not None and code not in allowed) for code in codes):
            raise self.fault("unknown-code", column)
        if len(set(codes)) != len(codes):
            raise self.fault("duplicate-code", column)
        return codes


def shipped(table: str) -> str:
    """The text of a table that travels with this package."""
    return resources.files("consent").joinpath("tables", f"{table}.csv").read_text(encoding="utf-8")


def rows(table: str, text: str, columns: Sequence[str]) -> list[Row]:
    """Read the rows of a table.

    Raises `MalformedError`: table-columns (the header is not exactly `columns`, or a row has more or fewer
    cells), wrong-form (not CSV, or a cell with spaces around it), missing-field (no row at all).
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Row] = []
    try:
        for cells in reader:
            # Paired loosely, because a row of another length still has a line to be named in the fault.
            row = Row(table, reader.line_num, MappingProxyType(dict(zip(columns, cells, strict=False))))
            if len(cells) != len(columns) or (not found and cells != list(columns)):
                raise row.fault("table-columns")
            for column, cell in row.cells.items():
                if cell != cell.strip():
                    raise row.fault("wrong-form", column)
            found.append(row)
    except csv.Error:
        raise MalformedError("wrong-form", f"/{table}", line=reader.line_num, column=1) from None
    if len(found) < 2:  # noqa: PLR2004 - the header and one row
        raise MalformedError("missing-field", f"/{table}", line=max(reader.line_num, 1), column=1)
    return found[1:]


def keyed(found: Sequence[Row], read: Callable[[Row], Entry], key: Callable[[Entry], Key]) -> Mapping[Key, Entry]:
    """Read every row and keep the entries by key, in the table's order; a key met twice is duplicate-code."""
    entries: dict[Key, Entry] = {}
    for row in found:
        entry = read(row)
        if key(entry) in entries:
            raise row.fault("duplicate-code")
        entries[key(entry)] = entry
    return MappingProxyType(entries)
