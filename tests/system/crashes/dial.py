"""A clock that several programs read and that a test turns forward: leases run out without anybody waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.invented import AT


@dataclass(frozen=True)
class Dial:
    """The time since `AT`, kept in a file: the real time that passed, and by how much the test turned it forward."""

    path: Path

    def __call__(self) -> datetime:
        """The time."""
        return AT + timedelta(seconds=time.time() - float(self.path.read_text(encoding="ascii")))

    def start(self) -> Dial:
        """Let the time begin at `AT`."""
        return self._write(time.time())

    def forward(self, seconds: float) -> None:
        """Turn every program's clock forward."""
        self._write(float(self.path.read_text(encoding="ascii")) - seconds)

    def _write(self, beginning: float) -> Dial:
        fresh = self.path.with_suffix(".fresh")
        fresh.write_text(repr(beginning), encoding="ascii")
        fresh.replace(self.path)
        return self
