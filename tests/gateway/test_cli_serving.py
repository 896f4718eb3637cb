"""Serving: what has to be right before it begins, how it begins, and how it ends."""

import json
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from gateway.logs import FIELDS
from gateway.serving import ListenError, listen
from gateway.store.store import Store
from tests.gateway.operator import PASSPHRASE, Operator
from tests.repository import PROGRAMS


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """Somebody with settings and nothing else."""
    made = Operator(tmp_path)
    made.write_settings()
    return made


@pytest.fixture
def founded(operator: Operator) -> Operator:
    """Somebody whose broker was just created."""
    operator.done("init")
    return operator


def _change_database(operator: Operator, statement: str) -> None:
    store = Store(f"sqlite:///{operator.folder / 'gateway.sqlite3'}")
    with store.connected("BEGIN IMMEDIATE") as connection:
        connection.execute(text(statement))
    store.close()


def _refused(operator: Operator, told: str) -> None:
    """Both `check` and `serve` say so, and `serve` does not begin."""
    for command in ("check", "serve"):
        assert told in operator.refused(command)


def test_nothing_is_created_by_serving(operator: Operator) -> None:
    """Without a database, `check` and `serve` say what to run, and make no file."""
    before = sorted(path.name for path in operator.folder.iterdir())
    _refused(operator, "passerelle-gateway init")
    assert sorted(path.name for path in operator.folder.iterdir()) == before


def test_a_migrated_database_without_a_journal_is_not_served(operator: Operator) -> None:
    """`migrate` makes tables, not a broker."""
    assert "up to date" in operator.done("migrate")
    _refused(operator, "passerelle-gateway init")
    assert "up to date already" in operator.done("migrate")


def test_a_database_of_another_release_is_not_served(founded: Operator) -> None:
    """A newer one is refused, and `migrate` leaves it alone."""
    _change_database(founded, "UPDATE alembic_version SET version_num = '9999'")
    _refused(founded, "newer release")
    assert "newer release" in founded.refused("migrate")


@pytest.mark.parametrize("changes", [{"territory": "fr"}, {"public_url": "https://ailleurs.example"}])
def test_a_database_of_another_broker_is_not_served(founded: Operator, changes: dict[str, object]) -> None:
    """Settings that name another territory or host do not take this journal over."""
    founded.write_settings(**changes)
    _refused(founded, "another gateway")


def test_the_keys_must_be_those_of_this_broker(founded: Operator, tmp_path: Path) -> None:
    """A wrong passphrase, a keystore that others can read, or another broker's keys: refused."""
    secret = founded.folder / "gateway.passphrase"
    secret.write_text("une autre phrase secrete\n", encoding="utf-8")
    _refused(founded, "passphrase is wrong")
    secret.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    (founded.folder / "gateway.keystore").chmod(0o644)
    _refused(founded, "others may read")
    other = Operator(tmp_path / "other")
    other.folder.mkdir()
    other.write_settings()
    other.done("init")
    founded.write_settings(keystore=str(other.folder / "gateway.keystore"))
    _refused(founded, "not the ones that signed")


def test_checking_lists_what_sets_nothing(founded: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a slip in its name is told, and counts as a fault; values and secrets are not shown."""
    assert "All is well." in founded.done("check")
    monkeypatch.setenv("PASSERELLE_GATEWAY_PRT", "8441")
    played = founded("check")
    assert played.code == 1
    assert "PASSERELLE_GATEWAY_PRT" in played.err
    assert PASSPHRASE not in played.all


def test_an_address_in_use_is_told(founded: Operator) -> None:
    """Somebody else's port is not taken, and a host that does not exist is no address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        founded.write_settings(port=taken.getsockname()[1])
        assert "cannot listen" in founded.refused("serve")
    with pytest.raises(ListenError):
        listen("no-such-host.invalid", 0)


def test_garbage_in_the_settings_is_told_with_its_line(operator: Operator) -> None:
    """Every command reads the settings first, and says which file and line."""
    operator.settings.write_text('public_url = "https://p.example"\nterritory = 5\nprt = 1\n', encoding="utf-8")
    complaint = operator.refused("check")
    assert str(operator.settings) in complaint
    assert "line 2" in complaint
    assert "line 3" in complaint


def _read_line(stream: int, seconds: float) -> str:
    """One line of a program's output, waiting so long at most."""
    line, deadline = b"", time.monotonic() + seconds
    while not line.endswith(b"\n") and time.monotonic() < deadline:
        if select.select([stream], [], [], 0.2)[0]:
            line += os.read(stream, 1)
    return line.decode()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_begins_answers_and_ends(founded: Operator, number: signal.Signals) -> None:
    """The real program listens, answers, logs JSON of known fields only, and leaves with 0 when told to stop."""
    founded.write_settings(port=0, stop_seconds=5)
    command = [str(PROGRAMS / "passerelle-gateway"), "serve", "--settings", str(founded.settings)]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "fr_CA.UTF-8", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        told = _read_line(program.stdout.fileno(), 60)
        assert "écoute sur 127.0.0.1" in told
        port = int(told.partition("port ")[2].partition(".")[0])
        answer = httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
        checkpoint = httpx2.get(f"http://127.0.0.1:{port}/v1/journal/checkpoint", timeout=30)
        program.send_signal(number)
        _, errors = program.communicate(timeout=30)
    assert (answer.json(), program.returncode) == ({"status": "ok"}, 0)
    assert answer.headers.get("server") is None
    assert checkpoint.text.startswith("passerelle.example/laval/journal/1\n0\n")
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    assert [line["event"] for line in lines] == ["broker.started", "broker.stopped"]
    assert all(set(line) <= FIELDS for line in lines)
    assert not (founded.folder / "gateway.sqlite3-wal").exists()
