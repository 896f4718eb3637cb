"""Measures two things side by side: one second of the one, one of the other, in turn, and their ratio pair by pair.

Machines drift and neighbours disturb; a ratio of neighbouring slices holds where two separate figures would not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Figure", "paired", "per_second"]


@dataclass(frozen=True, slots=True)
class Figure:
    """Operations per second of two programs, slice by slice."""

    first: list[float]
    second: list[float]

    @property
    def ratio(self) -> float:
        """The median, over pairs of neighbouring slices, of first / second."""
        return statistics.median(a / b for a, b in zip(self.first, self.second, strict=True))

    def lines(self, first: str, second: str) -> str:
        """The figures as text."""
        return (
            f"  {first:<46} {statistics.median(self.first):>10,.0f} /s\n"
            f"  {second:<46} {statistics.median(self.second):>10,.0f} /s\n"
            f"  ratio, median of {len(self.first)} pairs {self.ratio:>32.2f}"
        )


def per_second(operation: Callable[[], object], seconds: float = 1.0) -> float:
    """How many times a second `operation` runs, over one slice."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        operation()
        count += 1
    return count / elapsed


def paired(first: Callable[[], float], second: Callable[[], float], pairs: int = 5) -> Figure:
    """Take slices of both in turn, after one of each that is not counted."""
    first()
    second()
    slices = [(first(), second()) for _ in range(pairs)]
    return Figure([a for a, _ in slices], [b for _, b in slices])
