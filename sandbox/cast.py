"""The partners of the story: each makes its own keys in its own folder, and works through its own adapter.

Nothing here is a shortcut: a partner is enrolled by the fingerprint it reads aloud, and signs with its own root.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from adapters.assembly import connector, furnish, utc_now
from adapters.enrolment import Enrolled, KeyFiles, enrol, write_enrolment
from adapters.partner import Adapter
from adapters.pins import fetch_pins
from adapters.settings import Settings
from adapters.store.migrate import migrate
from adapters.store.store import Store
from consent.vocabulary import SCOPES
from gateway import enrolments, protocols
from gateway.broker import Broker
from keys import strictjson
from keys.documents import encode
from keys.files import write_private
from keys.identity import RootPublic
from sandbox.territories import Partner, Territory

__all__ = ["Player", "agree", "join", "prepare", "settle"]


@dataclass(frozen=True)
class Player:
    """A partner with its keys made: what it reads aloud on the phone, and the file it sends to the operator."""

    partner: Partner
    settings: Settings
    enrolled: Enrolled
    enrolment: Path

    @property
    def root(self) -> RootPublic:
        """What it reads aloud the fingerprint of."""
        return self.enrolled.root.public


def settle(folder: Path, territory: Territory, partner: Partner, gateway_url: str) -> Settings:
    """Make a partner's folder and database, and the settings its IT person would write."""
    settings = Settings(
        address=territory.address(partner.slug),
        legal_name=partner.legal_name,
        jurisdiction=territory.jurisdiction,
        gateway=gateway_url,
        data=folder / partner.slug,
        author="equipe",
        contact_phone=partner.phone,
    )
    migrate(settings.database)
    return settings


def prepare(partner: Partner, settings: Settings, http: httpx2.Client) -> Player:
    """Pin the gateway, make the partner's keys, and write the file it sends to the operator."""
    passphrase = secrets.token_urlsafe(24)
    write_private(settings.pins, encode(fetch_pins(http, settings.gateway)))
    store = Store.open(settings.database)
    files = KeyFiles(settings.keystore, passphrase, settings.root_file, passphrase)
    enrolled = enrol(settings.address, store, files, utc_now())
    enrolment = settings.data / "enrolment.json"
    write_enrolment(enrolment, store, settings.address, settings.legal_name, settings.jurisdiction)
    store.close()
    return Player(partner, settings, enrolled, enrolment)


def join(broker: Broker, player: Player, http: httpx2.Client) -> Adapter:
    """The operator adds the partner by the fingerprint heard on the phone; its adapter starts."""
    enrolment = enrolments.read_enrolment(player.enrolment.read_bytes())
    with broker.store.transaction() as tx:
        at = tx.journal.lock(broker.clock())
        heard = player.root.fingerprint
        enrolments.enrol(broker.settings, tx, enrolment, heard=heard, scopes=SCOPES, at=at)
    office = furnish(player.settings, lambda: player.enrolled.identity)
    return Adapter(player.settings, office, connector(office.pins, http)(office.identity.client_key(office.now())))


def agree(broker: Broker, territory: Territory, players: Mapping[str, Player], adapters: Mapping[str, Adapter]) -> str:
    """Propose the agreement, have every party sign it with its root, put it in force; returns `id@version`."""
    fingerprints = {slug: player.root.fingerprint for slug, player in players.items()}
    pins = next(iter(adapters.values())).office.pins
    payload = strictjson.dumps(territory.agreement(pins, fingerprints, broker.clock()))
    with broker.store.transaction() as tx:
        proposed = protocols.propose(broker, tx, payload, tx.journal.lock(broker.clock()))
    ref = proposed.document.ref
    heard = {territory.address(slug): fingerprint for slug, fingerprint in fingerprints.items()}
    for slug, adapter in adapters.items():
        _sign(adapter, players[slug], ref, heard)
    with broker.store.transaction() as tx:
        at = tx.journal.lock(broker.clock())
        signed = tx.agreements.get(proposed.document.id, proposed.document.version)
        if signed is None:
            raise AssertionError  # it was proposed above, in this very database
        protocols.change_state(broker, tx, signed[0], "in-force", at)
    return ref


def _sign(adapter: Adapter, player: Player, ref: str, heard: Mapping[str, str]) -> None:
    """A party reads what it signs, types what it heard of the others, and signs with its root."""
    adapter.refresh_agreements()
    typed = {address: code for address, code in heard.items() if address != adapter.office.address}
    adapter.sign_agreement(ref, player.enrolled.root, typed)
    adapter.outbox.flush()
