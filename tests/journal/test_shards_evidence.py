"""What convicts a journal convicts the shard that it is of; what was shown of any shard is remembered of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journal.audit.convicting import keep_evidence
from journal.audit.verification import Question, Verification
from journal.audit.verifying import verify_bundle
from journal.convictions import convict
from journal.evidence import Evidence, read_evidence
from keys.documents import b64url, format_time
from keys.errors import ForgedError
from keys.identity import verifier
from tests.builders import BROKER, LINE
from tests.journal.auditing import RECEIPTS, at, folder, found, promised, receipt
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.relays import legs, restarts, shard_keys
from tests.journal.serials import LOST, archived, cut, refusal, resumed, shard_note


def convicted_later(ledger: Ledger, receipts: Path, tmp_path: Path) -> Evidence:
    """What convicts the restarted shard of a ledger by a receipt, and by nothing else."""
    question = Question(
        ledger.bundle(tmp_path), journal_keys().vkeys, receipts=promised(receipts), later=restarts(ledger)
    )
    (name,) = keep_evidence(question, verify_bundle(question), folder(tmp_path, "evidence"), at(9000))
    return read_evidence(Path(name).read_bytes())


def test_a_promise_in_a_shard_that_was_left_convicts(tmp_path: Path) -> None:
    """The first entry of a restarted shard shows when the broker left the one before, and promised nothing more."""
    ledger, keys = resumed(), verifier(BROKER, "receipts", RECEIPTS.public_bytes)
    shard, place = legs(ledger.entries)[1].shard, ledger.index(LOST[0])
    path = tmp_path / "receipts.jsonl"
    path.write_bytes(receipt(ledger, place, {"time": format_time(at(shard.start + 3600))}))
    evidence = convicted_later(ledger, path, tmp_path)
    conviction = convict(evidence, shard.vkeys, keys, start=shard.start)
    assert (evidence.origin, conviction.by_itself, conviction.index) == (shard.origin, True, place)
    in_time = receipt(ledger, place, {"time": format_time(at(shard.start))})
    elsewhere = receipt(ledger, place, {"time": format_time(at(9000)), "origin": shard_keys(3).origin})
    second = {"leaf": ledger.leaves()[shard.start + 1]}
    for changes, slug in (
        ({"receipt": in_time}, "evidence-proves-nothing"),
        ({"receipt": elsewhere}, "wrong-origin"),
        ({"leaf": None, "proof": None}, "wrong-origin"),
        (second, "proof-does-not-hold"),
    ):
        with pytest.raises(ForgedError) as caught:
            convict(evidence.model_copy(update=changes), shard.vkeys, keys, start=shard.start)
        assert caught.value.code == slug


def convicted(path: Path, ledger: Ledger, number: int, tmp_path: Path, **asked: Any) -> Verification:  # noqa: ANN401 - any member of a question
    """What is found in a bundle whose evidence convicts the shard of this number, and nobody else."""
    question = Question(path, journal_keys().vkeys, **asked)
    verified = verify_bundle(question)
    files = keep_evidence(question, verified, folder(tmp_path, "evidence"), at(1000))
    assert files
    shard = legs(ledger.entries)[number - 1].shard
    for name in files:
        evidence = read_evidence(Path(name).read_bytes())
        receipts = verifier(BROKER, "receipts", RECEIPTS.public_bytes) if evidence.receipt else None
        assert evidence.origin == shard.origin
        assert convict(evidence, shard.vkeys, receipts, start=shard.start).by_itself
    return verified


def test_an_entry_published_late_in_a_later_shard_is_found(tmp_path: Path) -> None:
    """The promise of sixty seconds holds in every shard; the evidence is of that shard."""
    ledger = cut()
    reach = legs(ledger.entries)[1]
    later = archived(ledger, (2, 3, 500), (2, reach.held, 501))
    verified = convicted(ledger.bundle(tmp_path, later=later), ledger, 2, tmp_path)
    assert {each.index for each in verified.late} == set(range(reach.start + 3, reach.end))
    assert verified.replay.broken == {"I6": reach.held - 3}


def test_a_fork_in_a_later_shard_is_found(tmp_path: Path) -> None:
    """Two pasts of one shard are two pasts of the journal."""
    ledger, other = cut(), cut()
    other["released"]["to"] = "ailleurs@laval"
    note = shard_note(other, 2, 6, legs(ledger.entries)[1].start + 6)
    newest = shard_note(ledger, 2, legs(ledger.entries)[1].held)
    later = {2: {"checkpoint": newest, "checkpoints": [note, newest]}}
    verified = convicted(ledger.bundle(tmp_path, later=later), ledger, 2, tmp_path)
    assert [each.kind for each in verified.contradictions] == ["fork"]


def shard_receipt(ledger: Ledger, index: int, number: int, **changes: object) -> bytes:
    """The receipt of an entry, which names its shard."""
    return receipt(ledger, index, {"origin": shard_keys(number).origin, **changes})


def test_receipts_of_every_shard_are_honoured(tmp_path: Path) -> None:
    """Each names its shard and the index in the whole journal."""
    ledger = cut()
    places = [(ledger.index(name), number) for name, number in (("client " + LINE, 1), ("accepted", 2), ("answer", 3))]
    lines = [shard_receipt(ledger, index, number) for index, number in places]
    (tmp_path / "receipts.jsonl").write_bytes(b"\n".join(lines))
    honoured = found(ledger.bundle(tmp_path), receipts=promised(tmp_path / "receipts.jsonl")).honoured
    assert honoured is not None
    assert (honoured.count, honoured.foreign, honoured.breaches) == (3, 0, ())


@pytest.mark.parametrize(
    ("name", "number", "changes", "kind"),
    [
        ("accepted", 2, {"leaf": b64url(b"\x01" + bytes(32))}, "other-leaf"),
        ("message", 2, {}, "late"),
        ("accepted", 3, {}, "late"),
    ],
)
def test_a_receipt_that_is_not_honoured_convicts_its_shard(
    tmp_path: Path, name: str, number: int, changes: dict[str, object], kind: str
) -> None:
    """Another leaf stands there; or the index is in another shard, where nothing ever follows in this one."""
    ledger = cut()
    (tmp_path / "receipts.jsonl").write_bytes(shard_receipt(ledger, ledger.index(name), number, **changes))
    receipts = promised(tmp_path / "receipts.jsonl")
    path = ledger.bundle(tmp_path)
    if name == "accepted" and number == 3:
        honoured = found(path, receipts=receipts).honoured
    else:
        honoured = convicted(path, ledger, number, tmp_path, receipts=receipts).honoured
    assert honoured is not None
    assert [each.kind for each in honoured.breaches] == [kind]


@pytest.mark.parametrize(("number", "seconds", "pending"), [("5", 0, 0), ("77", 0, 0), ("9" * 16, 0, 0), ("5", 900, 1)])
def test_a_receipt_of_a_shard_that_never_was_is_not_honoured(
    tmp_path: Path, number: str, seconds: float, pending: int
) -> None:
    """What was due before the newest checkpoint stands in no shard: the receipt is of this journal, not of another."""
    ledger = cut()
    origin = f"{shard_keys(2).origin.rpartition('/')[0]}/{number}"
    promise = receipt(ledger, 5, {"origin": origin, "time": format_time(at(seconds)), "promise": 0})
    (tmp_path / "receipts.jsonl").write_bytes(promise)
    verified = found(ledger.bundle(tmp_path), receipts=promised(tmp_path / "receipts.jsonl"))
    assert verified.honoured is not None
    assert (verified.honoured.count, verified.honoured.foreign, verified.honoured.pending) == (1, 0, pending)
    assert [each.kind for each in verified.honoured.breaches] == ["late"] * (1 - pending)
    assert verified.holds == bool(pending)


@pytest.mark.parametrize("name", ["5x", "05", "x/5", "", "\u0665"])
def test_a_receipt_of_another_name_is_of_another_journal(tmp_path: Path, name: str) -> None:
    """Only what a later shard of this journal could be called is held against it."""
    ledger = cut()
    origin = f"{shard_keys(2).origin.rpartition('/')[0]}/{name}"
    (tmp_path / "receipts.jsonl").write_bytes(receipt(ledger, 5, {"origin": origin, "promise": 0}))
    honoured = found(ledger.bundle(tmp_path), receipts=promised(tmp_path / "receipts.jsonl")).honoured
    assert honoured is not None
    assert (honoured.foreign, honoured.breaches) == (1, ())


def test_an_earlier_state_is_continued_through_later_shards(tmp_path: Path) -> None:
    """What was verified in the second shard is held against the same shard of the longer journal."""
    ledger = cut()
    shorter = cut()
    del shorter.entries[shorter.index("closed 2") :]
    old, new = shorter.bundle(folder(tmp_path, "old")), ledger.bundle(folder(tmp_path, "new"))
    continued = found(new, since=old).continued
    assert continued is not None
    assert (continued.size, continued.vanished) == (len(shorter.entries), ())
    (tmp_path / "note").write_bytes(shard_note(ledger, 3, 5))
    continued = found(new, since=tmp_path / "note").continued
    assert continued is not None
    assert continued.size == legs(ledger.entries)[2].start + 5
    code, _ = refusal(old, since=new)
    assert code == "since-is-newer"


def test_openings_that_vanished_from_an_earlier_shard_are_missed(tmp_path: Path) -> None:
    """Whatever was shown once is shown again, or an erasure tells of it."""
    ledger = cut()
    old = ledger.bundle(folder(tmp_path, "old"))
    ledger.written("released").shown = False
    continued = found(ledger.bundle(folder(tmp_path, "new")), since=old).continued
    assert continued is not None
    assert continued.vanished == ((ledger.index("released"), ledger.index("released")),)


def test_another_past_of_a_closed_shard_is_found(tmp_path: Path) -> None:
    """A journal that was written again from its first shard on contradicts what was kept of it."""
    ledger, other = cut(), cut()
    other["client " + LINE]["state"] = "other"
    old, new = ledger.bundle(folder(tmp_path, "old")), other.bundle(folder(tmp_path, "new"))
    assert [each.kind for each in found(new, since=old).contradictions] == ["fork"]
