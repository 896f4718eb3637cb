"""Whose eyes on the journal the parties count on: how many of which witnesses must have seen an entry.

PROTOCOL §7. A witness that the broker could make up, or be itself, would be worth nothing. So a witness is written as
its own key, or as the address of a party, whose published witness keys then count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from consent.coherence import fault_at
from keys.documents import ADDRESS_PATTERN, Document, Listing, fault
from keys.errors import PasserelleError
from keys.vkeys import COSIGNING, MAX_VKEY, Vkey, parse_vkey

__all__ = ["MAX_WITNESSES", "Quorum", "WitnessText", "is_address"]

MAX_WITNESSES: Final = 32
"""Witnesses that an agreement may name; C2SP tlog-policy asks readers of policies for as many."""
_NOBODY: Final = "none"
"""What stands in C2SP tlog-policy for a quorum that asks for nobody; no witness may bear the name."""
_ADDRESS: Final = re.compile(ADDRESS_PATTERN)


def is_address(text: str) -> bool:
    """Whether a witness is named by its organisation's address rather than by a key of its own."""
    return _ADDRESS.fullmatch(text) is not None


def _witness(text: str) -> str:
    """The text itself, if it is an address or the vkey of a type by which witnesses sign."""
    if is_address(text):
        return text
    try:
        vkey = parse_vkey(text)
    except PasserelleError as error:
        raise fault(error.code) from None
    if vkey.type not in COSIGNING:
        raise fault("not-a-witness-key")
    if vkey.name == _NOBODY:
        raise fault("wrong-name")
    return text


WitnessText = Annotated[str, StringConstraints(min_length=3, max_length=MAX_VKEY), AfterValidator(_witness)]
"""A C2SP vkey of type 0x04 or 0x06, or the address of an organisation whose published witness keys count."""


class Quorum(Document):
    """How many of which witnesses must have cosigned before a journal entry counts as confirmed.

    With a threshold of 0 the broker's own signature is enough. Nobody is listed twice, however it is spelled: neither
    a name nor a key comes twice, so that nobody counts for two.
    """

    threshold: int = Field(ge=0, le=MAX_WITNESSES)
    witnesses: Listing[WitnessText] = Field(max_length=MAX_WITNESSES)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        known: set[str | bytes] = set()
        for position, text in enumerate(self.witnesses):
            marks = _marks([text])
            if not marks.isdisjoint(known):
                raise fault_at("duplicate-entry", "witnesses", position)
            known |= marks
        if self.threshold > len(self.witnesses):
            raise fault_at("out-of-range", "threshold")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """The organisations among the witnesses, in the order of the list."""
        return tuple(text for text in self.witnesses if is_address(text))

    def held_by(self, journal: Iterable[str]) -> int | None:
        """The position of the first witness that bears the name or holds a key of `journal`, given as its vkeys."""
        own = _marks(journal)
        found = (position for position, text in enumerate(self.witnesses) if not own.isdisjoint(_marks([text])))
        return next(found, None)


def _marks(texts: Iterable[str]) -> set[str | bytes]:
    """What tells these signers from others: their names, and the raw keys of those that give one."""
    marks: set[str | bytes] = set()
    for text in texts:
        vkey = _read(text)
        marks |= {text.partition("+")[0]} if vkey is None else {vkey.name, vkey.public_key}
    return marks


def _read(text: str) -> Vkey | None:
    try:
        return parse_vkey(text)
    except PasserelleError:
        return None
