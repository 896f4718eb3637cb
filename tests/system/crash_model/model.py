"""What must be true after a history, whatever happened in it: of every word that was given, and of both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from consent.envelope import UnverifiedEnvelope
from consent.withdrawal_code import check_code
from tests.invented import LINE
from tests.system.crash_model.books import Books, Parcel, books, heading_of
from tests.system.crash_model.history import History
from tests.system.crash_model.law import Territory
from tests.system.crash_model.overheard import check_calls
from tests.system.crash_model.players import EVERYBODY, Players
from tests.system.crash_model.work import IDLE, REFUSED_HERE
from tests.system.crashes.verdicts import Found, examine

TROUBLES: Final = frozenset({"gateway-unreachable", "gateway-too-slow", "storage-busy", "withdrawal-code-unknown"})
"""What an act may meet because somebody died or a call was lost; whether a code was known the cables tell."""
_ENDED: Final = frozenset({"consent-withdrawn"})
_CANCELLED: Final = "referral-cancelled"
_TAKEN: Final = frozenset({"envelope.accepted", "task.transition"})


T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a history came to, in figures."""

    acts: int
    kills: int
    faults: int
    calls: int
    entries: int
    referrals: int
    ends: int
    refusals: int


def judge(played: History, folder: Path) -> Outcome:
    """Compare what everybody was told with what there is; raises `AssertionError`."""
    players, heard = played.players, played.heard
    assert [error for wire in players.wires.values() for error in wire.broken] == []
    for address in EVERYBODY:
        repeated = _answer(players, address, "repeat", dict)
        assert all(repeated.values()), (address, repeated)
    kept = {address: _answer(players, address, books, Books) for address in EVERYBODY}
    for broker in players.brokers:
        players.strike("", "broker-killed", broker.plan.port)
        broker.ended()
    seen = examine(players.town.url, players.dial, folder)
    sent = [UnverifiedEnvelope.parse(wire) for cable in players.wires.values() for wire in cable.deposits]
    territory = Territory({each.header.id: heading_of(each) for each in sent}, kept[LINE].uses)
    territory.follow(seen.entries)
    check_calls(played.calls, {check_code(code): statement for code, statement in heard.codes})
    for address, own in kept.items():
        _check_books(address, own, seen, territory)
    _check_contents(kept, seen)
    _check_told(played, kept, territory)
    troubles = {slug for _, slug in heard.errors} - TROUBLES
    assert not troubles, troubles
    return Outcome(
        acts=len(heard.told),
        kills=len(players.struck),
        faults=played.faults,
        calls=len(played.calls),
        entries=len(seen.entries),
        referrals=len(seen.states),
        ends=len(territory.ended),
        refusals=len(territory.refusals),
    )


def _answer(players: Players, address: str, act: str | Callable[..., object], kind: type[T]) -> T:
    answer = players.partner(address).ask(act)
    assert isinstance(answer, kind), (address, act, answer)  # or the slug of what went wrong
    return answer


def _check_books(address: str, own: Books, seen: Found, territory: Territory) -> None:
    """What a partner believes is what the journal says; and each thing that it meant to send had one end."""
    assert own.alarms == (), (address, own.alarms)
    for parcel in own.parcels:
        _check_parcel(own, parcel, seen, territory)
    for ref, status in own.standing.items():
        if ref in territory.referrals:
            standing = territory.referrals[ref]
            assert (status, own.steps[ref]) == (standing.status, tuple(standing.steps)), (address, ref)
            assert status == seen.states[ref], (address, ref)
        else:
            assert status in {"draft", "cancelled", "entered-in-error"}, (address, ref, status)
    answers = sum((parcel.kind, parcel.state) == ("withdrawal-answer", "done") for parcel in own.parcels)
    assert answers == seen.count("consent.answered", actor=address), address
    of_type = {
        kind: {entry.envelope for entry in seen.entries if entry.type == kind and entry.actor == address}
        for kind in ("envelope.acknowledged", "envelope.released")
    }
    gone = {entry.envelope for entry in seen.entries if entry.type in {"envelope.destroyed", "envelope.expired"}}
    held = set(own.received)
    assert held == of_type["envelope.acknowledged"], address
    assert of_type["envelope.released"] - gone <= held <= of_type["envelope.released"], address


def _check_parcel(own: Books, parcel: Parcel, seen: Found, territory: Territory) -> None:
    taken = any(entry.envelope == parcel.item for entry in seen.entries if entry.type in _TAKEN)
    if parcel.state == "done":
        entry = seen.entries[parcel.place] if parcel.place is not None else None
        if parcel.kind == "envelope":
            assert entry is not None, parcel
            assert (entry.envelope, entry.payload_sha256) == (parcel.item, parcel.digest), parcel
        elif parcel.kind == "statement":
            assert entry is not None, parcel
            assert f"{entry.statement}@{entry.version}" == parcel.item, parcel
        return
    assert not taken, parcel
    if parcel.state == "refused":
        assert territory.refusals.get(parcel.item) == parcel.problem, parcel
    else:
        assert parcel.state == "dropped", parcel
        assert _may_be_dropped(own, parcel, territory), parcel


def _may_be_dropped(own: Books, parcel: Parcel, territory: Territory) -> bool:
    if parcel.problem == _CANCELLED:
        return parcel.lane not in territory.referrals and own.standing[parcel.lane] == "cancelled"
    return parcel.problem in _ENDED and own.cited.get(parcel.lane) in territory.ended


def _check_contents(kept: dict[str, Books], seen: Found) -> None:
    """What arrived says what was sent, and is here unless it was erased."""
    said = {name: digest for own in kept.values() for name, digest in own.contents.items() if name in own.envelopes}
    refs = {name: parcel.lane for own in kept.values() for name, parcel in own.envelopes.items()}
    for address, own in kept.items():
        for envelope, answer in own.received.items():
            assert answer == "stored", (address, envelope)
            here = own.contents.get(envelope)
            assert here is not None or refs[envelope] in own.erased, (address, envelope)
            assert here is None or said.get(envelope, here) == here, (address, envelope)


def _check_told(played: History, kept: dict[str, Books], territory: Territory) -> None:
    """What somebody was told was kept, and what a person was told is over is over."""
    for address, told in played.heard.told:
        own = kept[address]
        names = {parcel.item for parcel in own.parcels}
        assert not told.envelope or told.envelope in names, told
        if told.act == "consent":
            assert f"{told.statement}@1" in names, told
        if told.act == "by_code" and not told.refused:
            assert told.statement in territory.ended, told
        if told.act == "withdraw" and not told.refused and told.statement in territory.versions:
            assert told.statement in territory.ended, told
        assert not told.refused or told.refused in REFUSED_HERE[told.act] | {IDLE}, told
        assert told.refused != "consent-withdrawn" or told.statement in territory.ended, told
