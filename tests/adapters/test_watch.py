"""Every partner watches the journal: what contradicts it is an alarm with evidence, and the gateway is told."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.growth import JournalAlarmError
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from journal.notes import Note, parse_note
from keys.errors import ForgedError, MalformedError, UntrustedKeyError
from keys.statements import publish
from keys.terminal import DONE, REFUSED
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner
from tests.adapters.terminal import Command
from tests.adapters.watching import convicted, evidence_file, looks, only_alarm, swap
from tests.invented import LINE, root_key


@pytest.mark.parametrize("growth", [0, 5, 300])
def test_a_fork_is_one_alarm_with_evidence_that_convicts(laval: Town, growth: int) -> None:
    """Of the same size or of a larger one: however often it is seen, one alarm, one private file, nothing believed."""
    broker, line, _ = laval
    line.adapter.read_journal()
    size = line.adapter.office.book.size
    swap(line, 1)
    broker.gateway.bustle(growth)
    looks(line, "journal-forked")
    evidence, shown = convicted(line)
    assert (shown.kind, shown.by_itself, evidence.by) == ("fork", True, LINE)
    assert stat.S_IMODE(evidence_file(line).stat().st_mode) == 0o600
    assert len(list((line.folder / "evidence").iterdir())) == 1
    assert line.adapter.office.book.size == size


def test_a_rollback_is_one_alarm_and_the_gateway_gets_our_copy(laval: Town) -> None:
    """A smaller journal signed later convicts; the last state goes back, so that who restored a backup learns of it."""
    broker, line, _ = laval
    line.adapter.read_journal()
    kept = line.adapter.office.book.seen()
    assert kept is not None
    lost = broker.gateway.leaves.pop()
    broker.journal.notes = []
    broker.clock.forward(seconds=30)
    looks(line, "checkpoint-rolled-back")
    assert convicted(line)[1].kind == "rollback"
    assert set(broker.journal.contradicted) == {kept.note}
    broker.gateway.append(lost)
    line.adapter.read_journal()
    assert len(line.adapter.alarms()) == 1


def test_an_old_smaller_copy_accuses_nobody_until_something_does(laval: Town) -> None:
    """What was signed before ours proves no rollback; it must not keep what does, met later, from being evidence."""
    broker, line, _ = laval
    old = broker.gateway.note()
    broker.clock.forward(minutes=1)
    broker.gateway.bustle(1)
    line.adapter.read_journal()
    broker.clock.forward(days=2)
    broker.journal.notes, broker.journal.silent = [old], True
    looks(line, "checkpoint-rolled-back")
    assert only_alarm(line).evidence is None
    broker.gateway.leaves.pop()
    broker.journal.notes = [broker.gateway.note()]
    looks(line, "checkpoint-rolled-back")
    _, shown = convicted(line)
    assert (shown.kind, shown.by_itself) == ("rollback", True)


def test_who_has_no_witness_key_reports_a_rollback_all_the_same(laval: Town) -> None:
    """The note tells; the signature line beside it is then the journal's own."""
    broker, line, _ = laval
    line.adapter.read_journal()
    with line.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DELETE FROM watch")
    broker.gateway.leaves.pop()
    broker.journal.notes = []
    looks(line, "checkpoint-rolled-back", times=1)
    assert len(broker.journal.contradicted) == 1


def test_pages_that_lie_under_an_honest_checkpoint_accuse_nobody_of_a_fork(laval: Town) -> None:
    """Somebody between may have garbled them: an alarm, and no evidence that would not hold."""
    broker, line, _ = laval
    line.adapter.read_journal()
    broker.gateway.bustle(3)
    honest = broker.gateway.note()
    swap(line, len(broker.gateway.leaves) - 1)
    broker.journal.notes, broker.journal.silent = [honest], True
    looks(line, "journal-forked")
    assert only_alarm(line).evidence is None


