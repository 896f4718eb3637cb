"""What the partner's IT does: make keys and the database, pin the gateway, check, exchange, run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import httpx2
import typer

from adapters.assembly import connector, open_office, utc_now
from adapters.commands.alarms import alarm_title
from adapters.commands.journal import witness_line
from adapters.commands.program import TERMINAL, AsJson, SettingsFile, app, opened, passphrase, print_json, word
from adapters.enrolment import KeyFiles, enrol, rotate, write_enrolment
from adapters.outbox import Flushed
from adapters.partner import Adapter, Round
from adapters.pins import fetch_pins, pin_code
from adapters.settings import Settings, load_settings, masked, unknown_variables
from adapters.standing import read_standing
from adapters.store.migrate import migrate as migrate_store
from adapters.store.store import Store
from keys.documents import encode, format_time
from keys.errors import about
from keys.files import write_private
from keys.identity import RootPublic, fingerprint_digits
from keys.terminal import REFUSED

__all__ = ["check", "init", "migrate", "pin", "rotate_keys", "run", "sync"]

_QUARTET = 4
CATCH_UPS = 5
CATCH_UP_SECONDS = 3.0
"""How often, and how long each time, `sync` waits for the journal to be published as far as what came in."""


@app.command("init", help=word("cli.init.help"))
def init(
    root_passphrase_file: Annotated[
        Path | None,
        typer.Option("--root-passphrase-file", metavar=word("cli.metavar.file"), help=word("cli.init.root-secret")),
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Make the database, the root and every key, and write the enrolment file for the gateway's operator."""
    settings = load_settings(settings_file)
    if settings.passphrase is None and settings.passphrase_file is None:
        TERMINAL.say("cli.init.secret")
    secret = passphrase(settings, twice=True)
    if root_passphrase_file is None:
        TERMINAL.say("cli.init.root-secret-asked")
    root_secret = TERMINAL.passphrase(root_passphrase_file, twice=not settings.root_file.exists())
    with about(settings.database):
        migrate_store(settings.database)
        store = Store.open(settings.database)
    files = KeyFiles(settings.keystore, secret, settings.root_file, root_secret)
    with about(settings.data):
        root = enrol(settings.address, store, files, utc_now()).root.public
    enrolment = settings.data / "enrolment.json"
    write_enrolment(enrolment, store, settings.address, settings.legal_name, settings.jurisdiction)
    store.close()
    _show_root(settings, root)
    TERMINAL.say("cli.init.done", enrolment=enrolment, root=settings.root_file)


@app.command("rotate", help=word("cli.rotate.help"))
def rotate_keys(settings_file: SettingsFile = None) -> None:
    """Make the keys that will be needed, and write the enrolment file anew; works without the gateway."""
    settings = load_settings(settings_file)
    office = open_office(settings, passphrase(settings))
    count = rotate(office)
    enrolment = settings.data / "enrolment.json"
    write_enrolment(enrolment, office.store, settings.address, settings.legal_name, settings.jurisdiction)
    office.store.close()
    TERMINAL.say("cli.rotate.done", count=count, enrolment=enrolment)


@app.command("migrate", help=word("cli.migrate.help"))
def migrate(settings_file: SettingsFile = None) -> None:
    """Bring the database to the form of this version."""
    settings = load_settings(settings_file)
    with about(settings.database):
        migrate_store(settings.database)
    TERMINAL.say("cli.migrate.done")


