"""What partners do by chance: the seed and what they have in hand decide, so that the same history does the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from adapters.consent_changes import Withdrawal
from adapters.outgoing import Queued, Supplement, send_message
from adapters.partner import Adapter
from adapters.sections import OutcomeSection
from adapters.store.records import Referral
from consent.headers import Event
from consent.lifecycle import possible
from consent.passage import Refused
from consent.transitions import TRANSITIONS, Actor
from consent.vocabulary import ASKED_FOR, BECAME, CHANNELS, HELPED, KEPT_GROUNDS, OUTCOMES
from keys.documents import format_time, validate
from tests.adapters.partners import consent_file, referral_file, referral_members
from tests.invented import ABSENT, HEALTH, NEWCOMERS, SHELTER
from tests.system.crashes.acts import sync

PERSONS: Final = tuple(f"personne-fictive-{number}" for number in range(1, 5))
IDLE: Final = "nothing-to-do"
"""Why an act was not: there is nothing that it could be about."""
REFUSED_HERE: Final[Mapping[str, frozenset[str]]] = {
    "refer": frozenset({"consent-withdrawn"}),
    "step": frozenset({"transition-not-from-here"}),
    "message": frozenset({"consent-withdrawn", "referral-erased", "referral-closed"}),
    "answer": frozenset({"nothing-to-answer", "already-deleted"}),
    "withdraw": frozenset(),
    "by_code": frozenset(),
}
"""Why a partner's own program may refuse an act."""
_GIVEN: Final = {
    f"/events/{number}/{name}": value
    for number in (1, 2)
    for name, value in {
        "event_state": "dpv:ConsentGiven",
        "event_type": "dpv:ExplicitlyExpressedConsent",
        "expression": {"how": "spoken", "script": "accueil-211/3"},
    }.items()
}
"""The person says yes to the mental-health team and to the newcomers' centre as well."""
_PURPOSES: Final = {SHELTER: "referral-shelter", HEALTH: "referral-health", NEWCOMERS: "referral-newcomer"}


@dataclass(frozen=True)
class Told:
    """What a partner was told by its own program of something that it did: from then on it may rely on it."""

    act: str
    refused: str = ""
    envelope: str = ""
    statement: str = ""
    code: str = ""
    troubles: tuple[str, ...] = ()


def consent(adapter: Adapter, chance: random.Random) -> Told:
    """A person agrees that the 211 line refers them to anybody."""
    changes = {"/person": chance.choice(PERSONS), **_GIVEN, "/max_uses": chance.randint(1, 4)}
    recorded, _ = adapter.record_consent(consent_file(changes))
    return Told("consent", statement=recorded.statement.id, code=recorded.receipt.withdrawal_code or "")


def refer(adapter: Adapter, chance: random.Random) -> Told:
    """The 211 line refers somebody under one of the consents that it has."""
    record, to = _record(adapter, chance), chance.choice(sorted(_PURPOSES))
    if record is None:
        return Told("refer", refused=IDLE)
    changes: dict[str, object] = {"/to": to, "/purpose": _PURPOSES[to]}
    if to != SHELTER:
        given = referral_members(record)["sections"]
        changes |= {f"/sections/{name}": ABSENT for name in given if name != "identity"}
        changes["/need"] = ABSENT
    with adapter.office.store.transaction() as tx:
        cited = tx.papers.statements_of(record)[-1].document.id
    return _told("refer", adapter.send(referral_file(record, changes)), cited)


def withdraw(adapter: Adapter, chance: random.Random) -> Told:
    """A person takes back a consent where they gave it."""
    record = _record(adapter, chance)
    if record is None:
        return Told("withdraw", refused=IDLE)
    changed, _ = adapter.consents.change(record, Withdrawal())
    return Told("withdraw", statement=changed.statements[-1].id if changed.statements else "")


