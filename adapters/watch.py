"""One look at the journal: read what is new, sign for it as a witness, learn what is confirmed, and miss nothing.

PROTOCOL §2 and §7. After an alarm nothing newer is read, trusted or signed for; keys that were known before may still
be sealed to until the last state that was accepted is a day old.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.alarms import JOURNAL, compose_evidence, evidence_of, raise_alarm
from adapters.calls import GatewayCalls
from adapters.confirmation import Confirmations
from adapters.growth import QUIET, JournalAlarmError
from adapters.office import Office
from adapters.problems import GatewayUnreachableError
from adapters.promises import hold_promises
from adapters.recollection import Recollection
from adapters.store.store import StoreError
from adapters.witness import bring_back, cosign_newest
from keys.documents import format_time
from keys.errors import ForgedError, PasserelleError, UntrustedKeyError

__all__ = ["SILENT", "JournalWatch"]

SILENT: Final = "journal-silent"
_SHOWS_ANOTHER: Final = frozenset({"checkpoint-rolled-back", "journal-forked"})
_FUTURE: Final = "checkpoint-in-future"


class JournalWatch:
    """Watches one journal for one partner; safe among threads, and among programs that share the database."""

    def __init__(self, office: Office, client: GatewayCalls, folder: Path) -> None:
        """Watch through a client; evidence is kept in `folder`."""
        self._office = office
        self._client = client
        self._folder = folder
        self._recollection = Recollection(office, client)
        self._confirmations = Confirmations(office, client)
        self._lock = threading.Lock()

    def look(self) -> int:
        """Read on; the size of the journal.

        What the witness and the receipts have to do with it is done as far as it can be, and never keeps the keys from
        being read. Raises `JournalAlarmError`, `ForgedError`, `UntrustedKeyError`, `MalformedError` and what the calls
        raise, once what is an alarm was kept as one; `StoreError`.
        """
        with self._lock:
            size = self._read()
            self._attend(self._cosign)
            self._attend(self._confirmations.look)
            self._attend(lambda: hold_promises(self._office, self._client, self._folder))
            return size

    def _cosign(self) -> None:
        """Sign for what was read, once it holds whatever we are known to have signed for."""
        self._recollection.check()
        cosign_newest(self._office, self._client)

    def _read(self) -> int:
        with self._office.store.transaction() as tx:
            own = {signed.sha256 for signed in tx.keyring.own()}
        try:
            size = self._office.book.sync(self._client, own)
        except StoreError:
            raise
        except PasserelleError as error:
            self._tell(error)
            raise
        self._heard()
        return size

    def _attend(self, act: Callable[[], object]) -> None:
        """Do what may fail without any harm, and is tried again with the next look; what is an alarm is told."""
        try:
            act()
        except StoreError:
            raise
        except ForgedError as error:
            self._tell(error)
        except PasserelleError:
            return

    def _tell(self, error: PasserelleError) -> None:
        """Keep as an alarm what is one."""
        if isinstance(error, JournalAlarmError):
            alarm = error
            subject = f"journal#{alarm.index}" if alarm.index is not None else f"journal@{self._office.book.size}"
            gather = lambda: evidence_of(self._office, self._client, alarm)  # noqa: E731 - it is handed on once
            raise_alarm(self._office, self._folder, alarm.code, subject, gather)
            if alarm.code in _SHOWS_ANOTHER:
                bring_back(self._office, self._client)
        elif isinstance(error, ForgedError) or error.code == _FUTURE:
            raise_alarm(self._office, self._folder, error.code, JOURNAL)
        elif not isinstance(error, GatewayUnreachableError) or self._answers_otherwise():
            self._missed(at_once=isinstance(error, UntrustedKeyError))

    def _heard(self) -> None:
        """The gateway showed its newest checkpoint, which may still be too old."""
        with self._office.store.transaction() as tx:
            if tx.watches.missed_since() is not None:
                tx.watches.miss(None)
        self._silence()

    def _missed(self, *, at_once: bool) -> None:
        """The gateway answered, and not with a newer checkpoint: for two hours that may be a maintenance."""
        now = self._office.now()
        with self._office.store.transaction() as tx:
            since = tx.watches.missed_since() or now
            tx.watches.miss(since)
        if at_once or now - since > QUIET:
            self._silence()

    def _answers_otherwise(self) -> bool:
        """Whether the gateway answers another question, so that it is not the network which keeps the journal away."""
        try:
            self._client.agreements()
        except GatewayUnreachableError:
            return False
        except PasserelleError:
            return True
        return True

    def _silence(self) -> None:
        office, seen = self._office, self._office.book.seen()
        if seen is not None and office.now() - seen.at > QUIET:
            subject = f"journal@{format_time(seen.at)}"
            raise_alarm(office, self._folder, SILENT, subject, lambda: compose_evidence(office, "silence", seen.note))
