"""Verifies the archived checkpoints of every shard, in a process of its own when there are many."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from journal.audit.verification import Question
from journal.bundle import Bundle
from journal.contradictions import Signed
from journal.layout import CHECKPOINTS
from journal.publication import Publication, read_publication
from journal.shards import Shard, folder
from journal.succession import SignedLeg
from keys.errors import ForgedError, PasserelleError, about

__all__ = ["SecondProcessError", "reading_archives"]

_WORTH_A_PROCESS: Final = 20_000
"""Entries from which on a second process pays: starting one takes about as long as a thousand checkpoints."""
_Archives = list[Publication | None]
_Wanted = Sequence[tuple[Shard, Signed]]


class SecondProcessError(PasserelleError):
    """The process that verified the archived checkpoints was ended before it could answer, as for lack of memory."""


@contextmanager
def reading_archives(question: Question, legs: Sequence[SignedLeg]) -> Iterator[Callable[[], _Archives]]:
    """What gives the archived checkpoints shard by shard once they are verified: by then, or meanwhile elsewhere.

    None stands for a shard of which the bundle does not hold them. Raises as `read_publication` does, `ForgedError`
    (hand-over-broken) for a checkpoint that is larger than the last one of a closed shard, and `SecondProcessError`
    (second-process-ended).
    """
    if not question.background or legs[-1].end < _WORTH_A_PROCESS:
        yield lambda: _checked(legs, [_read(leg.bundle, leg.shard, leg.newest) for leg in legs])
        return
    # A fresh interpreter: a copy of this one would inherit the thread that draws the bar.
    context = multiprocessing.get_context("spawn")
    answers, answering = context.Pipe(duplex=False)
    work = (question.path, [(leg.shard, leg.newest) for leg in legs], answering)
    process = context.Process(target=_read_apart, args=work, daemon=True)
    process.start()
    answering.close()
    try:
        yield lambda: _checked(legs, _answer(answers))
    finally:
        process.terminate()
        process.join()
        answers.close()


def _read(bundle: Bundle, shard: Shard, newest: Signed) -> Publication | None:
    return read_publication(bundle, newest, shard.vkeys) if bundle.has_checkpoints else None


def _checked(legs: Sequence[SignedLeg], archives: _Archives) -> _Archives:
    """The same, if nothing was published of a shard after the checkpoint that closed it."""
    for leg, after, publication in zip(legs, legs[1:], archives, strict=False):
        if publication is not None and publication.beyond and after.restart is None:
            with about(folder(leg.number) + CHECKPOINTS):
                raise ForgedError("hand-over-broken")
    return archives


def _read_apart(path: Path, wanted: _Wanted, answering: Connection) -> None:
    """Verify the archived checkpoints in a process of its own, and answer with them or with what is wrong."""
    try:
        with Bundle.open(path) as bundle:
            parts = ((bundle.shard(shard.number), shard, newest) for shard, newest in wanted)
            answering.send([_read(part, shard, newest) for part, shard, newest in parts if part is not None])
    except PasserelleError as error:
        answering.send(error)
    except MemoryError:
        answering.send(SecondProcessError("second-process-ended"))


def _answer(answers: Connection) -> _Archives:
    """What the other process found; raises what it raised."""
    try:
        answer: _Archives | PasserelleError = answers.recv()
    except EOFError:
        raise SecondProcessError("second-process-ended") from None
    if isinstance(answer, PasserelleError):
        raise answer
    return answer
