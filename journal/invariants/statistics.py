"""I8: published figures equal a recount of the journal.

PROTOCOL §8. A bundle holds no tables of figures, so that nothing published can be counted again: each publication is
told as not judged, and silence is never taken for a recount.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from journal.entries import Entry
from journal.invariants.findings import Finding, Unjudged

__all__ = ["StatisticsRecounted"]


class StatisticsRecounted:
    """Says of every publication that its table is not shown."""

    number: Final = "I8"

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`."""
        if entry.type == "stats.published":
            yield Unjudged("statistics-not-shown")
