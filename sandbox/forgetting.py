"""The broker that forgets: a copy of its database takes its place, and a partner who remembers more is not deceived.

The copy is the real broker with its real keys, as after a backup that somebody restored, or a broker that wants to get
rid of what happened. The partner's own adapter notices, and keeps a file that convicts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import httpx2

from adapters.assembly import connector
from adapters.partner import Adapter
from adapters.store.records import Alarm
from gateway.app import create_app
from gateway.audit_bundles import export_bundle
from gateway.broker import Broker
from gateway.store.store import Store
from journal.convictions import convict
from journal.evidence import MAX_EVIDENCE, read_evidence
from keys.errors import PasserelleError
from keys.files import read_file
from sandbox.scene import Scene, StoryError, entries, until
from sandbox.server import listening_socket, serving
from sandbox.stage import now

__all__ = ["copy_database", "forget"]


_SECOND = timedelta(seconds=1)


class _Diverted(httpx2.HTTPTransport):
    """Brings every call to another port of this machine, as whoever runs the broker's name can."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(port=self._port)
        return super().handle_request(request)


def copy_database(scene: Scene) -> Path:
    """Copy the broker's database as it is now, the way a backup does; the copy."""
    path = scene.folder / "copy.sqlite"
    live = sqlite3.connect(scene.folder / "gateway.sqlite")
    with closing(live), closing(sqlite3.connect(path)) as copy:
        live.backup(copy)
    return path


def forget(scene: Scene, copy: Path) -> None:
    """Show the copy to a partner who knows better; raises `StoryError` unless it raises an alarm with its proof."""
    narrator, partner = scene.narrator, scene.bystander
    narrator.scene("forgets")
    until(lambda: _remembers(partner, entries(scene)), "remembers")
    with _serving_copy(scene, copy) as (broker, http):
        with broker.store.reading() as tx:
            narrator.tell("forgotten", count=entries(scene) - tx.journal.head().size)
        pins, identity = partner.office.pins, partner.office.identity
        partner.connect(connector(pins, http)(identity.client_key(now())))
        alarm, evidence = until(lambda: _alarmed(partner), "alarm")
        with broker.store.reading() as tx:
            stopped = tx.journal.head().contradicted
    convict(read_evidence(read_file(evidence, limit=MAX_EVIDENCE)), pins.vkeys)
    if not stopped:
        raise StoryError("demo-stopped", "/forgets")
    narrator.tell("alarm", who=partner.office.address, why=narrator.word(f"error.{alarm.code}.title"))
    narrator.tell("evidence", evidence=evidence, pins=partner.settings.pins)
    narrator.tell("copy-stopped")


def _remembers(partner: Adapter, size: int) -> bool:
    """Whether a partner has read so many entries, signed in a second that is over: what is signed next is later."""
    partner.read_journal()
    seen = partner.office.book.seen()
    return seen is not None and seen.checkpoint.size >= size and now() >= seen.at + _SECOND


@contextmanager
def _serving_copy(scene: Scene, copy: Path) -> Iterator[tuple[Broker, httpx2.Client]]:
    """The broker from the copy, which has signed what it has left, and a client whose every call comes to it."""
    listener, url = listening_socket()
    real = scene.broker
    broker = Broker(real.settings, Store(f"sqlite:///{copy}"), real.keys, now)
    with (scene.folder / "copy.zip").open("wb") as out:
        export_bundle(broker, out, now())
    port = int(url.rpartition(":")[2])
    with serving(create_app(broker), listener), httpx2.Client(transport=_Diverted(port), timeout=40) as http:
        yield broker, http
    broker.store.close()


def _alarmed(partner: Adapter) -> tuple[Alarm, Path] | None:
    """The alarm that a look at the journal raises, with its file of evidence; None while it proves nothing yet."""
    with suppress(PasserelleError):
        partner.read_journal()
    for alarm in partner.alarms():
        if alarm.evidence is not None:
            return alarm, partner.evidence / alarm.evidence
    return None
