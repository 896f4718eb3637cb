"""What a journal commits itself to in three lines of text: its name, how many entries it has, and their root.

C2SP tlog-checkpoint. Nothing here is signed yet; `journal.notes` puts signatures below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from journal.tree import HASH_SIZE, MAX_SIZE
from keys.errors import MalformedError
from keys.vkeys import b64, check_name, from_b64

__all__ = ["Checkpoint", "parse_checkpoint"]

_TEXT = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[^\n]+)\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed: the journal's name, its size in leaves, its root.

    The name (`origin`) has the form `<host>/<territory>/journal/<shard>`. Raises `MalformedError`
    (wrong-name, no-such-size, wrong-hash-size).
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_name(self.origin)
        if not 0 <= self.size <= MAX_SIZE:
            raise MalformedError("no-such-size")
        if len(self.root) != HASH_SIZE:
            raise MalformedError("wrong-hash-size")

    def text(self) -> bytes:
        """The three lines of C2SP tlog-checkpoint."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n".encode()


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint, exactly three lines.

    Raises `MalformedError` (wrong-checkpoint, or what `Checkpoint` raises). Extension lines are refused: the
    ML-DSA-44 signature does not cover them.
    """
    match = _TEXT.fullmatch(text)
    root = from_b64(match["root"]) if match else None
    if match is None or root is None:
        raise MalformedError("wrong-checkpoint")
    return Checkpoint(match["origin"], int(match["size"]), root)
