"""Every checkpoint that was published is held against the entries, their times, and the other checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import Pipe, active_children
from pathlib import Path
from typing import Any

import pytest

from journal.audit.archives import SecondProcessError, _read_apart, reading_archives
from journal.audit.program import word
from journal.audit.verification import Question
from journal.bundle import open_bundle
from journal.checkpoints import Checkpoint
from journal.succession import follow
from keys.errors import ForgedError, MalformedError, PasserelleError
from tests.builders import BROKER, LINE
from tests.journal.auditing import SIZE, at, audit, bundle, folder, found, note
from tests.journal.builders import ORIGIN, Files, journal_signer
from tests.journal.ledgers import journal_keys
from tests.journal.lives import lived


def test_an_archive_that_holds_is_verified_whole(tmp_path: Path) -> None:
    """Every checkpoint was counted, and none contradicts anything."""
    verified = found(lived().bundle(tmp_path))
    assert verified.published is not None
    assert [list(each.sizes) for each in verified.published] == [[10, 20, 30, 38]]
    assert verified.holds
    assert verified.complete


def test_without_its_archive_a_bundle_is_verified_in_part(tmp_path: Path) -> None:
    """Bundles of earlier releases stay readable; that nobody can tell when entries became visible is said."""
    verified = found(lived().bundle(tmp_path, checkpoints=None))
    assert verified.published is None
    assert (verified.holds, verified.complete) == (True, False)
    assert verified.to_json()["checkpoints"] is None


@pytest.mark.parametrize(("seconds", "late"), [(60, []), (61, [0]), (63, [0, 1, 2]), (100, list(range(38)))])
def test_an_entry_that_was_published_late_is_found(tmp_path: Path, keys: Path, seconds: int, late: list[int]) -> None:
    """Entry n is made at second n, and a checkpoint does not hold it: sixty seconds are kept, sixty-one are not."""
    path = bundle(lived(), tmp_path, (0, at(seconds)), (SIZE, at(seconds + 1)))
    verified = found(path)
    broken = [each for each in verified.replay.violations if each.code == "published-late"]
    assert [each.index for each in broken] == late
    assert verified.holds is not bool(late)
    assert verified.replay.broken.get("I6", 0) == len(late)
    assert audit("verify", path, "--pins", keys) == bool(late)
    for kept in Path.cwd().glob("late-*.json"):
        assert audit("evidence", kept, "--pins", keys) == 0
    assert len(list(Path.cwd().glob("late-*.json"))) == bool(late)


def test_checkpoints_that_are_left_out_make_no_entry_late(tmp_path: Path, keys: Path) -> None:
    """Whoever hands on the file could accuse an honest journal: what nothing shows is not judged."""
    path = bundle(lived(), tmp_path, (SIZE, at(3600)))
    verified = found(path)
    assert verified.replay.broken == {}
    assert verified.replay.unjudged["publication-not-shown"] == SIZE
    assert verified.verdict == "verified-in-part"
    assert audit("verify", path, "--pins", keys) == 0
    assert list(Path.cwd().glob("late-*.json")) == []


def test_every_checkpoint_that_lacks_an_entry_convicts_once(tmp_path: Path, keys: Path) -> None:
    """The last checkpoint that lacks an entry is shown, whether the entry is in clear or opened."""
    path = bundle(lived(), tmp_path, (0, at(62)), (20, at(63)), (30, at(91)), (SIZE, at(150)))
    assert audit("verify", path, "--pins", keys) == 1
    kept = list(Path.cwd().glob("late-*.json"))
    assert len(kept) == 2
    assert [audit("evidence", each, "--pins", keys) for each in kept] == [0, 0]


def test_the_first_checkpoint_that_covers_an_entry_counts(tmp_path: Path) -> None:
    """What is signed again later takes nothing back."""
    verified = found(bundle(lived(), tmp_path, (20, at(20)), (SIZE, at(50)), (SIZE, at(3650)), (SIZE, at(7300))))
    assert verified.holds


@pytest.mark.parametrize("language", ["fr_CA.UTF-8", "en_CA.UTF-8"])
def test_a_promise_about_what_is_not_shown_is_not_told_as_kept(
    tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Without the archive nobody knows when entries were published; without its table no figure is counted again."""
    monkeypatch.setenv("LC_ALL", language)
    published = lived().add("stats", "stats.published", BROKER)
    bare = lived().bundle(folder(tmp_path, "bare"), checkpoints=None)
    counted, whole = published.bundle(folder(tmp_path, "counted")), lived().bundle(tmp_path)
    for path, unjudged in ((bare, "I6"), (counted, "I8"), (whole, "")):
        audit("verify", path, "--pins", keys)
        said = capsys.readouterr().out
        for promise in ("I6", "I8"):
            result = word("audit.not-judged" if promise == unjudged else "audit.kept")
            assert word("audit.promise", result=result, promise=word(f"audit.promises.{promise}")) in said


def test_a_fork_in_the_archive_is_found_and_convicts(tmp_path: Path, keys: Path) -> None:
    """The journal signed a past that is not that of its entries; the file that is kept shows it to anybody."""
    ledger, other = lived(), lived()
    other["accepted"]["need"] = "shelter-week"
    notes = [note(other, 30, at(30)), note(ledger, SIZE, at(39))]
    path = ledger.bundle(tmp_path, checkpoint=notes[-1], checkpoints=notes)
    verified = found(path)
    assert [each.kind for each in verified.contradictions] == ["fork"]
    assert not verified.holds
    assert audit("verify", path, "--pins", keys) == 1
    (kept,) = Path.cwd().glob("fork-*.json")
    assert audit("evidence", kept, "--pins", keys) == 0


