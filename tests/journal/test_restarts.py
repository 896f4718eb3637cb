"""After a restart what was lost is told as lost, and nothing passes under a consent that was not confirmed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journal.audit.program import word
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.checkpoints import Checkpoint
from journal.notes import parse_note, with_cosignatures
from journal.pins import PinnedShard, Pins
from journal.quorum import QuorumPolicy
from journal.shards import Shard, commit, first_shard
from journal.unread import Unread
from keys.documents import b64url, format_time
from tests.builders import BROKER, LINE, REF, SHELTER, STATEMENT_ID, Json
from tests.journal.auditing import at, audit, folder, found, pinned_at, promised, receipt
from tests.journal.builders import Files, journal_signer
from tests.journal.ledgers import Ledger, journal_keys
from tests.journal.lives import lived
from tests.journal.registering import registers
from tests.journal.relays import legs, note_of, pins_of, restarts, shard_files, shard_keys
from tests.journal.serials import LOST, before_loss, cut, refusal, resumed, timed, violations
from tests.journal.witnesses import classic

OPENING = "shards/2/checkpoint"


def verified(ledger: Ledger, path: Path, **asked: Any) -> Any:  # noqa: ANN401 - any member of a question, and of the answer
    """What verifying finds with pins that list the restart."""
    return verify_bundle(Question(path, journal_keys().vkeys, later=restarts(ledger), **asked))


def lost_of(ledger: Ledger) -> tuple[int, int]:
    """The first and the last of the entries that were lost."""
    return ledger.index(LOST[0]), ledger.index(LOST[-1])


def test_a_restarted_journal_is_verified_in_part(tmp_path: Path) -> None:
    """Everything that is there holds; how much is lost is told, and not as withheld."""
    ledger = resumed()
    verification = verified(ledger, ledger.bundle(tmp_path))
    assert (verification.replay.violations, verification.verdict) == ((), "verified-in-part")
    assert verification.replay.lost == (lost_of(ledger),)
    counted = verification.replay.counted
    assert (counted.lost, counted.unread) == (2, 0)
    told = verification.to_json()
    assert told["lost"] == [list(lost_of(ledger))]
    assert [each["restarted"] for each in told["shards"]] == [False, True]
    assert told["size"] == len(ledger.entries)


def _again(ledger: Ledger) -> str:
    """How the story says that the issuer confirmed its consent."""
    until = str(ledger["confirmed"]["expires"]).replace("T", " ").removesuffix(".000Z")
    told = {"who": "Ligne 211 Inventée (ligne-211@laval)", "statement": STATEMENT_ID, "version": 1, "until": until}
    return word("audit.story.consent-confirmed", **told)


@pytest.mark.parametrize("language", ["fr_CA.UTF-8", "en_CA.UTF-8"])
def test_what_is_lost_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """The range stands in the verdict, in the story and in the registers."""
    monkeypatch.setenv("LC_ALL", language)
    ledger = resumed()
    path, pins = ledger.bundle(tmp_path), pinned_at(tmp_path, restarts(ledger))
    first, last = lost_of(ledger)
    for command in ("verify", "show"):
        assert audit(command, path, *([REF] if command == "show" else []), "--pins", pins) == 0
        said = capsys.readouterr().out
        assert f" {first} " in said
        assert f" {last} " in said
        assert _again(ledger) in said or command == "verify"
    assert audit("registers", path, tmp_path / "registers", "--pins", pins) == 0
    table = (tmp_path / "registers" / "not-shown.csv").read_text(encoding="utf-8-sig").replace(";", ",")
    assert f'"{first}","{last}"' in table


def test_a_restart_is_followed_only_if_it_was_pinned(tmp_path: Path) -> None:
    """Whoever holds the keys could give the journal any past: the pins have to list it, as it is."""
    ledger = resumed()
    path = ledger.bundle(tmp_path)
    assert refusal(path) == ("restart-not-pinned", [OPENING])
    (pin,) = restarts(ledger)
    shard, strangers = pin.shard, journal_signer(pin.shard.origin).vkeys
    elsewhere = Shard(2, shard.origin, shard.vkeys, shard.start - 1)
    for other, slug in (
        (PinnedShard(shard, restarted=False), "restart-not-pinned"),
        (PinnedShard(elsewhere, restarted=True), "hand-over-broken"),
        (PinnedShard(Shard(2, shard.origin, strangers, shard.start), restarted=True), "signature-missing"),
    ):
        assert refusal(path, Pins(first_shard(journal_keys().vkeys), (other,))) == (slug, [OPENING])


def test_a_bundle_from_before_the_restart_stays_whole(tmp_path: Path) -> None:
    """Pins that list a later restart take nothing from what was exported before it."""
    ledger = before_loss()
    assert found(ledger.bundle(tmp_path), later=restarts(resumed())).verdict == "verified"


def test_an_announced_shard_cannot_be_pinned_as_a_restart(tmp_path: Path) -> None:
    """The journal leads there by itself: whoever says otherwise speaks of another journal."""
    ledger = cut()
    listed = PinnedShard(legs(ledger.entries)[1].shard, restarted=True)
    code, _ = refusal(ledger.bundle(tmp_path), Pins(first_shard(journal_keys().vkeys), (listed,)))
    assert code == "shard-not-as-pinned"


def forged(held: int | None, size: int, other_root: bool = False) -> Ledger:  # noqa: FBT001, FBT002 - a table's column
    """A restart that goes on from another note, or says another number of leaves to be held."""
    ledger = resumed()
    reach = legs(ledger.entries)[0]
    leaves = ledger.leaves()[: reach.end]
    if other_root:
        leaves[-1] = leaves[0]
    told = None if held is None else Checkpoint(reach.shard.origin, held, Files(leaves).root(min(held, reach.end)))
    ledger["restarted"]["document"] = b64url(commit(2, note_of(reach, leaves, size), told))
    return ledger


@pytest.mark.parametrize(("held", "size"), [(None, 30), (31, 30), (28, 29), (30, 30), (0, 0)])
def test_a_restart_from_something_else_is_refused(tmp_path: Path, held: int | None, size: int) -> None:
    """It goes on from a note at least as large as what is shown, and says truly how much it still holds."""
    assert legs(resumed().entries)[0].end == 30
    code, notes = refusal(forged(held, size).bundle(tmp_path), pins_of(resumed()))
    assert (code, OPENING in notes) == ("hand-over-broken", True)


def test_a_restart_from_another_root_than_was_seen_is_refused(tmp_path: Path) -> None:
    """Whoever still has all that the committed note covers sees whether it is the same."""
    ledger = forged(28, 30, other_root=True)
    assert found(ledger.bundle(tmp_path), later=restarts(ledger)).verdict == "verified-in-part"
    code, _ = refusal(ledger.bundle(tmp_path, lost=True), pins_of(ledger))
    assert code == "hand-over-broken"


def another_past() -> tuple[Ledger, Ledger]:
    """Two journals that were restarted alike, but hold another past: the later shard of each commits to its own."""
    made = []
    for state in ("one", "other"):
        ledger, whole = before_loss(), lived()
        ledger.add("kept", "audit.read", BROKER, before=LOST[0], state=state)
        ledger.restart(LOST[0]).again("consent", "confirmed")
        ledger.entries += whole.entries[whole.index(LOST[-1]) + 1 :]
        made.append(timed(ledger))
    return made[0], made[1]


def test_one_past_holds_for_everybody_after_a_restart(tmp_path: Path) -> None:
    """A quorum that signed for the restarted shard confirms what it commits to, and no other past shown with it."""
    (real, fake), witness = another_past(), classic()
    policy, note = QuorumPolicy(1, (witness.witness,)), shard_files(real)[2].checkpoint
    seen = with_cosignatures(note, [witness.sign(parse_note(note).checkpoint, at(60))])
    shown, other = shard_files(real), shard_files(fake)[1]
    later = {2: {"checkpoint": seen, "checkpoints": [seen]}}
    confirmed = verified(real, real.bundle(tmp_path, later=later), quorum=policy).confirmed
    assert confirmed.size == len(real.entries)
    assert other.checkpoint != shown[1].checkpoint
    first = {name: getattr(other, name) for name in ("checkpoint", "files", "openings", "checkpoints")}
    path = real.bundle(tmp_path, later=later, **first)
    assert refusal(path, pins_of(real), quorum=policy) == ("hand-over-broken", [OPENING])


@pytest.mark.parametrize("lost", [False, True])
def test_what_is_held_is_told_truly(tmp_path: Path, lost: bool) -> None:  # noqa: FBT001 - a table's column
    """A restart that commits to as many leaves of something else is refused, whoever still has how many."""
    ledger = resumed()
    reach = legs(ledger.entries)[0]
    leaves = ledger.leaves()[: reach.end]
    held = Checkpoint(reach.shard.origin, reach.held, Files([*leaves[1:], leaves[0]]).root(reach.held))
    ledger["restarted"]["document"] = b64url(commit(2, note_of(reach, leaves, reach.end), held))
    assert refusal(ledger.bundle(tmp_path, lost=lost), pins_of(ledger)) == ("hand-over-broken", [OPENING])


def test_key_statements_come_again_after_a_restart(tmp_path: Path) -> None:
    """Their owner cannot know which were lost: the same one again is no second link of the chain."""
    ledger = resumed().again(f"sealing {SHELTER}", "key again", before="answer")
    assert violations(ledger, ledger.bundle(tmp_path)) == []
    before = lived().again(f"sealing {SHELTER}", "key again", before="answer")
    assert "key again" in {name for _, name, _ in violations(before, before.bundle(tmp_path))}


def test_what_a_reader_still_has_is_not_held_against_the_journal(tmp_path: Path) -> None:
    """A mirror that has the lost entries shows them; to the journal they are lost, and may come again."""
    ledger = resumed()
    verification = verified(ledger, ledger.bundle(tmp_path, lost=True))
    assert (verification.replay.violations, verification.verdict) == ((), "verified-in-part")
    assert verification.replay.lost == (lost_of(ledger),)


def test_a_journal_goes_on_after_a_restart(tmp_path: Path) -> None:
    """It is rotated, and may be restarted again."""
    ledger = resumed().rotate()
    ledger.add("read", "audit.read", LINE)
    ledger.restart("read", "restarted twice").add("read again", "audit.read", LINE)
    verification = verified(timed(ledger), ledger.bundle(tmp_path))
    assert verification.replay.violations == ()
    assert verification.replay.lost == (lost_of(ledger), (ledger.index("read"), ledger.index("read")))
    assert len(verification.shards) == 4


def test_receipts_of_lost_entries_are_told_apart(tmp_path: Path) -> None:
    """They are neither honoured nor broken: the restart explains them, and what they are about is sent again."""
    ledger = resumed()
    lines = [receipt(ledger, ledger.index(name)) for name in ("accepted", *LOST)]
    (tmp_path / "receipts.jsonl").write_bytes(b"\n".join(lines))
    for lost in (False, True):
        path = ledger.bundle(tmp_path, lost=lost)
        honoured = verified(ledger, path, receipts=promised(tmp_path / "receipts.jsonl")).honoured
        assert (honoured.count, honoured.lost, honoured.breaches) == (3, 2, ())


def test_a_receipt_of_what_nobody_saw_signed_is_of_what_was_lost(tmp_path: Path) -> None:
    """An entry that was in no checkpoint yet went with the rest; the index that it had is another entry's since."""
    ledger = resumed()
    made: Json = {"time": format_time(at(ledger.index("restarted") - 1)), "leaf": b64url(b"\x01" + bytes(32))}
    (tmp_path / "receipts.jsonl").write_bytes(receipt(ledger, ledger.index("restarted") + 1, made))
    honoured = verified(ledger, ledger.bundle(tmp_path), receipts=promised(tmp_path / "receipts.jsonl")).honoured
    assert (honoured.lost, honoured.breaches) == (1, ())


