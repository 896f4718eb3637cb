"""A restored backup as an operator meets it: said first, looked at, and ended one way or the other."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.broker_keys import BrokerKeys, held_shards
from gateway.commands import restores
from gateway.commands.program import TERMINAL
from gateway.store.contradictions import Contradiction
from gateway.store.store import Store
from journal.checkpoints import Checkpoint
from keys.files import one_at_a_time
from keys.keystore import Keystore
from tests.builders import BROKER, SHELTER
from tests.gateway.first_day import ORIGIN
from tests.gateway.operator import NOW, PASSPHRASE, Operator
from tests.gateway.test_cli_rotation import FAULT, StoppedHereError


@pytest.fixture
def founded(tmp_path: Path) -> Operator:
    """Somebody whose broker was just created."""
    made = Operator(tmp_path)
    made.write_settings()
    made.done("init")
    return made


def _keystore(operator: Operator) -> Keystore:
    return Keystore.open(operator.folder / "gateway.keystore", PASSPHRASE)


def _saw_more(operator: Operator, size: int) -> None:
    """A partner has shown a checkpoint of the lost days, as the route keeps it."""
    signer = BrokerKeys.from_stored(_keystore(operator).keys, BROKER, ORIGIN).signer(1)
    note = signer.sign(Checkpoint(ORIGIN, size, bytes(32)), datetime.now(tz=UTC) + timedelta(minutes=1))
    with closing(Store(f"sqlite:///{operator.folder / 'gateway.sqlite3'}")) as store, store.transaction() as tx:
        tx.contradictions.keep(Contradiction(size, bytes(32), note, SHELTER, NOW))
        tx.journal.set_contradicted(contradicted=True)
        tx.shown.keep(SHELTER, size, NOW)


def test_nothing_else_is_done_before_the_restore_is_over(founded: Operator) -> None:
    """`check` fails and says why; what journals is refused; `resume` ends it where nobody has to be asked."""
    assert "restored backup" in founded.done("journal", "restored")
    played = founded("check")
    assert (played.code, "does not know yet whether anything is lost" in played.err) == (1, True)
    assert "does not know yet" in founded.refused("journal", "export", founded.folder / "journal.zip")
    assert "does not know yet" in founded.refused("journal", "rotate")
    assert "goes on as before" in founded.done("journal", "resume")
    founded.done("check")
    assert "Nobody has said" in founded.refused("journal", "resume")


def test_a_restart_is_told_and_asked_for(founded: Operator) -> None:
    """What is lost, who showed it, what partners have to hear; without a yes nothing happens."""
    founded.done("journal", "restored")
    assert "more than this backup holds" in founded.refused("journal", "restart", "--yes")
    _saw_more(founded, 7)
    refused = founded("journal", "resume")
    assert (refused.code, f"{SHELTER} has shown 7 entries" in refused.out) == (1, True)
    unsure = founded("journal", "restart", typed="no\n")
    assert (unsure.code, "entries 0 to 6" in unsure.out) == (130, True)
    code = founded("pins").err
    done = founded("journal", "restart", typed="yes\n")
    assert (done.code, "accept-restart" in done.out) == (0, True)
    assert held_shards(_keystore(founded).keys) == [2, 3]
    assert [(each["start"], each["restarted"]) for each in founded.pins()["shards"]] == [(7, True)]
    assert founded("pins").err != code
    founded.done("check")
    assert f"{SHELTER}  settled" in founded.done("journal", "alarms")


def test_a_name_that_is_not_awaited_is_refused(founded: Operator) -> None:
    """A slip of the keyboard leaves nobody out."""
    founded.done("journal", "restored")
    assert "One of these names" in founded.refused("journal", "resume", "--without", "nobody@laval")
    founded.done("journal", "resume")


def test_a_restart_that_was_interrupted_is_finished(founded: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shard was begun, and the old keys are still there: the same command again destroys them, and no more."""

    def pulled(*_: object, **__: object) -> None:
        raise StoppedHereError

    founded.done("journal", "restored")
    _saw_more(founded, 7)
    with monkeypatch.context() as patched:
        patched.setattr(restores, "keep_only", pulled)
        assert founded("journal", "restart", "--yes").code == FAULT
    assert held_shards(_keystore(founded).keys) == [1, 2]
    assert "is finished now" in founded.done("journal", "restart", "--yes")
    assert held_shards(_keystore(founded).keys) == [2, 3]
    assert [each["number"] for each in founded.pins()["shards"]] == [2]


def test_two_operators_restart_once(founded: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is asked, another restarts and rotates: the yes comes too late, and spoils no key."""

    def meanwhile(_slug: str) -> bool:
        with monkeypatch.context() as undone:
            undone.undo()
            founded.done("journal", "restart", "--yes")
            founded.done("journal", "rotate")
        kept.update(_keystore(founded).keys)
        return True

    kept: dict[str, object] = {}
    founded.done("journal", "restored")
    _saw_more(founded, 7)
    monkeypatch.setattr(TERMINAL, "confirm", meanwhile)
    played = founded("journal", "restart")
    assert (played.code, "Nobody has said" in played.err) == (1, True)
    assert _keystore(founded).keys == kept
    assert held_shards(_keystore(founded).keys) == [3, 4]
    assert [each["number"] for each in founded.pins()["shards"]] == [2, 3]


@pytest.mark.parametrize("command", [("rotate",), ("restart", "--yes")])
def test_whoever_comes_while_keys_are_being_made_is_refused(founded: Operator, command: tuple[str, ...]) -> None:
    """Two commands that both make and destroy keys of shards never run at once."""
    if command[0] == "restart":
        founded.done("journal", "restored")
        _saw_more(founded, 7)
    before = _keystore(founded).keys
    with one_at_a_time(founded.folder / "gateway.keystore"):
        assert "Another command is changing this file" in founded.refused("journal", *command)
    assert _keystore(founded).keys == before
    founded.done("journal", *command)
