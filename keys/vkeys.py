"""The public keys that sign checkpoints of a journal, as the one line of text that is published, pinned and read out.

C2SP signed-note: a *vkey* is a name, a signature type and a key; a four-byte key id says which one made a
signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from keys.errors import MalformedError
from keys.weakness import check_public_key

__all__ = [
    "COSIGNING",
    "ED25519",
    "ED25519_COSIGNATURE",
    "KEY_ID_SIZE",
    "MAX_VKEY",
    "MLDSA44",
    "Vkey",
    "b64",
    "check_name",
    "from_b64",
    "parse_vkey",
]

ED25519: Final = 0x01
"""Signature type: Ed25519 over the text of the note. Only a journal signs so, never a witness."""
ED25519_COSIGNATURE: Final = 0x04
"""Signature type: Ed25519 cosignature with the time, over `cosignature/v1` and the text. Only a witness signs so."""
MLDSA44: Final = 0x06
"""Signature type: ML-DSA-44 cosignature with the time, over the `subtree/v1` structure. Both sign so."""
COSIGNING: Final = frozenset({ED25519_COSIGNATURE, MLDSA44})
"""The types by which a witness may sign (C2SP tlog-cosignature)."""
KEY_ID_SIZE: Final = 4
"""Bytes of a key id."""
MAX_VKEY: Final = 4096
"""Characters of the longest vkey that is read."""
_KEY_SIZES: Final = {ED25519: 32, ED25519_COSIGNATURE: 32, MLDSA44: 1312}
_MAX_NAME: Final = 255
_KEY_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Vkey:
    """A public key that signs notes: the signer's name, the signature type, the raw public key.

    Raises `MalformedError` (wrong-name, unknown-signature-type, wrong-key-size). As text it is the vkey of
    C2SP signed-note, `<name>+<key id>+<base64 of type ‖ key>`.
    """

    name: str
    type: int
    public_key: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in _KEY_SIZES:
            raise MalformedError("unknown-signature-type")
        if len(self.public_key) != _KEY_SIZES[self.type]:
            raise MalformedError("wrong-key-size")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ type ‖ key): a hint, never a proof."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed_key).digest()[:KEY_ID_SIZE]

    @property
    def _typed_key(self) -> bytes:
        return bytes([self.type]) + self.public_key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(self._typed_key)}"


def parse_vkey(text: str) -> Vkey:
    """Read a vkey.

    Raises `MalformedError` (wrong-vkey, or what `Vkey` raises), and `WeakKeyError` for a key that would let
    anybody sign. The base64 part may itself hold a plus sign, so the text is split from the left.
    """
    name, _, rest = text.partition("+") if len(text) <= MAX_VKEY else ("", "", "")
    key_id, _, encoded = rest.partition("+")
    typed_key = from_b64(encoded)
    if not _KEY_ID.fullmatch(key_id) or not typed_key:
        raise MalformedError("wrong-vkey")
    vkey = Vkey(name, typed_key[0], typed_key[1:])
    if vkey.key_id.hex() != key_id:
        raise MalformedError("wrong-vkey")
    check_public_key("witness" if vkey.type == MLDSA44 else "signing", vkey.public_key)
    return vkey


def check_name(name: str) -> None:
    """Refuse a signer's name that two programs could read in two ways; raises `MalformedError` (wrong-name).

    It takes 1 to 255 bytes (its length is signed as one byte), without spaces, plus signs or control
    characters.
    """
    if any(character.isspace() or character == "+" or character < " " for character in name):
        raise MalformedError("wrong-name")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise MalformedError("wrong-name") from None
    if not 1 <= size <= _MAX_NAME:
        raise MalformedError("wrong-name")


def b64(data: bytes) -> str:
    """Standard padded base64 (RFC 4648 §4), as signed notes use it."""
    return base64.b64encode(data).decode("ascii")


def from_b64(text: str) -> bytes | None:
    """Read standard padded base64 (RFC 4648 §4); None for any spelling but the one `b64` writes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if b64(data) == text else None
