"""Prepares a broker with its partners, and makes the requests of a load: each with a proof and an envelope of its own.

Everything a partner does beforehand (consent, sealing, signing, proving) is done before the clock starts, so that what
is measured is the broker.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from adapters.assembly import utc_now
from adapters.consents import read_consent
from adapters.exchange import Exchange
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.proofs import ProofKey
from adapters.referral import read_referral
from adapters.registration import read_registration
from adapters.tokens import AccessTokens
from consent.envelope import ENVELOPE_KIND
from gateway.app import create_app
from gateway.broker import Broker, BrokerSettings
from gateway.broker_keys import BrokerKeys
from gateway.founding import found_broker
from gateway.serving import listen, serve
from gateway.store.store import Store
from keys import strictjson
from keys.documents import format_time
from keys.keystore import Keystore
from keys.signing import media_type
from sandbox.cast import agree, join, prepare, settle
from sandbox.stage import example
from sandbox.territories import TERRITORIES

__all__ = ["Load", "broker_of", "enrolled", "found", "request", "serve_broker"]

_TERRITORY = TERRITORIES["laval"]
_PASSPHRASE = "a benchmark has no secrets"  # noqa: S105 - as it says
_USES = 100
"""Uses of one grant, the most there may be: a new consent is recorded for every hundred referrals."""


def _settings(port: int) -> tuple[BrokerSettings, str]:
    return BrokerSettings(f"http://127.0.0.1:{port}", _TERRITORY.slug), f"127.0.0.1:{port}/laval/journal/1"


def found(folder: Path, port: int) -> None:
    """Found the broker that will be measured."""
    settings, origin = _settings(port)
    store = Store(f"sqlite:///{folder / 'gateway.sqlite'}")
    found_broker(settings, store, folder / "gateway.keystore", _PASSPHRASE, origin=origin, at=utc_now())
    store.close()


def broker_of(folder: Path, port: int) -> Broker:
    """The founded broker, through a connection of its own."""
    settings, origin = _settings(port)
    stored = Keystore.open(folder / "gateway.keystore", _PASSPHRASE).keys
    keys = BrokerKeys.from_stored(stored, settings.address, origin)
    return Broker(settings, Store(f"sqlite:///{folder / 'gateway.sqlite'}"), keys, utc_now)


def serve_broker(folder: Path, port: int) -> None:
    """Serve the founded broker until the process is ended."""
    serve(create_app(broker_of(folder, port)), listen("127.0.0.1", port), stop_seconds=0)


def enrolled(folder: Path, port: int, http: httpx2.Client) -> Adapter:
    """Enrol every partner of the territory at the served broker and agree; returns the one that refers."""
    broker, url = broker_of(folder, port), f"http://127.0.0.1:{port}"
    players = {each.slug: prepare(each, settle(folder, _TERRITORY, each, url), http) for each in _TERRITORY.partners}
    adapters = {slug: join(broker, player, http) for slug, player in players.items()}
    _read_journal(broker, adapters.values())
    agree(broker, _TERRITORY, players, adapters)
    sender = adapters[_TERRITORY.requester]
    sender.refresh_agreements()
    return sender


def _read_journal(broker: Broker, adapters: Iterable[Adapter]) -> None:
    with broker.store.reading() as tx:
        size = tx.journal.head().size
    while any(adapter.read_journal() < size for adapter in adapters):
        time.sleep(0.05)


def request(path: str, port: int, body: bytes, headers: str = "") -> bytes:
    """The bytes of one HTTP/1.1 POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: {media_type(ENVELOPE_KIND)}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    )
    return head.encode() + body


@dataclass
class Load:
    """A partner that sends as fast as it is asked to."""

    adapter: Adapter
    http: httpx2.Client

    def deposits(self, count: int) -> list[bytes]:
        """So many requests, each depositing a referral of its own with a fresh proof."""
        wires = self.envelopes(count)
        issuer, proofs = self.adapter.settings.gateway, ProofKey()
        pins, identity = self.adapter.office.pins, self.adapter.office.identity
        tokens = AccessTokens(Exchange(self.http), pins, identity.client_key(utc_now()), utc_now, proofs)
        token = tokens.token()
        nonce = self.http.get(f"{issuer}/healthz").headers["dpop-nonce"]
        port = int(issuer.rpartition(":")[2])

        def signed(wire: bytes) -> bytes:
            proof = proofs.proof("POST", f"{issuer}/v1/envelopes", utc_now(), nonce=nonce, token=token)
            return request("/v1/envelopes", port, wire, f"Authorization: DPoP {token}\r\nDPoP: {proof}\r\n")

        return [signed(wire) for wire in wires]

    def envelopes(self, count: int) -> list[bytes]:
        """So many sealed referrals that may pass, none of them sent yet."""
        wires: list[bytes] = []
        while len(wires) < count:
            consent = self._consent()
            wires += [self._sealed(consent) for _ in range(min(_USES, count - len(wires)))]
        return wires

    def _consent(self) -> str:
        written = example("consent-laval") | {"max_uses": _USES}
        events = [event | {"event_time": format_time(utc_now())} for event in written["events"]]
        recorded, _ = self.adapter.record_consent(read_consent(strictjson.dumps(written | {"events": events})))
        with self.adapter.office.store.transaction() as tx:
            shipped = tx.traffic.waiting(recorded.statement.id)
        self.adapter.client.register_statement(*read_registration(shipped[0].body))
        return recorded.record_id

    def _sealed(self, consent: str) -> bytes:
        file = read_referral(strictjson.dumps(example("referral-laval") | {"consent": consent}))
        queued = self.adapter.send(file)
        assert isinstance(queued, Queued), queued
        with self.adapter.office.store.transaction() as tx:
            return tx.traffic.waiting(queued.ref)[0].body
