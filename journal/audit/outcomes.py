"""Says in words, or as JSON, what a visit to a journal brought and what a file of evidence shows."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer

from journal.audit.fetching import Fetched
from journal.audit.program import TERMINAL, word
from journal.contradictions import Contradiction
from journal.convictions import Conviction
from journal.evidence import Evidence
from keys.documents import format_time

__all__ = ["tell_contradicted", "tell_contradiction", "tell_conviction", "tell_fetched"]


def tell_fetched(fetched: Fetched, *, as_json: bool) -> None:
    """What is new in the mirror."""
    grown, enriched = fetched.grown, fetched.enriched
    checkpoint, at = grown.newest.checkpoint, format_time(grown.newest.at)
    if as_json:
        told: dict[str, object] = {"v": 1, "fetched": True, "origin": checkpoint.origin, "size": grown.size}
        told |= {
            "shards": len(grown.shards),
            "before": grown.before,
            "signed_at": at,
            "tiles": grown.tiles,
            "checkpoints": grown.checkpoints,
        }
        if enriched is not None:
            told |= {"openings": enriched.openings, "documents": enriched.documents, "left": enriched.left}
        typer.echo(json.dumps(told, indent=2))
        return
    before = word("audit.first-visit") if grown.before is None else word("audit.before", size=grown.before)
    TERMINAL.say("audit.fetched", origin=checkpoint.origin, size=grown.size, at=at, before=before)
    TERMINAL.say("audit.fetched-files", tiles=grown.tiles, checkpoints=grown.checkpoints)
    if enriched is not None:
        TERMINAL.say("audit.added", openings=enriched.openings, documents=enriched.documents, left=enriched.left)


def tell_contradicted(found: Contradiction, evidence: Sequence[str], *, as_json: bool) -> None:
    """That a journal contradicts what it signed before, and where the evidence was kept."""
    if as_json:
        told = {"v": 1, "fetched": False, "error": found.kind, "evidence": list(evidence)}
        typer.echo(json.dumps(told, indent=2))
        return
    TERMINAL.say("audit.not-fetched")
    tell_contradiction(found)
    for name in evidence:
        TERMINAL.say("audit.evidence-kept", file=name)


def tell_contradiction(found: Contradiction) -> None:
    """Two checkpoints that cannot both be honest."""
    first, second = found.in_time
    told = {"first": first.checkpoint.size, "first_at": format_time(first.at)}
    told |= {"second": second.checkpoint.size, "second_at": format_time(second.at)}
    TERMINAL.say(f"audit.contradiction.{found.kind}", **told)


def tell_conviction(evidence: Evidence, shown: Conviction, *, as_json: bool) -> None:
    """What a file of evidence shows, to anybody or on its author's word."""
    if as_json:
        told: dict[str, object] = {"v": 1, "kind": shown.kind, "by_itself": shown.by_itself, "origin": evidence.origin}
        sizes = [note.checkpoint.size for note in shown.notes]
        told |= {"index": shown.index, "sizes": sizes, "at": format_time(evidence.at), "by": evidence.by}
        typer.echo(json.dumps(told, indent=2))
        return
    sizes = [note.checkpoint.size for note in shown.notes]
    TERMINAL.say(f"audit.shown.{shown.kind}", first=sizes[0], last=sizes[-1], index=shown.index, by=evidence.by)
    TERMINAL.say("audit.convict.genuine", origin=evidence.origin)
    if not shown.by_itself:
        TERMINAL.say("audit.convict.by-word", by=evidence.by, at=format_time(evidence.at))
