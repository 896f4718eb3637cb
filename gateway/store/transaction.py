"""One transaction: every table of the broker, seen at the same moment and changed together or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from gateway.store.agreements import AgreementTable
from gateway.store.attachments import AttachmentTable
from gateway.store.contradictions import ContradictionTable
from gateway.store.cosignatures import CosignatureTable
from gateway.store.emergencies import EmergencyTable
from gateway.store.engines import is_refused_row
from gateway.store.envelopes import EnvelopeTable
from gateway.store.incidents import IncidentTable
from gateway.store.journal import JournalTable
from gateway.store.keys import KeyTable
from gateway.store.openings import OpeningTable
from gateway.store.organisations import OrganisationTable
from gateway.store.rates import RateTable
from gateway.store.referrals import ReferralTable
from gateway.store.replay import ReplayTable
from gateway.store.services import ServiceTable
from gateway.store.shards import ShardTable
from gateway.store.shown import ShownTable
from gateway.store.statements import StatementTable
from gateway.store.tiles import TileTable
from gateway.store.withdrawals import WithdrawalTable
from keys.documents import Address

__all__ = ["Transaction"]


class Transaction:
    """The tables, by what they are about; `journal.lock` comes before any other read (PROTOCOL §6, *Order*)."""

    def __init__(
        self,
        connection: Connection,
        *,
        writes: bool = True,
        watch_clock: bool = False,
        signable: Collection[int] | None = None,
    ) -> None:
        """See and change the tables through a connection; one that only reads locks nothing."""
        self.connection = connection
        self.journal = JournalTable(connection, locking=writes, watch_clock=watch_clock, signable=signable)
        self.shards = ShardTable(connection)
        self.shown = ShownTable(connection)
        self.tiles = TileTable(connection)
        self.openings = OpeningTable(connection)
        self.cosignatures = CosignatureTable(connection)
        self.contradictions = ContradictionTable(connection)
        self.organisations = OrganisationTable(connection)
        self.keys = KeyTable(connection)
        self.agreements = AgreementTable(connection)
        self.statements = StatementTable(connection)
        self.referrals = ReferralTable(connection)
        self.envelopes = EnvelopeTable(connection)
        self.attachments = AttachmentTable(connection)
        self.emergencies = EmergencyTable(connection)
        self.incidents = IncidentTable(connection)
        self.withdrawals = WithdrawalTable(connection)
        self.replay = ReplayTable(connection)
        self.rates = RateTable(connection)
        self.services = ServiceTable(connection)
        self.news: set[Address] = set()
        """Who is to be woken once this is committed."""

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is raised inside undoes what was done inside, the journal's entries included, and nothing else."""
        head, news = self.journal.snapshot(), frozenset(self.news)
        self.connection.exec_driver_sql("SAVEPOINT job")
        try:
            yield
        except BaseException as error:
            if isinstance(error, DBAPIError) and not is_refused_row(error):
                raise  # a database that fails may have ended the whole transaction: whoever began it undoes it
            self.connection.exec_driver_sql("ROLLBACK TO job")
            self.connection.exec_driver_sql("RELEASE job")
            self.journal.restore(head)
            self.news &= news
            for table in (self.organisations, self.keys, self.agreements):
                table.seen.forget()
            raise
        self.connection.exec_driver_sql("RELEASE job")

    def flush(self) -> None:
        """Write what is kept for the end of the transaction: the new head of the journal."""
        self.journal.flush()
