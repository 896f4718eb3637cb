"""I6: times never decrease, so that the order of the journal is the order in which things were decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from journal.entries import Entry
from journal.invariants.findings import Finding
from keys.errors import Fault

__all__ = ["TimesNeverDecrease"]


class TimesNeverDecrease:
    """Each entry is at least as late as every readable entry before it (PROTOCOL §6 *Order*)."""

    number: Final = "I6"

    def __init__(self) -> None:
        self._latest: datetime | None = None

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`; slug time-goes-back."""
        if self._latest is not None and entry.time < self._latest:
            yield Fault("time-goes-back", "/time")
            return
        self._latest = entry.time
