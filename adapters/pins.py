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
from journal.vkeys import ED25519, MLDSA44, Vkey, parse_vkey
from keys.documents import Address, Base64Url, Document, Listing, Version, fault, parse, validate
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.identity import Verifier, verifier
from keys.weakness import check_public_key

__all__ = ["WELL_KNOWN", "GatewayPins", "JournalPins", "fetch_pins", "pin_code", "read_pins"]

WELL_KNOWN: Final = "/.well-known/passerelle"
MAX_PINS: Final = 16 * 1024
"""Bytes of the largest pins file; an ML-DSA-44 vkey takes about 1.8 kB."""
_CODE_DOMAIN: Final = b"passerelle/pins/1\x00"
_CODE_LENGTH: Final = 16
_GROUP: Final = 4
_OK: Final = 200


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


class GatewayPins(Document):
    """What is pinned of one gateway, in the members of `/.well-known/passerelle`.

    `issuer` is its public URL without trailing slash, under which everything else is found; `receipts` the 32 bytes
    of the Ed25519 key that signs its receipts and notices.
    """

    v: Version
    address: Address
    territory: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,63}$")]
    issuer: Annotated[str, AfterValidator(_url)]
    receipts: Base64Url
    journal: JournalPins

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
        named = {vkey.name for vkey in self.vkeys}
        if named != {self.journal.origin} or self.journal.origin.split("/")[1] != self.territory:
            raise fault("wrong-origin")
        return self

    @property
    def vkeys(self) -> tuple[Vkey, Vkey]:
        """The two keys that sign every checkpoint of the journal, Ed25519 first."""
        classic, lasting = sorted((parse_vkey(text) for text in self.journal.vkeys), key=lambda vkey: vkey.type)
        return classic, lasting

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
    LP(origin) LP(Ed25519 vkey) LP(ML-DSA-44 vkey)), where LP(x) is the length of x on four bytes and x.
    """
    classic, lasting = pins.vkeys
    texts = (pins.address, pins.territory, pins.issuer)
    parts = [*(text.encode() for text in texts), pins.receipts]
    parts += [text.encode() for text in (pins.journal.origin, str(classic), str(lasting))]
    digest = hashlib.sha256(_CODE_DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    code = base64.b32encode(digest).decode("ascii")[:_CODE_LENGTH]
    return " ".join(code[at : at + _GROUP] for at in range(0, _CODE_LENGTH, _GROUP))
