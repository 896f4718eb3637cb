"""Says a verification in words: what was read, which promises hold, what was found, and last of all the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from journal.audit.outcomes import tell_contradiction
from journal.audit.program import TERMINAL, word
from journal.audit.verification import Confirmed, Continued, Honoured, Verification
from journal.invariants.findings import Violation
from journal.report import CHECKED, MAX_LISTED, AuditReport
from keys.documents import format_time

__all__ = ["tell"]

_LISTED = 20
"""Contradictions, runs and receipts listed one by one; all are in the answer as JSON."""


def tell(found: Verification, evidence: Sequence[str]) -> None:
    """Print it; `evidence` are the files in which what convicts the journal was kept."""
    _tell_read(found)
    TERMINAL.show("")
    for promise in CHECKED:
        TERMINAL.say("audit.promise", result=_result(found, promise), promise=word(f"audit.promises.{promise}"))
    _tell_findings(found.replay)
    _tell_contradictions(found)
    if found.confirmed is not None:
        _tell_confirmed(found.confirmed, found.replay.size)
    if found.continued is not None:
        _tell_continued(found.continued)
    if found.honoured is not None:
        _tell_honoured(found.honoured)
    for name in evidence:
        TERMINAL.say("audit.evidence-kept", file=name)
    TERMINAL.show("")
    TERMINAL.say(f"audit.verdict.{found.verdict}")


def _tell_read(found: Verification) -> None:
    counted = found.replay.counted
    _tell_shards(found.replay)
    TERMINAL.say("audit.read", clear=counted.clear, opened=counted.opened)
    subjects = {name: getattr(counted, name) for name in ("chains", "agreements", "consents", "referrals", "envelopes")}
    TERMINAL.say("audit.subjects", **subjects)
    _tell_published(found)
    if counted.unread:
        TERMINAL.say("audit.unread", count=counted.unread)
    if counted.erased:
        TERMINAL.say("audit.erased", count=counted.erased)
    for first, last in found.replay.lost:
        TERMINAL.say("audit.lost", first=first, last=last)


def _tell_shards(report: AuditReport) -> None:
    """Of which checkpoints everything else is told."""
    for each in report.shards:
        told = {"origin": each.shard.origin, "size": each.checkpoint.size, "at": format_time(each.signed_at)}
        if len(report.shards) == 1:
            TERMINAL.say("audit.journal", **told)
        else:
            key = "audit.shard-restarted" if each.restarted else "audit.shard"
            TERMINAL.say(key, number=each.shard.number, start=each.shard.start, **told)
    if len(report.shards) > 1:
        TERMINAL.say("audit.shards", count=len(report.shards), size=report.size)


def _tell_published(found: Verification) -> None:
    if found.published is None:
        TERMINAL.say("audit.not-archived")
        return
    TERMINAL.say("audit.archived", count=sum(len(each.sizes) for each in found.published))
    beyond = sum(each.beyond for each in found.published)
    if beyond:
        TERMINAL.say("audit.beyond", count=beyond)


def _result(found: Verification, promise: str) -> str:
    """Whether a promise was kept; of one about things that the file does not show, nobody can say so."""
    if broken := found.replay.broken.get(promise, 0):
        return word("audit.broken", count=broken)
    unshown = {"I6": found.published is None, "I8": "statistics-not-shown" in found.replay.unjudged}
    return word("audit.not-judged" if unshown.get(promise) else "audit.kept")


def _tell_findings(report: AuditReport) -> None:
    for code, count in report.told.items():
        TERMINAL.say(f"audit.told.{code}", count=count)
    for code, count in sorted(report.unjudged.items()):
        TERMINAL.say("audit.unjudged-entries", count=count, why=word(f"audit.unjudged.{code}"))
    if report.violations:
        TERMINAL.show("")
    for violation in report.violations:
        TERMINAL.say("audit.violation", **_violation(violation))
    if sum(report.broken.values()) > len(report.violations):
        TERMINAL.say("audit.more", count=MAX_LISTED)


def _violation(violation: Violation) -> dict[str, object]:
    promise = "" if violation.invariant not in CHECKED[1:] else f"{violation.invariant}, "
    place = f"{violation.pointer} " if violation.pointer else ""
    what = word(f"error.{violation.code}.title")
    return {"index": violation.index, "promise": promise, "place": place, "what": what}


def _tell_contradictions(found: Verification) -> None:
    for each in found.contradictions[:_LISTED]:
        tell_contradiction(each)
    if len(found.contradictions) > _LISTED:
        TERMINAL.say("audit.contradictions", count=len(found.contradictions))


def _tell_confirmed(confirmed: Confirmed, size: int) -> None:
    names = {"seen": ", ".join(confirmed.seen_by) or "–", "missing": ", ".join(confirmed.missing) or "–"}
    if confirmed.size is None:
        TERMINAL.say("audit.unconfirmed", **names)
    else:
        TERMINAL.say("audit.confirmed", count=confirmed.size, size=size, **names)


def _tell_continued(continued: Continued) -> None:
    TERMINAL.say("audit.since-held", size=continued.size)
    if continued.erased:
        TERMINAL.say("audit.since-erased", count=continued.erased)
    if continued.lost:
        TERMINAL.say("audit.since-lost", count=continued.lost)
    for first, last in continued.vanished[:_LISTED]:
        TERMINAL.say("audit.since-vanished", first=first, last=last)
    if len(continued.vanished) > _LISTED:
        TERMINAL.say("audit.more", count=_LISTED)


def _tell_honoured(honoured: Honoured) -> None:
    TERMINAL.say("audit.receipts-read", count=honoured.count, foreign=honoured.foreign, pending=honoured.pending)
    if honoured.lost:
        TERMINAL.say("audit.receipts-lost", count=honoured.lost)
    for breach in honoured.breaches[:_LISTED]:
        TERMINAL.say(f"audit.breach.{breach.kind}", index=breach.promised.index, place=breach.promised.place)
    if len(honoured.breaches) > _LISTED:
        TERMINAL.say("audit.more", count=_LISTED)
