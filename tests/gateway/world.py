"""A ready broker of the invented territory: its four partners enrolled, their agreement in force, and signed in.

Everything is real: the database, the application behind ASGI, tokens, proofs, keys and sealed envelopes. Only the
clock is held. The database is made once and copied for each test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.broker import Broker
from gateway.sequencer.integration import integrate
from gateway.store.store import Store
from journal.entries import Entry, open_leaf, read_leaf
from keys import strictjson
from keys.documents import format_time
from keys.identity import verifier
from keys.signing import SignedDocument
from tests.builders import (
    AT,
    BROKER,
    DAY,
    ENVELOPE_ID,
    LINE,
    PARTIES,
    SHELTER,
    Json,
    event_envelope,
    event_members,
    message_members,
    referral_members,
    sealed_envelope,
)
from tests.gateway.contract import check_documented
from tests.gateway.first_day import CANARY, SETTINGS, SHARED_ENTRIES, broker_keys, header_changes
from tests.gateway.partner import Partner
from tests.gateway.sign_in import URL, HeldClock


class World:
    """The broker, its clock, its application, and its partners by address."""

    def __init__(self, store: Store) -> None:
        """Serve a database that was made by `make_database`."""
        self.clock = HeldClock(AT)
        self.broker = Broker(SETTINGS, store, broker_keys(), self.clock)
        self.app: FastAPI = create_app(self.broker)
        self.client = TestClient(self.app, base_url=URL, raise_server_exceptions=False)
        self.client.event_hooks = {"response": [check_documented]}
        self.partners = {address: Partner(self, address) for address in PARTIES}

    @property
    def line(self) -> Partner:
        """The 211 line, which refers."""
        return self.partners[LINE]

    @property
    def shelter(self) -> Partner:
        """The shelter, to which it refers."""
        return self.partners[SHELTER]

    def act(self, job: Any) -> Any:  # noqa: ANN401 - whatever the job gives
        """Run a job with (transaction, moment), as an operator's command would."""
        with self.broker.store.transaction() as tx:
            return job(tx, tx.journal.lock(self.clock()))

    def integrate(self) -> None:
        """Publish what the journal holds, as the sequencer does."""
        self.act(lambda tx, at: integrate(tx, self.broker.keys.signer, at))

    def entries(self) -> list[Entry]:
        """Every entry of the journal, each checked against its leaf."""
        with self.broker.store.reading() as tx:
            leaves = tx.journal.leaves(0, tx.journal.head().size)
            openings = dict(tx.journal.openings(len(leaves)))
        return [
            open_leaf(leaf, openings[index], index) if index in openings else read_leaf(leaf, index).entry  # type: ignore[union-attr]  # a leaf without opening is clear
            for index, leaf in enumerate(leaves)
        ]

    def types(self) -> list[str]:
        """The types of the entries that came after the beginning that all tests share."""
        return [entry.type for entry in self.entries()[SHARED_ENTRIES:]]

    def referral(self, changes: Mapping[str, object] | None = None) -> bytes:
        """A sealed referral from the line to the shelter that holds the canary."""
        members = referral_members({**header_changes(), **(changes or {})})
        return sealed_envelope(members, {"identity": CANARY.encode()})

    def message(self, changes: Mapping[str, object] | None = None) -> bytes:
        """A message that the line adds to its referral."""
        return sealed_envelope(message_members({**header_changes(), "/seq": 1, **(changes or {})}))

    def event(self, transition: str, number: int, **event: object) -> bytes:
        """An event by which the shelter takes a step; `number` makes its id and its `seq`."""
        changes: dict[str, object] = {
            **header_changes(),
            "/id": envelope_id(number),
            "/seq": number,
            "/iat": format_time(self.clock.at),
            "/exp": format_time(self.clock.at + 7 * DAY),
            "/event": {"transition": transition, **event},
        }
        return event_envelope(event_members(changes))

    def deposited(self) -> bytes:
        """A referral that was accepted, its consent having been registered."""
        assert self.line.register().status_code == 201
        wire = self.referral()
        answer = self.line.deposit(wire)
        assert answer.status_code == 201, answer.text
        return wire

    def picked_up(self) -> bytes:
        """A referral that the shelter holds and has acknowledged."""
        wire = self.deposited()
        assert len(self.shelter.lease()) == 1
        assert self.shelter.post("/v1/acks", self.shelter.ack(wire), "ack").status_code == 200
        return wire


def envelope_id(number: int) -> str:
    """An envelope id, one for each number under 25, none of them the builders’ own."""
    return ENVELOPE_ID[:-1] + "acdefghijklmnopqrstuvwxyz"[number]


def receipt_of(answer: Response) -> Json:
    """The payload of a receipt, its signature by the broker's receipts key verified."""
    signed = SignedDocument.parse(answer.content, "receipt")
    signed.verify((verifier(BROKER, "receipts", broker_keys().receipts.public_bytes),))
    return dict(strictjson.loads(signed.payload, limit=10_000))


def slug(answer: Response) -> str:
    """The slug of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["status"] == answer.status_code
    return str(answer.json()["type"].rpartition("/")[2])


def refusal_of(answer: Response) -> tuple[int, str]:
    """The status and slug of a problem."""
    return answer.status_code, slug(answer)
