"""Slows down whoever asks too often, without locking anything: nobody can be kept from withdrawing a consent.

The generic cell rate algorithm (ITU-T I.371): one moment kept for each source, by a keyed digest of who it is.
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

from gateway.broker import Broker
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction

__all__ = ["BY_PAGE", "BY_PARTNER", "Limit", "client_address", "take"]

_IPV6_SITE = 64
"""Bits of an IPv6 address that tell one household or office from another; the rest is free to choose."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How often one source may ask: `burst` times at once, and again every `every`."""

    name: str
    burst: int
    every: timedelta


BY_PARTNER = Limit("withdrawal-partner", 30, timedelta(seconds=2))
"""Withdrawals by their code, that one partner asks for: a line that answers many calls is never slowed down."""
BY_PAGE = Limit("withdrawal-page", 10, timedelta(seconds=6))
"""The same from one address of the network, where a shelter or a library may stand behind one."""


def take(broker: Broker, tx: Transaction, limit: Limit, source: str, at: datetime) -> None:
    """Count one question of a source; raises `ProblemError` (rate-limited, with `Retry-After`), counting nothing.

    `at` is the transaction's moment, which never goes back; `source` is kept as a keyed digest only.
    """
    digest = hmac.digest(broker.keys.pepper("rate"), f"{limit.name}\x00{source}".encode(), "sha256").hex()
    known = tx.rates.arrival(digest)
    arrival = max(at, known or at) + limit.every
    wait = arrival - at - limit.burst * limit.every
    if wait > timedelta(0):
        seconds = math.ceil(wait.total_seconds())
        raise ProblemError("rate-limited", headers={"Retry-After": str(seconds)})
    tx.rates.arrive(digest, arrival)


def client_address(request: Request, proxies: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """The address of the network that a request comes from, as far as our own proxies tell.

    `X-Forwarded-For` counts only from a proxy that the settings name, and is read from its end: what stands before the
    first address that is not one of ours was written by whoever wanted to. Of an IPv6 address the first 64 bits count.
    """
    peer = request.client.host if request.client else ""
    told = [part.strip() for value in request.headers.getlist("x-forwarded-for") for part in value.split(",")]
    current = peer
    while told and _is_ours(current, proxies):
        following = told.pop()
        if not _is_address(following):
            break
        current = following
    return _site(current)


def _is_ours(address: str, proxies: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return _is_address(address) and any(ip_address(_plain(address)) in network for network in proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(_plain(text))
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    """An address without the zone of its interface, and an IPv4 address as such even where IPv6 carries it."""
    bare = text.partition("%")[0]
    try:
        mapped = IPv6Address(bare).ipv4_mapped
    except ValueError:
        return bare
    return bare if mapped is None else str(mapped)


def _site(address: str) -> str:
    plain = _plain(address)
    try:
        return str(IPv6Network((plain, _IPV6_SITE), strict=False))
    except ValueError:
        return plain
