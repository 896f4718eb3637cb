"""Serving: what has to be right before it begins, how it begins, and how it ends."""

import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from gateway.logs import FIELDS
from gateway.serving import ListenError, listen
from gateway.store.contradictions import Contradiction
from gateway.store.cosignatures import Cosignature
from gateway.store.store import Store
from journal.cosignatures import vkey_of
from journal.witness_calls import SIZE_TYPE
from tests.gateway.first_day import broker_keys
from tests.gateway.operator import NOW, PASSPHRASE, Operator
from tests.gateway.sequencer.public_witness import LoopbackWitness, serving_witness
from tests.gateway.several import free_port
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


def test_another_journal_of_ours_is_an_alarm_in_words(founded: Operator, tmp_path: Path) -> None:
    """`check` fails and says so; `journal alarms` lists it, writes the evidence, and says when there is none."""
    assert "No alarm" in founded.done("journal", "alarms")
    store = Store(f"sqlite:///{founded.folder / 'gateway.sqlite3'}")
    with store.transaction() as tx:
        tx.contradictions.keep(Contradiction(7, bytes(32), b"the note", "refuge-lavoie@laval", NOW))
        tx.journal.set_contradicted(contradicted=True)
    store.close()
    played = founded("check")
    assert (played.code, "signed by this gateway that its journal does not hold" in played.err) == (1, True)
    folder = tmp_path / "evidence"
    folder.mkdir()
    told = founded.done("journal", "alarms", "--notes", folder)
    assert "ALARM" in told
    assert f"1  7  {'00' * 32}" in told
    assert "refuge-lavoie@laval  to be settled" in told
    [written] = folder.iterdir()
    assert written.read_bytes() == b"the note"
    founded.done("journal", "alarms", "--notes", folder)
    written.write_bytes(b"another")
    assert "already" in founded.refused("journal", "alarms", "--notes", folder)
    assert written.read_bytes() == b"another"


def test_check_tells_how_far_each_public_witness_has_come(founded: Operator) -> None:
    """By its name and the size that it cosigned last."""
    vkey = vkey_of("temoin.example/invente", Ed25519PrivateKey.generate())
    with founded.settings.open("a", encoding="utf-8") as settings:
        settings.write(f'[[witnesses]]\nurl = "http://127.0.0.1:{free_port()}"\nvkey = "{vkey}"\n')
    away = founded("check")
    assert "temoin.example/invente: cosigned up to 0 entries" in away.out
    assert (away.code, "did not answer in time" in away.err) == (0, True)
    store = Store(f"sqlite:///{founded.folder / 'gateway.sqlite3'}")
    with store.transaction() as tx:
        tx.cosignatures.keep(12, NOW, Cosignature(vkey.name, vkey.key_id.hex(), "a line"), NOW)
    store.close()
    assert "temoin.example/invente: cosigned up to 12 entries" in founded.done("check")


def test_a_witness_that_saw_a_longer_journal_is_an_alarm(founded: Operator) -> None:
    """`check` asks it, fails and says what to do: this database may be a copy, or have been set back."""
    with serving_witness(LoopbackWitness(broker_keys().signer(1).vkeys)) as witness:
        witness.instead = (409, {"Content-Type": SIZE_TYPE}, b"99999\n")
        with founded.settings.open("a", encoding="utf-8") as settings:
            settings.write(f'[[witnesses]]\nurl = "{witness.named.url}"\nvkey = "{witness.named.vkey}"\n')
        played = founded("check")
    assert (played.code, "seen a longer journal" in played.err, "is a copy" in played.err) == (1, True, True)


def test_a_false_alarm_is_settled_by_a_command(founded: Operator) -> None:
    """It says what settling means and asks first; afterwards `check` is content and the list says so."""
    store = Store(f"sqlite:///{founded.folder / 'gateway.sqlite3'}")
    with store.transaction() as tx:
        tx.contradictions.keep(Contradiction(7, bytes(32), b"the note", "refuge-lavoie@laval", NOW))
        tx.journal.set_contradicted(contradicted=True)
    store.close()
    command = ("journal", "settle", "--alarm", "1", "--reason", "copy-signed")
    unsure = founded(*command, typed="no\n")
    assert (unsure.code, "keeps it as evidence" in unsure.err) == (130, True)
    assert founded("check").code == 1
    assert "pass again" in founded(*command, typed="yes\n").out
    founded.done("check")
    assert "refuge-lavoie@laval  settled" in founded.done("journal", "alarms")
    assert "settled before" in founded.refused(*command, "--yes")
    assert "no alarm with this number" in founded.refused(
        "journal", "settle", "--alarm", "2", "--reason", "copy-signed", "--yes"
    )


def test_nothing_is_signed_from_what_may_be_a_copy(founded: Operator) -> None:
    """An export refuses where nothing was published for two hours, before it journals, unless told to."""
    path = founded.folder / "gateway.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE journal_checkpoint SET time = '2026-01-01T00:00:00.000Z'")
    bundle = founded.folder / "journal.zip"
    assert "may be a copy" in founded.refused("journal", "export", bundle)
    assert not bundle.exists()
    with closing(sqlite3.connect(path)) as connection:
        [(before,)] = connection.execute("SELECT size FROM journal_head")
    founded.done("journal", "export", bundle, "--really")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT size FROM journal_head").fetchall() == [(before + 1,)]


def test_a_contradicted_journal_is_exported_as_it_was(founded: Operator) -> None:
    """Auditors need it most then: it goes up to the last checkpoint, nothing new is signed, and that is told."""
    store = Store(f"sqlite:///{founded.folder / 'gateway.sqlite3'}")
    with store.transaction() as tx:
        size = tx.tiles.newest_size()
        tx.journal.set_contradicted(contradicted=True)
    played = founded("journal", "export", founded.folder / "journal.zip")
    assert (played.code, "contradicted" in played.err, f"{size} entries" in played.out) == (0, True, True)
    with store.reading() as tx:
        assert tx.tiles.newest_size() == size
    store.close()


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


@pytest.mark.slow
def test_serving_says_at_its_start_what_stops_the_journal(founded: Operator) -> None:
    """A witness that saw more, a restored backup, an old shard: told where the operator looks, before any call."""
    with closing(sqlite3.connect(founded.folder / "gateway.sqlite3")) as connection, connection:
        connection.execute("UPDATE journal_shard SET opened = '2025-01-01T00:00:00.000Z'")
        connection.execute("UPDATE journal_head SET restored = '2026-01-01T00:00:00.000Z'")
    with serving_witness(LoopbackWitness(broker_keys().signer(1).vkeys)) as witness:
        witness.instead = (409, {"Content-Type": SIZE_TYPE}, b"99999\n")
        founded.write_settings(port=0)
        with founded.settings.open("a", encoding="utf-8") as settings:
            settings.write(f'[[witnesses]]\nurl = "{witness.named.url}"\nvkey = "{witness.named.vkey}"\n')
        command = [str(PROGRAMS / "passerelle-gateway"), "serve", "--settings", str(founded.settings)]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "en_CA.UTF-8", "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert "listens on" in _read_line(program.stdout.fileno(), 60)
            program.terminate()
            _, errors = program.communicate(timeout=30)
    told = errors.decode()
    for words in ("is a restored backup", "for more than a year", "seen a longer journal"):
        assert words in told, told
