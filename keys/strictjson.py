"""Reads JSON so strictly that two programs can never understand one document differently.

PROTOCOL §0: UTF-8 without byte-order mark, no duplicate keys, no lone surrogates, no non-finite numbers, integers
within ±(2^53 − 1), a limited size and nesting, nothing after the end. RFC 8259 leaves all of these open.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from keys.errors import MalformedError

__all__ = ["MAX_DEPTH", "MAX_INTEGER", "children", "dumps", "escaped", "line_and_column", "loads", "positions"]

MAX_DEPTH = 16
"""Nesting allowed, the outermost object counted as 1 (PROTOCOL §0)."""
MAX_INTEGER = 2**53 - 1
"""The largest integer every JSON reader keeps exactly (RFC 7493 §2.2)."""

_TOKEN = re.compile(
    r'[ \t\r\n]*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[\[\]{},:])|(?P<word>[^\s\[\]{},:"]+))', re.DOTALL
)


class _DuplicateKeyError(ValueError):
    pass


class _NumberError(ValueError):
    pass


def dumps(value: object) -> bytes:
    """Write JSON compactly in UTF-8, keys in the order given; what is written is what gets signed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def loads(data: bytes, *, limit: int) -> Any:  # noqa: ANN401 - JSON can be anything: models narrow it
    """Read one JSON document of at most `limit` bytes.

    Raises `MalformedError` (too-large, not-utf8, not-json, duplicate-key, number-not-allowed, too-deep,
    lone-surrogate) with pointer, line and column.
    """
    if len(data) > limit:
        raise MalformedError("too-large")
    text = _decoded(data)
    try:
        value = _STRICT.decode(text)
    except _DuplicateKeyError:
        raise _at_first_duplicate(text) from None
    except _NumberError:
        raise _at_first_bad_number(text) from None
    except json.JSONDecodeError as error:
        raise MalformedError("not-json", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise MalformedError("too-deep") from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value, "", 1)
    if "\\u" in text:
        _check_surrogates(value, "")
    return value


def positions(text: str) -> Iterator[tuple[str, int]]:
    """Every value of a syntactically valid JSON text as (JSON pointer, offset), duplicates included, in order."""
    stack: list[list[Any]] = []  # each open container: [pointer, next key or index, is it an object]
    awaiting_key = False
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        start = token.start("string") if token["string"] else token.start("mark" if mark else "word")
        if mark in ("]", "}"):
            stack.pop()
            awaiting_key = False
        elif mark == ",":
            awaiting_key = stack[-1][2]
            if not awaiting_key:
                stack[-1][1] += 1
        elif mark == ":":
            awaiting_key = False
        elif awaiting_key:
            stack[-1][1] = json.loads(token["string"])
        else:
            pointer = f"{stack[-1][0]}/{escaped(stack[-1][1])}" if stack else ""
            yield pointer, start
            if mark:
                stack.append([pointer, 0, mark == "{"])
                awaiting_key = mark == "{"


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """The line and column, both from 1, of a character offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _decoded(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise MalformedError("byte-order-mark", line=1, column=1)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line, column = line_and_column(before, len(before))
        raise MalformedError("not-utf8", line=line, column=column) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKeyError
    return result


def _refuse(_constant: str) -> float:
    raise _NumberError


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NumberError
    return number


def _exact(text: str) -> int:
    # The length is checked first: Python itself refuses (and would blame us for) thousands of digits.
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:  # noqa: PLR2004 - sign and the 16 digits of 2^53
        raise _NumberError
    return int(text)


def _at(code: str, text: str, pointer: str, offset: int) -> MalformedError:
    line, column = line_and_column(text, offset)
    return MalformedError(code, pointer, line=line, column=column)


def _at_first_duplicate(text: str) -> MalformedError:
    seen: set[str] = set()
    try:
        for pointer, offset in positions(text):
            if pointer in seen:
                return _at("duplicate-key", text, pointer, offset)
            seen.add(pointer)
    except (IndexError, ValueError, TypeError, RecursionError):
        pass  # What follows the duplicate is not JSON either; one of the two faults is enough to refuse.
    return MalformedError("duplicate-key")


def _at_first_bad_number(text: str) -> MalformedError:
    try:
        for pointer, offset in positions(text):
            if text[offset] not in '"[{':
                try:
                    _STRICT.raw_decode(text, offset)
                except _NumberError:
                    return _at("number-not-allowed", text, pointer, offset)
    except (IndexError, ValueError, TypeError):
        pass  # As above: the text is refused whatever else is wrong with it.
    return MalformedError("number-not-allowed")


def escaped(key: str | int) -> str:
    """One segment of a JSON pointer (RFC 6901 §3), safe to print.

    A key comes from whoever sent the document: it is cut at 64 characters, and what cannot be printed (a lone
    surrogate, which no file could hold, or an escape sequence, which a terminal would obey) becomes U+FFFD.
    """
    if isinstance(key, int) or (len(key) <= 64 and key.isascii() and key.isidentifier()):  # noqa: PLR2004 - as below
        return str(key)
    printable = (character if character.isprintable() else "\ufffd" for character in str(key)[:64])
    return "".join(printable).replace("~", "~0").replace("/", "~1")


def children(value: object) -> Iterator[tuple[str | int, Any]]:
    """The members of an object or the items of an array with their keys; nothing for other values."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _check_depth(value: object, pointer: str, depth: int) -> None:
    if not isinstance(value, dict | list):
        return
    if depth > MAX_DEPTH:
        raise MalformedError("too-deep", pointer)
    for key, child in children(value):
        _check_depth(child, f"{pointer}/{escaped(key)}", depth + 1)


def _check_surrogates(value: object, pointer: str) -> None:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise MalformedError("lone-surrogate", pointer) from None
    for key, child in children(value):
        _check_surrogates(key, pointer)
        _check_surrogates(child, f"{pointer}/{escaped(key)}")


_STRICT = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_refuse, parse_float=_finite, parse_int=_exact
)
"""Made once: to make one costs as much as to read a header."""
