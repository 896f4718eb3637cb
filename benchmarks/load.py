"""Prepares a broker with its partners, and makes the requests of a load: each with a proof and an envelope of its own.

Everything a partner does beforehand (consent, sealing, signing, proving) is done before the clock starts, so that what
is measured is the broker.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from pathlib import Path

import httpx2

from adapters.assembly import utc_now
from adapters.consents import read_consent
from adapters.exchange import Exchange
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.proofs import ProofKey
from adapters.recipients import recipient_key
from adapters.referral import ReferralFile, read_referral
from adapters.registration import read_registration
from adapters.sealed import seal
from adapters.tokens import AccessTokens
from benchmarks.servers import broker_of
from consent.envelope import ENVELOPE_KIND, ReferralHeader, UnverifiedEnvelope
from gateway.broker import Broker
from keys import strictjson
from keys.documents import format_time, new_id
from keys.signing import media_type
from sandbox.cast import agree, join, prepare, settle
from sandbox.stage import example
from sandbox.territories import TERRITORIES

__all__ = ["Proving", "enrolled", "request", "sealed_referrals"]

_TERRITORY = TERRITORIES["laval"]
_USES = 40
"""Referrals under one consent, which are then sent in any order."""


def enrolled(folder: Path, port: int, http: httpx2.Client) -> Adapter:
    """Enrol every partner of the territory at the served broker and agree; returns the one that refers."""
    broker, url = broker_of(folder, f"sqlite:///{folder / 'first.sqlite'}", port), f"http://127.0.0.1:{port}"
    players = {each.slug: prepare(each, settle(folder, _TERRITORY, each, url), http) for each in _TERRITORY.partners}
    adapters = {slug: join(broker, player, http) for slug, player in players.items()}
    _read_journal(broker, adapters.values())
    agree(broker, _TERRITORY, players, adapters)
    sender = adapters[_TERRITORY.requester]
    sender.refresh_agreements()
    broker.store.close()
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


def sealed_referrals(adapter: Adapter, count: int) -> list[bytes]:
    """So many sealed referrals that may pass, none of them sent yet, in no order; forty rest on one consent."""
    wires = [wire for _ in range(0, count, _USES) for wire in _under_one_consent(adapter)]
    random.Random(0).shuffle(wires)  # noqa: S311 - the same order in every run
    return wires[:count]


def _under_one_consent(adapter: Adapter) -> list[bytes]:
    """The first is written as every referral is; the others are its like, each sealed and signed anew."""
    file = read_referral(strictjson.dumps(example("referral-laval") | {"consent": _consent(adapter)}))
    queued = adapter.send(file)
    assert isinstance(queued, Queued), queued
    with adapter.office.store.transaction() as tx:
        first = tx.traffic.waiting(queued.ref)[0].body
    header = UnverifiedEnvelope.parse(first).header
    assert isinstance(header, ReferralHeader)
    return [first, *_its_like(adapter, header, file)]


def _its_like(adapter: Adapter, header: ReferralHeader, file: ReferralFile) -> list[bytes]:
    office, sections = adapter.office, file.sections.present()
    with office.store.transaction() as tx:
        held = next(each for each in tx.papers.agreements() if each.document.ref == header.agreement)
    recipient = recipient_key(office, held, header.to)
    others = (header.model_copy(update={"id": new_id("env"), "ref": new_id("ref")}) for _ in range(_USES - 1))
    return [seal(other, sections, office.signer(), recipient) for other in others]


def _consent(adapter: Adapter) -> str:
    """Record and register a consent good for so many referrals; returns the id of its record."""
    written = example("consent-laval") | {"max_uses": _USES}
    events = [event | {"event_time": format_time(utc_now())} for event in written["events"]]
    recorded, _ = adapter.record_consent(read_consent(strictjson.dumps(written | {"events": events})))
    with adapter.office.store.transaction() as tx:
        shipped = tx.traffic.waiting(recorded.statement.id)
    adapter.client.register_statement(*read_registration(shipped[0].body))
    return recorded.record_id


class Proving:
    """Makes requests of sealed referrals: with a token that is good everywhere, and a fresh proof for each."""

    def __init__(self, adapter: Adapter, http: httpx2.Client) -> None:
        """Sign in at the broker that serves at the public URL."""
        pins, identity = adapter.office.pins, adapter.office.identity
        self._issuer, self._proofs = adapter.settings.gateway, ProofKey()
        self._token = AccessTokens(Exchange(http), pins, identity.client_key(utc_now()), utc_now, self._proofs).token()
        self._http = http

    def requests(self, port: int, wires: Iterable[bytes]) -> list[bytes]:
        """One request for each, to the process of the broker at `port`: all of them accept each other's nonces."""
        nonce = self._http.get(f"http://127.0.0.1:{port}/healthz").headers["dpop-nonce"]
        return [request("/v1/envelopes", port, wire, self._signed(nonce)) for wire in wires]

    def _signed(self, nonce: str) -> str:
        url, token = f"{self._issuer}/v1/envelopes", self._token
        proof = self._proofs.proof("POST", url, utc_now(), nonce=nonce, token=token)
        return f"Authorization: DPoP {token}\r\nDPoP: {proof}\r\n"
