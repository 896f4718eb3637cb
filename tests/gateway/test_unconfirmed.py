"""After entries were lost a consent waits until its issuer has said again what it is: it may have been withdrawn."""

from pathlib import Path

import pytest

from gateway.shards import current_shard
from gateway.timers import tick
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.pins import PinnedShard
from keys.documents import format_time
from keys.errors import PasserelleError
from keys.sealing_keys import SealingKey
from tests.builders import AT, DAY, LINE, SHELTER, registered_statement
from tests.gateway.chains import next_statement, publish_statement
from tests.gateway.emergency_world import Emergencies
from tests.gateway.paper_world import fetch, served
from tests.gateway.restoring import Copy, begun, newest_note, restarted, show
from tests.gateway.rotating import VKEYS, exported, rotated
from tests.gateway.witnessing import publish_witness_key
from tests.gateway.world import World, envelope_id, receipt_of, refusal_of

MESSAGE: dict[str, object] = {"/id": envelope_id(1)}


def _shown(backup: World, note: bytes) -> World:
    """The backup once both witnesses have shown a note, and the operator has gone on."""
    for address in (SHELTER, LINE):
        show(backup, note, address)
    restarted(backup)
    return backup


@pytest.fixture
def doubted(observed: World, backup: World) -> World:
    """A journal that was restarted after its last day was lost; a consent is given, and a referral under it waits."""
    observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
    return _shown(backup, newest_note(observed))


def test_nothing_is_released_under_a_consent_whose_withdrawal_was_lost(backup: World, lost: bytes) -> None:
    """What waits is held, deposits wait, and then the issuer says withdrawn: nothing ever passes again."""
    _shown(backup, lost)
    assert backup.shelter.lease() == []
    answer = backup.line.deposit(backup.message(MESSAGE))
    assert refusal_of(answer) == (503, "statement-unconfirmed")
    assert answer.headers["retry-after"]
    assert backup.line.withdraw().status_code == 201
    backup.clock.move(minutes=2)
    assert backup.shelter.lease() == []
    assert refusal_of(backup.line.deposit(backup.message(MESSAGE))) == (403, "consent-withdrawn")


def test_what_waits_is_neither_journalled_nor_destroyed(doubted: World) -> None:
    """Waiting is no decision: as often as it is tried, the journal does not grow, and nothing is lost."""
    with doubted.broker.store.reading() as tx:
        size = tx.journal.head().size
    for _ in range(3):
        assert refusal_of(doubted.line.deposit(doubted.message(MESSAGE))) == (503, "statement-unconfirmed")
        assert doubted.shelter.lease() == []
        doubted.clock.move(minutes=2)
    with doubted.broker.store.reading() as tx:
        assert tx.journal.head().size == size
    assert doubted.line.register().status_code == 200
    assert len(doubted.shelter.lease()) == 1


def test_what_is_too_late_is_refused_for_good(doubted: World) -> None:
    """A consent that nobody confirms keeps no envelope waiting for ever: past its time it is refused."""
    message = doubted.message({**MESSAGE, "/exp": format_time(AT + DAY)})
    assert refusal_of(doubted.line.deposit(message)) == (503, "statement-unconfirmed")
    with doubted.broker.store.reading() as tx:
        size = tx.journal.head().size
    doubted.clock.at = AT + DAY
    assert refusal_of(doubted.line.deposit(message)) == (403, "envelope-expired")
    with doubted.broker.store.reading() as tx:
        assert tx.journal.head().size == size + 1


def test_the_same_version_again_confirms_a_consent(doubted: World) -> None:
    """It is journalled again, with a receipt under the new shard; then what waited is handed out."""
    again = doubted.line.register()
    assert again.status_code == 200
    receipt = receipt_of(again)
    with doubted.broker.store.reading() as tx:
        head = tx.journal.head()
    assert (receipt["origin"].rpartition("/")[2], receipt["index"]) == ("2", head.size - 1)
    assert receipt_of(doubted.line.register()) == receipt
    doubted.clock.move(minutes=2)
    assert len(doubted.shelter.lease()) == 1
    assert doubted.line.deposit(doubted.message(MESSAGE)).status_code == 201


def test_a_newer_version_confirms_a_consent(doubted: World) -> None:
    """The issuer narrowed it in the days that were lost, and brings that version: it governs at once."""
    narrower = {"/version": 2, "/prev": registered_statement().sha256, "/grants/0/sections": ["contact"]}
    assert doubted.line.register(narrower).status_code == 201
    assert refusal_of(doubted.line.deposit(doubted.message(MESSAGE))) == (409, "consent-superseded")


