"""I3: an envelope is accepted once, and handed out to nobody but its recipient, as it was accepted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from consent.passage import KnownEnvelope
from journal.entries import Entry
from journal.invariants.acceptances import Acceptance
from journal.invariants.findings import Finding, Gaps
from journal.invariants.keychains import said_by_broker
from keys.errors import Fault

__all__ = ["EnvelopesOnce"]


class EnvelopesOnce:
    """Remembers every accepted envelope, about half a kilobyte each, and what became of it."""

    number: Final = "I3"

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._accepted: dict[str, Acceptance] = {}
        self._events: set[str] = set()
        self._released: set[str] = set()
        self._stored: set[str] = set()
        self._replaced: set[str] = set()
        self._gone: set[str] = set()

    @property
    def count(self) -> int:
        """How many envelopes were accepted, events included."""
        return len(self._accepted) + len(self._events)

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`.

        Slugs: missing-field, accepted-twice, never-accepted, never-released, differs-from-acceptance, wrong-actor,
        handed-out-after-end.
        """
        if entry.type in {"envelope.accepted", "task.transition"}:
            if not said_by_broker(entry):
                yield from self._accept(entry)
            elif entry.actor != entry.from_:
                # The broker tells of itself only: what it sends for others was never theirs.
                yield Fault("wrong-actor", "/actor")
        elif entry.type in {"envelope.released", "envelope.acknowledged"}:
            yield from self._hand_out(entry)
        elif entry.type in {"envelope.destroyed", "envelope.expired"} and entry.envelope is not None:
            self._gone.add(entry.envelope)

    def accepted(self, envelope: str) -> Acceptance | None:
        """What is known of a referral or message that was accepted."""
        return self._accepted.get(envelope)

    def known(self, envelope: str | None) -> KnownEnvelope | None:
        """A referral or message as a later one may refer to it."""
        found = self._accepted.get(envelope or "")
        if found is None or envelope is None:
            return None
        return KnownEnvelope(
            id=envelope,
            kind=found.kind,
            ref=found.ref or "",
            sender=found.sender or "",
            recipient=found.recipient or "",
            payload_sha256=found.payload_sha256 or "",
            stored=envelope in self._stored,
            replaced=envelope in self._replaced,
        )

    def _accept(self, entry: Entry) -> Iterator[Finding]:
        if entry.actor != entry.from_:
            yield Fault("wrong-actor", "/actor")
        is_event = entry.type == "task.transition"
        # Without its end, nothing could be held against an envelope that is handed out too late.
        for member in ("payload_sha256",) if is_event else ("payload_sha256", "expires"):
            if getattr(entry, member) is None:
                yield Fault("missing-field", f"/{member}")
        if entry.envelope is None:
            yield Fault("missing-field", "/envelope")
        elif entry.envelope in self._accepted or entry.envelope in self._events:
            yield Fault("accepted-twice", "/envelope")
        elif is_event:
            self._events.add(entry.envelope)
        else:
            self._accepted[entry.envelope] = Acceptance.of(entry)
            if entry.replaces is not None:
                self._replaced.add(entry.replaces)

    def _hand_out(self, entry: Entry) -> Iterator[Finding]:
        envelope = entry.envelope or ""
        acceptance = self._accepted.get(envelope)
        if acceptance is None:
            # Events are never handed out one by one, so nothing that is not shown could explain it.
            is_event = envelope in self._events
            yield Fault("never-accepted", "/envelope") if is_event else self._gaps.absent("never-accepted", "/envelope")
            return
        if entry.actor != entry.to:
            yield Fault("wrong-actor", "/actor")
        for member, accepted, told in _compared(acceptance, entry):
            if accepted != told:
                yield Fault("differs-from-acceptance", member)
        if entry.type == "envelope.released":
            if envelope in self._gone or envelope in self._replaced:
                yield Fault("handed-out-after-end", "/envelope")
            self._released.add(envelope)
        elif envelope not in self._released:
            yield Fault("never-released", "/envelope")
        elif entry.state == "stored":
            self._stored.add(envelope)


def _compared(acceptance: Acceptance, entry: Entry) -> Iterator[tuple[str, str | None, str | None]]:
    """The members that a release or an acknowledgement repeats: where, as accepted, as told again."""
    yield "/to", acceptance.recipient, entry.to
    yield "/from", acceptance.sender, entry.from_
    yield "/ref", acceptance.ref, entry.ref
    yield "/payload_sha256", acceptance.payload_sha256, entry.payload_sha256
    if entry.type == "envelope.released":
        yield "/statement", acceptance.statement, entry.statement
