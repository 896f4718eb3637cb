"""The gateway as this partner came to know it: its address, where it is, and the keys that speak for it.

PROTOCOL §0 and §7. What `/.well-known/passerelle` says is only an announcement. It becomes a *pin*, which nothing
received later can change, once the two ends have read the same short code aloud.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Annotated, Final, Self

import httpx2
from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from adapters.exchange import Exchange, Question, answered_json, reading_answer, sound_origin
from adapters.problems import problem_of
from consent.identifiers import gateway_address
from journal.shards import FIRST, MAX_SHARDS, Shard, next_origin
from keys.documents import Address, Base64Url, Document, Listing, Version, fault, parse, validate
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.identity import Verifier, verifier
from keys.strictjson import MAX_INTEGER
from keys.vkeys import ED25519, MLDSA44, Vkey, parse_vkey
from keys.weakness import check_public_key

__all__ = ["WELL_KNOWN", "GatewayPins", "JournalPins", "ShardPins", "fetch_pins", "pin_code", "read_pins"]

WELL_KNOWN: Final = "/.well-known/passerelle"
MAX_PINS: Final = 256 * 1024
"""Bytes of the largest pins file: a shard takes about 2 kB, and there is one more each year."""
_CODE_DOMAIN: Final = b"passerelle/pins/1\x00"
_CODE_LENGTH: Final = 16
_GROUP: Final = 4
_OK: Final = 200
_LATER: Final = re.compile(r"[2-9]|[1-9][0-9]{1,3}", re.ASCII)
"""The numbers of the shards after the first."""


def _journal_origin(origin: str) -> str:
    if not re.fullmatch(r"[^/\s+]+/[a-z0-9-]{1,63}/journal/[A-Za-z0-9._-]{1,63}", origin):
        raise fault("wrong-origin")
    return origin


def _vkey(text: str) -> str:
    try:
        parse_vkey(text)
    except PasserelleError as error:
        raise fault(error.code) from None
    return text


def _url(text: str) -> str:
    if not sound_origin(text):
        raise fault("gateway-url")
    return text


class JournalPins(Document):
    """The journal's name, `<host>/<territory>/journal/<shard>`, and its two public keys as C2SP vkeys."""

    origin: Annotated[str, StringConstraints(max_length=255), AfterValidator(_journal_origin)]
    vkeys: Listing[Annotated[str, AfterValidator(_vkey)]] = Field(min_length=2, max_length=2)

    @field_validator("vkeys")
    @classmethod
    def _one_of_each_kind(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(parse_vkey(text).type for text in texts) != [ED25519, MLDSA44]:
            raise fault("vkeys-not-two-kinds")
        return texts

    @property
    def pair(self) -> tuple[Vkey, Vkey]:
        """The two keys that sign every checkpoint of the shard, Ed25519 first."""
        classic, lasting = sorted((parse_vkey(text) for text in self.vkeys), key=lambda vkey: vkey.type)
        return classic, lasting


class ShardPins(JournalPins):
    """A later shard: where it begins, and whether nobody announced it because a backup had been restored."""

    number: Annotated[int, Field(ge=FIRST + 1, le=MAX_SHARDS)]
    start: Annotated[int, Field(ge=0, le=MAX_INTEGER)]
    restarted: bool

    @property
    def shard(self) -> Shard:
        """The shard that is pinned."""
        return Shard(self.number, self.origin, self.pair, self.start)


class GatewayPins(Document):
    """What is pinned of one gateway, in the members of `/.well-known/passerelle`.

    `issuer` is its public URL without trailing slash, under which everything else is found; `receipts` the 32 bytes
    of the Ed25519 key that signs its receipts and notices. `journal` is the first shard for ever; `shards` are those
    that came after it when it was pinned, and whatever came later is followed in the journal itself.
    """

    v: Version
    address: Address
    territory: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
    issuer: Annotated[str, AfterValidator(_url)]
    receipts: Base64Url
    journal: JournalPins
    shards: Annotated[Listing[ShardPins], Field(min_length=1, max_length=MAX_SHARDS)] | None = None

    @field_validator("receipts")
    @classmethod
    def _is_a_sound_key(cls, key: bytes) -> bytes:
        try:
            check_public_key("signing", key)
        except PasserelleError as error:
            raise fault(error.code) from None
        return key

    @model_validator(mode="after")
    def _speaks_of_one_gateway(self) -> Self:
        if self.address != gateway_address(self.territory):
            raise fault("gateway-address")
        # A witness's key under the journal's name would count as the journal's own signature.
        named = {(vkey.name, each.origin) for each in (self.journal, *self._later) for vkey in each.pair}
        if any(name != origin for name, origin in named) or self.journal.origin.split("/")[1] != self.territory:
            raise fault("wrong-origin")
        return self

    @model_validator(mode="after")
    def _counts_its_shards(self) -> Self:
        before = Shard(FIRST, self.journal.origin, self.journal.pair, 0)
        for each in self._later:
            if (each.number, each.origin) != (before.number + 1, next_origin(before)) or each.start < before.start:
                raise fault("shards-out-of-order")
            before = each.shard
        return self

    @property
    def _later(self) -> tuple[ShardPins, ...]:
        return self.shards or ()

    @property
    def vkeys(self) -> tuple[Vkey, Vkey]:
        """The two keys that sign every checkpoint of the first shard, Ed25519 first."""
        return self.journal.pair

    def shard_after(self, shard: Shard) -> ShardPins | None:
        """The shard that follows this one, if it was there when the gateway was pinned."""
        return next((each for each in self._later if each.number == shard.number + 1), None)

    def may_name(self, origin: str) -> bool:
        """Whether a shard of this journal may have this name; the journal tells which ones there are, and where."""
        base, _, number = origin.rpartition("/")
        is_later = base == self.journal.origin.rpartition("/")[0] and _LATER.fullmatch(number) is not None
        return origin == self.journal.origin or is_later

    @property
    def receipts_verifier(self) -> Verifier:
        """The verifier of the gateway's receipts and notices."""
        return verifier(self.address, "receipts", self.receipts)


def read_pins(path: Path) -> GatewayPins:
    """Read a pins file.

    Raises `MalformedError` with every fault, its line and column, or pins-unreadable when there is no such file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PINS + 1)
    except OSError:
        raise MalformedError("pins-unreadable") from None
    return parse(GatewayPins, data, limit=MAX_PINS)


def fetch_pins(http: httpx2.Client, url: str) -> GatewayPins:
    """What the gateway at `url` announces, to be compared aloud by `pin_code` before it is relied on.

    Raises `MalformedError` (gateway-url, or the answer's faults), `GatewayProblemError`, `GatewayUnreachableError`,
    and `ForgedError` (issuer-elsewhere) when the answer names another URL than the one that was asked: a proof of
    possession made for one server must not serve at another (RFC 8414 §3.3).
    """
    url = url.removesuffix("/")
    if not sound_origin(url):
        raise MalformedError("gateway-url")
    question = Question("GET", url + WELL_KNOWN, {"Accept": "application/json"}, None, MAX_PINS)
    answer = Exchange(http).ask(question)
    if answer.status != _OK:
        raise problem_of(answer.status, answer.headers, answer.body)
    with reading_answer():
        pins = validate(GatewayPins, answered_json(answer, limit=MAX_PINS))
    if pins.issuer != url:
        raise ForgedError("issuer-elsewhere", "/issuer")
    return pins


def pin_code(pins: GatewayPins) -> str:
    """The code both ends read aloud: four groups of four, as `ABCD EFGH IJKL MNOP`.

    Base32 of the first 80 bits of SHA-256(`passerelle/pins/1` NUL LP(address) LP(territory) LP(issuer) LP(receipts)
    LP(origin) LP(Ed25519 vkey) LP(ML-DSA-44 vkey) and, for each later shard, the same of it with LP(start in decimal)
    LP(`restarted` or `opened`)), where LP(x) is the length of x on four bytes and x.
    """
    texts = [pins.address, pins.territory, pins.issuer]
    parts = [*(text.encode() for text in texts), pins.receipts]
    journal = [pins.journal.origin, *map(str, pins.journal.pair)]
    for each in pins.shards or ():
        journal += [each.origin, *map(str, each.pair), str(each.start), "restarted" if each.restarted else "opened"]
    parts += [text.encode() for text in journal]
    digest = hashlib.sha256(_CODE_DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    code = base64.b32encode(digest).decode("ascii")[:_CODE_LENGTH]
    return " ".join(code[at : at + _GROUP] for at in range(0, _CODE_LENGTH, _GROUP))
