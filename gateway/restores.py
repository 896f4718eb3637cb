"""After a backup was restored: is anything lost, who says so, and how the journal goes on if it is.

PROTOCOL §7. A database that was set back must not sign another past. So nothing is decided until every witness has
shown the last checkpoint that it saw. When nobody saw more than the backup holds, all goes on as before; otherwise the
journal goes on in a new shard that says what is lost, and consents wait until their issuers have said again what they
are: a withdrawal may be among what was lost.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.broker import Broker, BrokerSettings
from gateway.sequencer.integration import publish
from gateway.shards import current_shard
from gateway.store.contradictions import Contradiction
from gateway.store.tiles import PublishedCheckpoint
from gateway.store.transaction import Transaction
from journal.checkpoints import Checkpoint
from journal.notes import open_note, parse_note
from journal.shards import FIRST, HAND_OVER, RESTARTED, Shard, commit, next_origin
from journal.tree import Frontier, leaf_hash
from keys import strictjson
from keys.errors import PasserelleError

__all__ = [
    "CONFIRMED",
    "RESTARTED_STATE",
    "RestoreError",
    "Witnessed",
    "begin_restore",
    "confirm_if_all_showed",
    "holds",
    "restart",
    "resume",
    "was_lost",
    "witnessed",
]

CONFIRMED = "restore-confirmed"
"""The state of the `admin.change` that says that a restored backup is whole."""
RESTARTED_STATE = "journal-restarted"
"""The state of the `admin.change` that says what is lost."""
_WHOLE_SECOND = timedelta(seconds=1)


class RestoreError(PasserelleError):
    """A restore cannot be ended like this.

    not-restored, witness-not-awaited, witnesses-missing, restore-lost (somebody saw more), restore-whole (nobody saw
    more), restore-note-missing (a witness saw more than any note that was shown), restore-diverged, restore-behind
    (the shard was closed after this backup was made, or the keys of the next one have signed already).
    """


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What is known while a restored backup is examined.

    By witness the largest size shown, of all shards together, and the witnesses who have to show. The backup has
    `size` entries, of which `held` are published; `lost` are checkpoints beyond that, the largest last, and `later`
    those of shards that the backup does not know. What else was shown is settled once the restore is over.
    """

    shown: dict[str, int]
    awaited: frozenset[str]
    size: int
    held: int
    lost: tuple[Contradiction, ...]
    later: tuple[Contradiction, ...]

    @property
    def missing(self) -> list[str]:
        """Those who have shown nothing yet."""
        return sorted(self.awaited - set(self.shown))

    @property
    def saw_more(self) -> bool:
        """Whether somebody saw what this database does not hold.

        Another past of what it does hold is no matter of the backup: that stays an alarm when the restore is over.
        """
        return bool(self.lost) or any(size > self.size for size in self.shown.values())

    @property
    def is_behind(self) -> bool:
        """Whether the backup is older than a rotation, by what was shown and is not settled."""
        return any(each.settled is None for each in self.later)


def begin_restore(tx: Transaction, at: datetime) -> None:
    """Decide, append and sign nothing from now on, until witnesses have said what they saw."""
    tx.journal.lock(at)
    tx.journal.set_restored(at)
    tx.shown.clear()


def witnessed(settings: BrokerSettings, tx: Transaction, at: datetime) -> Witnessed:
    """What witnesses have shown so far, and who is still awaited.

    Every active organisation with a witness key in force is, and every public witness of the settings. Raises
    `RestoreError` (not-restored).
    """
    if tx.journal.head().restored is None:
        raise RestoreError("not-restored")
    shards, shown, held = tx.shards.all(), tx.shown.all(), tx.tiles.newest_size()
    partners = (each.address for each in tx.organisations.all() if each.active)
    awaited = {address for address in partners if tx.keys.usable(address, "witness", at)}
    awaited |= {witness.vkey.name for witness in settings.witnesses}
    found = tx.contradictions.all()
    ours = [each for each in found if each.settled is None and each.origin == shards[-1].origin and each.size > held]
    lost = tuple(sorted(ours, key=lambda each: each.size))
    known = {shard.origin for shard in shards}
    later = tuple(each for each in found if each.origin not in known)
    return Witnessed(shown, frozenset(awaited), tx.journal.head().size, held, lost, later)