@pytest.mark.parametrize(("seconds", "broken"), [(-0.5, 0), (0.5, 0), (1.5, 1), (3600, 1)])
def test_nothing_is_lost_that_was_promised_after_the_restart(tmp_path: Path, seconds: float, broken: int) -> None:
    """A receipt for the shard before that was made later promises what can never come: no restart explains it."""
    ledger = resumed()
    made = format_time(at(ledger.index("restarted") + seconds))
    (tmp_path / "receipts.jsonl").write_bytes(receipt(ledger, ledger.index(LOST[0]), {"time": made}))
    honoured = verified(ledger, ledger.bundle(tmp_path), receipts=promised(tmp_path / "receipts.jsonl")).honoured
    assert (honoured.count, honoured.lost, len(honoured.breaches)) == (1, 1 - broken, broken)


@pytest.mark.parametrize("lost", [False, True])
def test_an_earlier_state_with_more_than_the_backup_is_explained(tmp_path: Path, lost: bool) -> None:  # noqa: FBT001 - a table's column
    """What was shown and is lost is told; it did not just vanish."""
    ledger = resumed()
    old = before_loss().bundle(folder(tmp_path, "old"))
    new = ledger.bundle(folder(tmp_path, "new"), lost=lost)
    verification = verified(ledger, new, since=old)
    assert (verification.contradictions, verification.continued.vanished) == ((), ())
    assert verification.continued.lost == 2


