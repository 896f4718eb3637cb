"""Verifies a bundle offline: its signatures, its tree, every opening, and the promises that its entries must keep.

PROTOCOL §7 *Invariants replayed from a bundle*. One pass in the order of the journal; what is remembered grows with the
referrals, not with the size of what was written about them. Nothing is believed but the keys that the auditor pinned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from journal.bundle import Bundle
from journal.entries import ClearLeaf, Entry, Opening, check_year, open_leaf, read_leaf
from journal.invariants.agreements import AgreementsSigned
from journal.invariants.consents import ConsentsStanding
from journal.invariants.emergencies import EmergenciesAnswered
from journal.invariants.envelopes import EnvelopesOnce
from journal.invariants.findings import Earlier, Finding, Gaps, Invariant, Unjudged, Violation
from journal.invariants.keychains import KeysTrusted
from journal.invariants.passages import (
    UNDER_AGREEMENT,
    UNDER_CONSENT,
    WHERE_IT_STANDS,
    Cases,
    EvidenceShown,
    RulesReplayed,
)
from journal.invariants.referrals import ReferralsStepByStep
from journal.invariants.statistics import StatisticsRecounted
from journal.invariants.times import TimesNeverDecrease
from journal.invariants.two_people import TwoPeople, broker_of
from journal.invariants.uses import UsesCounted
from journal.pins import PinnedShard, Pins
from journal.report import LEAF, MAX_LISTED, AuditReport, Counted, ShardReport
from journal.shards import first_shard
from journal.succession import Leg, SignedLeg, check_place, follow
from journal.tiles import WIDTH
from journal.unread import Unread
from keys.errors import PasserelleError
from keys.vkeys import Vkey

__all__ = ["Replay", "Watch", "replayed", "verify"]

Watch = Callable[[int, bytes, Entry | None], object]
"""Told of every leaf that was taken: its index, its bytes, and the entry if it could be read."""


def verify(
    bundle: Bundle,
    vkeys: Collection[Vkey],
    *,
    later: tuple[PinnedShard, ...] = (),
    progress: Callable[[int, int], object] | None = None,
    watching: Sequence[Watch] = (),
) -> AuditReport:
    """Verify a whole bundle with the two keys of the journal's first shard as the auditor pinned them.

    `later` are the shards after it that were pinned as well. A broken promise is a value of the report. Raises
    `ForgedError` when the checkpoint is another journal's (wrong-origin), a signature does not hold or is missing, the
    files do not hash to the signed root, or a shard does not follow from the one before (see `journal.succession`), and
    `MalformedError` for a bundle that cannot be read. `progress` is told how many entries of how many are done.
    """
    legs = follow(bundle, Pins(first_shard(vkeys), later))
    return replayed(bundle, legs, progress=progress, watching=watching)


def replayed(
    bundle: Bundle,
    legs: Sequence[SignedLeg],
    *,
    progress: Callable[[int, int], object] | None = None,
    watching: Sequence[Watch] = (),
) -> AuditReport:
    """The same for shards that were followed already."""
    replay = Replay(bundle, legs[0].checkpoint.origin)
    for leg in legs:
        replay.begin(leg)
        for index, leaf, opening in leg.leaves():
            kept = index < leg.start + leg.kept
            entry = replay.take(index, leaf, opening) if kept else None
            for watch in watching if kept else ():
                watch(index, leaf, entry)
            if entry is not None:
                check_place(entry, leg)
            if progress is not None and (index + 1) % WIDTH == 0:
                progress(index + 1, legs[-1].end)
    return replay.report(legs)


class Replay:
    """Takes the leaves of a journal one by one, in order, and asks every promise about each entry it can read."""

    def __init__(self, bundle: Bundle, origin: str) -> None:
        """Take the documents that entries name by digest from `bundle`, of the journal that is called `origin`."""
        self._gaps = Gaps()
        self._unread = Unread()
        self._keys = KeysTrusted()
        self._agreements = AgreementsSigned(bundle, self._keys)
        self._consents = ConsentsStanding(bundle, self._keys, self._gaps)
        self._envelopes = EnvelopesOnce(self._gaps)
        self._referrals = ReferralsStepByStep(self._gaps)
        self._emergencies = EmergenciesAnswered(self._envelopes, self._agreements, self._keys, self._gaps)
        self._two_people = TwoPeople(broker_of(origin), self._unread)
        cases = Cases(self._agreements, self._consents, self._envelopes, self._referrals, self._gaps)
        # What an entry changes is remembered after it was judged: envelopes and referrals come last.
        self._invariants: tuple[Invariant, ...] = (
            TimesNeverDecrease(),
            self._keys,
            self._agreements,
            self._consents,
            EvidenceShown(cases),
            RulesReplayed("I1", UNDER_AGREEMENT, cases),
            RulesReplayed("I2", UNDER_CONSENT, cases),
            RulesReplayed("I9", WHERE_IT_STANDS, cases),
            UsesCounted(cases),
            self._emergencies,
            self._two_people,
            StatisticsRecounted(),
            self._envelopes,
            self._referrals,
        )
        self._forms: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._unjudged: Counter[str] = Counter()
        self._violations: list[Violation] = []
        self._latest: datetime | None = None
        self._end = 0

    def begin(self, leg: Leg) -> None:
        """Another shard begins: what should stand between it and the entries taken so far was lost."""
        self._gaps.unread += leg.start - self._end
        self._unread.skip(leg.start - self._end)

    def take(self, index: int, leaf: bytes, opening: Opening | None) -> Entry | None:
        """Judge the leaf at `index`, which was verified against the tree, with the opening given for it, if any.

        Returns the entry; None when it could not be read.
        """
        try:
            entry = self._read(index, leaf, opening)
        except PasserelleError as error:
            self._blame([Violation(LEAF, index, error.code, error.pointer)])
            entry = None
        if entry is None:
            self._gaps.unread += 1
        else:
            self._latest = max(self._latest or entry.time, entry.time)
            told = ((each.number, finding) for each in self._invariants for finding in each.examine(entry))
            self._keep(index, told)
        self._unread.add(read=entry is not None)
        self._end = index + 1
        return entry

    def report(self, legs: Sequence[SignedLeg]) -> AuditReport:
        """What was found in the leaves taken, now that there are no more: the newest checkpoint tells until when.

        To be asked once.
        """
        until = max((moment for moment in (self._latest, legs[-1].at) if moment), default=None)
        overdue = ((self._emergencies.number, finding) for finding in self._emergencies.conclude(until))
        self._keep(self._end, overdue)
        counted = Counted(
            clear=self._forms["clear"],
            opened=self._forms["opened"],
            unread=self._unread.withheld,
            erased=self._unread.erased,
            lost=sum(last - first + 1 for first, last in self._unread.lost),
            chains=self._keys.count,
            agreements=self._agreements.count,
            consents=self._consents.count,
            referrals=self._referrals.count,
            envelopes=self._envelopes.count,
        )
        found = tuple(sorted(self._violations, key=lambda violation: violation.index))
        told = {f"two-people-{act}": count for act, count in sorted(self._two_people.counted.items())}
        if self._emergencies.open:
            told["emergency-open"] = self._emergencies.open
        shards = tuple(ShardReport(leg.shard, leg.checkpoint, leg.newest.at, leg.restart is not None) for leg in legs)
        broken, unjudged = dict(self._broken), dict(self._unjudged)
        return AuditReport(shards, counted, broken, found, unjudged, told, tuple(self._unread.lost))

    def _keep(self, index: int, told: Iterable[tuple[str, Finding | Earlier]]) -> None:
        """Count what was found at `index`, or what only showed there of an earlier entry."""
        violations: dict[Violation, None] = {}
        unjudged: set[tuple[int, str]] = set()
        for number, each in told:
            place, finding = (each.index, each.finding) if isinstance(each, Earlier) else (index, each)
            if isinstance(finding, Unjudged):
                unjudged.add((place, finding.code))
            else:
                # The same fault found on two ways, by an entry's own members and by a rule, is one violation.
                violations[Violation(number, place, finding.code, finding.pointer)] = None
        self._blame(violations)
        self._unjudged.update(code for _, code in unjudged)

    def _blame(self, violations: Collection[Violation]) -> None:
        self._broken.update(violation.invariant for violation in violations)
        self._violations += list(violations)[: MAX_LISTED - len(self._violations)]

    def _read(self, index: int, leaf: bytes, opening: Opening | None) -> Entry | None:
        """The entry at `index`, or None when it is a commitment that nothing opens; raises `PasserelleError`."""
        if opening is None:
            read = read_leaf(leaf, index)
            if not isinstance(read, ClearLeaf):
                return None
            entry, form = read.entry, "clear"
        else:
            entry, form = open_leaf(leaf, opening, index), "opened"
        for member, moment in (("time", entry.time), ("expires", entry.expires)):
            if moment is not None:
                check_year(moment, f"/{member}")
        self._forms[form] += 1
        return entry
