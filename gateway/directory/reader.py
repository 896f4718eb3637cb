"""Follows a foreign JSON document by name, and says where it stands whenever something is not as expected."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from keys import strictjson
from keys.errors import Fault, MalformedError

__all__ = ["Node", "with_places"]

# Control characters could drive a terminal; direction overrides make a text read other than it is.
_UNSEEN = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Node:
    """A JSON object and its pointer; unknown members are left alone, absent and null are the same.

    Every method raises `MalformedError` (wrong-type, missing-field, too-long, out-of-range) with the pointer.
    """

    def __init__(self, value: object, pointer: str) -> None:
        """Stand on `value`; anything but an object is a wrong-type."""
        if not isinstance(value, dict):
            raise MalformedError("wrong-type", pointer)
        self._members = value
        self.pointer = pointer

    def error(self, code: str, name: str = "") -> MalformedError:
        """The error `code` at the member `name`, or at this object."""
        return MalformedError(code, f"{self.pointer}/{name}" if name else self.pointer)

    def member(self, name: str) -> Node | None:
        """The object under `name`, if there is one."""
        value = self._members.get(name)
        return None if value is None else Node(value, f"{self.pointer}/{name}")

    def items(self, name: str) -> Iterator[Node]:
        """The objects of the array under `name`; none when it is absent."""
        values = self._members.get(name)
        if values is None:
            return
        if not isinstance(values, list):
            raise self.error("wrong-type", name)
        for number, value in enumerate(values):
            yield Node(value, f"{self.pointer}/{name}/{number}")

    def text(self, name: str, *, longest: int, cut: bool = False) -> str | None:
        """The text under `name` on one line, None when absent or blank.

        More than `longest` characters are refused, or with `cut` cut at a word and ended by an ellipsis.
        """
        value = self._members.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error("wrong-type", name)
        text = _UNSEEN.sub(" ", value).strip()
        if len(text) > longest:
            if not cut:
                raise self.error("too-long", name)
            text = text[: longest - 1].rpartition(" ")[0] or text[: longest - 1]
            text = f"{text.rstrip(' ,;:')}…"
        return text or None

    def required_text(self, name: str, *, longest: int) -> str:
        """As `text`, but absent or blank is a missing-field."""
        text = self.text(name, longest=longest)
        if text is None:
            raise self.error("missing-field", name)
        return text

    def number(self, name: str, lowest: float, highest: float) -> float | None:
        """The number under `name`, within bounds that are included."""
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error("wrong-type", name)
        if not lowest <= value <= highest:
            raise self.error("out-of-range", name)
        return value

    def has(self, name: str) -> bool:
        """Whether `name` is there and not null."""
        return self._members.get(name) is not None


def with_places(faults: Iterable[Fault], text: str) -> tuple[Fault, ...]:
    """The same faults with line and column, for whoever edits the file; `text` is the valid JSON meant.

    What is missing stands where the nearest object that should hold it begins.
    """
    faults = tuple(faults)
    wanted = {pointer for fault in faults for pointer in _ancestors(fault.pointer)}
    offsets = {pointer: at for pointer, at in strictjson.positions(text) if pointer in wanted} if wanted else {}
    breaks = [match.start() for match in re.finditer("\n", text)]
    placed = []
    for fault in faults:
        offset = next((offsets[pointer] for pointer in _ancestors(fault.pointer) if pointer in offsets), 0)
        line = bisect_left(breaks, offset)
        column = offset - (breaks[line - 1] if line else -1)
        placed.append(Fault(fault.code, fault.pointer, line + 1, column))
    return tuple(placed)


def _ancestors(pointer: str) -> Iterator[str]:
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
    yield ""
