"""Up to where the witnesses of an agreement have confirmed the journal, and what waits until they have.

PROTOCOL §2 *Trusting a key* and §7. With a quorum of none the gateway's signature is enough. Otherwise nothing that is
sealed leaves before a checkpoint of today, seen by the quorum, holds the key it is sealed to: a gateway that shows us
another journal than our partners finds no witness to sign for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final

from adapters.agreements import governing
from adapters.archive import ArchiveWalk
from adapters.calls import GatewayCalls
from adapters.growth import FUTURE_SKEW, MAX_AGE, JournalAlarmError, Seen
from adapters.journal_tree import tree_of
from adapters.office import Office
from adapters.problems import GatewayProblemError
from adapters.store.records import HeldAgreement, Shipment
from adapters.store.store import Transaction
from consent.agreement import CLOSING_PERIOD
from consent.envelope import SealedHeader, UnverifiedEnvelope
from journal.notes import OpenedNote, open_note, parse_note
from journal.publication import root_at
from journal.quorum import Confirmation, QuorumPolicy, agreed_policy
from journal.tree import EMPTY_ROOT
from keys.errors import UntrustedKeyError

__all__ = ["Confirmations", "UnconfirmedError", "asking", "check_confirmed", "standing"]

_NOT_FOUND: Final = 404


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
        self._walks: dict[str, ArchiveWalk] = {}

    def look(self) -> None:
        """Keep what was confirmed since the last look.

        Raises `JournalAlarmError` (journal-forked) for a signed checkpoint that is not of the journal that we read,
        `ForgedError` for a signature that does not hold, `StoreError`, and what the calls raise.
        """
        seen = self._office.book.seen()
        if seen is None:
            return
        for held in asking(self._office):
            with self._office.store.transaction() as tx:
                known = tx.watches.confirmed(held.sha256)
            for note in self._candidates(held, known, seen):
                if note == known:
                    break
                if self._is_confirmed(held, note, seen) and not _goes_back(note, known):
                    with self._office.store.transaction() as tx:
                        tx.watches.confirm(held.sha256, note)
                    break

    def _candidates(self, held: HeldAgreement, known: bytes | None, seen: Seen) -> Iterator[bytes]:
        """Checkpoints that may be confirmed: the newest that so many have signed, then what the archive holds of today.

        Those many may be other witnesses than the ones that the agreement names; then a part of the archive is read
        with every look.
        """
        try:
            newest = self._client.confirmed_checkpoint(held.document.quorum.threshold)
        except GatewayProblemError as error:
            if error.status != _NOT_FOUND:
                raise
            return  # Not even so many witnesses have signed anything.
        yield newest
        if newest != known:
            walk = self._walks.setdefault(held.sha256, ArchiveWalk())
            first = 0 if known is None else parse_note(known).checkpoint.size
            yield from walk.notes(self._client, seen.checkpoint.size, first, self._office.now())

    def _is_confirmed(self, held: HeldAgreement, note: bytes, seen: Seen) -> bool:
        """Whether the quorum confirmed a checkpoint of the journal as far as it was read."""
        opened, confirmation = standing(self._office, held, note)
        checkpoint = opened.checkpoint
        if not confirmation.confirmed or checkpoint.size > seen.checkpoint.size:
            return False
        root = seen.checkpoint.root
        if checkpoint.size < seen.checkpoint.size:
            tree = tree_of(self._client, seen.checkpoint) if checkpoint.size else None
            root = root_at(tree, checkpoint.size) if tree else EMPTY_ROOT
        if checkpoint.root != root:
            raise JournalAlarmError("journal-forked", note=note)
        return True


def asking(office: Office) -> list[HeldAgreement]:
    """The agreements of ours that ask for witnesses, each in the version that governs, until nothing can be sealed."""
    with office.store.transaction() as tx:
        found = _governing(office, tx)
    now = office.now() - CLOSING_PERIOD  # An agreement may run to the last day that can be written.
    return [each for each in found if each.document.quorum.threshold and now < each.document.not_after]


def standing(office: Office, held: HeldAgreement, note: bytes) -> tuple[OpenedNote, Confirmation]:
    """A checkpoint, verified, and whether the quorum of an agreement confirms it today.

    Neither it nor a signature that counts may be older than a day. Raises what `open_note` raises, `ForgedError`
    (signature-does-not-hold) also for a witness's signature, and `UntrustedKeyError` as `Office.chain_of` does.
    """
    own = open_note(note, office.pins.vkeys, required=office.pins.vkeys)
    policy = _policy(office, held, own)
    opened = open_note(note, office.pins.vkeys, witnesses=policy.vkeys, required=office.pins.vkeys)
    now, origin = office.now(), own.checkpoint.origin
    kept = tuple(each for each in opened.signatures if each.vkey.name == origin or _is_fresh(each.at, now))
    confirmation = policy.confirmation(OpenedNote(opened.checkpoint, kept))
    if origin != office.pins.journal.origin or not _is_fresh(own.signed_at, now):
        confirmation = Confirmation(confirmed=False, seen_by=(), missing=tuple(each.name for each in policy.witnesses))
    return opened, confirmation


def check_confirmed(office: Office, shipment: Shipment) -> None:
    """Return only if an envelope may leave: it seals nothing, nobody has to confirm, or the quorum has confirmed.

    Raises `UnconfirmedError` (quorum-missing), `UntrustedKeyError` when the journal must be read first, and as
    `standing` does for what is kept here and does not hold.
    """
    unverified = UnverifiedEnvelope.parse(shipment.body)
    header, key = unverified.header, unverified.payload.key
    with office.store.transaction() as tx:
        held = _version(office, tx, header.agreement)
        note = tx.watches.confirmed(held.sha256) if held else None
    if held is None or not held.document.quorum.threshold or not isinstance(header, SealedHeader) or key is None:
        return
    chain = office.chain_of(held, header.to)
    place = next((known.index for known in chain.keys if known.kid == key.kid), None) if chain else None
    missing = tuple(each.partition("+")[0] for each in held.document.quorum.witnesses)
    if note is not None and place is not None:
        opened, confirmation = standing(office, held, note)
        if confirmation.confirmed and place < opened.checkpoint.size:
            return
        missing = confirmation.missing or missing
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


def _policy(office: Office, held: HeldAgreement, own: OpenedNote) -> QuorumPolicy:
    """The quorum with the witness keys that were published, and in force, where the checkpoint ends."""
    place, at = own.checkpoint.size - 1, own.signed_at

    def published(address: str) -> Iterator[bytes]:
        chain = office.chain_of(held, address)
        for key in chain.keys if chain and at is not None else ():
            if key.use == "witness" and key.index <= place:
                with suppress(UntrustedKeyError):
                    key.check(at or office.now(), place)
                    yield key.raw

    return agreed_policy(held.document.quorum, published, office.pins.vkeys)


def _goes_back(note: bytes, known: bytes | None) -> bool:
    """Whether less was confirmed than before; of one size what is shown now counts, for witnesses sign it again."""
    return known is not None and parse_note(note).checkpoint.size < parse_note(known).checkpoint.size


def _is_fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - MAX_AGE <= at <= now + FUTURE_SKEW
