"""What a transaction has read already: under the lock of the journal's end nobody else changes it before the end."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Seen"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Seen(Generic[K, V]):
    """Rows of one table by key, each read once in a transaction, for all the requests that share it.

    Whoever changes the table forgets them, and so does whoever undoes a part of the transaction.
    """

    def __init__(self, read: Callable[[K], V]) -> None:
        """Read with `read` what was not seen yet."""
        self._read = read
        self._rows: dict[K, V] = {}

    def get(self, key: K) -> V:
        """The row under a key, as `read` gave it."""
        if key not in self._rows:
            self._rows[key] = self._read(key)
        return self._rows[key]

    def forget(self) -> None:
        """Read everything anew from here on."""
        self._rows.clear()
