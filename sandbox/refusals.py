"""What does not pass: a section nobody agreed to, a thief, a change of mind, a lost key, an agreement that ended.

Every refusal is a real one: the broker that the demonstration runs says no, and the story stops if it says yes.
"""

from __future__ import annotations

from functools import partial

import httpx2

from adapters.consents import Recorded, read_consent
from adapters.outgoing import Queued
from adapters.own_keys import import_statement, request_revocation
from adapters.partner import Adapter
from adapters.referral import ReferralFile, read_referral
from consent.envelope import UnverifiedEnvelope
from consent.passage import Refused
from consent.withdrawal_code import shown
from gateway import protocols
from keys import strictjson
from keys.documents import format_time
from sandbox.attacks import Thief, changed_on_the_way
from sandbox.scene import Scene, StoryError, entries, queued, until
from sandbox.stage import example, now
from sandbox.witnessing import confirm

__all__ = ["refuse"]


def refuse(scene: Scene, http: httpx2.Client, service: str) -> None:
    """Play every refusal, the one that ends the agreement last."""
    scene.narrator.scene("refusals")
    _section_not_granted(scene, service)
    _thief(scene, http, service)
    _withdrawn_before_pick_up(scene, service)
    _withdrawn_after_delivery(scene, service)
    _revoked_key(scene, service)
    _agreement_ended(scene, service)


def _section_not_granted(scene: Scene, service: str) -> None:
    consent = _allow(scene, 2)
    answer = scene.requester.send(_referral(scene, consent, service, "housing"))
    _expect(scene, "section", answer.because if isinstance(answer, Refused) else "", "section-not-granted")


def _thief(scene: Scene, http: httpx2.Client, service: str) -> None:
    sent = _send(scene, _allow(scene, 3), service)
    wire, requester = _kept(scene, sent), scene.requester
    thief = Thief(http, requester, requester.office.identity.client_key(now()), now)
    _expect(scene, "stolen-token", thief.token_without_its_key(), "token-wrong-key")
    _expect(scene, "recorded-call", thief.recorded_call(), "proof-replayed")
    _expect(scene, "tampered", changed_on_the_way(requester, wire), "digest-mismatch")
    size = entries(scene)
    again = requester.client.deposit(wire)
    if entries(scene) != size:
        raise StoryError("demo-stopped", "/replay")
    scene.narrator.tell("replayed", index=again.index)
    until(lambda: _arrived(scene, sent.ref), "thief")


def _withdrawn_before_pick_up(scene: Scene, service: str) -> None:
    consent = _allow(scene, 4)
    sent = _send(scene, consent, service)
    code = consent.receipt.withdrawal_code
    if code is None:
        raise StoryError("demo-stopped", "/code")
    scene.narrator.tell("code", said=shown(code))
    scene.bystander.client.withdraw_by_code(code)
    with scene.broker.store.reading() as tx:
        kept = tx.envelopes.get(sent.envelope)
    if kept is None or kept.wire is not None:
        raise StoryError("demo-stopped", "/destroyed")
    scene.narrator.tell("destroyed")
    for partner in (scene.requester, scene.owner):
        until(partial(_told, partner, sent.ref), "told")
    scene.narrator.tell("both-told")


def _withdrawn_after_delivery(scene: Scene, service: str) -> None:
    consent = _allow(scene, 5)
    sent = _send(scene, consent, service)
    until(lambda: _arrived(scene, sent.ref), "delivered")
    code = consent.receipt.withdrawal_code
    scene.bystander.client.withdraw_by_code(code or "")
    until(partial(_told, scene.owner, sent.ref), "withdrawn")
    answered = scene.owner.answer_withdrawal(sent.ref, "deleted")
    if isinstance(answered, Refused):
        raise StoryError(answered.because, answered.pointer)
    scene.owner.outbox.flush()
    if scene.owner.show(sent.ref).contents:
        raise StoryError("demo-stopped", "/deleted")
    scene.narrator.tell("deleted")


def _revoked_key(scene: Scene, service: str) -> None:
    sent = _send(scene, _allow(scene, 6), service)
    block = UnverifiedEnvelope.parse(_kept(scene, sent)).payload.key
    if block is None:
        raise StoryError("demo-stopped", "/key")
    office, root = scene.owner.office, scene.players[scene.territory.owner].enrolled.root
    import_statement(office, request_revocation(office, block.kid, "compromised").sign(root))
    scene.owner.outbox.flush()
    scene.narrator.tell("key-revoked")
    confirm(scene)
    until(lambda: bool(scene.requester.sync().resent), "resent")
    until(lambda: _arrived(scene, sent.ref), "sealed-again")
    scene.narrator.tell("sealed-again")


def _agreement_ended(scene: Scene, service: str) -> None:
    consent = _allow(scene, 7)
    agreement = scene.requester.agreements()[0].document
    with scene.broker.store.transaction() as tx:
        at = tx.journal.lock(scene.broker.clock())
        registered = tx.agreements.get(agreement.id, agreement.version)
        if registered is None:
            raise AssertionError  # every partner signed it in this very database
        protocols.change_state(scene.broker, tx, registered[0], "ended", at)
    queued(scene.requester.send(_referral(scene, consent, service)))
    refused = scene.requester.outbox.flush().refused
    _expect(scene, "agreement-ended", refused[0][1] if refused else "", "agreement-ended")


def _allow(scene: Scene, number: int) -> Recorded:
    """Another invented person agrees to less: what is said of housing stays between them and the worker."""
    written = example(f"consent-{scene.territory.slug}")
    question = written["processing"]["purposes"][0] | {"sections": ["identity", "contact", "situation", "worker"]}
    answer = written["events"][0] | {"event_time": format_time(now())}
    processing = written["processing"] | {"purposes": [question]}
    file = written | {"person": f"dossier-invente-{number:04}", "processing": processing, "events": [answer]}
    recorded, _ = scene.requester.record_consent(read_consent(strictjson.dumps(file)))
    return recorded


def _referral(scene: Scene, consent: Recorded, service: str, *more: str) -> ReferralFile:
    written = example(f"referral-{scene.territory.slug}")
    wanted = {"identity", "contact", "situation", "worker", *more}
    sections = {code: said for code, said in written["sections"].items() if code in wanted}
    file = written | {"consent": consent.record_id, "service": service, "sections": sections}
    return read_referral(strictjson.dumps(file))


def _send(scene: Scene, consent: Recorded, service: str) -> Queued:
    sent = queued(scene.requester.send(_referral(scene, consent, service)))
    scene.requester.outbox.flush()
    return sent


def _kept(scene: Scene, sent: Queued) -> bytes:
    """The sealed bytes, as they wait at the broker."""
    with scene.broker.store.reading() as tx:
        kept = tx.envelopes.get(sent.envelope)
    if kept is None or kept.wire is None:
        raise StoryError("demo-stopped", "/send")
    return kept.wire


def _arrived(scene: Scene, ref: str) -> bool:
    scene.owner.sync()
    return any(referral.ref == ref for referral in scene.owner.referrals("received"))


def _told(partner: Adapter, ref: str) -> bool:
    partner.sync()
    return any(notice.header.ref == ref for notice in partner.notices())


def _expect(scene: Scene, key: str, said: str, expected: str) -> None:
    """Tell a refusal in the broker's own words; stop when it is not the one that was to come."""
    if said != expected:
        raise StoryError("demo-stopped", f"/{key}")
    scene.narrator.tell(key, why=scene.narrator.word(f"error.{said}.title"))
