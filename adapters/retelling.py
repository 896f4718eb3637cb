"""Steps that are told again after a restart: the broker lost the first telling with a backup, and we did not.

PROTOCOL §7 *Restore*. A consent whose withdrawal was lost ends a second time, and with it, once more, a referral that
ended long ago. That is no alarm where the first telling stands in what was lost, and the second one after it; each
first telling explains one more, by the same hand and in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.receipts import receipted_origin
from adapters.store.records import LoggedStep
from adapters.store.store import Transaction
from consent.envelope import NoticeHeader

__all__ = ["Restart", "restarts", "retold"]


@dataclass(frozen=True, slots=True)
class Restart:
    """A shard that was left without an end: its name, from which entry on it is lost, and where the next one begins."""

    origin: str
    lost_from: int
    next_start: int

    def parts(self, first: LoggedStep, second: LoggedStep) -> bool:
        """Whether the first of two steps was lost, and the second one came after the restart."""
        is_lost = first.receipt.index >= self.lost_from and receipted_origin(first.receipt.document) == self.origin
        is_later = second.receipt.index >= self.next_start and receipted_origin(second.receipt.document) != self.origin
        return is_lost and is_later


def restarts(tx: Transaction) -> tuple[Restart, ...]:
    """The restarts that this partner has accepted, the oldest first."""
    lineage = tx.keyring.lineage()
    passed = lineage.passed if lineage else ()
    return tuple(Restart(each.shard.origin, each.lost.start, each.lost.stop) for each in passed if each.restarted)


def retold(step: LoggedStep, taken: Iterable[LoggedStep], known: Iterable[Restart]) -> LoggedStep | None:
    """The step among those taken that this one tells again; None when it says something else, or was never lost.

    Places that nobody ever saw signed may be given out again: a lost step can come after its second telling.
    """
    same = [each for each in taken if _words(each) == _words(step)]
    pairs = ((restart, each) for restart in known for each in same)
    return next((each for gone, each in pairs if gone.parts(each, step) or gone.parts(step, each)), None)


def _words(step: LoggedStep) -> tuple[object, ...]:
    """Who says what: all of a step but its moment, and of a notice the kind and the consent that it names."""
    header = step.header
    notice = header.notice if isinstance(header, NoticeHeader) else None
    return header.from_, step.event, notice and notice.kind, notice and notice.statement
