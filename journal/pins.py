"""The keys an auditor trusts, as it pinned them: two lines given by hand, or the file kept since enrolment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from journal.vkeys import ED25519, MLDSA44, Vkey, parse_vkey
from keys import strictjson
from keys.documents import Address, Base64Url, Document, Listing, validate
from keys.errors import MalformedError
from keys.identity import Verifier, verifier

__all__ = ["MAX_PINS", "pinned_receipts", "read_pins", "read_vkeys"]

MAX_PINS: Final = 16 * 1024
"""Bytes of the largest file of pins; an ML-DSA-44 key takes about 1.8 kB."""


class _ReceiptsPin(Document):
    address: Address
    receipts: Base64Url


class _JournalPins(Document):
    origin: str
    vkeys: Listing[Annotated[str, StringConstraints(max_length=4096)]] = Field(min_length=2, max_length=2)


def read_vkeys(texts: Sequence[str]) -> tuple[Vkey, ...]:
    """The two keys of one journal, one of each kind, in any order.

    Raises `MalformedError` (vkeys-not-a-pair, or what `parse_vkey` raises) and `WeakKeyError`.
    """
    vkeys = tuple(parse_vkey(text) for text in texts)
    if sorted(vkey.type for vkey in vkeys) != [ED25519, MLDSA44] or len({vkey.name for vkey in vkeys}) != 1:
        raise MalformedError("vkeys-not-a-pair")
    return vkeys


def read_pins(data: bytes) -> tuple[Vkey, ...]:
    """The journal's keys from a broker's `/.well-known/passerelle` as it was pinned.

    Of that file only `journal` concerns an auditor. Raises as `read_vkeys` does, and `MalformedError` with the place
    of every fault (wrong-origin when a key bears another name than the journal).
    """
    value = _announced(data)
    if "journal" not in value:
        raise MalformedError("missing-field", "/journal")
    pins = validate(_JournalPins, value["journal"], pointer="/journal")
    vkeys = read_vkeys(pins.vkeys)
    if any(vkey.name != pins.origin for vkey in vkeys):
        raise MalformedError("wrong-origin", "/journal/vkeys")
    return vkeys


def pinned_receipts(data: bytes) -> Verifier:
    """The verifier of the broker's receipts, from the same file; raises `MalformedError` and `WeakKeyError`."""
    value = _announced(data)
    pin = validate(_ReceiptsPin, {name: value[name] for name in ("address", "receipts") if name in value})
    return verifier(pin.address, "receipts", pin.receipts)


def _announced(data: bytes) -> dict[str, object]:
    value = strictjson.loads(data, limit=MAX_PINS)
    if not isinstance(value, dict):
        raise MalformedError("missing-field", "/journal")
    return value