def step(adapter: Adapter, chance: random.Random) -> Told:
    """A step that the state machine allows."""
    referral = _referral(adapter, chance)
    if referral is None:
        return Told("step", refused=IDLE)
    dossier = adapter.show(referral.ref)
    ours: Actor = "requester" if referral.direction == "sent" else "owner"
    codes = [each.code for each in possible(dossier.state, ours, at=adapter.office.now()) if each.code in TRANSITIONS]
    codes = [code for code in codes if code not in {"T01", "T02", "T22", "T23"}]
    if not codes:
        return Told("step", refused=IDLE)
    return _told("step", adapter.step(referral.ref, _event(adapter, chance, chance.choice(codes))))


def message(adapter: Adapter, chance: random.Random) -> Told:
    """A message to the other side of a referral."""
    referral = _referral(adapter, chance)
    if referral is None:
        return Told("message", refused=IDLE)
    if referral.direction == "received":
        outcome = validate(OutcomeSection, {"note": "On vous attend."})
        return _told("message", adapter.answer(referral.ref, outcome))
    given = adapter.show(referral.ref).contents
    sections = referral_file("rec_" + "e" * 26).sections.present()
    name = chance.choice(sorted(set(given[0].sections) & set(sections)) if given else ["identity"])
    cited = referral.header.authority.statement if referral.header.authority else ""
    return _told("message", send_message(adapter.office, referral.ref, Supplement({name: sections[name]})), cited)


def answer(adapter: Adapter, chance: random.Random) -> Told:
    """The answer to the end of a consent."""
    open_ones = adapter.withdrawals()
    if not open_ones:
        return Told("answer", refused=IDLE)
    ref = chance.choice(open_ones).header.ref
    ground = chance.choice([None, min(KEPT_GROUNDS)])
    done = adapter.answer_withdrawal(ref, "deleted" if ground is None else "kept", ground)
    return Told("answer", refused=done.because if isinstance(done, Refused) else "")


def by_code(adapter: Adapter, code: str, statement: str) -> Told:
    """A person says the code of a consent here."""
    adapter.client.withdraw_by_code(code)
    return Told("by_code", statement=statement)


def exchange(adapter: Adapter) -> Told:
    """One whole round of exchange."""
    return Told("sync", troubles=sync(adapter).troubles)


_ACTS: Final[Mapping[str, Callable[[Adapter, random.Random], Told]]] = {
    "consent": consent,
    "refer": refer,
    "withdraw": withdraw,
    "step": step,
    "message": message,
    "answer": answer,
}


def do(adapter: Adapter, name: str, seed: int, code: tuple[str, str] | None) -> Told:
    """The act of this name; `code` is one that somebody has at hand, with the consent that it ends."""
    if name == "sync":
        return exchange(adapter)
    if name == "by_code":
        return by_code(adapter, *code) if code is not None else Told("by_code", refused=IDLE)
    return _ACTS[name](adapter, random.Random(seed))  # noqa: S311 - a history is to be repeatable, not secret


def _told(act: str, came: Queued | Refused, cited: str = "") -> Told:
    if isinstance(came, Refused):
        return Told(act, refused=came.because, statement=cited)
    return Told(act, envelope=came.envelope)


def _record(adapter: Adapter, chance: random.Random) -> str | None:
    with adapter.office.store.transaction() as tx:
        records = [record for person in PERSONS for record in tx.papers.records_of(person)]
    records.sort(key=lambda record: record.events[0].event_time)
    return chance.choice(records).header.record_id if records else None


def _referral(adapter: Adapter, chance: random.Random) -> Referral | None:
    referrals = adapter.referrals()[::-1]
    return chance.choice(referrals) if referrals else None


def _event(adapter: Adapter, chance: random.Random, code: str) -> Event:
    transition, members = TRANSITIONS[code], dict[str, Any]()
    if transition.reasons:
        members["reason"] = chance.choice(sorted(transition.reasons))
    lists = {"outcome": OUTCOMES, "channel": CHANNELS, "became": BECAME, "helped": HELPED}
    members |= {name: chance.choice(sorted(codes)) for name, codes in lists.items() if name in transition.requires}
    if "asked" in transition.requires:
        members["asked"] = [chance.choice(sorted(ASKED_FOR))]
    if "review-by" in transition.requires:
        members["review_by"] = format_time(adapter.office.now() + timedelta(days=3))
    return validate(Event, {"transition": code, **members})
