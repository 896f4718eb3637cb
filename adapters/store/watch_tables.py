"""The rows of the partner's database by which it watches the journal."""

from __future__ import annotations

from typing import ClassVar

from sqlmodel import Field

from adapters.store.tables import Row

__all__ = ["ConfirmationRow", "PromiseRow", "ShardRow", "WatchRow"]


class WatchRow(Row, table=True):
    """What we did last as a witness, and since when no news of the journal could be had; one row.

    `note` is the checkpoint that was cosigned and `line` our signature of it; `sent` whether the gateway has it.
    """

    __tablename__: ClassVar[str] = "watch"
    number: int = Field(primary_key=True)
    note: bytes | None = None
    line: str | None = None
    sent: bool = False
    missed_since: str | None = None


class ConfirmationRow(Row, table=True):
    """The newest checkpoint that the quorum of an agreement confirmed, with the cosignatures that say so."""

    __tablename__: ClassVar[str] = "confirmation"
    sha256: str = Field(primary_key=True)
    checkpoint: bytes


class PromiseRow(Row, table=True):
    """A receipt whose promise is still to be held against the journal; gone once it was kept, or found broken.

    `unread_since` is when the gateway first did not show the place that should hold it, though its state covers it.
    """

    __tablename__: ClassVar[str] = "promise"
    number: int | None = Field(default=None, primary_key=True)
    place: int = Field(index=True)
    receipt: bytes = Field(unique=True)
    unread_since: str | None = None


class ShardRow(Row, table=True):
    """One shard of the journal, once there are several: its name, its keys as vkeys, how many entries came before it.

    `final` is the note to which the next shard commits, and `shown` the last one under which it can be read; neither
    is there for the shard that goes on. `restarted_at` is when the next one began without having been announced;
    `recovered` is true once what was lost with that waits to be sent again.
    """

    __tablename__: ClassVar[str] = "shard"
    number: int = Field(primary_key=True)
    origin: str
    ed25519: str
    mldsa44: str
    start: int
    final: bytes | None = None
    shown: bytes | None = None
    restarted_at: str | None = None
    recovered: bool = False