def test_a_restart_that_forgets_what_was_seen_is_refused(tmp_path: Path) -> None:
    """The journal goes on from the largest checkpoint that anybody saw, and from no other past."""
    old = lived().bundle(folder(tmp_path, "old"))
    ledger = resumed()
    code, _ = refusal(ledger.bundle(folder(tmp_path, "new")), pins_of(ledger), since=old)
    assert code == "hand-over-broken"


def test_a_restart_from_another_past_than_was_seen_is_found(tmp_path: Path) -> None:
    """Whoever saw as much as the journal goes on from, and saw something else, has two notes that say so."""
    ledger, other = resumed(), before_loss()
    new = ledger.bundle(folder(tmp_path, "new"))
    for name in (LOST[0], "released"):
        other[name]["state"] = "other"
        old = other.bundle(folder(tmp_path, name))
        found = verified(ledger, new, since=old).contradictions
        assert [each.kind for each in found] == ["fork"]


def test_a_reader_without_keys_is_told_what_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stories and registers can be made without keys; then nothing of it is checked, and nothing left out."""
    ledger = resumed()
    assert registers(ledger.bundle(tmp_path), tmp_path / "made", "--format", "json") == 0
    first, last = lost_of(ledger)
    text = (tmp_path / "made" / "not-shown.json").read_text(encoding="utf-8")
    assert f'"first": {first}' in text
    assert f'"last": {last}' in text
    assert shard_keys(2).origin in text


def test_however_many_are_said_to_be_lost_nothing_is_kept_of_them() -> None:
    """A note of any size makes no reader remember that many entries."""
    unread = Unread()
    unread.add(read=False)
    unread.skip(10**15)
    unread.add(read=False)
    unread.erase([(10**15 + 1, 10**15 + 1), (5, 10**14)])
    assert (unread.withheld, unread.erased, unread.lost) == (1, 1, [(1, 10**15)])
    assert list(unread.ranges()) == [(0, 0, False), (10**15 + 1, 10**15 + 1, True)]
