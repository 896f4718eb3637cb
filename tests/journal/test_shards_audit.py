"""A journal of several shards is one journal: it is verified, told and registered through all of them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journal.bundle import open_bundle
from journal.notes import parse_note, with_cosignatures
from journal.pins import PinnedShard, Pins
from journal.quorum import QuorumPolicy
from journal.shards import CLOSED, HAND_OVER, Shard, first_shard
from journal.succession import follow_unchecked
from keys import strictjson
from keys.errors import MalformedError
from tests.builders import BROKER, LINE, REF, agreement
from tests.journal.auditing import at, audit, folder, found, pinned_at
from tests.journal.builders import journal_signer
from tests.journal.forged_shards import entries_after, hidden, other_keys, other_past, restarted, twice, unannounced
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.registering import rows
from tests.journal.relays import legs, note_of, pins_of, shard_keys
from tests.journal.serials import cut, refusal, resumed, shard_note, violations
from tests.journal.storytelling import as_json, names
from tests.journal.witnesses import classic, lasting

SECOND = "shards/2/checkpoint"


def test_a_journal_of_several_shards_is_verified_as_one(tmp_path: Path) -> None:
    """Consent, keys and referral of one shard are known in the next; the first shard's keys are enough."""
    ledger = cut()
    verified = found(ledger.bundle(tmp_path))
    assert (verified.replay.violations, verified.verdict) == ((), "verified")
    assert (verified.replay.size, len(verified.shards)) == (len(ledger.entries), 4)
    assert verified.replay.counted.opened + verified.replay.counted.clear == len(ledger.entries)
    told: Any = verified.to_json()
    starts = [each.start for each in legs(ledger.entries)]
    assert [(each["number"], each["start"]) for each in told["shards"]] == list(enumerate(starts, start=1))
    assert (told["size"], told["origin"], told["lost"]) == (len(ledger.entries), shard_keys(4).origin, [])


def test_each_shard_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the verdict sees of which checkpoints it is."""
    ledger = cut()
    assert audit("verify", ledger.bundle(tmp_path), "--pins", pinned_at(tmp_path)) == 0
    said = capsys.readouterr().out
    assert all(shard_keys(number).origin in said for number in (1, 2, 3, 4))
    assert f" {len(ledger.entries)}." in said


@pytest.mark.parametrize("name", ["accepted", "released", "message", "answer released"])
def test_a_violation_is_named_by_its_place_in_the_whole_journal(tmp_path: Path, name: str) -> None:
    """An entry has one index, whatever shard it is in."""
    ledger = cut()
    ledger[name]["to"] = "ailleurs@laval"
    assert name in {entry for _, entry, _ in violations(ledger, ledger.bundle(tmp_path))}


def test_a_withdrawal_counts_in_every_later_shard(tmp_path: Path) -> None:
    """Nothing is forgotten at a hand-over."""
    ledger = cut().rotate()
    ledger.again("answer released", "released again")
    assert ("I2", "released again", "consent-withdrawn") in violations(ledger, ledger.bundle(tmp_path))


@pytest.mark.parametrize(
    ("forged", "slug"),
    [
        (other_keys, "signature-missing"),
        (other_past, "hand-over-broken"),
        (unannounced, "restart-not-pinned"),
        (entries_after, "restart-not-pinned"),
        (twice, "signature-missing"),
        (restarted, "hand-over-broken"),
        (hidden, "hand-over-broken"),
    ],
)
def test_a_hand_over_that_was_forged_is_refused(tmp_path: Path, forged: Callable[[], Ledger], slug: str) -> None:
    """Other keys, another past, no announcement: the second shard is not this journal's, and nothing of it is read."""
    code, notes = refusal(forged().bundle(tmp_path))
    assert (code, SECOND in notes) == (slug, True)


@pytest.mark.parametrize("state", ["closed", "opened", "restarted", "other"])
def test_what_stands_between_shards_stands_nowhere_else(tmp_path: Path, state: str) -> None:
    """A shard that was closed has no more entries, and none begins in the middle of another."""
    ledger = lived()
    written = ledger.written("seen")
    members = written.members | {"index": ledger.index("seen"), "type": HAND_OVER, "state": state}
    written.raw, written.clear = (
        strictjson.dumps({name: members[name] for name in ("v", "index", "time", "type", "actor", "state")}),
        True,
    )
    assert refusal(ledger.bundle(tmp_path)) == ("hand-over-broken", ["checkpoint"])


