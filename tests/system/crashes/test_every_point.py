"""Broker and adapters are killed at every point of every act, as programs over HTTP; then all goes on and is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.databases import Server, running_server
from tests.invented import LINE, SHELTER
from tests.system.crashes.acts import Ledger
from tests.system.crashes.cases import BROKER_POINTS, CASES, ENDS_CONSENT, LEASES, MAY_HAVE_HAPPENED, resume, strike
from tests.system.crashes.programs import Running, running
from tests.system.crashes.rest import come_to_rest
from tests.system.crashes.stages import LIFE, play
from tests.system.crashes.towns import Databases, Prepared
from tests.system.crashes.verdicts import Found, examine, glance

ONCE = frozenset({1})
EVERY = [(name, point) for name, case in CASES.items() for point in case.points]
BOTH = (LINE, SHELTER)
ENGINES = [pytest.param(name, marks=pytest.mark.xdist_group(f"crashes-{name}")) for name in ("sqlite", "postgresql")]
"""The story is played once for each, so all cases of one stay with one worker."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL server for these tests."""
    with running_server() as started:
        yield started


@pytest.fixture(scope="module", params=ENGINES)
def stages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Prepared]:
    """The story at each of its stages, on one engine."""
    folder = tmp_path_factory.mktemp("crashes")
    server = request.getfixturevalue("server") if request.param == "postgresql" else None
    return play(Databases(folder, server), folder)


def times(seen: Found, names: Mapping[str, str], name: str) -> int:
    """How often the act of a case stands in the journal."""
    kind, member, what = CASES[name].entry
    actor = {"actor": "gateway@laval"} if name == "withdraw-code" else {}
    return seen.count(kind, **{member: names[what]}, **actor)


def struck(programs: Running, name: str, point: str) -> None:
    """The act is cut short: it has left its whole trace or none."""
    town = programs.town
    before = glance(town.url)
    strike(programs, name, point)
    left = glance(town.url)
    happened = times(left, town.names, name) - times(before, town.names, name)
    assert happened in (MAY_HAVE_HAPPENED.get(point, ONCE) if name != "hearing" else {0})
    assert happened or left == before


def check_repeated(programs: Running) -> None:
    """Whatever the broker ever took from either partner is answered as it was, when it comes again."""
    for address in BOTH:
        again: dict[str, bool] = programs.partner(address).ask("repeat")
        assert [item for item, alike in again.items() if not alike] == []


def ledgers(programs: Running) -> dict[str, Ledger]:
    """The books of both partners at rest; what they sent is answered as it was, and nobody was alarmed."""
    come_to_rest(programs)
    check_repeated(programs)
    kept = {address: programs.partner(address).ask("ledger") for address in BOTH}
    assert [each.alarms for each in kept.values()] == [(), ()]
    return kept


def judge(programs: Running, name: str, point: str, seen: Found) -> None:
    """The act had one effect and nothing else changed."""
    names = programs.town.names
    assert times(seen, names, name) in (LEASES.get(point, ONCE) if name == "lease" else ONCE)
    states = {names["ref"]: "accepted" if name in {"event", "hearing"} else "requested"}
    if name in ENDS_CONSENT:
        states = {names["ref"]: "cancelled", names["second"]: "cancelled"}
        # Until the broker has a withdrawal, the shelter may still be handed what waits.
        released = seen.count("envelope.released", envelope=names["second_envelope"])
        assert released == 0 or (name == "withdraw-signed" and point in MAY_HAVE_HAPPENED)
    assert seen.states == states


def compare(kept: Mapping[str, Ledger], seen: Found) -> None:
    """Both ends, the broker and its journal tell the same story: receipts to the byte, deliveries, and states."""
    line, shelter = kept[LINE], kept[SHELTER]
    for own in (line, shelter):
        assert set(own.shipments.values()) == {"done"}
        assert (own.sent | own.received | own.heard).items() <= seen.receipts.items()
    delivered = {entry.envelope for entry in seen.entries if entry.type == "envelope.acknowledged"}
    assert (set(line.received), set(shelter.received)) == (set(), delivered)
    assert line.standing == seen.states
    assert shelter.standing.items() <= seen.states.items()


@pytest.mark.parametrize(("name", "point"), EVERY)
def test_a_crash_at_this_point_loses_nothing_and_does_nothing_twice(
    stages: Mapping[str, Prepared], tmp_path: Path, name: str, point: str
) -> None:
    """One effect, the same receipt bytes, both ends and the broker and its journal in agreement."""
    with stages[CASES[name].stage].copied(tmp_path / "town") as town:
        with running(town, tmp_path) as programs:
            for address in BOTH:
                programs.partner(address)
            struck(programs, name, point)
            resume(programs, name)
            check_repeated(programs)
            kept = ledgers(programs)
        seen = examine(town.url, programs.dial, tmp_path)
        judge(programs, name, point, seen)
    compare(kept, seen)
    assert town.names["ref"] in kept[SHELTER].standing


@pytest.mark.parametrize("point", BROKER_POINTS)
def test_what_was_handed_out_and_lost_is_not_handed_out_again_after_a_withdrawal(
    stages: Mapping[str, Prepared], tmp_path: Path, point: str
) -> None:
    """A shelter that died with a referral in its hands does not get it again once its consent was taken back."""
    with stages["withdrawing"].copied(tmp_path / "town") as town:
        with running(town, tmp_path) as programs:
            strike(programs, "lease", "answer-received")
            struck(programs, "withdraw-signed", point)
            resume(programs, "withdraw-signed")
            kept = ledgers(programs)
        seen = examine(town.url, programs.dial, tmp_path)
    compare(kept, seen)
    assert seen.count("envelope.released", envelope=town.names["second_envelope"]) == 1
    assert town.names["second_envelope"] not in kept[SHELTER].received
    assert seen.states == {town.names["ref"]: "cancelled", town.names["second"]: "cancelled"}


def test_for_the_whole_life_of_an_envelope_the_same_deposit_has_the_same_answer(
    stages: Mapping[str, Prepared], tmp_path: Path
) -> None:
    """After pick-up, acknowledgement and the referral's end: 200 and the first receipt, though everybody was killed."""
    with stages["queued"].copied(tmp_path / "town") as town:
        with running(town, tmp_path) as programs:
            names = town.names
            for act in LIFE:
                programs.partner(LINE)
                names = act(programs, names)
                programs.broker.kill()
                programs.revive_broker()
                programs.partner(LINE).kill()
                assert programs.start(LINE).ask("repeat")[names["envelope"]]
                check_repeated(programs)
            kept = ledgers(programs)
        seen = examine(town.url, programs.dial, tmp_path)
    compare(kept, seen)
    assert seen.states == {names["ref"]: "completed"}
