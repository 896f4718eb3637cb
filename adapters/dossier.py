"""One referral as a person reads it: what was said, what happened, where it stands, and what can be done next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adapters.events import fold, role_in
from adapters.store.records import Content, LoggedStep, Referral, Shipment
from adapters.store.store import Store
from consent.lifecycle import ReferralState, possible
from keys.errors import MalformedError

__all__ = ["Dossier", "read_dossier", "resolve"]

SHORTEST: Final = 4
"""How many characters of a reference at least are typed to name it."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything this partner has about one referral; `waiting` is what did not leave yet."""

    referral: Referral
    state: ReferralState
    contents: tuple[Content, ...]
    steps: tuple[LoggedStep, ...]
    waiting: tuple[Shipment, ...]
    possible: tuple[str, ...]
    """The steps that we may take now, by code."""


def read_dossier(store: Store, ref: str, at: datetime) -> Dossier:
    """Read one referral; raises `MalformedError` (referral-unknown), `StoreError`."""
    with store.transaction() as tx:
        referral = tx.dossiers.find(ref)
        if referral is None:
            raise MalformedError("referral-unknown")
        steps, contents = tx.dossiers.steps(ref), tx.dossiers.contents(ref)
        waiting = tx.traffic.waiting(ref)
    state = fold(referral, steps).state
    may = tuple(transition.code for transition in possible(state, role_in(referral), at=at))
    return Dossier(referral, state, tuple(contents), tuple(steps), tuple(waiting), may)


def resolve(store: Store, typed: str) -> str:
    """The reference that begins as typed, with or without `ref_`.

    Raises `MalformedError`: referral-unknown, or referral-ambiguous when several begin so or too little was typed.
    """
    beginning = f"ref_{typed.strip().lower().removeprefix('ref_')}"
    if len(beginning) < len("ref_") + SHORTEST:
        raise MalformedError("referral-ambiguous")
    with store.transaction() as tx:
        found = tx.dossiers.matching(beginning)
    if len(found) != 1:
        raise MalformedError("referral-ambiguous" if found else "referral-unknown")
    return found[0]
