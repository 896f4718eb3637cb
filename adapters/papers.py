"""The papers that go with a referral: read from their files, sealed each on its own, and written out again.

PROTOCOL §4 (*Attachments*). A paper is bound to the envelope that announces it, so an envelope that takes the place of
another seals its papers anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from adapters.referral_sections import DocumentFile
from adapters.sections import DocumentItem, DocumentsSection
from adapters.store.records import Attachment, Shipment
from adapters.store.store import Transaction
from keys.attachments import MAX_ATTACHMENT, SealedAttachment, seal_attachment
from keys.documents import Document, sha256_hex
from keys.errors import Fault, FileError, MalformedError
from keys.files import read_file, write_new

__all__ = ["Paper", "SealedPapers", "as_kept", "item_of", "read_papers", "save_papers", "seal_papers"]

_SECRET: Final = frozenset({"sealed_sha256", "key"})
_SUFFIXES: Final = frozenset(
    {".csv", ".docx", ".heic", ".jpeg", ".jpg", ".odt", ".pdf", ".png", ".tiff", ".txt", ".xlsx"}
)
"""What the end of a file's name may tell; the rest of the name stays here, because it often names the person."""


@dataclass(frozen=True, slots=True, repr=False)
class Paper:
    """One paper in clear: what it is, the name under which its reader saves it, its bytes."""

    kind: str
    name: str | None
    data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class SealedPapers:
    """The papers of one envelope: the section that announces them and holds their keys, and each one sealed."""

    section: DocumentsSection
    parts: tuple[tuple[Paper, SealedAttachment], ...]

    def keep(self, tx: Transaction, envelope: str, ref: str, at: datetime) -> None:
        """Keep the papers of an envelope of ours in clear, for us to read and to seal anew."""
        for number, (paper, sealed) in enumerate(self.parts, start=1):
            digest = sha256_hex(paper.data)
            named = (number, paper.kind, paper.name, len(paper.data), digest)
            tx.attachments.add(
                Attachment(envelope, sealed.sha256, ref, *named, state="held", next_try=at, data=paper.data)
            )

    def ship(self, tx: Transaction, envelope: str, lane: str, at: datetime, *, after: str | None = None) -> str | None:
        """Put the sealed bytes in the outbox, to leave in order; the last item, for the envelope to wait for."""
        last = None
        for _, sealed in self.parts:
            last = item_of(envelope, sealed.sha256)
            tx.traffic.ship(Shipment(last, "attachment", lane, sealed.data, at, after=after))
        return last


def item_of(envelope: str, sealed_sha256: str) -> str:
    """The name in the outbox of a paper of an envelope."""
    return f"attachment:{envelope}:{sealed_sha256}"


def read_papers(files: Iterable[DocumentFile], folder: Path) -> tuple[Paper, ...]:
    """Read the papers that a referral file names, from below its own folder.

    Raises `MalformedError` with every fault at its place: file-missing, file-unreadable, attachment-too-large,
    attachment-empty, attachment-elsewhere (a path that leads out of the folder).
    """
    papers, faults = [], []
    for number, file in enumerate(files):
        try:
            papers.append(Paper(file.type, _name(file), _read(folder, file.path)))
        except (FileError, MalformedError) as error:
            code = "attachment-too-large" if error.code == "too-large" else error.code
            faults.append(Fault(code, f"/sections/documents/{number}/path"))
    if faults:
        raise MalformedError(faults[0].code, faults=tuple(faults))
    return tuple(papers)


def seal_papers(papers: Iterable[Paper], envelope: str) -> SealedPapers:
    """Seal papers for one envelope; raises `MalformedError` (attachment-too-large)."""
    parts = tuple((paper, seal_attachment(paper.data, envelope, paper.kind)) for paper in papers)
    return SealedPapers(DocumentsSection(items=tuple(_item(*part) for part in parts)), parts)


def as_kept(sections: Mapping[str, Document]) -> dict[str, dict[str, object]]:
    """The sections as they are kept in clear: of a paper what it is, not what opens it."""
    said = {code: section.model_dump(mode="json", exclude_none=True) for code, section in sections.items()}
    for item in said.get("documents", {}).get("items", ()):
        for member in _SECRET:
            item.pop(member)
    return said


def save_papers(attachments: Iterable[Attachment], folder: Path) -> list[Path]:
    """Write every paper that is here as a private file; where each of them is.

    One that was saved before is left as it is, so that later papers can join it. Raises `FileError` (file-exists for a
    file that says something else, file-unwritable).
    """
    saved = []
    for attachment in attachments:
        if attachment.data is not None:
            path = folder / f"{attachment.envelope.removeprefix('env_')[:6]}-{attachment.number}-{_safe(attachment)}"
            if not _is_saved(path, attachment.data):
                write_new(path, attachment.data, private=True)
            saved.append(path)
    return saved


def _safe(attachment: Attachment) -> str:
    """The name that its sender gave a paper, unless a program could be started by its end (`lease.pdf.exe`)."""
    name = attachment.name or ""
    return name if _suffix(name) in _SUFFIXES else attachment.kind


def _is_saved(path: Path, data: bytes) -> bool:
    try:
        return read_file(path, limit=len(data)) == data
    except FileError:
        return False  # Whatever is there instead, writing a new file tells.


def _name(file: DocumentFile) -> str | None:
    suffix = _suffix(file.path)
    return f"{file.type}{suffix}" if suffix in _SUFFIXES else None


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _read(folder: Path, named: str) -> bytes:
    home = folder.resolve()
    path = (home / named).resolve()
    if not path.is_relative_to(home):
        raise MalformedError("attachment-elsewhere")
    data = read_file(path, limit=MAX_ATTACHMENT)
    if not data:
        raise MalformedError("attachment-empty")
    return data


def _item(paper: Paper, sealed: SealedAttachment) -> DocumentItem:
    return DocumentItem(
        type=paper.kind,
        sha256=sha256_hex(paper.data),
        size=len(paper.data),
        name=paper.name,
        sealed_sha256=sealed.sha256,
        key=sealed.key,
    )