def holds(tx: Transaction, shard: Shard, checkpoint: Checkpoint) -> bool:
    """Whether the entries here have this root, although no checkpoint of this size was ever published here.

    A backup may hold entries of its last second that only checkpoints to come would have covered.
    """
    head, end = tx.journal.head(), shard.end(checkpoint)
    newest = tx.tiles.newest_within(shard.start + (shard.number > FIRST), end)
    if head.shard != shard.number or newest is None or not newest.size < end <= head.size:
        return False
    frontier = Frontier(shard.position(newest.size), newest.peaks)
    for leaf in tx.journal.leaves(newest.size, end):
        frontier.append(leaf_hash(leaf))
    return frontier.root() == checkpoint.root


def was_lost(tx: Transaction, shard: Shard, checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint that the archive does not hold is one of those that a restart has said to be lost.

    Of the size to which the restart commits, only the one that it names.
    """
    following = [each for each in tx.shards.all() if each.number == shard.number + 1 and each.restarted]
    newest = tx.tiles.newest_within(shard.start, following[0].start) if following else None
    if newest is None or not newest.size < shard.end(checkpoint) <= following[0].start:
        return False
    committed = parse_note(following[0].previous or b"").checkpoint
    return checkpoint.size < committed.size or checkpoint == committed


def confirm_if_all_showed(broker: Broker, tx: Transaction, at: datetime) -> bool:
    """End the restore when everybody has shown what the backup holds, and nobody more; whether it ended.

    Where no witness is awaited nobody has spoken for the others: that is left to the operator.
    """
    found = witnessed(broker.settings, tx, at)
    if not found.awaited or found.missing or found.saw_more or found.is_behind:
        return False
    _confirm(broker, tx, found, (), at)
    return True


def resume(broker: Broker, tx: Transaction, without: Collection[str], at: datetime) -> None:
    """End the restore without the witnesses named, who cannot be asked; the journal names them.

    Raises `RestoreError`: not-restored, restore-behind, restore-lost, witness-not-awaited, witnesses-missing.
    """
    found = witnessed(broker.settings, tx, at)
    if found.is_behind:
        raise RestoreError("restore-behind")
    if found.saw_more:
        raise RestoreError("restore-lost")
    _check_missing(found, without)
    _confirm(broker, tx, found, without, at)


def restart(broker: Broker, tx: Transaction, without: Collection[str], now: datetime) -> Shard:
    """Go on in a new shard after the largest checkpoint that anybody showed; returns it.

    What the backup does not hold up to there is lost, and said so. Every consent that is given waits until its issuer
    has said again what it is. Where everybody who saw more is named and has no note, it is after our own newest one.
    Raises `RestoreError` (not-restored, restore-behind, restore-whole, restore-note-missing, restore-diverged,
    witness-not-awaited, witnesses-missing) and `StoppedError` without the next shard's keys.
    """
    found = witnessed(broker.settings, tx, now)
    if found.later:  # settled or not: what the keys of the next shard have signed they must not sign again otherwise
        raise RestoreError("restore-behind")
    if not found.saw_more:
        raise RestoreError("restore-whole")
    largest = found.lost[-1].size if found.lost else found.size
    beyond = {name for name, size in found.shown.items() if size > largest}
    _check_missing(found, set(without) - beyond)
    if beyond - set(without):
        raise RestoreError("restore-note-missing")
    if _has_diverged(broker, tx, found.lost):
        raise RestoreError("restore-diverged")
    return _restarted(broker, tx, found, without, now)


def _has_diverged(broker: Broker, tx: Transaction, lost: tuple[Contradiction, ...]) -> bool:
    """Whether this database went on by itself after it was restored, so that its last entries are not those lost.

    Whatever a backup holds was there before the larger checkpoint was signed, to the second that its signature states;
    and one of no more entries than it holds was shown only because it is another.
    """
    if not lost:
        return False
    head, newest = tx.journal.head(), tx.tiles.newest_checkpoint()
    signed_at = open_note(lost[-1].note, current_shard(broker.keys, tx).vkeys).signed_at
    latest = max(head.time, newest.time) if newest else head.time
    return head.size >= lost[0].size or signed_at is None or latest >= signed_at + _WHOLE_SECOND


def _check_missing(found: Witnessed, without: Collection[str]) -> None:
    if set(without) - set(found.missing):
        raise RestoreError("witness-not-awaited", "--without")
    if set(found.missing) - set(without):
        raise RestoreError("witnesses-missing", "--without")


def _confirm(broker: Broker, tx: Transaction, found: Witnessed, without: Collection[str], at: datetime) -> None:
    tx.journal.set_restored(None)
    tx.shown.clear()
    members = {"v": 1, "shown": sorted(found.shown), "without": sorted(without)}
    _journal(broker, tx, CONFIRMED, members, at)
    # Witnesses see checkpoints, a second late or a day: a withdrawal may have come after the last one that anybody saw.
    tx.statements.doubt_given(at)


def _restarted(broker: Broker, tx: Transaction, found: Witnessed, without: Collection[str], now: datetime) -> Shard:
    before = current_shard(broker.keys, tx)
    moment = tx.journal.lock(now)
    tx.journal.set_restored(None)
    tx.shown.clear()
    held = _publish_held(broker, tx)
    previous = found.lost[-1].note if found.lost else held.note
    opened = open_note(previous, before.vkeys)
    at = max(each for each in (moment, held.time, opened.signed_at) if each is not None)
    vkeys = broker.keys.signer(before.number + 1).vkeys
    shard = Shard(before.number + 1, next_origin(before), vkeys, before.end(opened.checkpoint))
    for each in found.lost:
        tx.contradictions.settle(each, at)
    tx.shards.learn(before)
    tx.shards.put(shard, at, previous, restarted=True)
    tx.journal.begin_shard(shard, at)
    document = commit(shard.number, previous, parse_note(held.note).checkpoint)
    tx.journal.append(at, type=HAND_OVER, actor=broker.settings.address, state=RESTARTED, document=document)
    lost = {"first": held.size, "next": shard.start}
    members = {"v": 1, "lost": lost, "shown": sorted(found.shown), "without": sorted(without)}
    _journal(broker, tx, RESTARTED_STATE, members, at)
    tx.statements.doubt_given(at)
    publish(tx, broker.keys.signer, at)
    # What this does not explain still stops everything, once the shard has the checkpoint without which none is seen.
    left = any(each.settled is None for each in tx.contradictions.all())
    tx.journal.set_contradicted(contradicted=left)
    return shard


def _publish_held(broker: Broker, tx: Transaction) -> PublishedCheckpoint:
    """The checkpoint of everything that the backup holds, signed for when its last entry was made.

    Entries of its last second may not have been published before it was made. They stand where they always stood, and
    nobody has shown otherwise: so no key and no agreement that partners know is taken from them.
    """
    newest = tx.tiles.newest_checkpoint()
    if newest is None or newest.size < tx.journal.head().size:
        publish(tx, broker.keys.signer, tx.journal.head().time)
        newest = tx.tiles.newest_checkpoint()
    if newest is None:
        raise AssertionError  # one was published just now
    return newest


def _journal(broker: Broker, tx: Transaction, state: str, members: dict[str, object], at: datetime) -> None:
    document = strictjson.dumps(members)
    tx.journal.append(at, type="admin.change", actor=broker.settings.address, state=state, document=document)
