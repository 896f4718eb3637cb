"""An agreement that newcomers may join, at the broker: proposed, signed, put in force, and referrals under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from httpx2 import Response

from consent.agreement import Agreement, AgreementState
from gateway import protocols
from gateway.enrolments import Enrolment, enrol
from gateway.store.transaction import Transaction
from keys.documents import encode, format_time, sha256_hex
from tests.builders import DAY, PARTIES, agreement_signature, event_envelope, event_members, root_key
from tests.gateway.first_day import PARTNER_SCOPES, SETTINGS, broker_keys, statements_of
from tests.gateway.partner import Partner
from tests.gateway.world import World, envelope_id
from tests.partnership import amended, founding

NAME = "agr_" + "f" * 26
"""The id of this agreement, beside the one that every world has in force."""


def first_version(changes: Mapping[str, object] | None = None) -> Agreement:
    """Its first version, naming the broker of the tests."""
    own = {"/id": NAME, "/broker/journal": [str(vkey) for vkey in broker_keys().signer(1).vkeys]}
    return amended(founding(), own | dict(changes or {}))


@dataclass
class Growing:
    """The agreement in one world."""

    world: World

    def enrolled(self, address: str) -> Partner:
        """A newcomer that the operator admitted among the partners."""
        enrolment = Enrolment(address, "Organisme Inventé", "CA-QC", tuple(statements_of(address)))
        heard = root_key(address).public.fingerprint
        self.world.act(lambda tx, at: enrol(SETTINGS, tx, enrolment, heard=heard, scopes=PARTNER_SCOPES, at=at))
        partner = self.world.partners[address] = Partner(self.world, address)
        return partner

    def proposed(self, document: Agreement) -> Agreement:
        """Have the operator propose a version."""
        self.world.act(lambda tx, at: protocols.propose(self.world.broker, tx, encode(document), at))
        return document

    def signed(self, document: Agreement, signers: Iterable[str]) -> list[str]:
        """Have these parties bring their signatures; who is still missing after the last one."""
        missing: list[str] = []
        for address in signers:
            missing = self.sign(document, address).json()["missing"]
        return missing

    def sign(self, document: Agreement, address: str) -> Response:
        """One party's signature, over the network."""
        path = f"/v1/agreements/{document.id}/{document.version}/signatures"
        body = agreement_signature(document, address).encode()
        return self.world.partners[address].post(path, body, "agreement-signature")

    def change(self, document: Agreement, state: AgreementState) -> None:
        """Have the operator change the state of a version; raises `ProblemError`."""
        world = self.world

        def act(tx: Transaction, at: datetime) -> None:
            found = tx.agreements.get(document.id, document.version)
            assert found is not None
            protocols.change_state(world.broker, tx, found[0], state, at)

        world.act(act)

    def in_force(self, document: Agreement, signers: Iterable[str] = tuple(PARTIES)) -> Agreement:
        """A version proposed, signed by these parties, and put in force."""
        self.signed(self.proposed(document), signers)
        self.change(document, "in-force")
        return document

    def step(self, document: Agreement, transition: str, number: int, **event: object) -> bytes:
        """A step that the shelter takes under a version; `number` makes the envelope's id and its `seq`."""
        changes: dict[str, object] = {
            **under(document),
            "/id": envelope_id(number),
            "/seq": number,
            "/iat": format_time(self.world.clock.at),
            "/exp": format_time(self.world.clock.at + DAY),
            "/event": {"transition": transition, **event},
        }
        return event_envelope(event_members(changes))

    def missing(self, document: Agreement) -> list[str]:
        """Who has still to sign a version, as the operator sees it."""
        with self.world.broker.store.reading() as tx:
            found = tx.agreements.get(document.id, document.version)
            assert found is not None
            return protocols.missing_signatures(tx, found[0])


def under(document: Agreement) -> dict[str, object]:
    """The changes by which a header of the builders names this version."""
    return {"/agreement": document.ref, "/agreement_sha256": sha256_hex(encode(document))}


CONSENTED: dict[str, object] = {f"/grants/{number}/agreement": NAME for number in range(2)}
"""The changes by which the builders' consent allows what this agreement covers."""
