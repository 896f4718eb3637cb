"""The keys that sign the checkpoints of one journal, told apart from those of its witnesses.

A witness's signature under the journal's own name would pass for the journal's, and a witness whose key the journal
holds as well is no second pair of eyes: both are refused before anything is verified.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from keys.errors import MalformedError
from keys.vkeys import COSIGNING, ED25519, ED25519_COSIGNATURE, MLDSA44, Vkey

__all__ = ["check_journal_keys", "check_witness"]

_OWN_TYPES: Final = (ED25519, MLDSA44)


def check_journal_keys(vkeys: Collection[Vkey], origin: str) -> None:
    """Refuse keys under a journal's name that cannot all be its own.

    A journal signs with one key of type 0x01 and one of type 0x06. Raises `MalformedError` (vkeys-not-a-pair) when
    more keys, or one of type 0x04, bear its name: the other one belongs to somebody else.
    """
    types = [vkey.type for vkey in set(vkeys) if vkey.name == origin]
    if any(types.count(kind) > 1 for kind in _OWN_TYPES) or ED25519_COSIGNATURE in types:
        raise MalformedError("vkeys-not-a-pair")


def check_witness(vkey: Vkey, journal: Collection[Vkey], origin: str) -> None:
    """Refuse a key that cannot be a witness's of this journal.

    Raises `MalformedError`: not-a-witness-key for a type by which witnesses do not sign, witness-is-the-journal for
    the journal's name, or for a key that `journal` holds under whatever name and type.
    """
    if vkey.type not in COSIGNING:
        raise MalformedError("not-a-witness-key")
    if vkey.name == origin or vkey.public_key in {own.public_key for own in journal if own.name == origin}:
        raise MalformedError("witness-is-the-journal")
