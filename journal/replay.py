"""Verifies a bundle offline: its signatures, its tree, every opening, and the promises that its entries must keep.

PROTOCOL §7 *Invariants replayed from a bundle*. One pass in the order of the journal; what is remembered grows with the
referrals, not with the size of what was written about them. Nothing is believed but the keys that the auditor pinned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from journal.bundle import Bundle
from journal.entries import ClearLeaf, Entry, Opening, open_leaf, read_leaf
from journal.invariants.agreements import AgreementsSigned
from journal.invariants.consents import ConsentsStanding
from journal.invariants.envelopes import EnvelopesOnce
from journal.invariants.findings import Gaps, Invariant, Unjudged, Violation
from journal.invariants.keychains import KeysTrusted
from journal.invariants.passages import (
    UNDER_AGREEMENT,
    UNDER_CONSENT,
    WHERE_IT_STANDS,
    Cases,
    EvidenceShown,
    RulesReplayed,
)
from journal.invariants.referrals import ReferralsStepByStep
from journal.invariants.times import TimesNeverDecrease
from journal.notes import Checkpoint, OpenedNote, open_note, parse_note
from journal.report import LEAF, MAX_LISTED, AuditReport, Counted
from journal.tiles import WIDTH
from journal.vkeys import MLDSA44, Vkey
from keys.errors import ForgedError, MalformedError, PasserelleError

__all__ = ["Replay", "verify"]

_YEARS: Final = range(2000, 9000)
"""The years an entry may speak of: no period added to them leaves the calendar."""


def verify(
    bundle: Bundle, vkeys: Collection[Vkey], *, progress: Callable[[int, int], object] | None = None
) -> AuditReport:
    """Verify a whole bundle with the journal's two keys as the auditor pinned them.

    A broken promise is a value of the report. Raises `ForgedError` when the checkpoint is another journal's
    (wrong-origin), a signature does not hold or is missing, or the files do not hash to the signed root, and
    `MalformedError` for a bundle that cannot be read. `progress` is told how many entries of how many are done.
    """
    data = bundle.checkpoint()
    if parse_note(data).checkpoint.origin not in {vkey.name for vkey in vkeys}:
        raise ForgedError("wrong-origin")
    note = open_note(data, vkeys)
    replay = Replay(bundle)
    for index, leaf, opening in bundle.leaves(note.checkpoint):
        replay.take(index, leaf, opening)
        if progress is not None and (index + 1) % WIDTH == 0:
            progress(index + 1, note.checkpoint.size)
    return replay.report(note.checkpoint, _signed_at(note))


def _signed_at(note: OpenedNote) -> datetime | None:
    own = (signature for signature in note.signatures if signature.vkey.name == note.checkpoint.origin)
    return next((signature.at for signature in own if signature.vkey.type == MLDSA44), None)


class Replay:
    """Takes the leaves of a journal one by one, in order, and asks every promise about each entry it can read."""

    def __init__(self, bundle: Bundle) -> None:
        """Take the documents that entries name by digest from `bundle`."""
        self._gaps = Gaps()
        self._keys = KeysTrusted()
        self._agreements = AgreementsSigned(bundle, self._keys)
        self._consents = ConsentsStanding(bundle, self._keys, self._gaps)
        self._envelopes = EnvelopesOnce(self._gaps)
        self._referrals = ReferralsStepByStep(self._gaps)
        cases = Cases(self._agreements, self._consents, self._envelopes, self._referrals, self._gaps)
        # What an entry changes is remembered after it was judged: envelopes and referrals come last.
        self._invariants: tuple[Invariant, ...] = (
            TimesNeverDecrease(),
            self._keys,
            self._agreements,
            self._consents,
            EvidenceShown(cases),
            RulesReplayed("I1", UNDER_AGREEMENT, cases),
            RulesReplayed("I2", UNDER_CONSENT, cases),
            RulesReplayed("I9", WHERE_IT_STANDS, cases),
            self._envelopes,
            self._referrals,
        )
        self._forms: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._unjudged: Counter[str] = Counter()
        self._violations: list[Violation] = []

    def take(self, index: int, leaf: bytes, opening: Opening | None) -> None:
        """Judge the leaf at `index`, which was verified against the tree, with the opening given for it, if any."""
        try:
            entry = self._read(index, leaf, opening)
        except PasserelleError as error:
            self._blame([Violation(LEAF, index, error.code, error.pointer)])
            entry = None
        if entry is None:
            self._gaps.unread += 1
            return
        violations: dict[Violation, None] = {}
        unjudged: set[str] = set()
        for invariant in self._invariants:
            for finding in invariant.examine(entry):
                if isinstance(finding, Unjudged):
                    unjudged.add(finding.code)
                else:
                    # The same fault found on two ways, by an entry's own members and by a rule, is one violation.
                    violations[Violation(invariant.number, index, finding.code, finding.pointer)] = None
        self._blame(violations)
        self._unjudged.update(unjudged)

    def report(self, checkpoint: Checkpoint, signed_at: datetime | None) -> AuditReport:
        """What was found in the leaves taken so far."""
        counted = Counted(
            clear=self._forms["clear"],
            opened=self._forms["opened"],
            unread=self._gaps.unread,
            chains=self._keys.count,
            agreements=self._agreements.count,
            consents=self._consents.count,
            referrals=self._referrals.count,
            envelopes=self._envelopes.count,
        )
        found = tuple(self._violations)
        return AuditReport(checkpoint, signed_at, counted, dict(self._broken), found, dict(self._unjudged))

    def _blame(self, violations: Collection[Violation]) -> None:
        self._broken.update(violation.invariant for violation in violations)
        self._violations += list(violations)[: MAX_LISTED - len(self._violations)]

    def _read(self, index: int, leaf: bytes, opening: Opening | None) -> Entry | None:
        """The entry at `index`, or None when it is a commitment that nothing opens; raises `PasserelleError`."""
        if opening is None:
            read = read_leaf(leaf, index)
            if not isinstance(read, ClearLeaf):
                return None
            entry, form = read.entry, "clear"
        else:
            entry, form = open_leaf(leaf, opening, index), "opened"
        for member, moment in (("time", entry.time), ("expires", entry.expires)):
            if moment is not None and moment.year not in _YEARS:
                raise MalformedError("time-out-of-range", f"/{member}")
        self._forms[form] += 1
        return entry
