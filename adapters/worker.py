"""Keeps a partner in touch with the gateway until it is told to stop: sends, listens, receives, reads the journal.

Each kind of work has a thread, because asking for news is a call that waits. Any of them may be cut off anywhere: the
outbox, the inbox and the cursor are durable.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from adapters.calls import GatewayCalls
from adapters.partner import Adapter
from adapters.witness import EXAMINED
from keys.errors import PasserelleError
from keys.identity import ClientKey

__all__ = ["Worker", "stop_on_signals"]

LONGEST_REST: Final = 60.0
"""Seconds between two tries when nothing works."""
JOURNAL_SECONDS: Final = 10.0
PAPERS_SECONDS: Final = 300.0
ATTACHMENT_SECONDS: Final = 2.0
CATCH_UP_SECONDS: Final = 1.0
GRACE: Final = 5.0
"""Seconds that a thread gets, beyond a call's own wait, to come to an end."""
_SIGN_IN_REFUSED: Final = "sign-in-refused"
LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Duty:
    """One thing to do over and over: its name in the log, the act, and the rest between two times."""

    name: str
    act: Callable[[], None]
    rest: float


class Worker:
    """Runs one adapter; `reconnect` makes a client for a new sign-in key when the one in use gives way to it."""

    def __init__(self, adapter: Adapter, reconnect: Callable[[ClientKey], GatewayCalls] | None = None) -> None:
        """Prepare to run; nothing happens yet."""
        self.stopping = threading.Event()
        self._adapter = adapter
        self._reconnect = reconnect
        self._key = adapter.office.identity.client_key(adapter.office.now()).kid if reconnect else ""

    def run(self) -> None:
        """Work until `stopping` is set; returns once every thread has ended or the grace has passed."""
        wait = self._adapter.settings.poll_seconds
        duties = (
            _Duty("outbox", self._send, 1.0),
            _Duty("inbox", lambda: self._receive(wait), 0.0),
            _Duty("events", lambda: self._listen(wait), 0.0),
            _Duty("journal", self._read, JOURNAL_SECONDS),
            _Duty("papers", self._papers, PAPERS_SECONDS),
            _Duty("attachments", self._fetch, ATTACHMENT_SECONDS),
        )
        threads = [threading.Thread(target=self._repeat, args=(duty,), name=duty.name, daemon=True) for duty in duties]
        LOG.info("worker.started", count=len(threads))
        for thread in threads:
            thread.start()
        self.stopping.wait()
        for thread in threads:
            thread.join(wait + GRACE)
        LOG.info("worker.stopped")

    def _repeat(self, duty: _Duty) -> None:
        failures = 0
        while not self.stopping.is_set():
            try:
                duty.act()
            except PasserelleError as error:
                failures += 1
                LOG.warning("work.failed", kind=duty.name, code=error.code, count=failures)
                self._recover(error)
            except Exception as error:  # noqa: BLE001 - one thread's surprise must not end the others' work
                failures += 1
                LOG.critical("work.broken", kind=duty.name, code=type(error).__name__, count=failures)
            else:
                failures = 0
            self.stopping.wait(max(duty.rest, min(LONGEST_REST, 2.0 ** min(failures, 6)) if failures else 0.0))

    def _recover(self, error: PasserelleError) -> None:
        """Look for another sign-in key at once when the one in use is refused; show a restored gateway what we saw."""
        if error.code in EXAMINED:
            with suppress(PasserelleError):  # a database that is busy is no reason to stop: it refuses the next try too
                self._adapter.show_last_seen()
        if error.code == _SIGN_IN_REFUSED:
            with suppress(PasserelleError):  # that none is left is told with the next try
                self._change_key()

    def _send(self) -> None:
        done = self._adapter.outbox.flush()
        if done.accepted:
            LOG.info("outbox.sent", count=len(done.accepted))
        for item, code in done.refused:
            LOG.warning("outbox.refused", item=item, code=code)
        if done.stopped:
            LOG.warning("outbox.waiting", code=done.stopped)
        if done.stopped in EXAMINED:
            self._adapter.show_last_seen()

    def _receive(self, wait: int) -> None:
        for arrival in self._adapter.inbox.work(wait):
            LOG.info("envelope.leased", envelope=arrival.envelope, result=arrival.result, code=arrival.code)
        self._send()
        if self._adapter.inbox.waiting:
            self._catch_up()

    def _listen(self, wait: int) -> None:
        for ref in self._adapter.stream.work(wait):
            LOG.info("event.kept", ref=ref)
        if self._adapter.stream.behind:
            self._catch_up()
        self._resend()

    def _fetch(self) -> None:
        done = self._adapter.papers.work()
        for envelope in done.kept:
            LOG.info("attachment.kept", envelope=envelope)
        for envelope, code in done.lost:
            LOG.warning("attachment.lost", envelope=envelope, code=code)
        if done.stopped:
            LOG.warning("attachment.waiting", code=done.stopped)

    def _catch_up(self) -> None:
        # What came in is newer than the journal's last checkpoint; the next one is seconds away.
        self.stopping.wait(CATCH_UP_SECONDS)
        self._read()

    def _read(self) -> None:
        self._adapter.read_journal()
        self._resend()

    def _resend(self) -> None:
        for ref in self._adapter.resend_by_itself():
            LOG.info("envelope.resent", ref=ref)

    def _papers(self) -> None:
        adapter = self._adapter
        made = adapter.rotate_keys()
        if made:
            LOG.info("keys.made", count=made)
        self._change_key()
        for ref in adapter.refresh_agreements():
            LOG.info("agreement.changed", item=ref)
        for statement in adapter.reconcile_consents():
            LOG.info("consent.ended", item=statement)
        for ending in adapter.tell_endings():
            LOG.warning("agreement.ending", item=ending.ref, code=ending.code)

    def _change_key(self) -> None:
        """Sign in with another key from here on, when the one in use gave way to it or was revoked."""
        if self._reconnect is None:
            return
        key = self._adapter.office.identity.client_key(self._adapter.office.now())
        if key.kid != self._key:
            self._adapter.connect(self._reconnect(key))
            self._key = key.kid
            LOG.info("client.changed")


def stop_on_signals(worker: Worker) -> None:
    """Let SIGTERM and SIGINT end a worker in good order."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: worker.stopping.set())
