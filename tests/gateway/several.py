"""Several processes of one broker: what they share in tests, and how they are started."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import httpx2

from gateway.app import create_app
from gateway.broker import Broker
from gateway.serving import listen, serve
from gateway.store.store import Duty, Store
from tests.builders import AT
from tests.gateway.first_day import SETTINGS, broker_keys
from tests.gateway.partner import Partner
from tests.gateway.sign_in import HeldClock
from tests.gateway.world import World

__all__ = ["Reached", "free_port", "holding", "partner_at", "serving"]

_SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Reached:
    """A broker process as its callers see it: an address and a clock."""

    client: httpx2.Client
    clock: HeldClock


@contextmanager
def partner_at(port: int, address: str) -> Iterator[Partner]:
    """A partner who calls a process of the broker over HTTP."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        yield Partner(cast("World", Reached(client, HeldClock(AT))), address)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _serve(url: str, port: int) -> None:
    broker = Broker(SETTINGS, Store(url), broker_keys(), HeldClock(AT))
    serve(create_app(broker), listen("127.0.0.1", port), stop_seconds=0)


def _hold(url: str, duty: int, held: object) -> None:
    store = Store(url)
    with store.on_duty(Duty(duty)) as ours, store.transaction():
        assert ours
        held.set()  # type: ignore[attr-defined]  # an event of multiprocessing, whose class cannot be named
        time.sleep(300)


@contextmanager
def serving(url: str) -> Iterator[tuple[int, multiprocessing.process.BaseProcess]]:
    """Serve a database in a process of its own; its port, and the process."""
    port = free_port()
    process = _SPAWN.Process(target=_serve, args=(url, port), daemon=True)
    process.start()
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port, process
    finally:
        process.kill()
        process.join()


@contextmanager
def holding(url: str, duty: Duty) -> Iterator[multiprocessing.process.BaseProcess]:
    """Another process, in the middle of a transaction and of a duty; it is killed at the end at the latest."""
    held = _SPAWN.Event()
    process = _SPAWN.Process(target=_hold, args=(url, int(duty), held), daemon=True)
    process.start()
    try:
        assert held.wait(60)
        yield process
    finally:
        process.kill()
        process.join()
