"""Up to where the witnesses of an agreement have confirmed the journal, and what waits until they have.

PROTOCOL §2 *Trusting a key* and §7. With a quorum of none the gateway's signature is enough. Otherwise nothing that is
sealed leaves before a checkpoint of today, seen by the quorum, holds the key it is sealed to: a gateway that shows us
another journal than our partners finds no witness to sign for it. We sign for what we read ourselves: without somebody
else's signature, ours confirms nothing to us.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from adapters.agreements import governing
from adapters.archive import ArchiveWalk
from adapters.calls import GatewayCalls
from adapters.following import BROKEN
from adapters.growth import FUTURE_SKEW, MAX_AGE, JournalAlarmError
from adapters.journal_tree import root_of
from adapters.lineage import ReadShard, Seen
from adapters.office import Office
from adapters.problems import GatewayProblemError, GatewayUnreachableError
from adapters.store.records import HeldAgreement, Shipment
from adapters.store.store import StoreError, Transaction
from consent.agreement import CLOSING_PERIOD
from consent.envelope import SealedHeader, UnverifiedEnvelope
from journal.cosignatures import VerifiedSignature
from journal.notes import OpenedNote, open_note, parse_note
from journal.quorum import Confirmation, QuorumPolicy, agreed_policy
from keys.errors import ForgedError, PasserelleError, UntrustedKeyError

__all__ = ["Confirmations", "Judged", "UnconfirmedError", "asking", "check_confirmed", "standing"]

_NOT_FOUND: Final = 404
_SHARDS_ASKED: Final = 2
"""A shard that just began may have been signed for by nobody yet: what the one before it is worth still counts."""


class UnconfirmedError(UntrustedKeyError):
    """The quorum of an agreement has not confirmed the key yet; `missing` names the witnesses who have not signed."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        """Name who is missing."""
        super().__init__("quorum-missing")
        self.missing: Final = missing


class Confirmations:
    """Finds, for each agreement that asks for witnesses, the newest checkpoint that they confirmed."""

    def __init__(self, office: Office, client: GatewayCalls) -> None:
        """Ask through a client."""
        self._office = office
        self._client = client
        self._walks: dict[tuple[str, int], ArchiveWalk] = {}

    def look(self) -> None:
        """Keep what was confirmed since the last look.

        Raises `JournalAlarmError` (journal-forked, and hand-over-broken for a shard that goes on after its end) for a
        signed checkpoint that is not of the journal that we read, `ForgedError` for a signature that does not hold,
        and what the calls raise, once every agreement was looked at; `StoreError` and `GatewayUnreachableError` at
        once.
        """
        seen = self._office.book.seen()
        if seen is None:
            return
        errors: list[PasserelleError] = []
        for held in asking(self._office):
            try:
                self._look(held, seen)
            except (StoreError, GatewayUnreachableError):
                raise
            except PasserelleError as error:
                errors.append(error)
        if errors:
            raise next((each for each in errors if isinstance(each, ForgedError)), errors[0])

    def _look(self, held: HeldAgreement, seen: Seen) -> None:
        """Keep what was confirmed for one agreement."""
        with self._office.store.transaction() as tx:
            known = tx.watches.confirmed(held.sha256)
        for note in self._candidates(held, known, seen):
            if note == known:
                return
            if self._is_confirmed(held, note, seen) and not _goes_back(seen, note, known):
                with self._office.store.transaction() as tx:
                    tx.watches.confirm(held.sha256, note)
                return

    def _candidates(self, held: HeldAgreement, known: bytes | None, seen: Seen) -> Iterator[bytes]:
        """Checkpoints that may be confirmed: the newest that so many have signed, then what the archive holds of today.

        Those many may be other witnesses than the ones that the agreement names; then a part of the archive is read
        with every look.
        """
        for read in islice(seen.read(), _SHARDS_ASKED):
            try:
                newest = self._client.confirmed_checkpoint(read.shard.number, held.document.quorum.threshold)
            except GatewayProblemError as error:
                if error.status != _NOT_FOUND:
                    raise
                continue  # Not even so many witnesses have signed anything of it.
            yield newest
            if newest != known:
                walk = self._walks.setdefault((held.sha256, read.shard.number), ArchiveWalk(read.shard.number))
                yield from walk.notes(self._client, read.checkpoint.size, _known(read, known), self._office.now())
            if _known(read, known):
                return

    def _is_confirmed(self, held: HeldAgreement, note: bytes, seen: Seen) -> bool:
        """Whether the quorum confirmed a checkpoint of the journal as far as it was read."""
        judged = standing(self._office, held, note)
        read, checkpoint = judged.read, judged.opened.checkpoint
        if not seen.covers(judged.end, read.shard):
            raise JournalAlarmError(BROKEN, shard=read.shard, note=note)
        if not judged.confirmation.confirmed or judged.end > read.end:
            return False
        if checkpoint.root != root_of(self._client, read.shard, read.checkpoint, checkpoint.size):
            raise JournalAlarmError("journal-forked", shard=read.shard, note=note)
        return True


def asking(office: Office) -> list[HeldAgreement]:
    """The agreements of ours that ask for witnesses, each in the version that governs, until nothing can be sealed."""
    with office.store.transaction() as tx:
        found = _governing(office, tx)
    now = office.now() - CLOSING_PERIOD  # An agreement may run to the last day that can be written.
    return [each for each in found if each.document.quorum.threshold and now < each.document.not_after]


@dataclass(frozen=True, slots=True)
class Judged:
    """A checkpoint, verified, of the shard `read`; and whether a quorum confirms the entries up to `end` by it."""

    read: ReadShard
    opened: OpenedNote
    confirmation: Confirmation

    @property
    def end(self) -> int:
        """How many entries the journal has up to there: each shard commits to the one before it, so all of them."""
        return self.read.shard.end(self.opened.checkpoint)


def standing(office: Office, held: HeldAgreement, note: bytes) -> Judged:
    """A checkpoint, verified, and whether the quorum of an agreement confirms it today.

    Neither it nor a signature that counts may be older than a day, and one of those must be of somebody else than us.
    Raises what `open_note` raises, `ForgedError` (wrong-origin for a shard that was not read; signature-does-not-hold
    also for a witness's signature), and `UntrustedKeyError` (keybook-empty, and as `Office.chain_of` does).
    """
    seen = office.book.seen()
    if seen is None:
        raise UntrustedKeyError("keybook-empty")
    read = seen.named(parse_note(note).checkpoint.origin)
    if read is None:
        raise ForgedError("wrong-origin")
    vkeys = read.shard.vkeys
    policy = _policy(office, held, read, open_note(note, vkeys, required=vkeys))
    opened = open_note(note, vkeys, witnesses=policy.vkeys, required=vkeys)
    now = office.now()
    kept = tuple(each for each in opened.signatures if each.vkey in vkeys or _is_fresh(each.at, now))
    confirmation = policy.confirmation(OpenedNote(opened.checkpoint, kept))
    if not policy.confirmation(OpenedNote(opened.checkpoint, _of_others(office, held, kept))).seen_by:
        confirmation = replace(confirmation, confirmed=False)
    if not _is_fresh(opened.signed_at, now):
        confirmation = Confirmation(confirmed=False, seen_by=(), missing=tuple(each.name for each in policy.witnesses))
    return Judged(read, opened, confirmation)


def check_confirmed(office: Office, shipment: Shipment) -> None:
    """Return only if an envelope may leave: it seals nothing, nobody has to confirm, or the quorum has confirmed.

    Raises `UnconfirmedError` (quorum-missing; also, and nobody is named, where the agreement is not known here, so that
    nobody can tell whom it asks for), `UntrustedKeyError` when the journal must be read first, and as
    `standing` does for what is kept here and does not hold.
    """
    unverified = UnverifiedEnvelope.parse(shipment.body)
    header, key = unverified.header, unverified.payload.key
    if not isinstance(header, SealedHeader) or key is None:
        return
    with office.store.transaction() as tx:
        held = _version(office, tx, header.agreement)
        note = tx.watches.confirmed(held.sha256) if held else None
    if held is None:
        raise UnconfirmedError(())
    if not held.document.quorum.threshold:
        return
    chain = office.chain_of(held, header.to)
    place = next((known.index for known in chain.keys if known.kid == key.kid), None) if chain else None
    missing = tuple(each.partition("+")[0] for each in held.document.quorum.witnesses)
    if note is not None and place is not None:
        judged = standing(office, held, note)
        if judged.confirmation.confirmed and place < judged.end:
            return
        missing = judged.confirmation.missing or missing
    raise UnconfirmedError(missing)


def _governing(office: Office, tx: Transaction) -> list[HeldAgreement]:
    return governing([each for each in tx.papers.agreements() if office.may_use(each, office.address)])


def _version(office: Office, tx: Transaction, ref: str) -> HeldAgreement | None:
    """The version of an agreement whose witnesses count: a newer one in force has taken the place of the one named."""
    held = tx.papers.agreement(ref)
    if held is None:
        return None
    newer = (each for each in _governing(office, tx) if each.document.id == held.document.id)
    return max([held, *newer], key=lambda each: each.document.version)


def _policy(office: Office, held: HeldAgreement, read: ReadShard, own: OpenedNote) -> QuorumPolicy:
    """The quorum with the witness keys that were published, and in force, where the checkpoint ends."""
    place, at = read.shard.end(own.checkpoint) - 1, own.signed_at

    def published(address: str) -> Iterator[bytes]:
        chain = office.chain_of(held, address)
        for key in chain.keys if chain and at is not None else ():
            if key.use == "witness" and key.index <= place:
                with suppress(UntrustedKeyError):
                    key.check(at or office.now(), place)
                    yield key.raw

    return agreed_policy(held.document.quorum, published, read.shard.vkeys)


def _of_others(
    office: Office, held: HeldAgreement, signatures: Iterable[VerifiedSignature]
) -> tuple[VerifiedSignature, ...]:
    """The signatures that are not ours, under whatever name the agreement lists our key."""
    chain = office.chain_of(held, office.address)
    own = {key.raw for key in chain.keys if key.use == "witness"} if chain else set()
    return tuple(each for each in signatures if each.vkey.name != office.address and each.vkey.public_key not in own)


def _known(read: ReadShard, known: bytes | None) -> int:
    """The size up to which a shard is confirmed already."""
    checkpoint = None if known is None else parse_note(known).checkpoint
    return checkpoint.size if checkpoint is not None and checkpoint.origin == read.shard.origin else 0


def _goes_back(seen: Seen, note: bytes, known: bytes | None) -> bool:
    """Whether less was confirmed than before; of one size what is shown now counts, for witnesses sign it again."""
    return known is not None and seen.end(note) < seen.end(known)


def _is_fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - MAX_AGE <= at <= now + FUTURE_SKEW
