"""The program that stays in touch: it exchanges by itself, survives trouble, ends in good order, and logs no person."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from adapters.assembly import utc_now
from adapters.enrolment import KeyFiles, enrol
from adapters.identity import Identity
from adapters.logs import ALLOWED, log_to_stderr, only_allowed
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from adapters.store.migrate import migrate
from adapters.store.store import Store
from adapters.worker import Worker
from keys.documents import encode
from keys.files import write_private
from keys.identity import ClientKey
from tests.adapters.broker_double import CallsDouble
from tests.adapters.conftest import Town
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.partners import PASSPHRASE, Partner, sent, settings_members
from tests.invented import DAY, LINE, SHELTER
from tests.repository import PROGRAMS


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What would be on standard error."""
    written = io.StringIO()
    monkeypatch.setattr("adapters.logs.sys.stderr", written)
    log_to_stderr()
    yield written
    structlog.reset_defaults()


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def running(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> tuple[Worker, threading.Thread]:
    """A worker at work, in a hurry."""
    monkeypatch.setattr("adapters.worker.JOURNAL_SECONDS", 0.05)
    monkeypatch.setattr("adapters.worker.CATCH_UP_SECONDS", 0.05)
    worker = Worker(partner.adapter)
    thread = threading.Thread(target=worker.run)
    thread.start()
    return worker, thread


def entries(log: io.StringIO) -> list[dict[str, Any]]:
    """The log, a JSON object a line."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_running_partner_receives_and_tells_by_itself(
    laval: Town, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A referral is received, opened and acknowledged without anybody's doing; then the worker stops when told to."""
    broker, line, shelter = laval
    worker, thread = running(shelter, monkeypatch)
    queued = sent(line)
    line.adapter.sync()
    until(lambda: broker.acks)
    shelter.adapter.accept(queued.ref)
    until(lambda: broker.referrals[queued.ref].state.status == "accepted")
    worker.stopping.set()
    thread.join(30)
    assert not thread.is_alive()
    events = [entry["event"] for entry in entries(log)]
    assert events[0] == "worker.started"
    assert events[-1] == "worker.stopped"
    assert "envelope.leased" in events
    assert all(set(entry) <= ALLOWED for entry in entries(log))
    for canary in ("Canari", "Personne-Fictive", "555-0123"):
        assert canary not in log.getvalue()


def test_trouble_in_one_thing_does_not_stop_the_others(
    laval: Town, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable journal and a surprise in the stream are logged; envelopes are received all the same."""
    broker, line, shelter = laval

    def surprise(*_args: object) -> None:
        message = "Canari"
        raise ValueError(message)

    monkeypatch.setattr(shelter.client, "events", surprise)
    shelter.client.before["agreements"] = GatewayUnreachableError("gateway-unreachable")
    worker, thread = running(shelter, monkeypatch)
    sent(line)
    line.adapter.sync()
    until(lambda: broker.acks)
    worker.stopping.set()
    thread.join(30)
    found = {(entry["event"], entry.get("kind"), entry.get("code")) for entry in entries(log)}
    assert ("work.broken", "events", "ValueError") in found
    assert ("work.failed", "papers", "gateway-unreachable") in found
    assert "Canari" not in log.getvalue()


def test_a_new_sign_in_key_means_a_new_client(laval: Town, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the key in use gives way to its successor, the worker signs in with that one, and goes on."""
    broker, _, shelter = laval
    shelter.restart(Identity.open(SHELTER, shelter.folder / "keystore.json", PASSPHRASE))
    made: list[str] = []

    def reconnect(key: ClientKey) -> CallsDouble:
        made.append(key.kid)
        return broker.calls(SHELTER)

    worker = Worker(shelter.adapter, reconnect)
    first = shelter.adapter.office.identity.client_key(broker.clock()).kid
    broker.clock.now += 61 * DAY
    shelter.adapter.sync()
    broker.clock.now += 15 * DAY
    monkeypatch.setattr("adapters.worker.PAPERS_SECONDS", 0.05)
    thread = threading.Thread(target=worker.run)
    thread.start()
    until(lambda: made)
    worker.stopping.set()
    thread.join(30)
    assert len(made) == 1
    assert made[0] != first


def test_a_field_that_is_not_in_the_list_is_never_logged() -> None:
    """Whatever a careless call adds, only ids, codes and figures are written."""
    fields = {"event": "x", "level": "info", "name": "Canari", "sections": {"identity": "Canari"}, "ref": "ref_a"}
    assert only_allowed(None, "info", fields) == {"event": "x", "level": "info", "ref": "ref_a"}


@pytest.mark.slow
def test_the_program_survives_an_unreachable_gateway_and_ends_on_sigterm(tmp_path: Path) -> None:
    """It starts without the gateway, says so in its log, and ends with exit code 0 when it is told to."""
    gateway = GatewayDouble(url="http://127.0.0.1:9")
    folder = tmp_path / "partner"
    migrate(folder / "adapter.sqlite")
    files = KeyFiles(folder / "keystore.json", PASSPHRASE, folder / "root.json", PASSPHRASE)
    enrol(LINE, Store.open(folder / "adapter.sqlite"), files, utc_now())
    write_private(folder / "gateway.json", encode(gateway.pins))
    write_private(tmp_path / "phrase", PASSPHRASE.encode())
    members = settings_members(LINE, folder) | {"gateway": gateway.url, "passphrase_file": tmp_path / "phrase"}
    settings = tmp_path / "adapter.toml"
    text = "".join(f"{name} = {json.dumps(str(value))}\n" for name, value in members.items())
    settings.write_text(text + "poll_seconds = 1\n")
    with subprocess.Popen(
        [PROGRAMS / "passerelle-adapter", "run", "--settings", settings],
        env=os.environ | {"LC_ALL": "en_CA.UTF-8"},
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stderr is not None
        first = json.loads(program.stderr.readline())
        failed = json.loads(program.stderr.readline())
        program.send_signal(signal.SIGTERM)
        _, rest = program.communicate(timeout=60)
    assert first["event"] == "worker.started"
    assert failed["event"] in {"work.failed", "outbox.waiting"}
    assert program.returncode == 0
    assert "Traceback" not in rest


def test_a_running_partner_shows_a_restored_gateway_what_it_saw(
    laval: Town, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it asks for and is refused: the gateway waits for every witness, and needs nobody to be woken up."""
    _, _, shelter = laval
    shelter.adapter.read_journal()
    shown = shelter.client.calls.count("cosign")
    monkeypatch.setattr("adapters.worker.Worker._read", lambda _worker: None)
    for call in ("lease", "events"):
        shelter.client.before[call] = GatewayProblemError("journal-restored", status=503)
    worker, thread = running(shelter, monkeypatch)
    until(lambda: shelter.client.calls.count("cosign") > shown)
    worker.stopping.set()
    thread.join(30)
    assert not thread.is_alive()
    assert {entry["code"] for entry in entries(log) if entry["event"] == "work.failed"} == {"journal-restored"}
