"""The papers that accompany envelopes: which there are, whether they are here yet, and their bytes once they are."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlmodel import Session, col, select

from adapters.store.records import Attachment, AttachmentState
from adapters.store.tables import AttachmentRow
from keys.documents import format_time, parse_time

__all__ = ["Attachments"]


class Attachments:
    """The papers of one transaction."""

    def __init__(self, session: Session) -> None:
        """Work inside the session given."""
        self._session = session

    def add(self, attachment: Attachment) -> None:
        """Keep a paper, or that one is to be fetched."""
        row = AttachmentRow(
            envelope=attachment.envelope,
            sealed_sha256=attachment.sealed_sha256,
            ref=attachment.ref,
            number=attachment.number,
            kind=attachment.kind,
            name=attachment.name,
            size=attachment.size,
            sha256=attachment.sha256,
            state=attachment.state,
            key=attachment.key,
            data=attachment.data,
            next_try=format_time(attachment.next_try),
        )
        self._session.add(row)
        self._session.flush()

    def of(self, ref: str) -> list[Attachment]:
        """Every paper under a reference, in the order in which they were announced."""
        query = select(AttachmentRow).where(AttachmentRow.ref == ref)
        rows = self._session.exec(query.order_by(AttachmentRow.envelope, col(AttachmentRow.number)))
        return [_attachment(row) for row in rows]

    def of_envelope(self, envelope: str) -> list[Attachment]:
        """Every paper of one envelope, in the order in which they were announced."""
        query = select(AttachmentRow).where(AttachmentRow.envelope == envelope)
        return [_attachment(row) for row in self._session.exec(query.order_by(col(AttachmentRow.number)))]

    def wanted(self, now: datetime) -> list[tuple[str, str]]:
        """The papers to fetch whose time has come: envelope and digest of the sealed bytes, the oldest first."""
        query = select(AttachmentRow.envelope, AttachmentRow.sealed_sha256).where(
            AttachmentRow.state == "wanted", AttachmentRow.next_try <= format_time(now)
        )
        return [(envelope, digest) for envelope, digest in self._session.exec(query.order_by(AttachmentRow.next_try))]

    def find(self, envelope: str, sealed_sha256: str) -> Attachment | None:
        """One paper, if it is known and was not erased meanwhile."""
        row = self._session.get(AttachmentRow, (envelope, sealed_sha256))
        return None if row is None else _attachment(row)

    def keep(self, envelope: str, sealed_sha256: str, data: bytes) -> None:
        """Keep the bytes of a paper that came, and forget its key."""
        self._settle(envelope, sealed_sha256, "held", data)

    def give_up(self, envelope: str, sealed_sha256: str, state: AttachmentState) -> None:
        """Note that a paper will not come, and forget its key."""
        self._settle(envelope, sealed_sha256, state, None)

    def postpone(self, envelope: str, sealed_sha256: str, until: datetime) -> None:
        """Try to fetch a paper again later."""
        row = self._session.get(AttachmentRow, (envelope, sealed_sha256))
        if row is not None:
            row.attempts, row.next_try = row.attempts + 1, format_time(until)
            self._session.add(row)
            self._session.flush()

    def erase(self, ref: str) -> None:
        """Take away every paper under a reference."""
        self._delete(AttachmentRow.ref == ref)

    def erase_of(self, envelope: str) -> None:
        """Take away every paper of one envelope, because another envelope carries them now."""
        self._delete(AttachmentRow.envelope == envelope)

    def _delete(self, which: bool) -> None:  # noqa: FBT001 - a comparison of columns, which is a condition
        for row in self._session.exec(select(AttachmentRow).where(which)).all():
            self._session.delete(row)
        self._session.flush()

    def _settle(self, envelope: str, sealed_sha256: str, state: AttachmentState, data: bytes | None) -> None:
        row = self._session.get(AttachmentRow, (envelope, sealed_sha256))
        if row is not None:
            row.state, row.data, row.key = state, data, None
            self._session.add(row)
            self._session.flush()


def _attachment(row: AttachmentRow) -> Attachment:
    return Attachment(
        envelope=row.envelope,
        sealed_sha256=row.sealed_sha256,
        ref=row.ref,
        number=row.number,
        kind=row.kind,
        name=row.name,
        size=row.size,
        sha256=row.sha256,
        state=cast("AttachmentState", row.state),
        next_try=parse_time(row.next_try),
        key=row.key,
        data=row.data,
        attempts=row.attempts,
    )
