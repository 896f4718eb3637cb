"""What one verification asks of a bundle, and all that it found: the replay, what was published, who was promised what.

Everything here is a value; `journal.audit.verifying` finds it, and `journal.audit.verdicts` says it in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from journal.contradictions import Contradiction, Signed
from journal.pins import PinnedShard, Pins
from journal.publication import Late, Publication
from journal.quorum import QuorumPolicy
from journal.receipts import Breach, Promised
from journal.report import AuditReport
from journal.shards import Shard, first_shard
from keys.documents import format_time
from keys.vkeys import Vkey

__all__ = ["Confirmed", "Continued", "Honoured", "Question", "ShardVerified", "Verification"]


@dataclass(frozen=True, slots=True)
class Question:
    """What to verify a bundle with.

    `vkeys` are the two keys of the journal's first shard, `later` the shards after it that were pinned. `quorum` is a
    policy, or the name of an agreement of which to take it. `since` is an earlier bundle, mirror or checkpoint;
    `receipts` are verified already. `background` tells whether the archived checkpoints may be verified in a process of
    their own.
    """

    path: Path
    vkeys: tuple[Vkey, ...]
    quorum: QuorumPolicy | str | None = None
    since: Path | None = None
    receipts: Sequence[Promised] = ()
    background: bool = True
    progress: Callable[[int, int], object] | None = None
    later: tuple[PinnedShard, ...] = ()

    @property
    def pins(self) -> Pins:
        """What is trusted of the journal; raises `MalformedError` (vkeys-not-a-pair)."""
        return Pins(first_shard(self.vkeys), self.later)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """How far the quorum has seen the journal: up to which entry it cosigned, counted through all shards, or None."""

    size: int | None
    seen_by: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Continued:
    """What became of an earlier state, of `size` entries in all its shards.

    It tells how many openings were erased since, how many belong to entries that the gateway lost, and the runs of
    those that just vanished.
    """

    size: int
    erased: int
    lost: int
    vanished: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Honoured:
    """What became of the receipts of this journal, and how many are of others.

    Of this journal: how many there are, are not due yet, are of lost entries, and those that were broken.
    """

    count: int
    foreign: int
    pending: int
    lost: int
    breaches: tuple[Breach, ...]


@dataclass(frozen=True, slots=True)
class ShardVerified:
    """One shard with its newest checkpoint, and its archived ones if the bundle holds them."""

    shard: Shard
    newest: Signed
    publication: Publication | None


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was found; what was not asked, or could not be, is None.

    `replay` already holds the entries that were published late, as violations of I6.
    """

    shards: tuple[ShardVerified, ...]
    """From the first to the current one."""
    replay: AuditReport
    contradictions: tuple[Contradiction, ...] = ()
    confirmed: Confirmed | None = None
    continued: Continued | None = None
    honoured: Honoured | None = None
    late: tuple[Late, ...] = ()
    """Entries that are proven to have been published late, the first ones of them."""

    @property
    def newest(self) -> Signed:
        """The newest checkpoint of the current shard."""
        return self.shards[-1].newest

    @property
    def published(self) -> Sequence[Publication] | None:
        """The archived checkpoints shard by shard; None when those of any shard are not shown."""
        shown = [each.publication for each in self.shards if each.publication is not None]
        return shown if len(shown) == len(self.shards) else None

    @property
    def holds(self) -> bool:
        """Whether nothing was broken, contradicted or hidden."""
        unhonoured = self.honoured is not None and bool(self.honoured.breaches)
        hidden = self.continued is not None and bool(self.continued.vanished)
        return self.replay.holds and not (self.contradictions or unhonoured or hidden)

    @property
    def verdict(self) -> Literal["refused", "unconfirmed", "verified", "verified-in-part"]:
        """What comes of it; a quorum that was asked for and has seen nothing breaks nothing, and confirms nothing."""
        if not self.holds:
            return "refused"
        if self.confirmed is not None and self.confirmed.size is None:
            return "unconfirmed"
        return "verified" if self.complete else "verified-in-part"

    @property
    def complete(self) -> bool:
        """Whether every entry could be read and judged, also as to when it was published, and is confirmed."""
        behind = self.confirmed is not None and self.confirmed.size != self.replay.size
        return self.replay.complete and self.published is not None and not behind

    def to_json(self, evidence: Sequence[str] = ()) -> dict[str, object]:
        """The same for a program to read: codes and numbers, no sentence; `evidence` names the files written."""
        return {
            **self.replay.to_json(),
            "verified": self.verdict in {"verified", "verified-in-part"},
            "verdict": self.verdict,
            "complete": self.complete,
            "checkpoints": None if self.published is None else _published(self.published),
            "contradictions": [_contradicted(each) for each in self.contradictions],
            **({} if self.confirmed is None else {"quorum": _confirmed(self.confirmed)}),
            **({} if self.continued is None else {"since": _continued(self.continued)}),
            **({} if self.honoured is None else {"receipts": _honoured(self.honoured)}),
            "evidence": list(evidence),
        }


def _published(published: Sequence[Publication]) -> dict[str, object]:
    return {"archived": sum(len(each.sizes) for each in published), "beyond": sum(each.beyond for each in published)}


def _contradicted(found: Contradiction) -> dict[str, object]:
    notes = found.in_time
    sizes, times = [each.checkpoint.size for each in notes], [format_time(each.at) for each in notes]
    return {"kind": found.kind, "origin": found.first.checkpoint.origin, "sizes": sizes, "signed_at": times}


def _confirmed(confirmed: Confirmed) -> dict[str, object]:
    return {"size": confirmed.size, "seen_by": list(confirmed.seen_by), "missing": list(confirmed.missing)}


def _continued(continued: Continued) -> dict[str, object]:
    vanished = [list(run) for run in continued.vanished]
    return {"size": continued.size, "erased": continued.erased, "lost": continued.lost, "vanished": vanished}


def _honoured(honoured: Honoured) -> dict[str, object]:
    told = ("count", "foreign", "pending", "lost")
    breaches = [
        {"kind": each.kind, "index": each.promised.index, "place": each.promised.place} for each in honoured.breaches
    ]
    return {name: getattr(honoured, name) for name in told} | {"breaches": breaches}
