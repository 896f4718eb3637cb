"""How many journal entries `passerelle-audit verify` verifies each second, beside the least that reading them costs.

    python -m benchmarks.audit [--entries N] [--every N] [--bundle FILE]

The journal is invented and really signed: one checkpoint archived for every eight entries, two consent statements for
every sixteen. The floor, measured in the same run and on the same bytes, is what nobody can leave out: unpack the
openings, hash each leaf, read each entry as strict JSON; it verifies no signature, no form and no promise. Each of
the two runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import TypeVar

from benchmarks.journals import GrownJournal
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.bundle import Bundle
from journal.entries import MAX_ENTRY
from journal.pins import read_vkeys
from keys import strictjson
from tests.journal.builders import journal_signer

ENTRIES = 100_000
_KIB = 1024
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: how many entries in how many seconds, and the peak memory in MiB of it and of processes it started."""

    entries: int
    seconds: float
    own_memory: float
    other_memory: float

    @property
    def rate(self) -> float:
        """Entries a second."""
        return self.entries / self.seconds


def _verified(path: Path, vkeys: list[str]) -> int:
    found = verify_bundle(Question(path, read_vkeys(vkeys)))
    assert found.holds, found.replay.violations[:3]
    assert found.complete
    return found.newest.checkpoint.size


def _floor(path: Path, _vkeys: list[str]) -> int:
    count = 0
    with Bundle.open(path) as bundle:
        for _, opening in bundle.openings():
            hashlib.sha256(opening.salt + opening.entry).digest()
            strictjson.loads(opening.entry, limit=MAX_ENTRY)
            count += 1
    return count


def _measure(work: Callable[[Path, list[str]], int], path: Path, vkeys: list[str]) -> Run:
    start = time.perf_counter()
    entries = work(path, vkeys)
    seconds = time.perf_counter() - start
    own, other = (resource.getrusage(who).ru_maxrss / _KIB for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Run(entries, seconds, own, other)


def _grow(entries: int, every: int, path: Path) -> tuple[float, list[str]]:
    """Make the journal, in another process too: one starts with the peak memory of whoever started it."""
    start, signer = time.perf_counter(), journal_signer()
    GrownJournal(entries, signer, every).write(path)
    return time.perf_counter() - start, [str(vkey) for vkey in signer.vkeys]


def _apart(work: Callable[..., _Answer], *arguments: object) -> _Answer:
    """What `work` answers, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_answering, args=(answers, work, arguments))
    process.start()
    answer: _Answer = answers.get()
    process.join()
    return answer


def _answering(answers: SimpleQueue[object], work: Callable[..., object], arguments: Iterable[object]) -> None:
    answers.put(work(*arguments))


def main() -> None:
    """Make the journal, verify it between two measures of the floor, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--every", type=int, default=8, help="entries for each archived checkpoint")
    parser.add_argument("--bundle", type=Path, help="where to keep the bundle")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.bundle or Path(folder) / "bundle.zip"
        made, vkeys = _apart(_grow, asked.entries, asked.every, path)
        print(f"A bundle of {path.stat().st_size / _KIB**2:,.0f} MiB, made in {made:.0f} s")
        before, verified, after = (_apart(_measure, work, path, vkeys) for work in (_floor, _verified, _floor))
    floor = (before.rate + after.rate) / 2
    print(f"  {'verify: everything, two processes':<46} {verified.rate:>10,.0f} entries/s")
    print(f"  {'floor: unpack, SHA-256, strict JSON':<46} {floor:>10,.0f} entries/s")
    print(f"  {'ratio':<46} {verified.rate / floor:>10.2f}")
    print(f"  {verified.entries:,} entries in {verified.seconds:,.1f} s")
    print(f"  peak memory: {verified.own_memory:,.0f} MiB, and {verified.other_memory:,.0f} MiB for the checkpoints")
    print(f"  (the floor: {before.own_memory:,.0f} MiB)")


if __name__ == "__main__":
    main()
