"""The broker as its parts see it: where it keeps things, what time it is, and what it signs with."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from consent.identifiers import gateway_address
from gateway.broker_keys import BrokerKeys
from gateway.directory.catalogue import Catalogue
from gateway.mailboxes import Mailboxes
from gateway.store.store import Store
from gateway.verifiers import Verifiers
from keys.documents import Address, Clock
from keys.vkeys import Vkey

__all__ = ["Broker", "BrokerSettings", "PublicWitness"]


@dataclass(frozen=True, slots=True)
class PublicWitness:
    """A witness with an address of its own (C2SP tlog-witness): where it is called, and the key it cosigns with."""

    url: str
    vkey: Vkey


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What an operator decides about a broker; `public_url` has no final slash and is the OAuth issuer.

    `trusted_proxies` are the networks whose word on where a request comes from is believed; `timer_seconds` is how
    often the broker looks at what time has decided; `witnesses` are called after each new checkpoint.
    """

    public_url: str
    territory: str
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    timer_seconds: int = 1
    witnesses: tuple[PublicWitness, ...] = ()

    @property
    def address(self) -> Address:
        """The broker's own address."""
        return gateway_address(self.territory)


@dataclass(frozen=True, slots=True)
class Broker:
    """Everything a request may use; nothing is global, and the clock is one of the parts."""

    settings: BrokerSettings
    store: Store
    keys: BrokerKeys
    clock: Clock
    mailboxes: Mailboxes = field(default_factory=Mailboxes)
    verifiers: Verifiers = field(default_factory=Verifiers)
    catalogue: Catalogue = field(default_factory=Catalogue)
