"""The commands of the partner's IT: make keys, pin, check, exchange, sign agreements."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.cli import app
from adapters.commands.program import TERMINAL
from adapters.identity import Identity
from adapters.pins import pin_code, read_pins
from adapters.problems import GatewayUnreachableError
from adapters.store.records import Alarm
from adapters.words import words
from keys.keystore import Keystore
from keys.terminal import DONE, REFUSED
from tests.adapters.conftest import Town
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.partners import PASSPHRASE, arrived, sent, settings_members
from tests.adapters.terminal import Command, settings_file
from tests.invented import DAY, HEALTH, LINE, NEWCOMERS, SHELTER, root_key
from tests.repository import PROGRAMS


def test_an_agreement_is_shown_and_signed(laval: Town, command: Command) -> None:
    """Parties with the fingerprints to compare; then the root signs what every party was called about."""
    broker, line, _ = laval
    broker.signatures.pop(LINE)
    ref = broker.agreement.ref
    _, out, _ = command(line, "agreement", "list")
    assert f"{ref}: in force" in out
    _, out, _ = command(line, "agreement", "show", ref, locale="fr_CA.UTF-8")
    assert root_key(SHELTER).public.fingerprint in out
    heard = [f"{each}={root_key(each).public.fingerprint}" for each in (SHELTER, HEALTH, NEWCOMERS)]
    options = [part for each in heard for part in ("--fingerprint", each)]
    secret = ["--root-passphrase-file", str(line.folder / "passphrase")]
    settings_file(line)
    assert command(line, "agreement", "sign", ref, *options[:4], *secret)[0] == REFUSED
    assert LINE not in broker.signatures
    code, out, _ = command(line, "agreement", "sign", ref, *options, *secret)
    assert (code, "handed to the gateway" in out) == (DONE, True)
    assert LINE in broker.signatures


def test_check_shows_settings_keys_and_alarms(laval: Town, command: Command) -> None:
    """No secret in it; an alarm makes it fail, so that a timer can watch it."""
    _, line, _ = laval
    code, out, _ = command(line, "check")
    assert (code, "Everything is in order" in out) == (DONE, True)
    assert f"address = {LINE}" in out
    assert PASSPHRASE not in out
    with line.store.transaction() as tx:
        tx.traffic.raise_alarm(Alarm(line.broker.clock(), "envelope-changed", "env_x"))
    code, _, err = command(line, "check")
    assert (code, "env_x" in err) == (REFUSED, True)


def test_sync_tells_what_happened_and_what_did_not(laval: Town, command: Command) -> None:
    """Figures for people, details for programs, and a failing exit code when the gateway was not reached."""
    _, line, shelter = laval
    queued = arrived(line, shelter)
    shelter.adapter.accept(queued.ref)
    told = json.loads(command(shelter, "sync", "--json")[1])
    assert (len(told["sent"]), told["troubles"]) == (1, [])
    line.client.before["events"] = GatewayUnreachableError("gateway-unreachable")
    code, out, err = command(line, "sync")
    assert (code, "Sent: 0" in out) == (REFUSED, True)
    assert words("error.gateway-unreachable.title", "en") in err


def test_keys_are_made_ahead_without_the_gateway(
    laval: Town, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was away too long makes new keys, and has them in the file for the operator."""
    broker, line, _ = laval
    line.restart(Identity.open(LINE, line.folder / "keystore.json", PASSPHRASE))
    monkeypatch.setattr("adapters.commands.organisation.open_office", lambda *_args: line.adapter.office)
    broker.clock.now += 100 * DAY
    code, out, _ = command(line, "rotate")
    assert (code, "Keys made: 8" in out) == (DONE, True)
    document = json.loads((line.folder / "enrolment.json").read_bytes())
    assert len(document["key_statements"]) == 19


def _bare(folder: Path, **changes: object) -> str:
    """A settings file in a folder where nothing was made yet."""
    folder.mkdir(exist_ok=True)
    secret = folder / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    members: dict[str, Any] = settings_members(LINE, folder / "data") | {"passphrase_file": secret} | changes
    path = folder / "adapter.toml"
    path.write_text("".join(f"{name} = {json.dumps(str(value))}\n" for name, value in members.items()))
    return str(path)


def test_init_makes_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Database, root, keys and the enrolment file; the fingerprint to read aloud; and never a second time."""
    monkeypatch.setenv("LC_ALL", "fr_CA.UTF-8")
    settings = _bare(tmp_path / "new")
    arguments = ["init", "--settings", settings, "--root-passphrase-file", str(tmp_path / "new" / "passphrase")]
    assert TERMINAL.run(app, arguments) == DONE
    out = capsys.readouterr().out
    made = {path.name for path in (tmp_path / "new" / "data").iterdir()}
    assert {"adapter.sqlite", "keystore.json", "root.json", "enrolment.json"} <= made
    assert "Empreinte" in out
    assert PASSPHRASE not in out
    assert TERMINAL.run(app, arguments) == REFUSED
    assert "existent déjà" in capsys.readouterr().err
    assert TERMINAL.run(app, ["migrate", "--settings", settings]) == DONE
    assert len(Keystore.open(tmp_path / "new" / "data" / "keystore.json", PASSPHRASE).keys) == 10


@pytest.mark.parametrize("heard", ["right", "wrong"])
def test_a_gateway_is_pinned_only_by_the_code_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], heard: str
) -> None:
    """The right code, however it is spaced, pins the gateway; another one pins nothing."""
    monkeypatch.setenv("LC_ALL", "en_CA.UTF-8")
    gateway = GatewayDouble()
    transport = httpx2.MockTransport(gateway.handle)
    client = httpx2.Client
    monkeypatch.setattr("adapters.commands.organisation.httpx2.Client", lambda **_named: client(transport=transport))
    settings = _bare(tmp_path / "new", gateway=gateway.url)
    code = pin_code(gateway.pins).lower().replace(" ", "") if heard == "right" else "AAAA BBBB CCCC DDDD"
    assert TERMINAL.run(app, ["pin", "--code", code, "--settings", settings]) == (DONE if heard == "right" else REFUSED)
    capsys.readouterr()
    path = tmp_path / "new" / "data" / "gateway.json"
    assert path.exists() == (heard == "right")
    if heard == "right":
        assert read_pins(path) == gateway.pins


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "heading"), [("fr_CA.UTF-8", "Commandes"), ("en_CA.UTF-8", "Commands")])
def test_the_installed_program_helps_in_both_languages(locale: str, heading: str) -> None:
    """The entry point works, and its help is in the reader's language."""
    run = subprocess.run(
        [PROGRAMS / "passerelle-adapter", "--help"],
        env={"PATH": str(PROGRAMS), "LC_ALL": locale, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert heading in run.stdout
    assert "agreement" in run.stdout


def test_sync_waits_for_the_journal_to_reach_what_came_in(
    laval: Town, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A referral a second old is opened by the same command, once the next checkpoint is there."""
    broker, line, shelter = laval
    behind = broker.gateway.note()
    sent(line)
    line.adapter.sync()
    monkeypatch.setattr(broker.gateway, "note", lambda: behind)
    monkeypatch.setattr("adapters.commands.organisation.time.sleep", lambda _seconds: monkeypatch.undo())
    told = json.loads(command(shelter, "sync", "--json")[1])
    assert [arrival["result"] for arrival in told["arrived"]] == ["waiting", "stored"]
