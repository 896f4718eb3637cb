"""Partners watch the broker: they sign for the journal that they were shown, and keep what proves it.

The agreement of the demonstration asks that another partner than the sender has seen the key that a referral is
sealed to. Whoever signs has read the journal, and signs for one past only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.confirmation import standing
from adapters.journal_papers import fetch_proof
from adapters.standing import AgreementStanding, read_standing
from journal.proofs import parse_proof
from keys.files import write_new
from sandbox.scene import Scene, StoryError, entries, until

__all__ = ["Proof", "confirm", "keep_proof"]


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was kept: its file, the entry that it is about, and the witnesses who have seen it."""

    path: Path
    index: int
    seen_by: tuple[str, ...]


def confirm(scene: Scene) -> AgreementStanding:
    """Have the witnesses read everything that the journal holds now, until the requester knows that they signed for it.

    Returns where the agreement stands then. Raises `StoryError` when it takes too long.
    """
    size = entries(scene)
    return until(lambda: _standing(scene, size), "witnesses")


def keep_proof(scene: Scene, envelope: str) -> Proof:
    """Keep what proves to anybody, offline, that the journal holds an envelope.

    Raises `StoryError` unless a witness signed for it, and as `fetch_proof` does.
    """
    confirm(scene)
    office = scene.requester.office
    data, _ = fetch_proof(office, scene.requester.client, envelope)
    proof = parse_proof(data)
    confirmation = standing(office, scene.requester.agreements()[0], proof.note).confirmation
    if not confirmation.confirmed:
        raise StoryError("demo-stopped", "/proof")
    path = scene.folder / "envelope.tlog-proof"
    write_new(path, data)
    return Proof(path, proof.index, confirmation.seen_by)


def _standing(scene: Scene, size: int) -> AgreementStanding | None:
    """Where the agreement stands once the witnesses and the requester looked; None while less is confirmed."""
    for reader in (*scene.witnesses, scene.requester):
        reader.read_journal()
    found = read_standing(scene.requester.office).agreements
    return next((each for each in found if each.confirmation.confirmed and each.size >= size), None)
