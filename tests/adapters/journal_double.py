"""The calls about the journal of the broker's double: an archive, cosignatures, and every way to lie about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from adapters.bodies import ArchivedCheckpoint, JournalOpening, OpeningPage
from adapters.problems import GatewayProblemError
from journal.cosignatures import NoteSignature, parse_signature
from journal.entries import Opening
from journal.layout import SignedAgreement
from journal.notes import open_note, parse_note, with_cosignatures
from journal.proofs import prove
from journal.shards import FIRST, Shard
from journal.tiles import TileReader
from keys.signing import SignedDocument
from tests.adapters.gateway_double import GatewayDouble
from tests.journal.builders import SALT, entry_bytes

Answered = TypeVar("Answered")


@dataclass
class PublishedJournal:
    """What a broker published of its journal: every checkpoint that it showed, and who cosigned which.

    Cosignatures are kept by how many entries the journal has up to the checkpoint, through all its shards.
    """

    gateway: GatewayDouble
    notes: list[bytes] = field(default_factory=list)
    cosigned: dict[int, dict[str, NoteSignature]] = field(default_factory=dict)
    contradicted: list[bytes] = field(default_factory=list)
    silent: bool = False

    def show(self, number: int) -> bytes:
        """The newest checkpoint of a shard, archived from here on; the same one for ever from one that fell silent."""
        held = self.gateway.held(number)
        if held.final is not None:
            note = held.final
        elif not self.silent or not self.notes:
            note = self.gateway.note()
        else:
            note = self.notes[-1]
        if note not in self.notes or held.final is None:
            self.notes.append(note)
        return self.with_witnesses(note)

    def with_witnesses(self, note: bytes) -> bytes:
        """A checkpoint with the cosignatures that are known of its size."""
        return with_cosignatures(note, self.cosigned.get(self._end(note), {}).values())

    def confirmed(self, number: int, witnesses: int) -> bytes:
        """The newest checkpoint of a shard that so many have cosigned."""
        for note in reversed(self._of(number)):
            if len(self.cosigned.get(self._end(note), {})) >= witnesses:
                return self.with_witnesses(note)
        raise GatewayProblemError("checkpoint-unconfirmed", status=404)

    def page(self, number: int, after: int, since: datetime, length: int = 2) -> tuple[ArchivedCheckpoint, ...]:
        """Some archived checkpoints of a shard from a place on, by size and time."""
        found = sorted((self._archived(note) for note in self._of(number)), key=lambda each: (each.size, each.time))
        return tuple(each for each in found if (each.size, each.time) > (after, since))[:length]

    def _archived(self, note: bytes) -> ArchivedCheckpoint:
        opened = open_note(note, self._shard(note).vkeys)
        assert opened.signed_at is not None
        return ArchivedCheckpoint(opened.checkpoint.size, opened.signed_at, self.with_witnesses(note))

    def take(self, line: str, note: bytes) -> None:
        """Keep a cosignature of an archived checkpoint; one that never was means that this journal was set back."""
        checkpoint = open_note(note, self._shard(note).vkeys).checkpoint
        if all(parse_note(each).checkpoint != checkpoint for each in self.notes):
            self.contradicted.append(note)
            raise GatewayProblemError("journal-contradicted", status=503)
        signature = parse_signature(line)
        self.cosigned.setdefault(self._end(note), {})[signature.name] = signature

    def proof(self, index: int) -> bytes:
        """The proof of an entry under the newest checkpoint of its shard."""
        shard = max((each for each in self._shards() if each.start <= index), key=lambda each: each.start)
        note = self.with_witnesses(self._of(shard.number)[-1])
        checkpoint = parse_note(note).checkpoint
        files = self.gateway.files(checkpoint.size, number=shard.number)
        return prove(shard.position(index), note, TileReader(files.get, checkpoint.size, checkpoint.root)).encode()

    def _shards(self) -> list[Shard]:
        return [self.gateway.shard(number) for number in range(FIRST, len(self.gateway.shards) + 1)]

    def _shard(self, note: bytes) -> Shard:
        origin = parse_note(note).checkpoint.origin
        return next(each for each in self._shards() if each.origin == origin)

    def _of(self, number: int) -> list[bytes]:
        return [note for note in self.notes if self._shard(note).number == number]

    def _end(self, note: bytes) -> int:
        return self._shard(note).end(parse_note(note).checkpoint)


class Publishing(Protocol):
    """A broker's double that publishes its journal."""

    @property
    def journal(self) -> PublishedJournal:
        """What it published."""
        ...


class JournalCallsDouble(ABC):
    """Part of `tests.adapters.broker_double.CallsDouble`."""

    broker: Publishing

    @abstractmethod
    def _do(self, name: str, act: Callable[[], Answered]) -> Answered: ...

    def checkpoint(self, shard: int) -> bytes:
        """The newest checkpoint of a shard."""
        return self._do("checkpoint", lambda: self._of_known(shard, self.broker.journal.show))

    def confirmed_checkpoint(self, shard: int, witnesses: int) -> bytes:
        """The newest one that so many have cosigned."""
        return self._do("confirmed_checkpoint", lambda: self.broker.journal.confirmed(shard, witnesses))

    def checkpoints(self, shard: int, after: int, since: datetime) -> tuple[ArchivedCheckpoint, ...]:
        """A page of the archive."""
        return self._do("checkpoints", lambda: self.broker.journal.page(shard, after, since))

    def tile(self, shard: int, path: str) -> bytes:
        """One file of a shard."""
        found = self._of_known(shard, lambda number: self.broker.journal.gateway.files(number=number)).get(path)
        if found is None:
            raise GatewayProblemError("not-found", status=404)
        return found

    def _of_known(self, shard: int, act: Callable[[int], Answered]) -> Answered:
        if shard > len(self.broker.journal.gateway.shards):
            raise GatewayProblemError("not-found", status=404)
        return act(shard)

    def cosign(self, line: str, note: bytes) -> None:
        """Take a cosignature."""
        self._do("cosign", lambda: self.broker.journal.take(line, note))

    def openings(self, after: int) -> OpeningPage:
        """Two openings a page, of whatever stands there."""
        last = min(after + 2, len(self.broker.journal.gateway.leaves))
        shown = [JournalOpening(index, Opening(entry_bytes(index=index), SALT)) for index in range(after, last)]
        return self._do("openings", lambda: OpeningPage(tuple(shown), last))

    def proof(self, index: int) -> bytes:
        """The proof of an entry."""
        return self._do("proof", lambda: self.broker.journal.proof(index))

    def agreement_of_digest(self, sha256: str) -> SignedAgreement:
        """None that this double would show an auditor."""
        del sha256
        raise GatewayProblemError("document-unknown", status=404)

    def statement_of_digest(self, sha256: str) -> SignedDocument:
        """None that this double would show an auditor."""
        del sha256
        raise GatewayProblemError("document-unknown", status=404)
