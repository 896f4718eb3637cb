"""While a restored backup is examined an operator reads what it waits for and what to run, and no words of a theft."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.alarms import AlarmError, settle_alarm
from gateway.broker_keys import BrokerKeys
from gateway.store.contradictions import Contradiction
from gateway.store.store import Store
from journal.checkpoints import Checkpoint
from journal.cosignatures import vkey_of
from keys.keystore import Keystore
from tests.builders import BROKER, LINE, SHELTER
from tests.gateway.first_day import ORIGIN, SETTINGS
from tests.gateway.operator import NOW, PASSPHRASE, Operator
from tests.gateway.restoring import newest_note, show
from tests.gateway.several import free_port
from tests.gateway.witnessing import forked
from tests.gateway.world import World

COMMANDS = {
    "en": ("the journal’s keys are in other hands", "Look for a newer backup", "nobody has shown that checkpoint"),
    "fr": ("sont en d’autres mains", "Cherchez une sauvegarde plus récente", "personne n’a encore montré ce point"),
}

BEHIND = {"en": "older than the last rotation", "fr": "d’avant la dernière rotation"}


@pytest.fixture(params=["en", "fr"])
def restored(request: pytest.FixtureRequest, tmp_path: Path) -> Operator:
    """Somebody who restored a backup and said so, in each language."""
    made = Operator(tmp_path, request.param)
    made.write_settings()
    made.done("init")
    made.done("journal", "restored")
    return made


def _opened(operator: Operator) -> Store:
    return Store(f"sqlite:///{operator.folder / 'gateway.sqlite3'}")


def _has_shown(operator: Operator, name: str, size: int) -> None:
    with closing(_opened(operator)) as store, store.transaction() as tx:
        tx.shown.keep(name, size, NOW)


def _saw_more(operator: Operator, size: int) -> None:
    """A partner has shown a checkpoint of the lost days, as the route keeps it."""
    _saw(operator, size)
    _has_shown(operator, SHELTER, size)


def _saw(operator: Operator, size: int, shard: int = 1) -> None:
    """Somebody has shown a checkpoint that this database does not hold."""
    keystore = Keystore.open(operator.folder / "gateway.keystore", PASSPHRASE)
    signer = BrokerKeys.from_stored(keystore.keys, BROKER, ORIGIN).signer(shard)
    note = signer.sign(Checkpoint(signer.origin, size, bytes(32)), datetime.now(tz=UTC) + timedelta(minutes=1))
    with closing(_opened(operator)) as store, store.transaction() as tx:
        tx.contradictions.keep(Contradiction(size, bytes(32), note, SHELTER, NOW))
        tx.journal.set_contradicted(contradicted=True)


def test_nobody_saw_more(restored: Operator) -> None:
    """`alarms` and `check` say who is awaited, and the command that goes on without those who cannot be asked."""
    assert "journal resume`" in restored.done("journal", "alarms")
    vkey = vkey_of("temoin.example/invente", Ed25519PrivateKey.generate())
    with restored.settings.open("a", encoding="utf-8") as settings:
        settings.write(f'[[witnesses]]\nurl = "http://127.0.0.1:{free_port()}"\nvkey = "{vkey}"\n')
    told = restored.done("journal", "alarms")
    assert ("temoin.example/invente" in told, "resume --without" in told) == (True, True)
    checked = restored("check")
    assert (checked.code, "resume --without" in checked.err) == (1, True)


def test_somebody_saw_more(restored: Operator) -> None:
    """They name who did, and the restart; the words for keys in other hands are not those of a restore."""
    theft, newer, _ = COMMANDS[restored.language]
    _saw_more(restored, 7)
    checked = restored("check")
    assert checked.code == 1
    for told in (restored.done("journal", "alarms"), checked.err):
        assert (SHELTER in told, newer in told, "journal restart`" in told, theft in told) == (True, True, True, False)


def test_somebody_saw_more_than_anybody_has_shown_signed(restored: Operator) -> None:
    """A restart would be refused: that checkpoint has to be found first."""
    _saw_more(restored, 7)
    _has_shown(restored, LINE, 9)
    assert COMMANDS[restored.language][2] in restored.done("journal", "alarms")


def test_a_backup_from_before_a_rotation(restored: Operator) -> None:
    """Somebody has shown the next shard: neither command helps, only a newer backup."""
    _saw(restored, 1, shard=2)
    told = restored.done("journal", "alarms")
    assert (BEHIND[restored.language] in told, "journal restart`" in told) == (True, False)


def test_no_alarm_is_settled_meanwhile(restored: Operator) -> None:
    """What was shown tells what the backup lacks: nobody settles it away, and nobody is asked whether to."""
    _saw_more(restored, 7)
    played = restored("journal", "settle", "--alarm", "1", "--reason", "copy-signed", typed="yes\n")
    assert (played.code, "`journal restart`" in played.err, "?" in played.out) == (1, True, False)
    with closing(_opened(restored)) as store, store.transaction() as tx:
        with pytest.raises(AlarmError) as refused:
            settle_alarm(SETTINGS, tx, 1, "copy-signed", tx.journal.lock(NOW))
        assert [each.settled for each in tx.contradictions.all()] == [None]
    assert refused.value.code == "alarm-while-restored"


def test_another_past_of_what_the_backup_holds_outlives_the_restore(observed: World, backup: World) -> None:
    """It says nothing of what was lost: the restore ends, and the alarm stops everything until it is settled."""
    assert show(backup, forked(3), SHELTER).status_code == 503
    assert show(backup, newest_note(observed), LINE).status_code == 200
    with backup.broker.store.reading() as tx:
        assert (tx.journal.head().restored, tx.journal.head().contradicted) == (None, True)
        assert "restore-confirmed" in [entry.state for entry in backup.entries()]


def test_who_ends_a_restore_is_told_what_still_stops_the_journal(restored: Operator) -> None:
    """A checkpoint of another past was shown too: `resume` goes on, and says that nothing passes all the same."""
    restored.done("journal", "resume")
    restored.done("journal", "export", restored.folder / "journal.zip")
    restored.done("journal", "restored")
    _saw(restored, 1)
    played = restored("journal", "resume")
    assert (played.code, COMMANDS[restored.language][0] in played.err) == (0, True)