def test_a_journal_does_not_begin_with_an_opening(tmp_path: Path) -> None:
    """The first shard has none before it, and nothing to commit to."""
    ledger = lived()
    written = ledger.entries[0]
    members = written.members | {"index": 0, "type": HAND_OVER, "state": "opened"}
    written.raw = strictjson.dumps({name: members[name] for name in ("v", "index", "time", "type", "actor", "state")})
    assert refusal(ledger.bundle(tmp_path)) == ("hand-over-broken", ["checkpoint"])


def test_a_bundle_that_stops_at_a_hand_over_is_refused(tmp_path: Path) -> None:
    """A closed shard is never shown without the next one: somebody left it out."""
    ledger = lived().add("closed", HAND_OVER, BROKER, state=CLOSED)
    assert refusal(ledger.bundle(tmp_path)) == ("shard-missing", [SECOND])


def changed(path: Path, *, without: str = "", more: Path | None = None, named: str = "") -> Path:
    """A bundle without a file, or with files of another one."""
    made = path.with_name("changed.zip")
    with zipfile.ZipFile(made, "w") as out:
        for source, wanted in ((path, ""), *([(more, named)] if more else [])):
            with zipfile.ZipFile(source) as archive:
                for member in archive.infolist():
                    if member.filename.startswith(wanted) and member.filename != without:
                        out.writestr(member, archive.read(member))
    return made


@pytest.mark.parametrize("named", ["shards/3/", "shards/2/tile/", "shards/2/vkeys", "shards/4/openings.jsonl"])
def test_files_of_a_shard_to_which_nothing_leads_are_refused(tmp_path: Path, named: str) -> None:
    """They show that the journal went on: whoever left out how is not taken at his word that it did not."""
    whole, more = lived().bundle(folder(tmp_path, "whole")), cut().bundle(folder(tmp_path, "more"))
    made = changed(whole, more=more, named=named)
    assert refusal(made) == ("shard-missing", [SECOND])
    with open_bundle(made) as opened, pytest.raises(MalformedError, match="shard-missing"):
        follow_unchecked(opened)
    restarted = resumed()
    path = changed(restarted.bundle(folder(tmp_path, "restarted")), without=SECOND)
    assert refusal(path, pins_of(restarted)) == ("shard-missing", [SECOND])


def unpacked(path: Path, target: Path) -> Path:
    """A bundle as a folder."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(target)
    return target


def test_a_folder_with_a_gap_among_its_shards_is_refused(tmp_path: Path) -> None:
    """In a mirror a checkpoint says that a shard is complete; what an interrupted visit left hides nothing."""
    mirror = unpacked(lived().bundle(tmp_path), tmp_path / "mirror")
    unpacked(changed(lived().bundle(tmp_path), more=cut().bundle(folder(tmp_path, "more")), named="shards/"), mirror)
    (mirror / "shards" / "elsewhere").mkdir()
    for number in (2, 3, 4):
        (mirror / "shards" / str(number) / "checkpoint").rename(tmp_path / str(number))
    assert found(mirror).verdict == "verified"
    (tmp_path / "3").rename(mirror / "shards" / "3" / "checkpoint")
    assert refusal(mirror) == ("shard-missing", [SECOND])


def test_a_checkpoint_after_the_last_one_is_refused(tmp_path: Path) -> None:
    """The checkpoint that holds the closing entry is the shard's last, in the archive too."""
    ledger, longer = cut(), entries_after()
    notes = [shard_note(ledger, 1, legs(ledger.entries)[0].held), shard_note(longer, 1, legs(longer.entries)[0].held)]
    path = ledger.bundle(tmp_path, checkpoint=notes[0], checkpoints=notes)
    assert refusal(path) == ("hand-over-broken", ["checkpoints.jsonl"])


def test_a_shard_signed_by_other_keys_is_refused(tmp_path: Path) -> None:
    """The name of the next shard is no secret: its keys are those that the shard before named."""
    ledger = cut()
    reach = legs(ledger.entries)[1]
    leaves = ledger.leaves()[reach.start : reach.end]
    note = note_of(reach, leaves, len(leaves), journal_signer(reach.shard.origin))
    assert refusal(ledger.bundle(tmp_path, later={2: {"checkpoint": note}}))[0] == "signature-missing"