@pytest.mark.parametrize("archived", [[(30, 60), (38, 50)], [(10, 10), (30, 45), (20, 46), (38, 50)]])
def test_a_journal_that_went_back_is_found_and_convicts(
    tmp_path: Path, keys: Path, archived: list[tuple[int, int]]
) -> None:
    """A smaller journal signed later than a larger one."""
    path = bundle(lived(), tmp_path, *((size, at(second)) for size, second in archived))
    verified = found(path)
    assert {each.kind for each in verified.contradictions} == {"rollback"}
    assert audit("verify", path, "--pins", keys) == 1
    assert audit("evidence", next(Path.cwd().glob("rollback-*.json")), "--pins", keys) == 0


def test_two_roots_of_one_size_are_a_fork(tmp_path: Path) -> None:
    """Also when both were signed in the same second."""
    ledger, other = lived(), lived()
    other["released"]["to"] = LINE
    notes = [note(other, SIZE, at(39)), note(ledger, SIZE, at(39))]
    verified = found(ledger.bundle(tmp_path, checkpoint=notes[-1], checkpoints=notes))
    assert "fork" in {each.kind for each in verified.contradictions}


def test_an_archive_in_another_order_is_refused(tmp_path: Path) -> None:
    """It was not written by the broker, so it is not to be relied on; it convicts nobody."""
    ledger = lived()
    notes = [note(ledger, 30, at(30)), note(ledger, 20, at(20)), note(ledger, SIZE, at(39))]
    with pytest.raises(MalformedError, match="checkpoints-out-of-order") as caught:
        found(ledger.bundle(tmp_path, checkpoint=notes[-1], checkpoints=notes))
    assert "checkpoints.jsonl:2" in caught.value.__notes__


def test_a_checkpoint_beyond_the_end_is_counted_apart(tmp_path: Path) -> None:
    """An export that was cut between two writes is older than its archive: that is told, and is no lie."""
    ledger = lived()
    longer = lived().add("more", "audit.read", BROKER)
    notes = [note(ledger, SIZE, at(39)), note(longer, SIZE + 1, at(40))]
    verified = found(ledger.bundle(tmp_path, checkpoint=notes[0], checkpoints=notes))
    assert verified.published is not None
    assert (verified.published[0].beyond, verified.holds) == (1, True)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda good: good[:-2000] + (b"B" if good[-2000:-1999] == b"A" else b"A") + good[-1999:], ForgedError),
        (lambda _: b"garbage", MalformedError),
        (lambda _: b"", MalformedError),
        (lambda good: good.replace(b"\n38\n", b"\n37\n"), ForgedError),
        (lambda good: good.replace(ORIGIN.encode(), b"other.example/laval/journal/1"), ForgedError),
        (
            lambda good: good.split(b"\n\n")[0] + b"\n\n" + good.split(b"\n\n")[1].splitlines(keepends=True)[0],
            ForgedError,
        ),
    ],
)
def test_a_line_that_is_no_checkpoint_of_the_journal_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], error: type[PasserelleError]
) -> None:
    """A forged archive proves nothing, and is told by its line."""
    good = note(lived(), SIZE, at(39))
    with pytest.raises(error) as caught:
        found(lived().bundle(tmp_path, checkpoint=good, checkpoints=[good, change(good)]))
    assert "checkpoints.jsonl:2" in caught.value.__notes__


def test_a_note_that_is_cut_and_one_signed_by_others_are_refused(tmp_path: Path) -> None:
    """Both of the journal's own keys sign every checkpoint."""
    good, files = note(lived(), SIZE, at(39)), Files(lived().leaves())
    foreign = journal_signer().sign(Checkpoint(ORIGIN, SIZE, files.root()), at(39))
    for bad in (good[: len(good) // 2], foreign):
        with pytest.raises((ForgedError, MalformedError)):
            found(lived().bundle(tmp_path, checkpoint=good, checkpoints=[bad]))


def test_another_process_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large archives are verified beside the entries; the answer, and every refusal, is the same."""
    ledger = lived()
    path = bundle(ledger, tmp_path, (30, at(60)), (SIZE, at(50)))
    here = found(path)
    monkeypatch.setattr("journal.audit.archives._WORTH_A_PROCESS", 1)
    assert found(path) == here
    good = note(ledger, SIZE, at(39))
    with pytest.raises(MalformedError) as caught:
        found(ledger.bundle(tmp_path, checkpoint=good, checkpoints=[good, b"garbage"]))
    assert "checkpoints.jsonl:2" in caught.value.__notes__


def test_a_second_process_that_was_ended_blames_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system ends it when memory is short: nothing was verified, and nothing is said of the journal."""
    monkeypatch.setattr("journal.audit.archives._WORTH_A_PROCESS", 1)
    question = Question(lived().bundle(tmp_path), journal_keys().vkeys)
    with open_bundle(question.path) as bundle, reading_archives(question, follow(bundle, question.pins)) as archives:
        (child,) = active_children()
        child.kill()
        with pytest.raises(SecondProcessError, match="second-process-ended"):
            archives()


class TooLong(list[Any]):
    """What does not fit into memory."""

    def __iter__(self) -> Iterator[Any]:
        """Ask for more than there is."""
        raise MemoryError


def test_a_second_process_says_that_it_lacks_memory(tmp_path: Path) -> None:
    """It is told in the same words, whether it was ended or could say so itself."""
    answers, answering = Pipe(duplex=False)
    _read_apart(lived().bundle(tmp_path), TooLong(), answering)
    told = answers.recv()
    assert (type(told), told.code) == (SecondProcessError, "second-process-ended")
