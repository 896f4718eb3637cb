"""Writes the one file with which an auditor can check everything the broker did, offline and without trusting it.

PROTOCOL §7 (*Receipts and bundles*). The reading itself is journalled first, so that it is in the bundle it made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import BinaryIO

from consent.agreement import SIGNATURE_KIND
from consent.statement import STATEMENT_KIND
from gateway.broker import Broker
from gateway.checkpoints import Archive, ShownCheckpoint, archive
from gateway.journal_files import tile_data
from gateway.rotation import publish_all
from gateway.shards import all_shards
from gateway.store.engines import is_postgresql, without_time_limits
from gateway.store.transaction import Transaction
from journal.bundle import ShardFiles, write_bundle
from journal.layout import SignedAgreement
from journal.shards import Shard
from journal.tiles import ENTRIES, HEIGHT, WIDTH, TilePath
from keys.errors import PasserelleError
from keys.signing import SignedDocument

__all__ = ["STALE", "StaleJournalError", "export_bundle", "require_fresh"]

STALE = timedelta(hours=2)
"""A journal that is served has a checkpoint every hour."""


class StaleJournalError(PasserelleError):
    """The newest checkpoint is so old that this may be a copy of the database that is served (journal-stale)."""


def require_fresh(broker: Broker, at: datetime) -> None:
    """Return only if this database is being served, or nothing is signed of it anyway; else `StaleJournalError`.

    To sign a checkpoint from a copy is to fork the journal: every witness that sees it raises an alarm.
    """
    with broker.store.reading() as tx:
        newest = tx.tiles.newest_checkpoint()
        contradicted = tx.journal.head().contradicted
    if not contradicted and newest is not None and newest.time < at - STALE:
        raise StaleJournalError("journal-stale")


def export_bundle(broker: Broker, out: BinaryIO, at: datetime) -> ShownCheckpoint:
    """Journal that the journal is read, publish it, and write everything up to that checkpoint to `out`.

    Of a journal that is contradicted nothing more is signed: then it is written up to its last checkpoint.
    Raises `StoreUnavailableError`, `NotInitialisedError`, and `OSError` when `out` cannot be written.
    """
    with broker.store.transaction() as tx:
        tx.journal.append(tx.journal.lock(at), type="audit.read", actor=broker.settings.address)
    publish_all(broker, at)
    with broker.store.reading() as tx:
        if is_postgresql(broker.store.engine):
            without_time_limits(tx.connection)  # the file of a large journal takes minutes, in one view of it
        shards = all_shards(broker.keys, tx)
        write_bundle(
            out,
            shards=(_shard(broker, tx, shards, shard) for shard in shards),
            agreements=_agreements(tx),
            statements=(SignedDocument.parse(data, STATEMENT_KIND) for _, data in tx.statements.all_documents()),
        )
        return _newest(archive(broker, tx, shards, shards[-1]))


def _newest(checkpoints: Archive) -> ShownCheckpoint:
    shown = checkpoints.newest()
    if shown is None:
        raise AssertionError  # no shard is ever seen without a checkpoint
    return shown


def _shard(broker: Broker, tx: Transaction, shards: list[Shard], shard: Shard) -> ShardFiles:
    """What the bundle has of one shard, up to its newest checkpoint."""
    checkpoints = archive(broker, tx, shards, shard)
    newest = _newest(checkpoints)
    return ShardFiles(
        number=shard.number,
        vkeys=shard.vkeys,
        checkpoint=newest.note,
        files=_files(tx, shards, shard, shard.position(newest.size)),
        openings=tx.journal.openings(newest.size, shard.start),
        checkpoints=(each.note for each in checkpoints.all()),
    )


def _files(tx: Transaction, shards: list[Shard], shard: Shard, size: int) -> Iterator[tuple[str, bytes]]:
    """Every tile of a tree of `size` leaves, level by level, then the entries."""
    for path in _paths(size):
        data = tile_data(tx, shards, shard, path)
        if data is None:
            raise AssertionError  # the tree was published, so all of its tiles are there
        yield str(path), data


def _paths(size: int) -> Iterator[TilePath]:
    levels = -(-size.bit_length() // HEIGHT)
    for level, count in [*((level, size >> (HEIGHT * level)) for level in range(levels)), (ENTRIES, size)]:
        for first in range(0, count, WIDTH):
            yield TilePath(level, first // WIDTH, min(WIDTH, count - first))


def _agreements(tx: Transaction) -> Iterator[SignedAgreement]:
    for agreement, payload in tx.agreements.all():
        given = tx.agreements.signatures(agreement.document.id, agreement.document.version).values()
        signatures = (SignedDocument.parse(data, SIGNATURE_KIND) for data in given if data)
        yield SignedAgreement(payload, tuple(signatures))
