"""A journal that was restarted after a backup was restored: who accepts that, on whose word, and what is checked first.

PROTOCOL §7 *Restore*. A shard that nobody announced could be any past that the broker likes. It is followed only once a
person has compared the code that the broker's operator read aloud, as at enrolment, and only if its first entry goes on
from at least as much as we had seen.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from adapters.alarms import JOURNAL
from adapters.events import NOT_LEGAL, is_retold
from adapters.growth import JournalSource
from adapters.keybook import KeyBook
from adapters.lineage import Passed, ReadShard, Seen, open_checkpoint
from adapters.office import Office
from adapters.pins import GatewayPins, pin_code
from adapters.promises import BROKEN, UNREAD, check_kept
from adapters.store.journalled import StoredKeyBook
from adapters.store.records import Alarm
from adapters.store.store import Transaction
from adapters.watch import SILENT
from journal.evidence import read_evidence
from keys.documents import encode
from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError
from keys.files import write_private

__all__ = ["accept_restart"]

_EXPLAINED: Final = frozenset({"checkpoint-rolled-back", SILENT})
"""What a restored backup looks like from outside, until its journal goes on."""
_OF_ENTRIES: Final = frozenset({BROKEN, UNREAD})


def accept_restart(
    office: Office, source: JournalSource, announced: GatewayPins, code: str, pins: Path, *, evidence: Path
) -> range:
    """Follow a restarted journal, pin it in the file `pins`, and close the alarms that it explains; what was lost.

    `announced` is what the gateway says of itself now, `code` what its operator read aloud; `evidence` is the folder
    of evidence. Raises `UntrustedKeyError` (pin-code-differs), `ForgedError` (pins-changed when something that was
    pinned or followed before is not as it was; as `check_kept` where what is left of a shard lacks what we have a
    receipt for), `MalformedError` (no-restart when no shard is announced as restarted), what reading the journal
    raises, `StoreError` and `FileError`. Nothing is pinned unless the journal holds; done twice, it is done once.
    """
    if _letters(code) != _letters(pin_code(announced)):
        raise UntrustedKeyError("pin-code-differs")
    _check_only_grew(office, announced)
    if not any(each.restarted for each in announced.shards or ()):
        raise MalformedError("no-restart")
    _check_what_is_left(office, source, announced, evidence)
    with office.store.transaction() as tx:
        own = {signed.sha256 for signed in tx.keyring.own()}
    book = KeyBook(StoredKeyBook(office.store), announced, office.clock)
    book.sync(source, own)
    seen = book.seen()
    lost = seen.lost() if seen else ()
    if seen is None or not lost:
        raise MalformedError("no-restart")
    write_private(pins, encode(announced))
    _close_explained(office, seen, evidence)
    return lost[-1]


def _letters(code: str) -> str:
    return "".join(code.split()).upper()


def _check_only_grew(office: Office, announced: GatewayPins) -> None:
    """Refuse anything else than more shards after those that are pinned and those that were followed."""
    before, now = office.pins.shards or (), announced.shards or ()
    if _without_shards(announced) != _without_shards(office.pins) or now[: len(before)] != before:
        raise ForgedError("pins-changed")
    seen = office.book.seen()
    shards = {each.number: each.shard for each in now}
    followed = [each for each in seen.lineage if each.number in shards] if seen else []
    if any(shards[each.number] != each for each in followed):
        raise ForgedError("pins-changed", "/shards")


def _without_shards(pins: GatewayPins) -> GatewayPins:
    """What must never change."""
    return pins.model_copy(update={"shards": None})


def _check_what_is_left(office: Office, source: JournalSource, announced: GatewayPins, evidence: Path) -> None:
    """Hold our receipts against what is shown of each shard that was left by a restart and that we had not left."""
    seen = office.book.seen()
    for each in announced.shards or ():
        left = seen.shard if seen is not None and seen.shard.number + 1 == each.number else None
        if each.restarted and left is not None:
            note = source.checkpoint(left.number)
            checkpoint, _ = open_checkpoint(note, left)
            check_kept(office, source, evidence, ReadShard(left, note, checkpoint, closed=True))


def _close_explained(office: Office, seen: Seen, evidence: Path) -> None:
    """Close what a person need not look at any more: it is kept, as every alarm that was closed."""
    with office.store.transaction() as tx:
        for alarm in tx.traffic.alarms():
            if _is_explained(tx, alarm, seen) and not _shows_another_leaf(alarm, evidence):
                tx.traffic.close_alarm(alarm.number, office.now())


def _is_explained(tx: Transaction, alarm: Alarm, seen: Seen) -> bool:
    """Whether an alarm is about the restart, about what it lost, or about what the broker told again before we knew.

    What was found before the backup was made has another reason.
    """
    if alarm.code == NOT_LEGAL:
        return is_retold(tx, alarm.subject)
    since = [each for each in seen.lineage.passed if each.restarted and _shown_at(each) <= alarm.at]
    if alarm.code in _OF_ENTRIES:
        return any(_is_in(alarm, each.lost) for each in since)
    return alarm.code in _EXPLAINED and bool(since)


def _shown_at(left: Passed) -> datetime:
    """When the last state that is shown of a shard was signed."""
    return open_checkpoint(left.shown, left.shard)[1]


def _is_in(alarm: Alarm, lost: range) -> bool:
    kind, _, index = alarm.subject.partition("#")
    return kind == JOURNAL and index.isdecimal() and int(index) in lost


def _shows_another_leaf(alarm: Alarm, folder: Path) -> bool:
    """Whether an alarm proves that something else stands in the journal; so does evidence that cannot be read."""
    if alarm.evidence is None:
        return False
    try:
        return read_evidence((folder / alarm.evidence).read_bytes()).leaf is not None
    except (OSError, PasserelleError):
        return True
