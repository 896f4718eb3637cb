"""The rules of the territory in a few lines of their own: what the journal may hold, and when who may refuse what.

It knows nothing of the decision that the product takes. It counts uses, remembers ends and follows each referral.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from consent.lifecycle import CLOSED
from consent.transitions import TRANSITIONS
from journal.entries import Entry
from tests.system.crash_model.books import Heading, Use

ENDS: Final = frozenset({"consent.withdrawn", "consent.expired"})
"""The entries by which a consent ends."""


@dataclass
class Standing:
    """Where a referral stands by the journal, who takes part in it, and on which consent it rests."""

    requester: str
    owner: str
    statement: str | None
    purpose: str | None
    status: str = "requested"
    steps: list[str] = field(default_factory=list)


@dataclass
class Territory:
    """What the journal says up to an entry."""

    headings: Mapping[str, Heading]
    """What each envelope announces, from the books of whoever sent it."""
    allowed: Mapping[Use, int]
    """How often each grant may serve."""
    ended: dict[str, int] = field(default_factory=dict)
    """Each consent that ended, and the index of the entry that ended it."""
    words: set[tuple[str, int | None, str]] = field(default_factory=set)
    """Each word by which a consent ended: of which version, and whose."""
    versions: dict[str, int] = field(default_factory=dict)
    """The newest version of each consent."""
    used: Counter[Use] = field(default_factory=Counter)
    referrals: dict[str, Standing] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    """Why the broker last refused each envelope."""

    def follow(self, entries: Iterable[Entry]) -> None:
        """Go on by these entries; raises `AssertionError` at the first that may not be there."""
        for entry in entries:
            if entry.type == "envelope.accepted":
                self._accepted(entry)
            elif entry.type == "task.transition":
                self._step(entry)
            elif entry.type == "envelope.released":
                self._released(entry)
            elif entry.type == "envelope.refused":
                self._refused(entry)
            elif entry.type == "consent.registered" and entry.statement is not None:
                assert entry.statement not in self.ended, entry
                self.versions[entry.statement] = entry.version or 0
            elif entry.type in ENDS and entry.statement is not None:
                word = (entry.statement, entry.version, entry.actor)
                assert word not in self.words, entry
                self.words.add(word)
                self.ended.setdefault(entry.statement, entry.index)
                self.versions[entry.statement] = entry.version or 0

    def _accepted(self, entry: Entry) -> None:
        if entry.actor.startswith("gateway@"):
            return  # a notice: the broker says so itself
        heading = self._heading(entry)
        assert entry.statement in self.versions, entry
        assert entry.statement not in self.ended, entry
        if heading.kind != "referral":
            return
        use = (entry.statement, heading.purpose or "", heading.to)
        self.used[use] += heading.replaces is None
        assert self.used[use] <= self.allowed[use], entry
        if heading.replaces is None:
            assert heading.ref not in self.referrals, entry
            self.referrals[heading.ref] = Standing(entry.actor, heading.to, entry.statement, heading.purpose)

    def _step(self, entry: Entry) -> None:
        assert entry.transition is not None
        assert entry.ref is not None
        standing, step = self.referrals[entry.ref], TRANSITIONS[entry.transition]
        role = {standing.requester: "requester", standing.owner: "owner"}.get(entry.actor, "broker")
        assert role in step.actors, entry
        assert standing.status in step.sources, (entry, standing)
        standing.status = step.target or standing.status
        standing.steps.append(entry.transition)

    def _released(self, entry: Entry) -> None:
        heading = self._heading(entry)
        assert entry.actor == heading.to, entry
        assert heading.statement not in self.ended, entry
        assert heading.kind != "referral" or self.referrals[heading.ref].status not in CLOSED, entry

    def _refused(self, entry: Entry) -> None:
        """Every refusal has its reason in what happened before it."""
        heading, why = self._heading(entry), entry.state or ""
        assert why in _REASONS, f"a refusal that the model does not know: {why}"
        assert _REASONS[why](self, entry, heading), (why, entry, heading, self.referrals.get(heading.ref))
        self.refusals[entry.envelope or ""] = why

    def _heading(self, entry: Entry) -> Heading:
        assert entry.envelope is not None, entry
        assert entry.envelope in self.headings, f"nobody sent it: {entry}"
        return self.headings[entry.envelope]


def _ended(territory: Territory, _entry: Entry, heading: Heading) -> bool:
    return heading.statement in territory.ended


def _spent(territory: Territory, _entry: Entry, heading: Heading) -> bool:
    use = (heading.statement or "", heading.purpose or "", heading.to)
    return territory.used[use] >= territory.allowed[use]


def _overtaken(territory: Territory, _entry: Entry, heading: Heading) -> bool:
    return (heading.version or 0) < territory.versions.get(heading.statement or "", 0)


def _closed(territory: Territory, _entry: Entry, heading: Heading) -> bool:
    return heading.ref in territory.referrals and territory.referrals[heading.ref].status in CLOSED


def _moved_on(territory: Territory, entry: Entry, heading: Heading) -> bool:
    """The step does not start from where the referral stands, by whoever moved it."""
    standing = territory.referrals[heading.ref]
    step = TRANSITIONS[heading.transition or ""]
    return entry.actor in {standing.requester, standing.owner} and standing.status not in step.sources


def _never_began(territory: Territory, _entry: Entry, heading: Heading) -> bool:
    return heading.ref not in territory.referrals


_Reason = Callable[[Territory, Entry, Heading], bool]
_REASONS: Final[Mapping[str, _Reason]] = {
    "consent-withdrawn": _ended,
    "uses-exhausted": _spent,
    "consent-superseded": _overtaken,
    "referral-closed": _closed,
    "transition-not-from-here": _moved_on,
    "referral-unknown": _never_began,
}
"""What must have happened for each refusal to be right; any other refusal has no place in these histories."""
