"""What a caseworker does with consents, each act in one call, with the receipts that the person takes home.

PRODUCT §2 and §4. A receipt is written with every change, as data and in both languages, before the change counts. The
withdrawal code is on the printed texts alone, which are handed over and then destroyed: whoever has it can use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from adapters.consent_changes import Change, RestrictionNotice, record_change, restrict, withdrawn_by_code
from adapters.consents import ConsentFile, Keep, Recorded, record_consent, record_of_file
from adapters.office import Office
from adapters.settings import Settings
from adapters.store.store import Transaction
from consent.answering import renewal
from consent.receipt import ConsentReceipt, receipt_text
from consent.record import ConsentRecord
from consent.statement import ConsentStatement, RegisteredStatement
from consent.validity import Verdict, verdicts
from keys.documents import encode
from keys.errors import MalformedError
from keys.files import write_private
from keys.words import Language

__all__ = ["ConsentDesk", "Shown", "write_receipt"]

_LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
_PREFIX: Final = "rec_"
_SHORTEST: Final = 4
"""Characters of a reference that have to be typed, after its prefix."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One record as it stands: every question for every recipient, the statements, what a renewal would ask."""

    record: ConsentRecord
    verdicts: tuple[Verdict, ...]
    statements: tuple[ConsentStatement, ...]
    ask: tuple[tuple[str, str], ...]


class ConsentDesk:
    """The consents of one partner."""

    def __init__(self, office: Office, settings: Settings) -> None:
        """Work for an office; the settings say whom to call and where receipts go."""
        self._office = office
        self._phone = settings.contact_phone
        self._folder = settings.receipts

    def record(self, file: ConsentFile) -> tuple[Recorded, tuple[Path, ...]]:
        """Keep what a person answered; raises as `adapters.consents.record_consent` does."""
        paths: list[Path] = []
        changed = record_consent(self._office, file, contact_phone=self._phone, keep=self._writer(paths))
        return changed[0], tuple(paths)

    def change(self, record_id: str, change: Change) -> tuple[Recorded, tuple[Path, ...]]:
        """Change one record; raises as `adapters.consent_changes.record_change` does."""
        paths: list[Path] = []
        changed = record_change(self._office, record_id, change, contact_phone=self._phone, keep=self._writer(paths))
        return changed[0], tuple(paths)

    def restrict(self, notice: RestrictionNotice) -> tuple[tuple[Recorded, ...], tuple[Path, ...]]:
        """Keep a restriction notice of a person; the records it changed."""
        paths: list[Path] = []
        changed = restrict(self._office, notice, contact_phone=self._phone, keep=self._writer(paths))
        return changed, tuple(paths)

    def withdrawn_by_code(self, tx: Transaction, statement: str, at: datetime) -> bool:
        """Write down that a statement of ours was taken back by its code; raises `FileError`, and `StoreError`."""
        keep = self._writer([])
        return withdrawn_by_code(self._office, tx, statement, at, contact_phone=self._phone, keep=keep)

    def check(self, file: ConsentFile) -> tuple[Verdict, ...]:
        """What the answers of a file would come to, recording nothing; raises as `record` does for its form."""
        at = self._office.now()
        with self._office.store.transaction() as tx:
            record = record_of_file(self._office, tx, file, self._phone, at)
        return verdicts(record, at)

    def resolve(self, typed: str) -> str:
        """The record whose reference begins as typed, with or without `rec_`.

        Raises `MalformedError` (record-unknown, record-ambiguous): four characters at least, and one record only.
        """
        beginning = typed.strip().lower().removeprefix(_PREFIX)
        if len(beginning) < _SHORTEST:
            raise MalformedError("record-ambiguous")
        with self._office.store.transaction() as tx:
            found = tx.papers.record_ids(_PREFIX + beginning)
        if len(found) != 1:
            raise MalformedError("record-ambiguous" if found else "record-unknown")
        return found[0]

    def show(self, record_id: str) -> Shown:
        """One record as it stands now; raises `MalformedError` (record-unknown)."""
        at = self._office.now()
        with self._office.store.transaction() as tx:
            record = tx.papers.record(record_id)
            if record is None:
                raise MalformedError("record-unknown")
            held = tx.papers.statements_of(record_id)
        again = renewal(record, [RegisteredStatement(item.document, item.sha256) for item in held], at)
        return Shown(record, verdicts(record, at), tuple(item.document for item in held), again.ask)

    def _writer(self, paths: list[Path]) -> Keep:
        """What writes receipts and adds where they are to `paths`; a file that an undone change leaves harms nobody."""

        def keep(changed: tuple[Recorded, ...]) -> None:
            for each in changed:
                paths.extend(write_receipt(self._folder, each.receipt))

        return keep


def write_receipt(folder: Path, receipt: ConsentReceipt) -> tuple[Path, ...]:
    """Write a receipt as data and in both languages, in private files of its own; raises `FileError`.

    The data stay here, so they are without the withdrawal code.
    """
    name = _free_name(folder, receipt.reference)
    paths = [folder / f"{name}.json"]
    write_private(paths[0], encode(receipt.model_copy(update={"withdrawal_code": None})))
    for language in _LANGUAGES:
        paths.append(folder / f"{name}.{language}.txt")
        write_private(paths[-1], receipt_text(receipt, language).encode("utf-8"))
    return tuple(paths)


def _free_name(folder: Path, reference: str) -> str:
    """The reference for the first receipt of a record, and for each later one the reference and its number."""
    name, number = reference, 1
    while (folder / f"{name}.json").exists():
        number += 1
        name = f"{reference}.{number}"
    return name
