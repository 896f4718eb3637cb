"""Private keys at rest: one encrypted file that only its owner may read.

PROTOCOL §2: Argon2id makes a key from the passphrase, AES-256-GCM seals the file, mode 0600 and no looser. The
passphrase may be typed, or come from a file such as a systemd credential; it is never kept in the file's folder.
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import Field, RootModel

from keys import strictjson
from keys.documents import Base64Url, Document, Time, Version, encode, parse
from keys.errors import KeystoreError, MalformedError
from keys.files import OTHERS, read_private, write_new, write_private
from keys.profiles import AT_REST_1, AtRestName

__all__ = ["Keystore", "StoredKey", "read_passphrase"]

MAX_FILE = 256 * 1024
"""Bytes; some hundreds of keys."""
MIN_PASSPHRASE = 12
"""Characters; below this Argon2id only delays a guesser."""


class StoredKey(Document):
    """One private key: its use, the id of its public half, its secret bytes, and when it ends if it does."""

    use: Literal["root", "signing", "sealing", "oauth", "witness", "tokens", "journal", "receipts", "pepper"]
    kid: str = Field(max_length=200)
    secret: Base64Url = Field(repr=False)
    not_before: Time | None = None
    not_after: Time | None = None


class _Content(RootModel[dict[str, StoredKey]]):
    pass


class _File(Document):
    v: Version
    profile: AtRestName
    salt: Base64Url = Field(min_length=AT_REST_1.salt_bytes, max_length=AT_REST_1.salt_bytes)
    nonce: Base64Url = Field(min_length=AT_REST_1.nonce_bytes, max_length=AT_REST_1.nonce_bytes)
    ciphertext: Base64Url


@dataclass
class Keystore:
    """An opened keystore; `save` writes it whole or not at all."""

    path: Path
    keys: dict[str, StoredKey]
    _key: bytes = field(repr=False)
    _salt: bytes = field(repr=False)
    _written: bytes = field(repr=False)
    """The file as it was opened or saved last."""

    @classmethod
    def create(cls, path: Path, passphrase: str, keys: Mapping[str, StoredKey]) -> Keystore:
        """Write a new keystore; raises `FileError` (the name is taken) or `KeystoreError` (passphrase too short)."""
        if len(passphrase) < MIN_PASSPHRASE:
            raise KeystoreError("passphrase-too-short")
        salt = secrets.token_bytes(AT_REST_1.salt_bytes)
        store = cls(path, dict(keys), _derive(passphrase, salt), salt, b"")
        store._written = store._sealed()
        write_new(path, store._written, private=True)
        return store

    @classmethod
    def open(cls, path: Path, passphrase: str) -> Keystore:
        """Open a keystore.

        Raises `KeystoreError` (wrong passphrase or altered file, which cannot be told apart), `FileError` (missing,
        unreadable, readable by others) and `MalformedError` (not of the form of a keystore).
        """
        data = read_private(path, limit=MAX_FILE)
        document = parse(_File, data, limit=MAX_FILE)
        key = _derive(passphrase, document.salt)
        return cls(path, _decrypted(document, key), key, document.salt, data)

    def reopened(self) -> Keystore:
        """The keystore as the file is now, with the passphrase that opened it before; raises as `open` does."""
        data = read_private(self.path, limit=MAX_FILE)
        document = parse(_File, data, limit=MAX_FILE)
        if document.salt != self._salt:
            raise KeystoreError("keystore-changed")
        return Keystore(self.path, _decrypted(document, self._key), self._key, self._salt, data)

    def save(self) -> None:
        """Write the file anew, under a fresh nonce; raises `FileError` and leaves the old file when it cannot.

        Raises `KeystoreError` (keystore-changed) when the file is not the one that was opened: whoever wrote it may
        have made keys that nobody could ever make again.
        """
        data = self._sealed()
        if read_private(self.path, limit=MAX_FILE) != self._written:
            raise KeystoreError("keystore-changed")
        write_private(self.path, data)
        self._written = data

    def _sealed(self) -> bytes:
        nonce = secrets.token_bytes(AT_REST_1.nonce_bytes)
        plaintext = _Content(self.keys).model_dump(mode="json", exclude_none=True)
        ciphertext = AESGCM(self._key).encrypt(nonce, strictjson.dumps(plaintext), _bound(self._salt))
        data = encode(_File(v=1, profile=AT_REST_1.name, salt=self._salt, nonce=nonce, ciphertext=ciphertext))
        if len(data) > MAX_FILE:
            raise KeystoreError("too-large")  # it could be written, and never be opened again
        return data


def read_passphrase(path: Path) -> str:
    """The passphrase kept in a private file: its first line; raises as `Keystore.open`.

    A systemd credential shows its access list as permissions of a group, in a folder that only its service enters.
    """
    is_credential = str(path.parent) == os.environ.get("CREDENTIALS_DIRECTORY")
    forbidden = OTHERS & ~stat.S_IRGRP if is_credential else OTHERS
    try:
        text = read_private(path, limit=MAX_FILE, forbidden=forbidden).decode("utf-8")
    except UnicodeDecodeError:
        raise KeystoreError("not-utf8") from None
    return text.split("\n", 1)[0].removesuffix("\r")


_ONE_AT_A_TIME = threading.Lock()
"""OpenSSL runs the lanes of Argon2 in threads of its own; two derivations at once wait for each other's for ever."""


def _derive(passphrase: str, salt: bytes) -> bytes:
    profile = AT_REST_1
    try:
        # One machine types é as one character and another as two: both must open the file.
        secret = unicodedata.normalize("NFC", passphrase).encode("utf-8")
    except UnicodeEncodeError:
        raise KeystoreError("not-utf8") from None
    kdf = Argon2id(
        salt=salt, length=32, iterations=profile.iterations, lanes=profile.lanes, memory_cost=profile.memory_kib
    )
    with _ONE_AT_A_TIME:
        return kdf.derive(secret)


def _decrypted(document: _File, key: bytes) -> dict[str, StoredKey]:
    try:
        plaintext = AESGCM(key).decrypt(document.nonce, document.ciphertext, _bound(document.salt))
    except InvalidTag:
        raise KeystoreError("wrong-passphrase") from None
    try:
        value = strictjson.loads(plaintext, limit=MAX_FILE)
        return _Content.model_validate(value, context={"json": True}).root
    except (MalformedError, ValueError):
        raise KeystoreError("keystore-damaged") from None


def _bound(salt: bytes) -> bytes:
    return b"passerelle/keystore/1\x00" + AT_REST_1.name.encode() + salt
