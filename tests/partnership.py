"""An agreement that newcomers may join: its first version, and the versions by which somebody does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from consent.agreement import Agreement
from keys.documents import encode, sha256_hex, validate
from tests.invented import LINE, Json, agreement_members, changed, root_key

FOOD: Final = "table-inventee@laval"
"""A newcomer: it brings food."""
SCHOOL: Final = "ecole-inventee@laval"
"""Another one."""


@cache
def founding() -> Agreement:
    """The agreement of the builders, in which the 211 line signs for whoever joins."""
    return validate(Agreement, agreement_members({"/accession": [LINE]}))


def newcomer(address: str, role: str) -> Json:
    """A party that joins."""
    return {
        "address": address,
        "legal_name": f"Organisme Inventé {role}",
        "root_fingerprint": root_key(address).public.fingerprint,
        "roles": [role],
        "jurisdiction": "CA-QC",
    }


def joined(before: Agreement | None = None, address: str = FOOD, role: str = "food-aid") -> Agreement:
    """The next version, by which somebody joins and nothing else changes."""
    before = before or founding()
    members = before.model_dump(mode="json", by_alias=True, exclude_none=True)
    members |= {"version": before.version + 1, "prev": sha256_hex(encode(before))}
    members["parties"].append(newcomer(address, role))
    return validate(Agreement, members)


def amended(document: Agreement, changes: Mapping[str, object]) -> Agreement:
    """The same version with other terms."""
    members = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return validate(Agreement, changed(members, changes))