def test_openings_of_another_shard_are_refused(tmp_path: Path) -> None:
    """Each shard's file holds the openings of its own entries."""
    ledger = cut()
    shown = [(index, each) for index, each in ledger.openings() if index < legs(ledger.entries)[2].start]
    start = legs(ledger.entries)[1].start
    openings = [each for each in shown if each[0] < start][-1:] + [each for each in shown if each[0] >= start]
    code, notes = refusal(ledger.bundle(tmp_path, later={2: {"openings": openings}}))
    assert (code, notes) == ("no-such-entry", ["shards/2/openings.jsonl"])


def pinned(ledger: Ledger, **changes: Any) -> Pins:  # noqa: ANN401 - any member of a shard
    """Pins that list the second shard, as it is or changed."""
    shard = legs(ledger.entries)[1].shard
    members = {name: getattr(shard, name) for name in ("number", "origin", "vkeys", "start")}
    return Pins(first_shard(journal_keys().vkeys), (PinnedShard(Shard(**members | changes), restarted=False),))


def test_a_shard_that_was_pinned_is_the_one_the_journal_leads_to(tmp_path: Path) -> None:
    """Whoever enrolled later compared the keys of the later shards as well: no other ones are taken."""
    ledger = cut()
    path = ledger.bundle(tmp_path)
    assert found(path, later=pinned(ledger).later).verdict == "verified"
    for changes in ({"start": 1}, {"vkeys": journal_signer(shard_keys(2).origin).vkeys}):
        code, _ = refusal(path, pinned(ledger, **changes))
        assert code == "shard-not-as-pinned"


def test_a_quorum_on_a_later_shard_confirms_all_before_it(tmp_path: Path) -> None:
    """The first entry of a shard commits to the end of the one before, so whoever saw the later saw it all."""
    ledger, witness = cut(), classic()
    policy = QuorumPolicy(1, (witness.witness,))
    for number, whole in ((4, True), (3, False), (1, False)):
        reach = legs(ledger.entries)[number - 1]
        note = shard_note(ledger, number, reach.held)
        seen = with_cosignatures(note, [witness.sign(parse_note(note).checkpoint, at(60))])
        path = ledger.bundle(tmp_path, later={number: {"checkpoints": [seen]}})
        confirmed = found(path, quorum=policy).confirmed
        assert confirmed is not None
        assert confirmed.size == (len(ledger.entries) if whole else reach.end)
    assert found(ledger.bundle(tmp_path), quorum=policy).verdict == "unconfirmed"


def test_an_agreed_quorum_counts_keys_of_an_earlier_shard(tmp_path: Path) -> None:
    """A witness key that was published before the hand-over is in force after it."""
    witness, document = lasting(LINE), agreement({"/quorum": {"threshold": 1, "witnesses": [LINE]}})
    ledger = Ledger()
    for party in document.parties:
        ledger.enrol(party.address)
    ledger.key("witness", LINE, "witness", witness.vkey.public_key, days=300).agree(document).rotate()
    note = shard_note(ledger, 2, 1)
    seen = with_cosignatures(note, [witness.sign(parse_note(note).checkpoint, at(60))])
    confirmed = found(ledger.bundle(tmp_path, later={2: {"checkpoint": seen}}), quorum=document.ref).confirmed
    assert confirmed is not None
    assert (confirmed.size, confirmed.seen_by) == (len(ledger.entries), (LINE,))


def test_a_story_is_told_through_all_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The referral began in one shard and ended in another: the same story as if there were one."""
    ledger = cut()
    story = as_json(ledger, REF, tmp_path, capsys)
    whole = as_json(lived(), REF, tmp_path, capsys)
    assert names(ledger, story) == names(lived(), whole)
    assert story["size"] == len(ledger.entries)


def test_registers_are_made_of_all_shards(tmp_path: Path) -> None:
    """Whatever was handed out in any shard is in the register of communications."""
    made = rows(cut(), "communications", tmp_path)
    assert len(made) == len(rows(lived(), "communications", tmp_path)) == 3


def test_another_process_verifies_the_archives_of_all_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same where archives are verified apart."""
    ledger = cut()
    path = ledger.bundle(tmp_path)
    here = found(path)
    monkeypatch.setattr("journal.audit.archives._WORTH_A_PROCESS", 1)
    assert found(path).published == here.published
    broken = ledger.bundle(tmp_path, later={3: {"checkpoints": [shard_note(ledger, 2, 5)]}})
    assert refusal(broken) == ("wrong-origin", ["shards/3/checkpoints.jsonl:1"])
