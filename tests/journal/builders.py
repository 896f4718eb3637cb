"""Valid journals of invented organisations; each test changes one thing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from journal.entries import Entry, Opening, clear_leaf, commitment_leaf
from journal.notes import Checkpoint, JournalSigner
from journal.tiles import TileReader, new_bundles, new_tiles
from journal.tree import EMPTY_ROOT, leaf_hash, root_of
from keys.documents import encode, parse
from keys.strictjson import dumps

AT = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
ORIGIN = "passerelle.example/laval/journal/2026"
SALT = bytes(range(32))
DIGEST = "ab" * 32
REF = "ref_" + "a" * 26
ENVELOPE = "env_" + "b" * 26
AGREEMENT = "agr_" + "c" * 26 + "@1"
STATEMENT = "cs_" + "d" * 26

_ACCEPTED: dict[str, object] = {
    "v": 1,
    "index": 0,
    "time": "2026-03-01T14:05:00.000Z",
    "type": "envelope.accepted",
    "actor": "ligne-211@laval",
    "from": "ligne-211@laval",
    "to": "refuge-invente@laval",
    "ref": REF,
    "envelope": ENVELOPE,
    "payload_sha256": DIGEST,
    "signer_kid": "ligne-211@laval#signing-" + "0" * 32,
    "seal_kid": "refuge-invente@laval#sealing-" + "1" * 32,
    "agreement": AGREEMENT,
    "agreement_sha256": DIGEST,
    "article": "1",
    "statement": STATEMENT,
    "version": 1,
    "statement_sha256": DIGEST,
    "expires": "2026-03-15T14:05:00.000Z",
    "purpose": "referral-shelter",
    "sections": ["identity", "contact"],
    "transition": "T02",
}


def entry_members(**changes: object) -> dict[str, object]:
    """The JSON members of an accepted envelope's entry; a change to None leaves the member out."""
    members = _ACCEPTED | {name.rstrip("_"): value for name, value in changes.items()}
    return {name: value for name, value in members.items() if value is not None}


def entry_bytes(**changes: object) -> bytes:
    """The exact bytes of a valid entry, written as the program writes them."""
    return encode(parse(Entry, dumps(entry_members(**changes)), limit=100_000))


def key_entry_bytes(**changes: object) -> bytes:
    """The exact bytes of a valid entry that publishes a key."""
    members: dict[str, object] = {name: None for name in _ACCEPTED if name not in {"v", "index", "time", "actor"}}
    return entry_bytes(**(members | {"type": "key.published", "document": "AAEC"} | changes))


def leaves_of(count: int) -> list[bytes]:
    """Leaves of a small journal: every fifth publishes a key in clear, the others are commitments."""
    return [
        clear_leaf(key_entry_bytes(index=index))
        if index % 5 == 0
        else commitment_leaf(Opening(entry_bytes(index=index), SALT))
        for index in range(count)
    ]


def hashes_of(count: int) -> list[bytes]:
    """The hashes of `short_leaves`."""
    return [leaf_hash(leaf) for leaf in short_leaves(count)]


def short_leaves(count: int) -> list[bytes]:
    """Distinct leaves of four bytes, for tests of shapes."""
    return [index.to_bytes(4, "big") for index in range(count)]


def nothing_yet() -> TileReader:
    """A reader of the tree without leaves, which has no files."""
    files: dict[str, bytes] = {}
    return TileReader(files.get, 0, EMPTY_ROOT)


class Files(dict[str, bytes]):
    """A journal's files by path, grown as the program grows them."""

    def __init__(self, leaves: list[bytes], *sizes: int) -> None:
        """Integrate the leaves in the steps `sizes`, then all of them; files of the steps between stay."""
        super().__init__()
        self.hashes = [leaf_hash(leaf) for leaf in leaves]
        old = 0
        for size in [*sizes, len(leaves)]:
            reader = TileReader(self.get, old, root_of(self.hashes[:old]))
            open_bundle = reader.leaves(old // 256) if old % 256 else []
            grown = [
                *new_tiles(old, self.hashes[old:size], reader),
                *new_bundles(old, leaves[old:size], open_bundle),
            ]
            self.update((str(tile.path), tile.data) for tile in grown)
            old = size

    def reader(self, size: int | None = None) -> TileReader:
        """A reader of the tree at `size` leaves, all by default."""
        size = len(self.hashes) if size is None else size
        return TileReader(self.get, size, self.root(size))

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves, all by default."""
        return root_of(self.hashes[:size])

    def write(self, folder: Path) -> None:
        """Write the files under a folder."""
        for path, data in self.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


def journal_signer(origin: str = ORIGIN) -> JournalSigner:
    """A journal's signer with fresh keys."""
    return JournalSigner(origin, Ed25519PrivateKey.generate(), MLDSA44PrivateKey.generate())


def checkpoint(files: Files, origin: str = ORIGIN) -> Checkpoint:
    """The checkpoint of all leaves."""
    return Checkpoint(origin, len(files.hashes), files.root())