def test_an_earlier_version_confirms_nothing(observed: World, copied: Copy) -> None:
    """Version 1 again says nothing of version 2, which may have been the last or not."""
    assert observed.line.register({"/version": 2, "/prev": registered_statement().sha256}).status_code == 201
    with copied(observed) as backup:
        begun(backup)
        observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        _shown(backup, newest_note(observed))
        assert backup.line.register().status_code == 200
        with backup.broker.store.reading() as tx:
            assert tx.statements.any_in_doubt()
        assert backup.line.register({"/version": 2, "/prev": registered_statement().sha256}).status_code == 200
        with backup.broker.store.reading() as tx:
            assert not tx.statements.any_in_doubt()


def test_nobody_else_confirms_a_consent(doubted: World) -> None:
    """The recipient cannot say it for the issuer."""
    signed_by_line = doubted.shelter.register()
    assert refusal_of(signed_by_line) == (403, "signer-is-not-sender")
    assert doubted.shelter.lease() == []


def test_what_was_lost_is_taken_again(observed: World, backup: World) -> None:
    """Envelopes and keys that partners bring again are new to the broker, and get their place in the new shard."""
    wire = observed.message(MESSAGE)
    assert observed.line.deposit(wire).status_code == 201
    statement = next_statement(observed, "sealing", SealingKey.generate().public.data)
    assert publish_statement(observed, statement).status_code == 201
    _shown(backup, newest_note(observed))
    backup.line.register()
    assert receipt_of(backup.line.deposit(wire))["origin"].endswith("/2")
    assert publish_statement(backup, statement).status_code == 201
    assert publish_statement(backup, statement).status_code == 200


def test_steps_go_on_meanwhile(observed: World, copied: Copy) -> None:
    """Where a referral stands is no release: its recipient may close it."""
    wire = observed.shelter.lease()
    assert len(wire) == 1
    with copied(observed) as backup:
        begun(backup)
        observed.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        _shown(backup, newest_note(observed))
        assert backup.shelter.deposit(backup.event("T08", 1)).status_code == 201


def test_an_emergency_does_not_wait(doubted: World) -> None:
    """It rests on no consent."""
    urgent = Emergencies(doubted)
    another = {"/ref": "ref_" + "m" * 26}
    justified = urgent.justification(another)
    assert doubted.line.deposit(justified).status_code == 201
    referral = urgent.referral(justified, {**another, "/id": envelope_id(2)})
    assert doubted.line.deposit(referral).status_code == 201
    assert doubted.shelter.lease() != []


def test_papers_wait_too(papers: World, copied: Copy) -> None:
    """What was announced by a referral that was fetched before the backup is fetched after the confirmation only."""
    publish_witness_key(papers)
    served(papers)
    with copied(papers) as backup:
        begun(backup)
        papers.act(lambda tx, at: tx.journal.append(at, type="audit.read", actor="gateway@laval"))
        show(backup, newest_note(papers), SHELTER)
        restarted(backup)
        assert refusal_of(fetch(backup.shelter)) == (503, "statement-unconfirmed")


def test_time_ends_what_nobody_confirmed(doubted: World) -> None:
    """A consent that is over is over; what waited under it goes, and nobody is told to come back for it."""
    doubted.clock.at = AT + 400 * DAY
    tick(doubted.broker)
    with doubted.broker.store.reading() as tx:
        assert not tx.statements.any_in_doubt()


def test_an_auditor_follows_a_restart_that_it_pinned(doubted: World, tmp_path: Path) -> None:
    """With the new pins the bundle verifies, what is lost is told; without them nobody is led there."""
    doubted.line.register()
    doubted.clock.move(minutes=2)
    doubted.shelter.lease()
    with pytest.raises(PasserelleError) as refused:
        exported(doubted, tmp_path / "journal.zip")
    assert refused.value.code == "restart-not-pinned"
    with doubted.broker.store.reading() as tx:
        pinned = PinnedShard(current_shard(doubted.broker.keys, tx), restarted=True)
    found = verify_bundle(Question(tmp_path / "journal.zip", VKEYS, later=(pinned,)))
    assert found.replay.violations == ()


def test_a_restarted_journal_rotates(doubted: World) -> None:
    """It goes on like any other."""
    doubted.line.register()
    assert rotated(doubted).number == 3
