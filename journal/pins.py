"""The keys an auditor trusts, as it pinned them: two lines given by hand, or the file kept since enrolment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from journal.shards import FIRST, MAX_SHARDS, Shard, first_shard, next_origin
from keys import strictjson
from keys.documents import Address, Base64Url, Document, Listing, validate
from keys.errors import MalformedError
from keys.identity import Verifier, verifier
from keys.strictjson import MAX_INTEGER
from keys.vkeys import Vkey, parse_vkey

__all__ = ["MAX_PINS", "PinnedShard", "Pins", "pinned_receipts", "read_pins", "read_vkeys"]

MAX_PINS: Final = 256 * 1024
"""Bytes of the largest file of pins; the two keys of a shard take about 2 kB, and there is another shard each year."""
_MAX_LATER: Final = 120


class _ReceiptsPin(Document):
    address: Address
    receipts: Base64Url


class _JournalPins(Document):
    origin: str
    vkeys: Listing[Annotated[str, StringConstraints(max_length=4096)]] = Field(min_length=2, max_length=2)


class _ShardPin(_JournalPins):
    number: Annotated[int, Field(gt=FIRST, le=MAX_SHARDS)]
    start: Annotated[int, Field(gt=0, le=MAX_INTEGER)]
    restarted: bool


class _LaterPins(Document):
    shards: Annotated[Listing[_ShardPin], Field(max_length=_MAX_LATER)]


@dataclass(frozen=True, slots=True)
class PinnedShard:
    """A later shard, and whether the journal was restarted with it instead of leading there."""

    shard: Shard
    restarted: bool


@dataclass(frozen=True, slots=True)
class Pins:
    """What is trusted of a journal: its first shard, and those later ones that were listed when it was pinned."""

    first: Shard
    later: tuple[PinnedShard, ...] = ()

    def shard(self, number: int) -> PinnedShard | None:
        """The later shard of this number, if the pins list it."""
        return next((each for each in self.later if each.shard.number == number), None)

    def named(self, origin: str) -> Shard | None:
        """The pinned shard of this name."""
        shards = (self.first, *(each.shard for each in self.later))
        return next((shard for shard in shards if shard.origin == origin), None)


def read_vkeys(texts: Sequence[str]) -> tuple[Vkey, Vkey]:
    """The two keys of one journal, given in any order: Ed25519 first.

    Raises `MalformedError` (vkeys-not-a-pair, or what `parse_vkey` raises) and `WeakKeyError`.
    """
    return first_shard([parse_vkey(text) for text in texts]).vkeys


def read_pins(data: bytes) -> Pins:
    """The journal's keys from a broker's `/.well-known/passerelle` as it was pinned.

    Of that file only `journal` and `shards` concern an auditor. Raises as `read_vkeys` does, and `MalformedError` with
    the place of every fault (wrong-origin when a key bears another name than its shard, shards-out-of-order).
    """
    value = _announced(data)
    if "journal" not in value:
        raise MalformedError("missing-field", "/journal")
    pins = validate(_JournalPins, value["journal"], pointer="/journal")
    first = first_shard(_keys(pins, "/journal"))
    listed = validate(_LaterPins, {"shards": value["shards"]}).shards if "shards" in value else ()
    later: list[PinnedShard] = []
    for position, pin in enumerate(listed):
        place = f"/shards/{position}"
        shard = Shard(pin.number, pin.origin, _keys(pin, place), pin.start)
        before = later[-1].shard if later else first
        if (shard.number, shard.origin) != (before.number + 1, next_origin(before)) or shard.start <= before.start:
            raise MalformedError("shards-out-of-order", place)
        later.append(PinnedShard(shard, pin.restarted))
    return Pins(first, tuple(later))


def _keys(pins: _JournalPins, pointer: str) -> tuple[Vkey, Vkey]:
    vkeys = read_vkeys(pins.vkeys)
    if any(vkey.name != pins.origin for vkey in vkeys):
        raise MalformedError("wrong-origin", f"{pointer}/vkeys")
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
