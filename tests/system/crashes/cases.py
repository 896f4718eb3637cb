"""What is interrupted: for each act who does it by which call, the stage it begins at, and its entry."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from tests.invented import LINE, SHELTER
from tests.system.crashes.broker_program import BrokerPoint
from tests.system.crashes.loopback import PartnerPoint
from tests.system.crashes.programs import DiedError, Running

BROKER_POINTS: Final = ("before-commit", "after-commit", "after-answer")
"""Where the broker is killed."""
PARTNER_POINTS: Final = ("before-sending", "after-sending", "answer-received", "answer-kept")
"""Where the adapter is killed."""


@dataclass(frozen=True)
class Case:
    """One act: who takes it, by which call, told how, from which stage on, and its entry in the journal."""

    actor: str
    path: str
    act: str
    stage: str
    entry: tuple[str, str, str]
    """Type, member, and the name of what the member must be."""
    argument: str = ""
    points: tuple[str, ...] = (*BROKER_POINTS, *PARTNER_POINTS)


CASES: Final = {
    "deposit": Case(LINE, "/v1/envelopes", "flush", "queued", ("envelope.accepted", "envelope", "envelope")),
    "lease": Case(SHELTER, "/v1/inbox/lease", "lease", "deposited", ("envelope.released", "envelope", "envelope")),
    "ack": Case(SHELTER, "/v1/acks", "flush", "leased", ("envelope.acknowledged", "envelope", "envelope")),
    "withdraw-signed": Case(
        LINE, "/v1/consents", "flush", "withdrawing", ("consent.withdrawn", "statement", "statement")
    ),
    "withdraw-code": Case(
        SHELTER,
        "/v1/withdrawals",
        "withdraw_by_code",
        "withdrawable",
        ("consent.withdrawn", "statement", "statement"),
        argument="code",
        points=(*BROKER_POINTS, *PARTNER_POINTS[:3]),  # nothing is kept of it: the person says the code again
    ),
    "event": Case(SHELTER, "/v1/envelopes", "flush", "accepting", ("task.transition", "envelope", "step")),
    "hearing": Case(
        LINE,
        "/v1/events",
        "listen",
        "accepted",
        ("task.transition", "envelope", "step"),
        points=PARTNER_POINTS,  # to hear changes nothing at the broker
    ),
}
MAY_HAVE_HAPPENED: Final[Mapping[str, frozenset[int]]] = {
    "before-commit": frozenset({0}),
    "before-sending": frozenset({0}),
    "after-sending": frozenset({0, 1}),
}
"""How often the act may stand in the journal when somebody was killed at a point; once at every other point."""
LEASES: Final[Mapping[str, frozenset[int]]] = {
    "after-commit": frozenset({2}),
    "answer-received": frozenset({2}),
    "after-sending": frozenset({1, 2}),
}
"""How often an envelope is handed out in the end: once more where it was handed out and got lost."""
ENDS_CONSENT: Final = frozenset({"withdraw-signed", "withdraw-code"})
"""The acts by which a consent ends."""


def strike(programs: Running, name: str, point: str) -> None:
    """Take the act with somebody killed at the point, who stays dead."""
    case = CASES[name]
    if point in BROKER_POINTS:
        programs.crash_broker(cast("BrokerPoint", point), case.path)
        programs.partner(case.actor).ask(case.act, *_arguments(programs, case))
        assert programs.broker.ended() == -signal.SIGKILL
        return
    dying = programs.start(case.actor, cast("PartnerPoint", point), case.path)
    try:
        outcome = dying.ask(case.act, *_arguments(programs, case))
    except DiedError:
        assert dying.ended() == -signal.SIGKILL
        del programs.partners[case.actor]
    else:
        raise AssertionError(outcome)


def resume(programs: Running, name: str) -> None:
    """Start anew whoever was killed; a person who was left without an answer asks again."""
    case = CASES[name]
    if not programs.broker.is_alive:
        programs.revive_broker()
    for address in (LINE, SHELTER):
        programs.partner(address)
    if case.argument:
        programs.partner(case.actor).ask(case.act, *_arguments(programs, case))


def _arguments(programs: Running, case: Case) -> list[str]:
    return [programs.town.names[case.argument]] if case.argument else []
