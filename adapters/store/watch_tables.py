"""The rows of the partner's database by which it watches the journal."""

from __future__ import annotations

from typing import ClassVar

from sqlmodel import Field

from adapters.store.tables import Row

__all__ = ["ConfirmationRow", "PromiseRow", "WatchRow"]


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