@app.command("pin", help=word("cli.pin.help"))
def pin(
    code: Annotated[
        str | None, typer.Option("--code", metavar=word("cli.metavar.code"), help=word("cli.pin.code"))
    ] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Ask the gateway for its keys, compare the code heard from its operator, and pin them."""
    settings = load_settings(settings_file)
    with httpx2.Client() as http:
        pins = fetch_pins(http, settings.gateway)
    shown = pin_code(pins)
    TERMINAL.say("cli.pin.shown", gateway=pins.address, code=shown)
    if code is None:
        agreed = TERMINAL.confirm("cli.pin.same")
    else:
        agreed = "".join(code.split()).upper() == "".join(shown.split())
    if not agreed:
        TERMINAL.complain(word("cli.pin.differs"))
        raise typer.Exit(REFUSED)
    with about(settings.pins):
        write_private(settings.pins, encode(pins))
    TERMINAL.say("cli.pin.done")


@app.command("check", help=word("cli.check.help"))
def check(settings_file: SettingsFile = None) -> None:
    """Show the settings without secrets, and try everything that work needs on this machine and at the gateway."""
    settings = load_settings(settings_file)
    for name, value in masked(settings).items():
        TERMINAL.show(f"{name} = {value}")
    unknown = unknown_variables()
    for name in unknown:
        TERMINAL.complain(word("cli.check.unknown-variable", name=name))
    with opened(settings) as adapter:
        for use, end in sorted(adapter.office.identity.ends().items()):
            TERMINAL.say("cli.check.key", use=word(f"cli.uses.{use}"), end=format_time(end))
        alarms = adapter.alarms()
        for alarm in alarms:
            what = alarm_title(alarm)
            TERMINAL.complain(word("cli.check.alarm", at=format_time(alarm.at), what=what, subject=alarm.subject))
        adapter.read_journal()
        TERMINAL.show(witness_line(read_standing(adapter.office)))
        adapter.client.agreements()
    if unknown or alarms:
        raise typer.Exit(REFUSED)
    TERMINAL.say("cli.check.fine")


@app.command("sync", help=word("cli.sync.help"))
def sync(as_json: AsJson = False, settings_file: SettingsFile = None) -> None:  # noqa: FBT002 - a command's option
    """Exchange with the gateway once: send what waits, fetch what came."""
    with opened(load_settings(settings_file)) as adapter:
        done = adapter.sync()
        for _ in range(CATCH_UPS):
            if not (adapter.inbox.waiting or adapter.stream.behind):
                break
            # What came in is newer than the journal's last checkpoint; the next one is seconds away.
            time.sleep(CATCH_UP_SECONDS)
            done.add(adapter.sync())
        if as_json:
            print_json(_as_json(done))
        else:
            _tell_round(adapter, done)
    if done.troubles or done.sent.stopped or done.sent.refused:
        raise typer.Exit(REFUSED)


@app.command("run", help=word("cli.run.help"))
def run(settings_file: SettingsFile = None) -> None:
    """Stay in touch with the gateway until stopped; the log goes to standard error, one JSON object a line."""
    # Imported here: the other commands write no log, and need not wait for what writes it.
    from adapters.logs import log_to_stderr  # noqa: PLC0415 - as said above
    from adapters.worker import Worker, stop_on_signals  # noqa: PLC0415 - as said above

    settings = load_settings(settings_file)
    log_to_stderr()
    with httpx2.Client(limits=httpx2.Limits(max_connections=16)) as http:
        office = open_office(settings, passphrase(settings))
        connect = connector(office.pins, http, language=TERMINAL.language)
        adapter = Adapter(settings, office, connect(office.identity.client_key(office.now())))
        worker = Worker(adapter, connect)
        stop_on_signals(worker)
        worker.run()
        office.store.close()


def _show_root(settings: Settings, root: RootPublic) -> None:
    groups = [root.fingerprint[i : i + _QUARTET] for i in range(0, len(root.fingerprint), _QUARTET)]
    TERMINAL.say("cli.root", address=settings.address)
    TERMINAL.say("cli.fingerprint", fingerprint=" ".join(groups))
    TERMINAL.show(f"    {fingerprint_digits(root)}")


def _tell_round(adapter: Adapter, done: Round) -> None:
    TERMINAL.say("cli.sync.done", sent=len(done.sent.accepted), told=len(done.told), arrived=len(done.arrivals))
    for arrival in done.arrivals:
        TERMINAL.say(f"cli.sync.{arrival.result}", envelope=arrival.envelope)
    for ref in done.agreements:
        TERMINAL.say("cli.sync.agreement", ref=ref)
    for ending in done.endings:
        TERMINAL.say("cli.sync.ending", ref=ending.ref, what=_title(ending.code))
    for ref in done.resent:
        TERMINAL.say("cli.sync.resent", ref=ref)
    for envelope in done.papers.kept:
        TERMINAL.say("cli.sync.paper", envelope=envelope)
    for envelope, code in done.papers.lost:
        TERMINAL.complain(word("cli.sync.paper-lost", envelope=envelope, what=_title(code)))
    _tell_left(done.sent)
    for code in dict.fromkeys([*done.troubles, *([done.sent.stopped] if done.sent.stopped else [])]):
        TERMINAL.complain(_title(code))
    if adapter.alarms():
        TERMINAL.complain(word("cli.sync.alarms"))


def _tell_left(sent: Flushed) -> None:
    """What did not leave: refused for good, or waiting for witnesses."""
    for item, code in sent.refused:
        TERMINAL.complain(word("cli.sync.refused-item", item=item, what=_title(code)))
    for item, missing in sent.held:
        TERMINAL.say("cli.sync.held", item=item, missing=", ".join(missing))


def _title(code: str) -> str:
    return TERMINAL.words.find(f"error.{code}.title", TERMINAL.language) or code


def _as_json(done: Round) -> dict[str, object]:
    return {
        "sent": done.sent.accepted,
        "refused": [{"item": item, "code": code} for item, code in done.sent.refused],
        "held": [{"item": item, "missing": list(missing)} for item, missing in done.sent.held],
        "stopped": done.sent.stopped,
        "told": done.told,
        "arrived": [
            {"envelope": arrival.envelope, "result": arrival.result, "code": arrival.code} for arrival in done.arrivals
        ],
        "agreements": list(done.agreements),
        "resent": done.resent,
        "papers": {"kept": done.papers.kept, "lost": [envelope for envelope, _ in done.papers.lost]},
        "endings": [{"agreement": ending.ref, "code": ending.code} for ending in done.endings],
        "troubles": done.troubles,
    }
