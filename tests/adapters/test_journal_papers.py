"""What a partner takes out of the journal: a proof that holds, openings, receipts; and nothing that does not."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from adapters.bodies import JournalOpening, OpeningPage
from adapters.journal_papers import export_openings, export_receipts, fetch_proof
from journal.audit.collecting import read_receipts
from journal.bundle import Bundle
from journal.entries import Opening, commitment_leaf
from journal.proofs import parse_proof
from keys.errors import FileError, ForgedError, MalformedError, PasserelleError
from keys.terminal import DONE, REFUSED
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived
from tests.adapters.terminal import Command
from tests.journal.builders import SALT, entry_bytes


def test_the_proof_of_an_envelope_holds_for_years(laval: Town, command: Command, tmp_path: Path) -> None:
    """By the id of the envelope on both sides, and by its index: the same entry, under what witnesses have signed."""
    broker, line, shelter = laval
    queued = arrived(line, shelter)
    line.adapter.read_journal()
    found = [fetch_proof(each.adapter.office, each.client, queued.envelope) for each in (line, shelter)]
    assert found[0][0] == found[1][0]
    index = parse_proof(found[0][0]).index
    out = tmp_path / "kept.tlog-proof"
    assert command(line, "journal", "proof", str(index), "--out", str(out))[0] == DONE
    proof = parse_proof(out.read_bytes())
    assert proof.verify(broker.gateway.leaves[index], broker.pins.vkeys).checkpoint.size > index
    with pytest.raises(ForgedError):
        proof.verify(broker.gateway.leaves[index - 1], broker.pins.vkeys)


@pytest.mark.parametrize("which", ["env_" + "a" * 26, "999999", "-1", "../x", "01"])
def test_what_is_not_known_here_is_not_proven(laval: Town, which: str) -> None:
    """Neither a name without a receipt nor an index that the journal does not reach."""
    _, line, _ = laval
    with pytest.raises(MalformedError):
        fetch_proof(line.adapter.office, line.client, which)


def test_a_proof_of_another_entry_or_another_past_is_refused(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that answers with a genuine proof of something else, or under a fork, gets nothing saved."""
    broker, line, _ = laval
    line.adapter.read_journal()
    other = broker.journal.proof(2)
    monkeypatch.setattr(line.client, "proof", lambda _index: other)
    with pytest.raises(ForgedError):
        fetch_proof(line.adapter.office, line.client, "1")
    broker.gateway.leaves[0] = commitment_leaf(Opening(entry_bytes(index=0), bytes(32)))
    broker.journal.show(1)
    forked = broker.journal.proof(1)
    broker.gateway.leaves[0] = commitment_leaf(Opening(entry_bytes(index=0), SALT))
    monkeypatch.setattr(line.client, "proof", lambda _index: forked)
    with pytest.raises(PasserelleError):
        fetch_proof(line.adapter.office, line.client, "1")


def test_openings_are_written_as_a_bundle(laval: Town, command: Command, tmp_path: Path) -> None:
    """Page by page in the order of the journal, for its owner only, as `passerelle-audit` reads them."""
    broker, line, _ = laval
    line.adapter.read_journal()
    out = tmp_path / "openings.zip"
    assert command(line, "journal", "openings", str(out))[0] == DONE
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with Bundle.open(out) as bundle:
        assert [index for index, _ in bundle.openings()] == list(range(len(broker.gateway.leaves)))
    assert command(line, "journal", "openings", str(out))[0] == REFUSED
    assert zipfile.is_zipfile(out)


def test_an_export_has_an_end_whatever_the_gateway_answers(
    laval: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that always point further, or beyond the journal as it was read, are asked for up to there only."""
    _, line, _ = laval
    size = line.adapter.read_journal()
    asked: list[int] = []

    def further(after: int) -> OpeningPage:
        asked.append(after)
        return OpeningPage((JournalOpening(after, Opening(entry_bytes(index=after), SALT)),), after + 3)

    monkeypatch.setattr(line.client, "openings", further)
    done = export_openings(line.adapter.office, line.client, tmp_path / "openings.zip")
    assert (asked, done.openings) == (list(range(0, size, 3)), -(-size // 3))


def test_an_export_is_private_from_its_first_moment_on(
    laval: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opened it before its mode was set would go on reading it."""
    _, line, _ = laval
    line.adapter.read_journal()
    out, modes = tmp_path / "openings.zip", list[int]()
    monkeypatch.setattr(Path, "chmod", lambda *_arguments: None)
    real = line.client.openings

    def watched(after: int) -> OpeningPage:
        modes.append(stat.S_IMODE(out.stat().st_mode))
        return real(after)

    monkeypatch.setattr(line.client, "openings", watched)
    export_openings(line.adapter.office, line.client, out)
    assert set(modes) == {0o600}


def test_half_an_export_leaves_no_file(laval: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Openings out of order, or a connection that breaks: what was begun is gone."""
    _, line, _ = laval
    line.adapter.read_journal()
    twice = OpeningPage((JournalOpening(1, Opening(entry_bytes(index=1), SALT)),) * 2, 2)
    out = tmp_path / "openings.zip"
    monkeypatch.setattr(line.client, "openings", lambda _after: twice)
    with pytest.raises(MalformedError, match="answer-malformed"):
        export_openings(line.adapter.office, line.client, out)
    assert not out.exists()
    with pytest.raises(FileError, match="file-unwritable"):
        export_openings(line.adapter.office, line.client, tmp_path / "no" / "folder" / "x.zip")


def test_receipts_are_written_one_a_line(laval: Town, command: Command, tmp_path: Path) -> None:
    """Those of what was sent and of what was received, each once and verified by the auditors' own reader."""
    broker, line, shelter = laval
    arrived(line, shelter)
    for number, partner in enumerate((line, shelter)):
        out = tmp_path / f"{number}.jsonl"
        assert command(partner, "receipts", str(out))[0] == DONE
        receipts = read_receipts([out], broker.pins.receipts_verifier)
        assert len({each.index for each in receipts}) == len(receipts) > 0
        assert all(broker.gateway.leaves[each.index] == each.leaf for each in receipts)
    with pytest.raises(MalformedError, match="not-a-file-of-lines"):
        export_receipts(line.adapter.office, tmp_path / "receipts.txt")


def test_alarms_and_status_for_programs(laval: Town, command: Command) -> None:
    """What a person reads as words a program reads as JSON."""
    _, line, _ = laval
    assert json.loads(command(line, "alarms", "--json")[1]) == []
    reopened(line)
    told = json.loads(command(line, "journal", "status", "--json")[1])
    assert (told["size"], told["agreements"]) == (line.restart().office.book.size, [])


def reopened(partner: Partner) -> None:
    """Open again what a command closed."""
    partner.restart()
