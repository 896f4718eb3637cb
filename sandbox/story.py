"""One referral from consent to outcome, as those who take part live it."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import httpx2

from adapters.consents import read_consent
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.pins import fetch_pins
from adapters.referral import read_referral
from adapters.rendering import section_lines
from consent.passage import Refused
from consent.receipt import receipt_text
from consent.vocabulary import OUTCOMES, PURPOSES, label
from gateway.broker import Broker
from keys import strictjson
from keys.documents import format_time
from keys.identity import fingerprint_digits
from sandbox.auditing import audit
from sandbox.cast import agree, join, prepare, settle
from sandbox.forgetting import copy_database, forget
from sandbox.narrator import Narrator
from sandbox.refusals import refuse
from sandbox.scene import Scene, StoryError, entries, queued, until
from sandbox.stage import example, import_directory, now, open_broker
from sandbox.territories import Territory
from sandbox.witnessing import confirm, keep_proof

__all__ = ["play"]


def play(territory: Territory, folder: Path, narrator: Narrator, over: threading.Event, seconds: float | None) -> None:
    """Play the whole story, then keep the broker up until `over` is set or for `seconds`."""
    narrator.say("demo.opening", territory=narrator.word(f"territory.{territory.slug}"))
    with open_broker(folder, territory.slug) as broker, httpx2.Client(trust_env=False, timeout=40) as http:
        scene = _gather(territory, folder, broker, http, narrator)
        consent = _consent(scene, _search(scene))
        _watch(scene)
        sent = _send(scene, consent)
        _receive(scene, sent.ref)
        _help(scene, sent.ref)
        _follow(scene, sent)
        copy = copy_database(scene)
        refuse(scene, http, consent[1])
        audit(scene)
        forget(scene, copy)
        narrator.say("demo.staying", url=broker.settings.public_url, folder=folder)
        over.wait(seconds)
        narrator.say("demo.closing")


def _gather(territory: Territory, folder: Path, broker: Broker, http: httpx2.Client, narrator: Narrator) -> Scene:
    url = broker.settings.public_url
    narrator.scene("broker")
    narrator.tell("broker", url=url, origin=fetch_pins(http, url).journal.origin)
    narrator.tell("directory", count=import_directory(broker, territory))
    narrator.scene("partners")
    players = {each.slug: prepare(each, settle(folder, territory, each, url), http) for each in territory.partners}
    adapters = {}
    for slug, player in players.items():
        adapters[slug] = join(broker, player, http)
        digits = fingerprint_digits(player.root)
        narrator.tell("partner", name=player.partner.legal_name, address=player.settings.address, digits=digits[:23])
    narrator.scene("agreement")
    scene = Scene(territory, folder, broker, players, adapters, narrator)
    until(lambda: all(_knows_everyone(scene, adapter) for adapter in adapters.values()), "keys")
    ref = agree(broker, territory, players, adapters)
    for adapter in adapters.values():
        adapter.refresh_agreements()
    narrator.tell("agreement", count=len(players), agreement=ref.partition("@")[0][:12])
    return scene


def _knows_everyone(scene: Scene, adapter: Adapter) -> bool:
    return adapter.read_journal() >= entries(scene)


def _search(scene: Scene) -> str:
    scene.narrator.scene("search")
    found = scene.requester.search_services({"purpose": "referral-shelter", "partner_only": True, "open_now": True})
    for match in found:
        scene.narrator.tell("found", name=match["service"]["name"])
    return str(found[0]["service"]["id"])


def _consent(scene: Scene, service: str) -> tuple[str, str]:
    narrator = scene.narrator
    narrator.scene("consent")
    written = example(f"consent-{scene.territory.slug}")
    # The answers of the example are given now: a consent is limited in time.
    events = [event | {"event_time": format_time(now())} for event in written["events"]]
    recorded, paths = scene.requester.record_consent(read_consent(strictjson.dumps(written | {"events": events})))
    for agreed in recorded.receipt.agreed:
        narrator.tell("agreed", purpose=label(PURPOSES[agreed.purpose], narrator.language))
    for refused in recorded.receipt.refused:
        narrator.tell("refused", purpose=label(PURPOSES[refused.purpose], narrator.language))
    narrator.scene("receipt")
    narrator.quote(receipt_text(recorded.receipt, narrator.language))
    narrator.tell("receipt", path=paths[-1].parent)
    return recorded.record_id, service


def _watch(scene: Scene) -> None:
    """The requester trusts the key of the shelter once a partner has seen the same journal."""
    narrator = scene.narrator
    narrator.scene("watch")
    found = confirm(scene)
    narrator.tell("confirmed", size=found.size, seen_by=", ".join(found.confirmation.seen_by))


def _send(scene: Scene, consent: tuple[str, str]) -> Queued:
    narrator = scene.narrator
    narrator.scene("send")
    written = example(f"referral-{scene.territory.slug}")
    file = read_referral(strictjson.dumps(written | {"consent": consent[0], "service": consent[1]}))
    sent = queued(scene.requester.send(file))
    scene.requester.outbox.flush()
    with scene.broker.store.reading() as tx:
        kept = tx.envelopes.get(sent.envelope)
    if kept is None or kept.wire is None:
        raise StoryError("demo-stopped", "/send")
    narrator.tell("sealed", size=len(kept.wire), count=len(file.sections.present()))
    narrator.tell("journalled", index=kept.index)
    return sent


def _receive(scene: Scene, ref: str) -> None:
    narrator, owner = scene.narrator, scene.owner
    narrator.scene("receive")
    until(lambda: bool(owner.sync().arrivals and owner.referrals("received")), "receive")
    narrator.tell("stored")
    _step(scene, owner.seen(ref))
    dossier = owner.show(ref)
    for content in dossier.contents:
        for code, said in content.sections.items():
            narrator.quote("\n".join(section_lines(code, said, narrator.language)))
    _step(scene, owner.accept(ref))
    narrator.tell("accepted")


def _help(scene: Scene, ref: str) -> None:
    narrator, owner = scene.narrator, scene.owner
    narrator.scene("help")
    _step(scene, owner.hold(ref, "waitlisted", now() + timedelta(hours=2)))
    narrator.tell("waiting")
    _step(scene, owner.resume(ref))
    narrator.tell("place")
    _step(scene, owner.complete(ref, "place-given"))
    narrator.tell("completed", outcome=label(OUTCOMES["place-given"], narrator.language))


def _follow(scene: Scene, sent: Queued) -> None:
    narrator, requester = scene.narrator, scene.requester
    narrator.scene("follow")
    until(lambda: _sees_the_end(requester, sent.ref), "follow")
    for step in requester.show(sent.ref).steps:
        narrator.tell("step", line=narrator.step(step))
    proof = keep_proof(scene, sent.envelope)
    narrator.tell("proof", index=proof.index, seen_by=", ".join(proof.seen_by), path=proof.path)


def _sees_the_end(requester: Adapter, ref: str) -> bool:
    requester.sync()
    return requester.show(ref).state.status == "completed"


def _step(scene: Scene, answer: Queued | Refused) -> None:
    queued(answer)
    scene.owner.outbox.flush()
