"""Makes a large invented journal as a bundle: the life of one referral, over and over under other names.

The organisations, the agreement and the life are those of `tests.journal.lives`. Every statement and every checkpoint
is really signed, every tile really hashed; entries are written from a template, so that making them costs little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from consent.statement import STATEMENT_KIND
from journal.bundle import ShardFiles, write_bundle
from journal.entries import Opening, clear_leaf, commitment_leaf
from journal.notes import Checkpoint, JournalSigner
from journal.tiles import Tile, new_bundles, new_tiles
from journal.tree import Frontier, leaf_hash
from keys import strictjson
from keys.documents import format_time, sha256_hex
from keys.identity import SigningKey
from keys.signing import SignedDocument, sign
from tests.builders import LINE, REF, STATEMENT_ID, signing_key
from tests.journal.builders import ORIGIN
from tests.journal.ledgers import START, Written, salt
from tests.journal.lives import lived

__all__ = ["GrownJournal"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_STEP = timedelta(milliseconds=125)
"""Between two entries: a million of them take a day and a half, within the periods of the keys."""
_LIFE = timedelta(days=7)
"""How long an envelope may wait."""


@dataclass
class GrownJournal:
    """A journal of `entries` entries, or a few more: it ends with a whole life.

    One checkpoint is archived for every `every` entries, as when acts come one by one.
    """

    entries: int
    signer: JournalSigner
    every: int = 8
    _leaves: list[bytes] = field(default_factory=list)
    _openings: list[tuple[int, Opening]] = field(default_factory=list)
    _statements: list[SignedDocument] = field(default_factory=list)
    _checkpoints: list[bytes] = field(default_factory=list)
    _frontier: Frontier = field(default_factory=Frontier)

    @property
    def size(self) -> int:
        """How many entries there are by now."""
        return len(self._leaves)

    def write(self, path: Path) -> None:
        """Make the journal and write its bundle."""
        ledger = lived()
        for written, data in zip(ledger.entries[: ledger.index("consent")], ledger.encoded(), strict=False):
            self._add(data, clear=written.clear)
        template = _Template.of(ledger.entries[ledger.index("consent") :], ledger.statements)
        for number in count():
            if self.size >= self.entries:
                break
            self._live(template, number)
        self._publish()
        with path.open("wb") as out:
            files = ((str(tile.path), tile.data) for tile in self._tiles())
            vkeys, newest = self.signer.vkeys, self._checkpoints[-1]
            shard = ShardFiles(1, vkeys, newest, files, self._openings, self._checkpoints)
            write_bundle(out, shards=(shard,), agreements=ledger.agreements, statements=self._statements)

    def _add(self, data: bytes, *, clear: bool) -> None:
        index = self.size
        opening = Opening(data, salt(index))
        leaf = clear_leaf(data) if clear else commitment_leaf(opening)
        if not clear:
            self._openings.append((index, opening))
        self._leaves.append(leaf)
        self._frontier.append(leaf_hash(leaf))
        if self.size % self.every == 0:
            self._publish()

    def _live(self, template: _Template, number: int) -> None:
        """One more referral."""
        statements, entries = template.filled(number, self.size)
        self._statements += statements
        for data in entries:
            self._add(data, clear=False)

    def _publish(self) -> None:
        checkpoint = Checkpoint(ORIGIN, self.size, self._frontier.root())
        self._checkpoints.append(self.signer.sign(checkpoint, _time(self.size - 1) + timedelta(seconds=1)))

    def _tiles(self) -> Iterator[Tile]:
        yield from new_tiles(0, [leaf_hash(leaf) for leaf in self._leaves], _nothing)
        yield from new_bundles(0, self._leaves)


@dataclass(frozen=True)
class _Template:
    """The entries of one life and the two versions of its consent, as texts in which names are replaced."""

    entries: list[str]
    statements: list[str]
    envelopes: list[str]
    digests: list[str]
    signer: SigningKey

    @classmethod
    def of(cls, entries: list[Written], statements: list[SignedDocument]) -> _Template:
        """Make it of the entries of one life, from the consent to its end."""
        texts = []
        for written in entries:
            members = written.members | {"index": "INDEX", "time": "TIME"}
            if written.members["type"] == "envelope.accepted":
                members["expires"] = "EXPIRES"
            texts.append(strictjson.dumps(members).decode().replace('"INDEX"', "INDEX"))
        envelopes = sorted({str(each.members["envelope"]) for each in entries if "envelope" in each.members})
        payloads = [each.payload.decode() for each in statements]
        return cls(texts, payloads, envelopes, [each.sha256 for each in statements], signing_key(LINE))

    def filled(self, number: int, start: int) -> tuple[list[SignedDocument], list[bytes]]:
        """Life `number`, whose first entry stands at `start`."""
        names = {STATEMENT_ID: _named(STATEMENT_ID, number), REF: _named(REF, number)}
        names |= {envelope: _named(envelope, number) for envelope in self.envelopes}
        signed = []
        for payload, digest in zip(self.statements, self.digests, strict=True):
            made = sign(STATEMENT_KIND, _replaced(payload, names).encode(), (self.signer,))
            names[digest] = made.sha256
            signed.append(made)
        return signed, [self._entry(text, names, start + place) for place, text in enumerate(self.entries)]

    def _entry(self, text: str, names: dict[str, str], index: int) -> bytes:
        at = _time(index)
        about = {"INDEX": str(index), "TIME": format_time(at), "EXPIRES": format_time(at + _LIFE)}
        return _replaced(text, names | about).encode()


def _replaced(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def _named(name: str, number: int) -> str:
    """An identifier of the same kind, another one for each number."""
    digits = int.from_bytes(bytes.fromhex(sha256_hex(f"{name} {number}".encode())))
    prefix = name.partition("_")[0]
    return f"{prefix}_" + "".join(_LETTERS[digits >> 5 * place & 31] for place in range(26))


def _time(index: int) -> datetime:
    """The moment of an entry: those before the first referral are a second apart, as the tests write them."""
    return START + timedelta(seconds=min(index, 30)) + max(0, index - 30) * _STEP


def _nothing(_height: int, _index: int) -> bytes:
    raise AssertionError  # an empty tree has no node to read
