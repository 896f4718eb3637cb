"""What a bundle for auditors is made of: the name and the form of each file in it.

PROTOCOL §7 *Receipts and bundles*. Unzipped, a bundle is a journal as C2SP tlog-tiles files it, with the openings of
its entries and the agreements and consent statements that the entries name by digest beside it. The files of the first
shard lie at the top, those of each later one in a folder of its own (see `journal.shards`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import Field

from consent.agreement import SIGNATURE_KIND
from journal.entries import MAX_ENTRY, MAX_LEAF, Opening
from journal.notes import MAX_NOTE
from journal.shards import FIRST
from journal.tiles import ENTRIES, parse_path
from journal.tree import HASH_SIZE
from keys import strictjson
from keys.documents import (
    Base64Url,
    Document,
    Listing,
    Sha256,
    Version,
    encode,
    from_b64url,
    parse,
    sha256_hex,
    validate,
)
from keys.errors import MalformedError
from keys.signing import MAX_DOCUMENT, SignedDocument

__all__ = [
    "CHECKPOINT",
    "CHECKPOINTS",
    "MAX_LINE",
    "OPENINGS",
    "VKEYS",
    "SignedAgreement",
    "agreement_name",
    "encode_archived",
    "encode_opening",
    "largest_piece",
    "read_archived",
    "read_opening",
    "shard_of",
    "statement_name",
]

CHECKPOINT: Final = "checkpoint"
"""The signed note that commits to all the rest."""
CHECKPOINTS: Final = "checkpoints.jsonl"
"""Every checkpoint that was ever published, one a line, in the order of the journal."""
VKEYS: Final = "vkeys"
"""The journal's verification keys, one a line, for information: an auditor uses those it pinned itself."""
OPENINGS: Final = "openings.jsonl"
"""The openings of commitments, one a line, in the order of the journal."""
MAX_LINE: Final = 4 * MAX_ENTRY // 3 + 1024
"""Bytes of the longest line of openings: an entry as base64url, its salt and its index."""
_MAX_VKEYS: Final = 16 * 1024
_MAX_AGREEMENT_FILE: Final = 4 * 1024 * 1024
"""Five hundred parties sign with 3.4 kB each; base64 in base64 makes 6 kB of it."""
_MAX_ARCHIVED: Final = 4 * MAX_NOTE // 3 + 1024
"""Bytes of the longest line of checkpoints: a note as base64url."""
_OPENING = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,15}),"salt":"([A-Za-z0-9_-]*)","entry":"([A-Za-z0-9_-]*)"\}\n', re.ASCII
)
"""A line of openings exactly as `encode_opening` writes it."""
_DOCUMENT = re.compile(r"(agreements|statements)/[0-9a-f]{64}\.json", re.ASCII)
_SHARD = re.compile(r"shards/([2-9]|[1-9][0-9]{1,3})/(.+)", re.ASCII)
"""A file of a later shard; the first one has no folder, so that no file has two names."""
_FILES: Final = {CHECKPOINT: MAX_NOTE, CHECKPOINTS: _MAX_ARCHIVED, VKEYS: _MAX_VKEYS, OPENINGS: MAX_LINE}
_FOLDERS: Final = {"agreements": _MAX_AGREEMENT_FILE, "statements": MAX_DOCUMENT}


def agreement_name(sha256: str) -> str:
    """Where the agreement with this digest stands, with its signatures."""
    return f"agreements/{sha256}.json"


def statement_name(sha256: str) -> str:
    """Where the consent statement whose payload has this digest stands."""
    return f"statements/{sha256}.json"


def shard_of(name: str) -> int:
    """The number of the shard in whose folder the file `name` lies: the first one for whatever lies in none."""
    later = _SHARD.fullmatch(name)
    return int(later[1]) if later else FIRST


def largest_piece(name: str) -> int:
    """Bytes of the largest piece read at once of the file `name`: all of it, or one line of openings or checkpoints.

    Raises `MalformedError` (archive-unknown-file) for a name that no bundle holds, hence for every path that leads
    out of a folder and for every second spelling of a path.
    """
    document = _DOCUMENT.fullmatch(name)
    if document:
        return _FOLDERS[document[1]]
    later = _SHARD.fullmatch(name)
    name = later[2] if later else name
    if name in _FILES:
        return _FILES[name]
    try:
        path = parse_path(name)
    except MalformedError:
        raise MalformedError("archive-unknown-file") from None
    return path.width * (2 + MAX_LEAF if path.level == ENTRIES else HASH_SIZE)


class _OpeningLine(Document):
    index: Annotated[int, Field(ge=0, le=strictjson.MAX_INTEGER)]
    salt: Base64Url
    entry: Base64Url


def encode_opening(index: int, opening: Opening) -> bytes:
    """One line of the openings, its newline included."""
    return encode(_OpeningLine(index=index, salt=opening.salt, entry=opening.entry)) + b"\n"


def read_opening(line: bytes) -> tuple[int, Opening]:
    """Read one line of the openings: the index of the entry and what opens it; raises `MalformedError`."""
    # A line as we write it needs no general reader, which would cost more than all that is then done with it.
    usual = _OPENING.fullmatch(line) if len(line) <= MAX_LINE else None
    if usual is not None and (index := int(usual[1])) <= strictjson.MAX_INTEGER:
        try:
            return index, Opening(from_b64url(usual[3].decode()), from_b64url(usual[2].decode()))
        except ValueError:
            pass  # the general reader says which of the two it is, and where
    read = parse(_OpeningLine, line, limit=MAX_LINE)
    return read.index, Opening(read.entry, read.salt)


class _ArchivedLine(Document):
    note: Base64Url


def encode_archived(note: bytes) -> bytes:
    """One line of the archived checkpoints, its newline included."""
    return encode(_ArchivedLine(note=note)) + b"\n"


def read_archived(line: bytes) -> bytes:
    """Read one line of the archived checkpoints: the signed note as it was published; raises `MalformedError`."""
    return parse(_ArchivedLine, line, limit=_MAX_ARCHIVED).note


class _AgreementFile(Document):
    v: Version
    payload: Base64Url
    signatures: Listing[dict[str, Any]] = Field(max_length=500)


@dataclass(frozen=True, slots=True)
class SignedAgreement:
    """The exact bytes that the parties signed, and their signatures as they sent them, verified or not."""

    payload: bytes
    signatures: tuple[SignedDocument, ...]

    @property
    def sha256(self) -> Sha256:
        """The digest by which entries name the agreement."""
        return sha256_hex(self.payload)

    def encode(self) -> bytes:
        """The file of the bundle."""
        signatures = tuple(signed.to_json() for signed in self.signatures)
        return encode(_AgreementFile(v=1, payload=self.payload, signatures=signatures))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the file of the bundle; raises `MalformedError` with every fault and its place."""
        # The file is read before the model is asked: a signature is an object here, checked by its own reader.
        file = validate(_AgreementFile, strictjson.loads(data, limit=_MAX_AGREEMENT_FILE))
        signatures = (
            SignedDocument.from_json(value, SIGNATURE_KIND, pointer=f"/signatures/{position}")
            for position, value in enumerate(file.signatures)
        )
        return cls(file.payload, tuple(signatures))
