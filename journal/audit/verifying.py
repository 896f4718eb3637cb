"""Verifies a bundle or a mirror with everything that the auditor brought: keys, a quorum, an earlier state, receipts.

Two passes that need nothing from each other: the replay of the entries, and the signatures of the archived checkpoints,
which a process of its own verifies when there are many.
"""

from __future__ import annotations

import multiprocessing
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from journal.audit.quorums import QuorumWatch
from journal.audit.verification import Continued, Honoured, Question, Verification
from journal.bundle import Bundle, open_bundle
from journal.continuity import OpeningsContinued
from journal.entries import Opening
from journal.invariants.findings import Unjudged, Violation
from journal.notes import MAX_NOTE
from journal.publication import (
    Contradiction,
    EntryTimes,
    Late,
    Publication,
    Signed,
    contradiction,
    late_entries,
    open_signed,
    read_publication,
    root_at,
)
from journal.receipts import ReceiptsHonoured
from journal.replay import Watch, verify
from journal.report import MAX_LISTED, AuditReport
from journal.tiles import TileReader
from journal.vkeys import Vkey
from keys.errors import Fault, FileError, MalformedError, PasserelleError, about
from keys.files import read_file

__all__ = ["earlier_state", "verify_bundle"]

_WORTH_A_PROCESS: Final = 20_000
"""Entries from which on a second process pays: starting one takes about as long as a thousand checkpoints."""


def verify_bundle(question: Question) -> Verification:
    """Verify what lies at `question.path`.

    What was broken is a value. Raises `FileError`, `MalformedError` and `ForgedError` as `open_bundle`, `verify` and
    `read_publication` do, and `MalformedError` (since-is-newer) for an earlier state that is not earlier.
    """
    with open_bundle(question.path) as bundle, ExitStack() as stack:
        newest = open_signed(bundle.checkpoint(), question.vkeys)
        before = stack.enter_context(earlier_state(question.since, question.vkeys)) if question.since else None
        contradictions = _against(before[0], newest, bundle) if before else []
        published = stack.enter_context(_publication(question, bundle, newest))
        times, receipts = EntryTimes(), ReceiptsHonoured(newest.checkpoint.origin, question.receipts)
        quorum = QuorumWatch(question.quorum)
        openings = OpeningsContinued(before[1]) if before else None
        watching: list[Watch] = [lambda _index, _leaf, entry: times.add(entry.time if entry else None), receipts.take]
        watching += [quorum.take, *([openings.take] if openings else [])]
        replay = verify(bundle, question.vkeys, progress=question.progress, watching=watching)
        publication = published()
        contradictions += publication.contradictions if publication else []
        replay, late = _with_publication(replay, times, publication, newest)
        return Verification(
            newest=newest,
            replay=replay,
            publication=publication,
            contradictions=tuple(contradictions),
            confirmed=quorum.confirmed(bundle, newest, question.vkeys),
            continued=_continued(before[0], openings) if before and openings else None,
            honoured=_honoured(receipts, newest, publication) if question.receipts else None,
            late=late,
        )


@contextmanager
def earlier_state(path: Path, vkeys: tuple[Vkey, ...]) -> Iterator[tuple[Signed, Iterator[tuple[int, Opening]]]]:
    """The checkpoint of an earlier bundle or mirror with its openings; of a checkpoint kept alone, without any.

    Raises as `open_bundle` and `open_signed` do; errors name the path.
    """
    with about(path):
        if path.is_file() and not zipfile.is_zipfile(path):
            yield open_signed(read_file(path, limit=MAX_NOTE), vkeys), iter(())
            return
        with Bundle.open(path) as bundle:
            yield open_signed(bundle.checkpoint(), vkeys), bundle.openings()


def _against(before: Signed, newest: Signed, bundle: Bundle) -> list[Contradiction]:
    """How the new checkpoint contradicts the earlier one, by themselves or by the new tree."""
    found = contradiction(before, newest)
    if found is not None:
        return [found]
    if before.checkpoint.size > newest.checkpoint.size:
        raise MalformedError("since-is-newer")
    reader = TileReader(bundle.tile, newest.checkpoint.size, newest.checkpoint.root)
    same = root_at(reader, before.checkpoint.size) == before.checkpoint.root
    return [] if same else [Contradiction("fork", before, newest)]


@contextmanager
def _publication(question: Question, bundle: Bundle, newest: Signed) -> Iterator[Callable[[], Publication | None]]:
    """What gives the archived checkpoints once they are verified: by then, or meanwhile in another process."""
    if not bundle.has_checkpoints:
        yield lambda: None
    elif not question.background or newest.checkpoint.size < _WORTH_A_PROCESS:
        yield lambda: read_publication(bundle, newest, question.vkeys)
    else:
        # A fresh interpreter: a copy of this one would inherit the thread that draws the bar.
        context = multiprocessing.get_context("spawn")
        answers, answering = context.Pipe(duplex=False)
        work = (question.path, newest, question.vkeys, answering)
        process = context.Process(target=_read_apart, args=work, daemon=True)
        process.start()
        answering.close()
        try:
            yield lambda: _answer(answers)
        finally:
            process.terminate()
            process.join()
            answers.close()


def _read_apart(path: Path, newest: Signed, vkeys: tuple[Vkey, ...], answering: Connection) -> None:
    """Verify the archived checkpoints in a process of its own, and answer with them or with what is wrong."""
    try:
        with Bundle.open(path) as bundle:
            answering.send(read_publication(bundle, newest, vkeys))
    except PasserelleError as error:
        answering.send(error)


def _answer(answers: Connection) -> Publication:
    """What the other process found; raises what it raised, and `FileError` (file-unreadable) if it was ended."""
    try:
        answer: Publication | PasserelleError = answers.recv()
    except EOFError:
        raise FileError("file-unreadable") from None
    if isinstance(answer, PasserelleError):
        raise answer
    return answer


def _with_publication(
    replay: AuditReport, times: EntryTimes, publication: Publication | None, newest: Signed
) -> tuple[AuditReport, tuple[Late, ...]]:
    """The report of the replay with the entries that were published too late, and the first of those.

    Of entries that may have been late and of which nothing shows it, it says how many could not be judged.
    """
    if publication is None:
        return replay, ()  # nobody can tell when anything became visible; the verification says so
    fault, unknown = Fault("published-late", "/time"), Unjudged("publication-not-shown")
    late, count, unshown = [], 0, 0
    for each in late_entries(times, publication, newest):
        unshown += each.without is None
        if each.without is not None:
            count += 1
            late += [each] if count <= MAX_LISTED else []
    unjudged = {**replay.unjudged, **({unknown.code: unshown} if unshown else {})}
    broken = {**replay.broken, **({"I6": replay.broken.get("I6", 0) + count} if count else {})}
    listed = [*replay.violations, *(Violation("I6", each.index, fault.code, fault.pointer) for each in late)]
    listed.sort(key=lambda violation: violation.index)
    return replace(replay, unjudged=unjudged, broken=broken, violations=tuple(listed[:MAX_LISTED])), tuple(late)


def _continued(before: Signed, openings: OpeningsContinued) -> Continued:
    vanished, erased = openings.missing()
    return Continued(before.checkpoint.size, erased, tuple(vanished))


def _honoured(receipts: ReceiptsHonoured, newest: Signed, publication: Publication | None) -> Honoured:
    breaches, pending = receipts.breaches(newest, publication)
    return Honoured(receipts.count, receipts.foreign, pending, tuple(breaches))
