"""Turns a referral in clear into a sealed envelope, and an envelope back into what it says, step by step.

PROTOCOL §4. Opening refuses at the first step that fails, and what it answers is what the acknowledgement says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from adapters.sections import encode_section, parse_section
from consent.envelope import Envelope, MessageHeader, ReferralHeader, UnverifiedEnvelope, compose, protect
from keys.documents import Address, Document, b64url
from keys.errors import CannotOpenError, ForgedError, MalformedError, UntrustedKeyError
from keys.identity import Signer
from keys.sealing import SealedParts, Slot, open_sections, seal_sections
from keys.sealing_keys import SealingKey, SealingPublicKey
from keys.statements import KeyChain

__all__ = ["Expectations", "NotOpened", "Opened", "OpeningCode", "SealedHeaders", "open_envelope", "seal"]

OpeningCode = Literal["signature", "key", "digest", "decrypt", "schema", "expired"]
"""Why an envelope could not be opened, as the acknowledgement tells the broker and the sender (PROTOCOL §6)."""
SealedHeaders = ReferralHeader | MessageHeader


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the recipient knows when an envelope reaches it.

    `chain` is the sender's key chain as the journal shows it, from the root pinned in the agreement the header names
    (None: no such agreement, or no such party); `place` and `accepted` are the envelope's index and moment in the
    journal, where its signing key is judged; `header_fits` answers whether this header may come now.
    """

    address: Address
    at: datetime
    accepted: datetime
    place: int
    chain: KeyChain | None
    sealing_key: Callable[[str], SealingKey | None]
    header_fits: Callable[[SealedHeaders], bool]


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope whose every step held, and its sections, read."""

    envelope: Envelope
    header: SealedHeaders
    sections: Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class NotOpened:
    """The step that failed, as the acknowledgement names it, and the slug of what exactly was wrong."""

    code: OpeningCode
    because: str


def seal(
    header: SealedHeaders, sections: Mapping[str, Document], signer: Signer, recipient: tuple[str, SealingPublicKey]
) -> bytes:
    """Seal the sections a header announces to one recipient's key, sign the whole, and give the bytes to send.

    `recipient` is the id and the public half of its sealing key, as its key chain vouches for it.
    """
    protected = protect(header)
    plain = {Slot(slot.sid, slot.section): encode_section(sections[slot.section]) for slot in header.slots}
    kid, public = recipient
    parts = seal_sections(b64url(protected), kid, public, plain)
    return compose(protected, signer, kid=kid, key=parts.key, sections=parts.sections.items())


def open_envelope(wire: bytes, expect: Callable[[UnverifiedEnvelope], Expectations]) -> Opened | NotOpened:
    """Open an envelope in the order of PROTOCOL §4; `expect` looks up what is known, once its form is sound.

    What `expect` raises passes through: not being able to look is not a fault of the envelope.
    """
    try:
        return _opened(wire, expect)
    except _StepError as failed:
        return failed.answer


class _StepError(Exception):
    def __init__(self, code: OpeningCode, because: str) -> None:
        super().__init__(because)
        self.answer = NotOpened(code, because)


@contextmanager
def _step(code: OpeningCode) -> Iterator[None]:
    try:
        yield
    except (CannotOpenError, ForgedError, MalformedError, UntrustedKeyError) as error:
        raise _StepError("digest" if error.code == "digest-mismatch" else code, error.code) from None


def _opened(wire: bytes, expect: Callable[[UnverifiedEnvelope], Expectations]) -> Opened:
    # 1. Strict parse; only referrals and messages hold something to open.
    with _step("schema"):
        unverified = UnverifiedEnvelope.parse(wire)
        header = unverified.header
        if not isinstance(header, ReferralHeader | MessageHeader):
            raise MalformedError("nothing-sealed")
    expected = expect(unverified)

    # 2. The signing key is one that the sender's chain vouched for where the journal accepted the envelope.
    with _step("signature"):
        if expected.chain is None:
            raise UntrustedKeyError("sender-unknown")
        kid = unverified.signed.keyids[0]
        verifier = expected.chain.signature_verifier(kid, at=expected.accepted, index=expected.place)

    # 3. The signature is the sender's, and 4. every sealed part is what was signed (answered as `digest`).
    with _step("signature"):
        envelope = unverified.verify(verifier)

    # 5. The header is one we expect: to us, about a referral its sender may speak of, and in time.
    if header.to != expected.address or not expected.header_fits(header):
        raise _StepError("schema", "header-not-expected")
    if expected.at >= header.exp:
        raise _StepError("expired", "envelope-expired")

    plain = _plain(envelope, header, expected)

    # 8. Each section has the form that the header promised.
    with _step("schema"):
        sections = {slot.section: parse_section(slot.section, slot.form, plain[slot.sid]) for slot in header.slots}
    return Opened(envelope, header, sections)


def _plain(envelope: Envelope, header: SealedHeaders, expected: Expectations) -> Mapping[str, bytes]:
    # 6. The key block opens with a key of ours, and 7. so does every section; nothing is released before all did.
    with _step("key"):
        kid = envelope.payload.key.kid if envelope.payload.key else ""
        key = expected.sealing_key(kid)
        if key is None:
            raise CannotOpenError("sealing-key-gone")
    with _step("decrypt"):
        slots = tuple(Slot(slot.sid, slot.section) for slot in header.slots)
        return open_sections(envelope.protected, kid, key, SealedParts(envelope.key or b"", envelope.sections), slots)
