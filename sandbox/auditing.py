"""An auditor checks what the broker did, offline, with the pinned keys and the receipts that a partner kept."""

from __future__ import annotations

from pathlib import Path

from adapters.journal_papers import export_receipts
from gateway.audit_bundles import export_bundle
from journal.audit.collecting import read_receipts
from journal.audit.reading import legs_of
from journal.audit.registers import Made, make_registers
from journal.audit.verification import Question
from journal.audit.verifying import verify_bundle
from journal.bundle import open_bundle
from journal.pins import MAX_PINS, Pins, read_pins
from keys.files import read_file
from sandbox.scene import Scene, StoryError
from sandbox.stage import now

__all__ = ["audit"]


def audit(scene: Scene) -> None:
    """Export the journal, verify all of it, and write the registers; raises `StoryError` unless everything holds."""
    narrator, office = scene.narrator, scene.requester.office
    pins = read_pins(read_file(scene.requester.settings.pins, limit=MAX_PINS))
    narrator.scene("audit")
    bundle, receipts = scene.folder / "journal.zip", scene.folder / "receipts.jsonl"
    with bundle.open("wb") as out:
        export_bundle(scene.broker, out, now())
    count = export_receipts(office, receipts)
    promised = read_receipts([receipts], office.pins.receipts_verifier)
    found = verify_bundle(Question(bundle, pins.first.vkeys, receipts=promised, later=pins.later))
    if found.verdict != "verified":
        raise StoryError("demo-stopped", "/audit")
    narrator.tell("audited", entries=found.replay.size, path=bundle)
    narrator.tell("honoured", count=count)
    folder = scene.folder / "registers"
    made = _registers(bundle, folder, pins)
    narrator.tell("registers", communications=made.rows["communications"], path=folder)


def _registers(bundle: Path, folder: Path, pins: Pins) -> Made:
    with open_bundle(bundle) as opened:
        legs = legs_of(opened, pins)
        return make_registers(opened, legs, folder, "csv", until=legs[-1].at)
