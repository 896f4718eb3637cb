"""How far a quorum of witnesses has seen a journal, by the auditor's own policy or the one that parties agreed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Final

from consent.agreement import Agreement, read_agreement
from consent.quorum import is_address
from journal.audit.verification import Confirmed
from journal.bundle import Bundle
from journal.contradictions import Signed, open_signed
from journal.entries import Entry
from journal.invariants.keychains import KeysTrusted
from journal.notes import open_note, parse_note
from journal.quorum import QuorumPolicy, agreed_policy
from journal.shards import HAND_OVER, Shard
from journal.succession import SignedLeg
from keys.errors import MalformedError, about
from keys.vkeys import parse_vkey

__all__ = ["QuorumWatch"]

_LAST: Final = 64
"""Checkpoints that may be confirmed and that are tried from the end, before all of them are from the beginning."""


class QuorumWatch:
    """Remembers, while the entries pass, whatever an agreed quorum depends on: the agreement and everybody's keys."""

    def __init__(self, wanted: QuorumPolicy | str | None) -> None:
        """Take a policy as it is, or look for the agreement of this name (`id@version`)."""
        self._wanted = wanted
        self._keys = KeysTrusted()
        self._sha256: str | None = None

    def take(self, _index: int, _leaf: bytes, entry: Entry | None) -> None:
        """One entry of the journal."""
        if not isinstance(self._wanted, str) or entry is None:
            return
        if entry.type.startswith("key.") or entry.type == HAND_OVER:
            deque(self._keys.examine(entry), maxlen=0)  # what is wrong with it is told where it was journalled
        elif entry.type == "agreement.in-force" and entry.agreement == self._wanted:
            self._sha256 = entry.agreement_sha256

    def confirmed(self, legs: Sequence[SignedLeg]) -> Confirmed | None:
        """After the last entry: the largest checkpoint that the quorum cosigned; None when no quorum was asked for.

        A shard begins by committing to the end of the one before, so whoever saw a later one saw all of the earlier.
        Raises `MalformedError` (agreement-unknown when the agreement never came into force or is not shown), and
        `ForgedError` for a cosignature that does not hold.
        """
        if self._wanted is None:
            return None
        agreement = self._agreement(legs[0].bundle, self._wanted) if isinstance(self._wanted, str) else None
        threshold, names = self._asked(agreement)
        answers = (self._newest(agreement, leg, threshold, names) for leg in reversed(legs))
        first = next(answers)
        return first if first.size is not None else next((each for each in answers if each.size is not None), first)

    def _newest(self, agreement: Agreement | None, leg: SignedLeg, threshold: int, names: Collection[str]) -> Confirmed:
        """The largest checkpoint of one shard that the quorum cosigned; else its answer about the newest."""
        answer = partial(self._answer, agreement, leg.shard)
        first = answer(leg.newest)
        if first.size is not None:
            return first
        candidates = partial(_candidates, leg, threshold, names)
        last = deque(candidates(), maxlen=_LAST)
        found = next((each for each in map(answer, reversed(last)) if each.size is not None), None)
        if found is None and len(last) == _LAST:
            for each in map(answer, candidates()):
                found = found if each.size is None else each
        return found or first

    def _answer(self, agreement: Agreement | None, shard: Shard, signed: Signed) -> Confirmed:
        """Whether the quorum has seen one checkpoint."""
        policy = self._wanted if isinstance(self._wanted, QuorumPolicy) else self._agreed(agreement, shard, signed)
        told = policy.confirmation(open_note(signed.note, shard.vkeys, witnesses=policy.vkeys))
        size = shard.end(signed.checkpoint) if told.confirmed else None
        return Confirmed(size, told.seen_by, told.missing)

    def _asked(self, agreement: Agreement | None) -> tuple[int, frozenset[str]]:
        """How many cosignatures the quorum takes at the least, and under which names."""
        if isinstance(self._wanted, QuorumPolicy):
            return self._wanted.threshold, frozenset(vkey.name for vkey in self._wanted.vkeys)
        quorum = _known(agreement).quorum
        named = (each if is_address(each) else parse_vkey(each).name for each in quorum.witnesses)
        return quorum.threshold, frozenset(named)

    def _agreed(self, agreement: Agreement | None, shard: Shard, signed: Signed) -> QuorumPolicy:
        """The policy of an agreement, with the keys that count where a checkpoint was signed."""
        known = _known(agreement)
        pinned = {party.address: party.root_fingerprint for party in known.parties}

        def published(address: str) -> Iterator[bytes]:
            end = shard.end(signed.checkpoint)
            return self._keys.witnesses(address, pinned[address], at=signed.at, index=end)

        return agreed_policy(known.quorum, published, shard.vkeys)

    def _agreement(self, bundle: Bundle, name: str) -> Agreement:
        with about(name):
            shown = bundle.agreement(self._sha256) if self._sha256 else None
            if shown is None:
                raise MalformedError("agreement-unknown")
            return read_agreement(shown.payload)


def _known(agreement: Agreement | None) -> Agreement:
    if agreement is None:
        raise AssertionError  # one was looked up, or there would be a policy
    return agreement


def _candidates(leg: SignedLeg, threshold: int, names: Collection[str]) -> Iterator[Signed]:
    """The archived checkpoints of a shard, in order, that as many have signed under these names as a quorum takes.

    Whoever else signed makes none of them: strangers' lines would keep the quorum's from being looked at.
    """
    for note in leg.bundle.checkpoints():
        parsed = parse_note(note)
        signed = sum(each.name in names for each in parsed.signatures)
        if parsed.checkpoint.size <= leg.checkpoint.size and signed >= threshold:
            yield open_signed(note, leg.shard.vkeys)
