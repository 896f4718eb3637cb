"""Puts one partner's program together from its settings: database, keys, pins, client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from adapters.client import GatewayClient
from adapters.identity import Identity
from adapters.keybook import KeyBook
from adapters.office import Office
from adapters.partner import Adapter
from adapters.pins import GatewayPins, read_pins
from adapters.settings import Settings, SettingsError
from adapters.store.journalled import StoredKeyBook
from adapters.store.store import Store
from keys.documents import Clock
from keys.identity import ClientKey
from keys.words import Language

__all__ = ["assemble", "connector", "furnish", "open_office", "utc_now"]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(tz=UTC)


def open_office(settings: Settings, passphrase: str, clock: Clock = utc_now) -> Office:
    """Open everything a partner needs that is on this machine; raises as `furnish` does, and `KeystoreError`."""
    return furnish(settings, lambda: Identity.open(settings.address, settings.keystore, passphrase), clock)


def furnish(settings: Settings, identity: Callable[[], Identity], clock: Clock = utc_now) -> Office:
    """The office of a partner whose keys are opened, or were just made, by `identity`.

    Raises `StoreError`, `FileError`, `MalformedError` (pins-unreadable), and `SettingsError`
    (gateway-not-pinned) when the settings name another gateway than the one that was pinned.
    """
    pins = read_pins(settings.pins)
    if pins.issuer != settings.gateway:
        raise SettingsError("gateway-not-pinned", "/gateway")
    store = Store.open(settings.database)
    keys = identity()
    book = KeyBook(StoredKeyBook(store), pins, clock)
    return Office(settings.address, settings.author, keys, store, book, pins, clock)


def connector(
    pins: GatewayPins, http: httpx2.Client, clock: Clock = utc_now, language: Language = "fr"
) -> Callable[[ClientKey], GatewayClient]:
    """What makes a client for a sign-in key."""
    return lambda key: GatewayClient(http, pins, key.address, key, clock, language=language)


def assemble(
    settings: Settings, passphrase: str, http: httpx2.Client, *, clock: Clock = utc_now, language: Language = "fr"
) -> Adapter:
    """A whole adapter, ready to work; raises as `open_office` does."""
    office = open_office(settings, passphrase, clock)
    return Adapter(
        settings, office, connector(office.pins, http, clock, language)(office.identity.client_key(office.now()))
    )
