"""One referral as a person reads it: what was said, what happened, where it stands, and what can be done next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.alternatives import Alternative, alternatives
from adapters.events import CLOSED_HERE, fold, role_in
from adapters.office import Office
from adapters.resending import undelivered
from adapters.store.records import Attachment, Content, LeftLeak, LoggedNotice, LoggedStep, Referral, Shipment
from adapters.store.store import Store
from consent.lifecycle import DRAFT, ReferralState, possible
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
    notices: tuple[LoggedNotice, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    """After a refusal: who else the same consent names."""
    undelivered: tuple[str, ...] = ()
    """The envelopes of ours that were not delivered; they can be sent again."""
    left: tuple[LeftLeak, ...] = ()
    """The texts that were sent although the leak check found something in them."""


def read_dossier(office: Office, ref: str) -> Dossier:
    """Read one referral; raises `MalformedError` (referral-unknown), `StoreError`."""
    at = office.now()
    with office.store.transaction() as tx:
        referral = tx.dossiers.find(ref)
        if referral is None:
            raise MalformedError("referral-unknown")
        steps, contents = tx.dossiers.steps(ref), tx.dossiers.contents(ref)
        state = fold(referral, steps).state
        unsent = referral.deposited_at is None and state != DRAFT
        steps_left = [step.code for step in possible(state, role_in(referral), at=at)]
        return Dossier(
            referral=referral,
            state=state,
            contents=tuple(contents),
            steps=tuple(steps),
            waiting=tuple(tx.traffic.waiting(ref)),
            possible=tuple(code for code in steps_left if not unsent or code in CLOSED_HERE),
            notices=tuple(tx.notices.of(ref)),
            attachments=tuple(tx.attachments.of(ref)),
            alternatives=alternatives(office, tx, referral, state.status, at),
            undelivered=undelivered(tx, ref),
            left=tuple(leak for content in contents for leak in tx.notices.overrides(content.envelope)),
        )


def resolve(store: Store, typed: str) -> str:
    """The reference that begins as typed, with or without `ref_`; a notice may be about one that never came.

    Raises `MalformedError`: referral-unknown, or referral-ambiguous when several begin so or too little was typed.
    """
    beginning = f"ref_{typed.strip().lower().removeprefix('ref_')}"
    if len(beginning) < len("ref_") + SHORTEST:
        raise MalformedError("referral-ambiguous")
    with store.transaction() as tx:
        found = {*tx.dossiers.matching(beginning), *tx.notices.matching(beginning)}
    if len(found) != 1:
        raise MalformedError("referral-ambiguous" if found else "referral-unknown")
    return found.pop()
