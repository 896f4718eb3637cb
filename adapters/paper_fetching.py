"""Fetches the papers that a referral announced, checks that they are the ones, and keeps them.

PROTOCOL §4 (*Attachments*). Nothing counts that is not, byte for byte, what the sealed section promised: neither a
paper exchanged or cut at the gateway, nor one larger than its sender said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from adapters.calls import GatewayCalls
from adapters.office import Office
from adapters.problems import GatewayProblemError
from adapters.sections import DocumentsSection
from adapters.store.records import Alarm, Attachment, AttachmentState
from adapters.store.store import StoreError, Transaction
from consent.envelope import SealedHeader
from keys.attachments import open_attachment
from keys.documents import Document, sha256_hex
from keys.errors import CannotOpenError, ForgedError, PasserelleError

__all__ = ["Fetched", "PaperFetcher", "want_papers"]

FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
_UNKNOWN: Final = "attachment-unknown"
"""Why the broker has nothing to hand over: the paper was destroyed, or its time was over."""
_GONE, _NOT_FOUND, _REFUSED = 410, 404, 403
_MAY_PASS_LATER: Final = frozenset({"sender-suspended", "recipient-suspended", "agreement-suspended"})


@dataclass(slots=True)
class Fetched:
    """What one round of fetching came to: papers that are here now, and those that will not come, by envelope."""

    kept: list[str] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    stopped: str | None = None

    def add(self, later: Fetched) -> None:
        """Count a later round as one with this one."""
        self.kept += later.kept
        self.lost += later.lost
        self.stopped = later.stopped


def want_papers(tx: Transaction, header: SealedHeader, section: Document | None, at: datetime) -> None:
    """Note which papers an envelope announced, to be fetched."""
    if not isinstance(section, DocumentsSection):
        return
    for number, item in enumerate(section.items, start=1):
        described = (number, item.type, item.name, item.size, item.sha256)
        tx.attachments.add(
            Attachment(header.id, item.sealed_sha256, header.ref, *described, state="wanted", next_try=at, key=item.key)
        )


class PaperFetcher:
    """The fetching half of one partner; a paper that cannot be had now is asked for again later."""

    def __init__(self, office: Office, client: GatewayCalls) -> None:
        """Fetch for an office through a client."""
        self._office = office
        self._client = client

    def work(self) -> Fetched:
        """Fetch every paper whose time has come; stops at the first failure that says nothing about a paper.

        Raises `StoreError` only.
        """
        done = Fetched()
        with self._office.store.transaction() as tx:
            wanted = tx.attachments.wanted(self._office.now())
        for envelope, digest in wanted:
            try:
                self._fetch(envelope, digest)
            except StoreError:
                raise
            except CannotOpenError as error:
                self._give_up(envelope, digest, "refused", error.code)
                done.lost.append((envelope, error.code))
            except PasserelleError as error:
                if _is_gone(error):
                    self._give_up(envelope, digest, "missing", "attachment-gone")
                    done.lost.append((envelope, "attachment-gone"))
                    continue
                self._postpone(envelope, digest, error)
                done.stopped = error.code
                if not isinstance(error, GatewayProblemError | ForgedError):
                    break  # The gateway cannot be reached; the others would fail as this one did.
            else:
                done.kept.append(envelope)
        return done

    def _fetch(self, envelope: str, digest: str) -> None:
        """Fetch one paper and keep it; one that was erased meanwhile is not asked for."""
        with self._office.store.transaction() as tx:
            paper = tx.attachments.find(envelope, digest)
        if paper is None or paper.key is None:
            return
        sealed = self._client.get_attachment(envelope, digest)
        data = _opened(paper, sealed, paper.key)
        with self._office.store.transaction() as tx:
            tx.attachments.keep(envelope, digest, data)

    def _give_up(self, envelope: str, digest: str, state: AttachmentState, code: str) -> None:
        with self._office.store.transaction() as tx:
            tx.attachments.give_up(envelope, digest, state)
            tx.traffic.raise_alarm(Alarm(self._office.now(), code, envelope))

    def _postpone(self, envelope: str, digest: str, error: PasserelleError) -> None:
        now = self._office.now()
        with self._office.store.transaction() as tx:
            paper = tx.attachments.find(envelope, digest)
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(paper.attempts if paper else 0, 16))
            tx.attachments.postpone(envelope, digest, now + pause)
            if isinstance(error, ForgedError):
                # Other bytes than the sender sealed: whoever exchanged them, they are asked for again.
                tx.traffic.raise_alarm(Alarm(now, error.code, envelope))


def _is_gone(error: PasserelleError) -> bool:
    """Whether the gateway will not give a paper any more, by its own word about this paper.

    A refusal that names a rule is the second gate's decision, after which the broker destroyed the paper; a suspension
    may be lifted, and a 403 without a rule judges the caller (`scope-missing`): both are waited for.
    """
    if not isinstance(error, GatewayProblemError) or error.transient or error.code in _MAY_PASS_LATER:
        return False
    if error.status == _NOT_FOUND:
        return error.code == _UNKNOWN
    return error.status == _GONE or (error.status == _REFUSED and error.rule is not None)


def _opened(paper: Attachment, sealed: bytes, key: bytes) -> bytes:
    """The paper in clear.

    Raises `ForgedError` (attachment-altered: not the sealed bytes that were announced) and `CannotOpenError`
    (attachment-does-not-open, attachment-differs: they are, but not of the paper that was announced).
    """
    if sha256_hex(sealed) != paper.sealed_sha256:
        raise ForgedError("attachment-altered")
    data = open_attachment(sealed, key, paper.envelope, paper.kind)
    if len(data) != paper.size or sha256_hex(data) != paper.sha256:
        raise CannotOpenError("attachment-differs")
    return data
