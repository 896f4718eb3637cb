"""Verifies a bundle or a mirror with everything that the auditor brought: keys, a quorum, an earlier state, receipts.

Two passes that need nothing from each other: the replay of the entries, and the signatures of the archived checkpoints,
which a process of its own verifies when there are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from journal.audit.archives import reading_archives
from journal.audit.earlier import compare, earlier_state
from journal.audit.quorums import QuorumWatch
from journal.audit.verification import Continued, Honoured, Question, ShardVerified, Verification
from journal.bundle import open_bundle
from journal.continuity import OpeningsContinued
from journal.entries import Entry
from journal.invariants.findings import Unjudged, Violation
from journal.publication import EntryTimes, Late, Publication, late_entries
from journal.receipts import Ended, Promised, ReceiptsHonoured, judge_beyond
from journal.replay import Watch, replayed
from journal.report import MAX_LISTED, AuditReport
from journal.shards import RESTART_BLUR
from journal.succession import SignedLeg, follow
from keys.errors import Fault

__all__ = ["verify_bundle"]


def verify_bundle(question: Question) -> Verification:
    """Verify what lies at `question.path`.

    What was broken is a value. Raises `FileError`, `MalformedError` and `ForgedError` as `open_bundle`, `follow`,
    `replayed`, `compare` and `reading_archives` do.
    """
    with open_bundle(question.path) as bundle, ExitStack() as stack:
        legs = follow(bundle, question.pins)
        before = stack.enter_context(earlier_state(question.since, question.pins, legs)) if question.since else None
        contradictions = compare(before.legs, legs) if before else []
        archives = stack.enter_context(reading_archives(question, legs))
        shards, quorum = _Shards(legs, question.receipts), QuorumWatch(question.quorum)
        openings = OpeningsContinued(before.openings) if before else None
        watching: list[Watch] = [shards.take, quorum.take, *([openings.take] if openings else [])]
        replay = replayed(bundle, legs, progress=question.progress, watching=watching)
        published = archives()
        contradictions += [found for each in published if each for found in each.contradictions]
        replay, late = shards.with_publication(replay, published)
        return Verification(
            shards=tuple(ShardVerified(leg.shard, leg.newest, each) for leg, each in zip(legs, published, strict=True)),
            replay=replay,
            contradictions=tuple(contradictions),
            confirmed=quorum.confirmed(legs),
            continued=_continued(before.size, openings) if before and openings else None,
            honoured=shards.honoured(published) if question.receipts else None,
            late=late,
        )


class _Shards:
    """What is remembered of the entries for each shard: when they were made, and whether its receipts were honoured."""

    def __init__(self, legs: Sequence[SignedLeg], receipts: Sequence[Promised]) -> None:
        self._legs = legs
        self._times = [EntryTimes() for _ in legs]
        self._receipts = [ReceiptsHonoured(leg.shard, receipts) for leg in legs]
        self._brought = receipts
        self._origins = {leg.shard.origin for leg in legs}
        self._at = 0

    def take(self, index: int, leaf: bytes, entry: Entry | None) -> None:
        """One entry of the journal."""
        while self._at + 1 < len(self._legs) and index >= self._legs[self._at + 1].start:
            self._at += 1
        self._times[self._at].add(entry.time if entry else None)
        self._receipts[self._at].take(index, leaf, entry)

    def with_publication(
        self, replay: AuditReport, published: Sequence[Publication | None]
    ) -> tuple[AuditReport, tuple[Late, ...]]:
        """The report of the replay with the entries that were published too late, and the first of those.

        Of entries that may have been late and of which nothing shows it, it says how many could not be judged. Of a
        shard whose archived checkpoints are not shown nobody can tell when anything became visible; the verification
        says so.
        """
        fault, unknown = Fault("published-late", "/time"), Unjudged("publication-not-shown")
        late, count, unshown = [], 0, 0
        for leg, times, publication in zip(self._legs, self._times, published, strict=True):
            for each in late_entries(times, publication, leg.newest, leg.start) if publication else ():
                unshown += each.without is None
                if each.without is not None:
                    count += 1
                    late += [each] if count <= MAX_LISTED else []
        unjudged = {**replay.unjudged, **({unknown.code: unshown} if unshown else {})}
        broken = {**replay.broken, **({"I6": replay.broken.get("I6", 0) + count} if count else {})}
        listed = [*replay.violations, *(Violation("I6", each.index, fault.code, fault.pointer) for each in late)]
        listed.sort(key=lambda violation: violation.index)
        return replace(replay, unjudged=unjudged, broken=broken, violations=tuple(listed[:MAX_LISTED])), tuple(late)

    def honoured(self, published: Sequence[Publication | None]) -> Honoured:
        """What became of the receipts of all shards."""
        following = [*self._legs[1:], None]
        judged = [
            receipts.judge(leg.newest, publication, _ended(leg, after))
            for receipts, leg, publication, after in zip(self._receipts, self._legs, published, following, strict=True)
        ]
        last, elsewhere = self._legs[-1], (each for each in self._brought if each.origin not in self._origins)
        judged.append(judge_beyond(last.shard, last.newest, elsewhere))
        count = sum(each.count for each in judged)
        pending, lost = sum(each.pending for each in judged), sum(each.lost for each in judged)
        breaches = tuple(breach for each in judged for breach in each.breaches)
        return Honoured(count, len(self._brought) - count, pending, lost, breaches)


def _ended(leg: SignedLeg, after: SignedLeg | None) -> Ended | None:
    """How a shard ended; of one that was restarted, by when everything that is lost was made.

    The restart is no earlier than the second of the note that it goes on from.
    """
    if after is None:
        return None
    return Ended(leg.start + leg.kept, after.restart.at + RESTART_BLUR if after.restart else None)


def _continued(size: int, openings: OpeningsContinued) -> Continued:
    vanished, erased = openings.missing()
    return Continued(size, erased, openings.lost, tuple(vanished))
