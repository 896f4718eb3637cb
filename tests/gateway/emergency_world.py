"""A world whose agreement provides for emergencies, with auditors who read why nobody could be asked.

The auditors are enrolled and the second version of the agreement put in force on the day of the test.
"""

from __future__ import annotations

from collections.abc import Mapping

from httpx2 import Response

from consent.agreement import Agreement
from consent.envelope import UnverifiedEnvelope
from gateway import protocols
from gateway.enrolments import Enrolment, enrol
from gateway.store.transaction import Transaction
from keys import strictjson
from keys.documents import encode, format_time, sha256_hex
from keys.identity import SigningKey
from keys.signing import sign
from tests.builders import (
    ABSENT,
    AUDITORS,
    LINE,
    Json,
    agreement,
    agreement_signature,
    emergency_members,
    emergency_terms,
    justification_members,
    root_key,
    sealed_envelope,
    signing_key,
)
from tests.gateway.first_day import CANARY, PARTNER_SCOPES, SETTINGS, broker_keys, statements_of, the_agreement
from tests.gateway.partner import Partner
from tests.gateway.world import World

WHY = f"{CANARY} ne répond plus, son téléphone non plus"
"""What the invented worker tells the auditors."""


def _second_version() -> Agreement:
    first = the_agreement()
    changes = {
        **emergency_terms(),
        "/version": 2,
        "/prev": sha256_hex(encode(first)),
        "/broker/journal": [str(vkey) for vkey in broker_keys().signer(1).vkeys],
        "/articles/0/sections/6": "documents",
    }
    return agreement(changes)


class Emergencies:
    """What tests of emergencies say and send; every document is valid but for its changes."""

    def __init__(self, world: World) -> None:
        """Enrol the auditors and put the agreement with them in force."""
        self.world = world
        self.agreement = _second_version()
        world.act(lambda tx, _: self._begin(tx))
        world.partners[AUDITORS] = self.auditors = Partner(world, AUDITORS)

    def _begin(self, tx: Transaction) -> None:
        now = self.world.clock()
        enrolment = Enrolment(AUDITORS, "Conseil d’audit Inventé", "CA-QC", tuple(statements_of(AUDITORS)))
        heard = root_key(AUDITORS).public.fingerprint
        enrol(SETTINGS, tx, enrolment, heard=heard, scopes=PARTNER_SCOPES, at=now)
        registered = protocols.propose(self.world.broker, tx, encode(self.agreement), now)
        for party in self.agreement.parties:
            protocols.sign(tx, registered, agreement_signature(self.agreement, party.address), party.address, now)
        protocols.change_state(self.world.broker, tx, registered, "in-force", now)

    def terms(self) -> dict[str, object]:
        """The changes by which a header names this agreement."""
        return {"/agreement": self.agreement.ref, "/agreement_sha256": sha256_hex(encode(self.agreement))}

    def justification(self, changes: Mapping[str, object] | None = None) -> bytes:
        """The sealed message to the auditors."""
        members = justification_members({**self.terms(), **(changes or {})})
        text = {"justification": strictjson.dumps({"text": WHY})}
        return sealed_envelope(members, text)

    def referral_members(self, justified: bytes, changes: Mapping[str, object] | None = None) -> Json:
        """The header of a referral that names a justification."""
        message = UnverifiedEnvelope.parse(justified)
        named = {"envelope": message.header.id, "sha256": message.signed.sha256}
        usual = {**self.terms(), "/seq": 1, "/emergency/justification": named}
        return emergency_members({**usual, **(changes or {})})

    def referral(self, justified: bytes, changes: Mapping[str, object] | None = None) -> bytes:
        """The sealed referral that goes without consent."""
        return sealed_envelope(self.referral_members(justified, changes), {"identity": CANARY.encode()})

    def declared(self) -> bytes:
        """A referral that was accepted under an emergency."""
        justified = self.justification()
        assert self.world.line.deposit(justified).status_code == 201
        wire = self.referral(justified)
        answer = self.world.line.deposit(wire)
        assert answer.status_code == 201, answer.text
        return wire

    def review(self, wire: bytes, changes: Mapping[str, object] | None = None, by: str = LINE) -> bytes:
        """A signed review by a second person that finds the emergency justified, with changes."""
        return signed_review(self.world, wire, changes, signing_key(by), by)

    def post_review(self, wire: bytes, document: bytes, by: str = LINE) -> Response:
        """Bring a review to where the one of this referral belongs."""
        path = f"/v1/emergencies/{UnverifiedEnvelope.parse(wire).header.id}/review"
        return self.world.partners[by].post(path, document, "emergency-review")


def signed_review(
    world: World, wire: bytes, changes: Mapping[str, object] | None, signer: SigningKey, by: str
) -> bytes:
    """A review of the referral on the wire, by whoever signs."""
    envelope = UnverifiedEnvelope.parse(wire)
    members: dict[str, object] = {
        "v": 1,
        "by": by,
        "envelope": envelope.header.id,
        "payload_sha256": envelope.signed.sha256,
        "reviewer": "coord-2",
        "verdict": "justified",
        "at": format_time(world.clock.at),
    }
    made = {**members, **(changes or {})}
    payload = strictjson.dumps({name: value for name, value in made.items() if value is not ABSENT})
    return sign("emergency-review", payload, (signer,)).encode()
