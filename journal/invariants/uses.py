"""I7: a consent is used no oftener than it allows.

PROTOCOL §4 (R22). Each accepted referral spends one use of the first grant that allows all of it and has one left, as
the broker chose; what takes the place of an undelivered referral spends none. A use stays spent in later versions.

Where referrals are not shown, fewer uses are counted than were spent, of every grant: what is found is found all the
same, and nothing is found that would not have been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from consent.headers import ReferralHeader
from consent.passage import Case
from consent.permissions import geography, grant_for, uses_left
from journal.entries import Entry
from journal.invariants.acceptances import place_in_entry
from journal.invariants.findings import Finding
from journal.invariants.passages import Cases, Replayed
from keys.errors import Fault

__all__ = ["UsesCounted"]


class UsesCounted:
    """Counts the uses of every grant that was ever used."""

    number: Final = "I7"

    def __init__(self, cases: Cases) -> None:
        """Take from `cases` what was decided; what they lack is told elsewhere."""
        self._cases = cases
        self._spent: dict[str, Counter[str]] = {}

    def examine(self, entry: Entry) -> Iterator[Finding]:
        """As `Invariant.examine`; slug uses-exhausted."""
        found = self._cases.of(entry)
        if not isinstance(found, Replayed) or not _spends(found.case):
            return
        case = found.case
        # Without a grant there is nothing to count: that none allows it is another promise (I2).
        if case.consent is None or geography(case) is not None:
            return
        spent = self._spent.setdefault(case.consent.document.id, Counter())
        counted = replace(case, statement=replace(case.consent, uses=spent))
        grant, fault = grant_for(counted), uses_left(counted)
        if fault is not None:
            yield Fault(fault[0], place_in_entry(fault[1]))
        elif grant is not None:
            spent[grant.gid] += 1


def _spends(case: Case) -> bool:
    header = case.header
    return isinstance(header, ReferralHeader) and case.passage.gate == "deposit" and header.replaces is None