def test_a_gateway_that_withholds_leaves_is_not_believed(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept of a checkpoint whose leaves it does not show; after two hours of that it is an alarm."""
    broker, line, _ = laval
    line.adapter.read_journal()
    size = line.adapter.office.book.size
    broker.gateway.bustle(2)
    gone = GatewayProblemError("not-found", status=404)

    def withheld(_shard: int, _path: str) -> bytes:
        raise gone

    monkeypatch.setattr(line.client, "tile", withheld)
    looks(line, "not-found")
    assert line.adapter.alarms() == []
    broker.clock.forward(hours=2, seconds=1)
    looks(line, "not-found")
    assert only_alarm(line).code == "journal-silent"
    assert convicted(line)[0].kind == "silence"
    assert line.adapter.office.book.size == size


def test_a_foreign_key_in_our_name_is_kept_as_evidence(laval: Town) -> None:
    """The entry with its proof, which anybody can find in the journal; that we did not make it is our word."""
    broker, line, _ = laval
    root = root_key(LINE)
    stolen = publish(
        (11, "ab" * 32), LINE, "root", root.public, (broker.clock(), broker.clock() + timedelta(days=9)), root.signers
    )
    broker.gateway.publish(stolen)
    looks(line, "foreign-key-statement")
    evidence, shown = convicted(line)
    assert (shown.kind, shown.by_itself, shown.index) == ("foreign-key", False, evidence.index)
    assert only_alarm(line).subject == f"journal#{evidence.index}"


def test_silence_is_one_alarm_until_a_person_has_dealt_with_it(laval: Town) -> None:
    """Two hours are fine, a second more is not; a journal that speaks again may fall silent again."""
    broker, line, _ = laval
    line.adapter.read_journal()
    broker.journal.silent = True
    broker.clock.forward(hours=2)
    line.adapter.read_journal()
    assert line.adapter.alarms() == []
    broker.clock.forward(seconds=1)
    for _ in range(3):
        line.adapter.read_journal()
    assert convicted(line)[0].kind == "silence"
    broker.journal.silent = False
    line.adapter.read_journal()
    broker.journal.silent = True
    broker.clock.forward(days=1, hours=1)
    looks(line, "checkpoint-stale")
    assert only_alarm(line).code == "journal-silent"
    line.adapter.close_alarm(only_alarm(line).number)
    looks(line, "checkpoint-stale")
    assert [alarm.code for alarm in line.adapter.alarms(closed=True)] == ["journal-silent"] * 2


def test_a_network_that_is_down_is_no_silence_of_the_journal(laval: Town) -> None:
    """A machine that was off for a night, or a cable that was cut, is no reason to suspect anybody."""
    broker, line, _ = laval
    line.adapter.read_journal()
    broker.clock.forward(hours=9)
    for _ in range(3):
        for call in ("checkpoint", "agreements"):
            line.client.cut_off(call)
        looks(line, "gateway-unreachable", times=1)
        broker.clock.forward(hours=3)
    line.adapter.read_journal()
    assert line.adapter.alarms() == []


@pytest.mark.parametrize("code", ["gateway-unreachable", "gateway-too-slow", "answer-not-from-gateway"])
def test_a_gateway_that_only_keeps_the_journal_away_is_silent(laval: Town, code: str) -> None:
    """While it answers everything else, a line that breaks for the checkpoint alone is no cable that was cut."""
    broker, line, _ = laval
    line.adapter.read_journal()
    for _ in range(3):
        broker.clock.forward(hours=1)
        line.client.before["checkpoint"] = GatewayUnreachableError(code)
        looks(line, code, times=1)
    assert line.adapter.alarms() == []
    broker.clock.forward(hours=1)
    line.client.before["checkpoint"] = GatewayUnreachableError(code)
    looks(line, code, times=1)
    assert convicted(line)[0].kind == "silence"


def test_an_alarm_that_was_closed_is_kept_and_raised_anew(laval: Town, command: Command) -> None:
    """A person has dealt with it, so `check` is content; what goes on, or comes back, is told once more."""
    _, line, _ = laval
    line.adapter.read_journal()
    honest = list(line.broker.gateway.leaves)
    swap(line, 1)
    looks(line, "journal-forked")
    number = only_alarm(line).number
    line.broker.gateway.leaves[:] = honest
    assert command(line, "check")[0] == REFUSED
    line.restart()
    status, out, _ = command(line, "alarms", "--close", str(number))
    assert (status, "journal-forked" in out) == (DONE, False)
    line.restart()
    assert command(line, "check")[0] == DONE
    line.restart()
    [kept] = json.loads(command(line, "alarms", "--all", "--json")[1])
    assert (kept["number"], "closed_at" in kept, "evidence" in kept) == (number, True, True)
    line.restart()
    assert "journal@" in command(line, "alarms", "--all")[1]
    line.restart()
    assert command(line, "alarms", "--close", str(number))[0] == REFUSED
    line.restart()
    swap(line, 1)
    looks(line, "journal-forked")
    assert only_alarm(line).number > number
    assert convicted(line)[1].kind == "fork"


def test_a_checkpoint_of_the_future_and_half_a_signature_are_alarms(laval: Town) -> None:
    """Neither is kept, each is told once, and what is to be read later is read."""
    broker, line, _ = laval
    line.adapter.read_journal()
    note = parse_note(broker.gateway.note())
    broker.journal.silent = True
    broker.journal.notes = [broker.gateway.note(at=broker.clock() + timedelta(minutes=3))]
    looks(line, "checkpoint-in-future")
    broker.journal.notes = [Note(note.checkpoint, note.signatures[:1]).encode()]
    looks(line, "signature-missing")
    assert [alarm.code for alarm in line.adapter.alarms()] == ["checkpoint-in-future", "signature-missing"]
    broker.journal.silent = False
    line.adapter.read_journal()


def test_a_clock_that_goes_back_accuses_nobody_of_silence(laval: Town) -> None:
    """An hour back is the future for the journal; once the clock is right again the work goes on."""
    broker, line, _ = laval
    line.adapter.read_journal()
    now, note = broker.clock(), broker.gateway.note()
    broker.journal.notes, broker.journal.silent = [note], True
    broker.clock.forward(hours=-1)
    with pytest.raises(UntrustedKeyError, match="checkpoint-in-future"):
        line.adapter.read_journal()
    broker.clock.now, broker.journal.silent = now, False
    line.adapter.read_journal()
    assert {alarm.code for alarm in line.adapter.alarms()} == {"checkpoint-in-future"}


def test_an_alarm_is_raised_even_where_evidence_cannot_be_written(laval: Town) -> None:
    """A disk that is full silences nobody."""
    _, line, _ = laval
    line.adapter.read_journal()
    (line.folder / "evidence").write_bytes(b"in the way")
    swap(line, 0)
    with pytest.raises(JournalAlarmError):
        line.adapter.read_journal()
    assert (only_alarm(line).code, only_alarm(line).evidence) == ("journal-forked", None)
    (line.folder / "evidence").unlink()
    with pytest.raises(JournalAlarmError):
        line.adapter.read_journal()
    assert convicted(line)[1].kind == "fork"


# In words.


@pytest.mark.parametrize("locale", ["en_CA.UTF-8", "fr_CA.UTF-8"])
def test_an_alarm_says_what_it_means_what_works_and_whom_to_call(laval: Town, command: Command, locale: str) -> None:
    """In the reader's language, with the file that proves it and the command that checks it."""
    _, line, _ = laval
    line.adapter.read_journal()
    assert command(line, "alarms", locale=locale)[0] == 0
    line.restart()
    swap(line, 0)
    with pytest.raises(ForgedError):
        line.adapter.read_journal()
    _, out, _ = command(line, "alarms", locale=locale)
    assert len(out.strip().splitlines()) == 5
    assert str(evidence_of(line)) in out
    assert f"passerelle-audit evidence {evidence_of(line)}" in out


def evidence_of(partner: Partner) -> Path:
    """The one file in the folder of evidence."""
    [path] = (partner.folder / "evidence").iterdir()
    return path


def test_garbage_instead_of_a_checkpoint_is_no_alarm_at_once(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of somebody in between says nothing about the journal."""
    _, line, _ = laval
    monkeypatch.setattr(line.client, "checkpoint", lambda _shard: b"<html>")
    with pytest.raises(MalformedError):
        line.adapter.read_journal()
    assert line.adapter.alarms() == []
