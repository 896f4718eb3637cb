"""What the running programs make of changed keys and coming ends: they go on with the next key, and say what is due."""

from __future__ import annotations

import json
import threading

import pytest

from adapters.identity import Identity
from adapters.own_keys import import_statement, request_revocation
from adapters.problems import GatewayProblemError
from adapters.worker import Worker
from keys.identity import ClientKey
from keys.terminal import DONE
from tests.adapters.broker_double import CallsDouble
from tests.adapters.conftest import Town
from tests.adapters.partners import PASSPHRASE
from tests.adapters.terminal import Command
from tests.invented import AT, DAY, SHELTER, root_key


def test_a_service_signs_in_with_the_next_key_once_the_gateway_refuses_the_old_one(
    laval: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program of ours revoked the key meanwhile: the service reads its keystore again and goes on."""
    shelter = laval[2]
    path = shelter.folder / "keystore.json"
    shelter.restart(Identity.open(SHELTER, path, PASSPHRASE))
    old = shelter.adapter.office.identity.client_key(AT).kid
    reconnected: list[str] = []
    changed = threading.Event()

    def reconnect(key: ClientKey) -> CallsDouble:
        reconnected.append(key.kid)
        changed.set()
        return shelter.client

    worker = Worker(shelter.adapter, reconnect)
    command_line = shelter.restart(Identity.open(SHELTER, path, PASSPHRASE)).office
    request = request_revocation(command_line, old, "lost")
    import_statement(command_line, request.sign(root_key(SHELTER)))
    shelter.client.before["lease"] = GatewayProblemError("sign-in-refused", status=400, transient=True)
    monkeypatch.setattr("adapters.worker.PAPERS_SECONDS", 3600)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert changed.wait(30)
    worker.stopping.set()
    thread.join(60)
    assert reconnected[0] == command_line.identity.client_key(AT).kid != old


def test_a_coming_end_is_told_by_the_commands(laval: Town, command: Command) -> None:
    """The list says it as long as it is true; a round says it once; the check is not made to fail by it."""
    broker, line, _ = laval
    broker.clock.now = broker.agreement.not_after - 20 * DAY
    line.adapter.rotate_keys = lambda: 0  # type: ignore[method-assign]  # the shared keystore is not to be changed
    ref = broker.agreement.ref
    listed = command(line, "agreement", "list")[1]
    assert "ends in less than 30 days" in listed
    told = line.adapter.tell_endings()
    assert [(ending.ref, ending.code) for ending in told] == [(ref, "agreement-ends-30")]
    assert line.adapter.tell_endings() == ()
    line.restart()
    assert "moins de 30 jours" in command(line, "agreement", "list", locale="fr_CA.UTF-8")[1]
    assert line.adapter.alarms() == []


def test_a_round_prints_the_end_that_it_found(laval: Town, command: Command) -> None:
    """In words for people, by slug for programs."""
    broker, line, _ = laval
    line.restart(Identity.open(line.address, line.folder / "keystore.json", PASSPHRASE))
    broker.clock.now = AT + 60 * DAY
    line.adapter.sync()
    broker.clock.now = broker.agreement.not_after - 59 * DAY
    code, out, _ = command(line, "sync", "--json")
    assert json.loads(out)["endings"] == [{"agreement": broker.agreement.ref, "code": "agreement-ends-60"}]
    assert code == DONE
