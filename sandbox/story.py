"""One referral from consent to outcome, as those who take part live it."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import httpx2

from adapters.consents import read_consent
from adapters.outgoing import Queued
from adapters.partner import Adapter
from adapters.referral import read_referral
from adapters.rendering import section_lines
from consent.passage import Refused
from consent.receipt import receipt_text
from consent.vocabulary import OUTCOMES, PURPOSES, label
from gateway.audit_bundles import export_bundle
from gateway.broker import Broker
from journal.bundle import Bundle
from journal.replay import verify
from keys import strictjson
from keys.documents import format_time
from keys.identity import fingerprint_digits
from sandbox.cast import agree, join, prepare, settle
from sandbox.narrator import Narrator
from sandbox.refusals import refuse
from sandbox.scene import Scene, StoryError, queued, until
from sandbox.stage import example, import_directory, now, open_broker
from sandbox.territories import Territory

__all__ = ["play"]


def play(territory: Territory, folder: Path, narrator: Narrator, over: threading.Event, seconds: float | None) -> None:
    """Play the whole story, then keep the broker up until `over` is set or for `seconds`."""
    narrator.say("demo.opening", territory=narrator.word(f"territory.{territory.slug}"))
    with open_broker(folder, territory.slug) as broker, httpx2.Client(trust_env=False, timeout=40) as http:
        scene = _gather(territory, folder, broker, http, narrator)
        consent = _consent(scene, _search(scene))
        ref = _send(scene, consent)
        _receive(scene, ref)
        _help(scene, ref)
        _follow(scene, ref)
        refuse(scene, http, consent[1])
        _audit(scene)
        narrator.say("demo.staying", url=broker.settings.public_url, folder=folder)
        over.wait(seconds)
        narrator.say("demo.closing")


def _gather(territory: Territory, folder: Path, broker: Broker, http: httpx2.Client, narrator: Narrator) -> Scene:
    url = broker.settings.public_url
    narrator.scene("broker")
    narrator.tell("broker", url=url, origin=broker.keys.journal.origin)
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
    with scene.broker.store.reading() as tx:
        size = tx.journal.head().size
    return adapter.read_journal() >= size


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


def _send(scene: Scene, consent: tuple[str, str]) -> str:
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
    return sent.ref


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


def _follow(scene: Scene, ref: str) -> None:
    narrator, requester = scene.narrator, scene.requester
    narrator.scene("follow")
    until(lambda: _sees_the_end(requester, ref), "follow")
    for step in requester.show(ref).steps:
        narrator.tell("step", line=narrator.step(step))


def _sees_the_end(requester: Adapter, ref: str) -> bool:
    requester.sync()
    return requester.show(ref).state.status == "completed"


def _audit(scene: Scene) -> None:
    narrator = scene.narrator
    narrator.scene("audit")
    path = scene.folder / "journal.zip"
    with path.open("wb") as out:
        export_bundle(scene.broker, out, now())
    with Bundle.open(path) as bundle:
        report = verify(bundle, scene.broker.keys.journal.vkeys)
    if not (report.holds and report.complete):
        raise StoryError("demo-stopped", "/audit")
    narrator.tell("audited", entries=report.checkpoint.size, path=path)


def _step(scene: Scene, answer: Queued | Refused) -> None:
    queued(answer)
    scene.owner.outbox.flush()
