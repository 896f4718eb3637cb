"""The steps a referral can take and who may take them, exactly as the reviewed table says.

Each row of `consent/tables/transitions.csv` is a `Transition` (PRODUCT §5); `consent.lifecycle` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator

from consent.tabular import Row
from consent.terms import words_of
from consent.vocabulary import REASONS, STATUSES, Status, Term, terms
from keys.documents import fault

__all__ = ["TRANSITIONS", "Actor", "Clockwork", "FollowUp", "Requirement", "Transition", "TransitionCode"]

Actor = Literal["requester", "owner", "broker"]
"""Who takes a step: the organisation that asks, the one that is asked, or the broker by itself."""
Clockwork = Literal["none", "start", "stop", "extend-once", "pause", "resume", "at-deadline", "restart"]
"""What a step does to the moment by which the owner has to answer."""
FollowUp = Literal["none", "start", "stop"]
"""What a step does to the requester's duty to follow up a refusal within 14 days (PRODUCT §5)."""
Requirement = Literal[
    "respond-by",
    "asked",
    "info-requested",
    "review-by",
    "outcome",
    "channel",
    "within-24h",
    "no-re-referral",
    "re-referral",
    "became",
    "helped",
]
"""What a step must bring (a detail) or find (a circumstance)."""
_ACTORS: Final[tuple[Actor, ...]] = get_args(Actor)
_CLOCKWORKS: Final[tuple[Clockwork, ...]] = get_args(Clockwork)
_FOLLOW_UPS: Final[tuple[FollowUp, ...]] = get_args(FollowUp)
_REQUIREMENTS: Final[tuple[Requirement, ...]] = get_args(Requirement)


@dataclass(frozen=True, slots=True)
class Transition(Term):
    """One row of the state machine; its words name the act, as on a button."""

    sources: tuple[str, ...]
    """The statuses it may start from; none for the first one."""
    target: Status | None
    """The status it leads to; None leaves it as it is."""
    business_status: str | None
    """The finer truth; None clears it."""
    actors: tuple[str, ...]
    reasons: tuple[str, ...]
    """The reasons of which one must be given; none where no reason may be given."""
    requires: tuple[str, ...]
    respond_by: Clockwork
    follow_up: FollowUp
    in_gravity: bool
    """True where HL7 Gravity knows this step."""
    note: str | None

    @classmethod
    def read(cls, row: Row) -> Self:
        """As `Term.read`; `any` among the reasons stands for those a party may give for the target."""
        target = row.choice("target", STATUSES) if row.optional("target") else None
        actors = row.several("actors", _ACTORS)
        if not actors:
            raise row.fault("missing-field", "actors")
        return cls(
            *words_of(row),
            sources=row.several("sources", STATUSES),
            target=target,
            business_status=row.optional("business_status"),
            actors=actors,
            reasons=_reasons(row, target, actors),
            requires=row.several("requires", _REQUIREMENTS),
            respond_by=row.choice("respond_by", _CLOCKWORKS) if row.optional("respond_by") else "none",
            follow_up=row.choice("follow_up", _FOLLOW_UPS) if row.optional("follow_up") else "none",
            in_gravity=row.flag("in_gravity"),
            note=row.optional("note"),
        )


def _reasons(row: Row, target: Status | None, actors: tuple[str, ...]) -> tuple[str, ...]:
    if row.optional("reasons") == "any":
        return tuple(
            code for code, reason in REASONS.items() if target in reason.allowed_on and reason.said_by == "party"
        )
    codes = row.several("reasons", REASONS, mark="|")
    for code in codes:
        # A reason leads only to statuses that its own row allows, and only from the mouth of who may say it.
        broker_says_it = REASONS[code].said_by == "broker"
        if target not in REASONS[code].allowed_on or broker_says_it != (actors == ("broker",)):
            raise row.fault("reason-not-allowed", "reasons")
    return codes


TRANSITIONS: Final[Mapping[str, Transition]] = terms(Transition, "transitions")
"""Every step, T01 to T25, by its code."""


def _known(code: str) -> str:
    if code not in TRANSITIONS:
        raise fault("transition-unknown")
    return code


TransitionCode = Annotated[str, AfterValidator(_known)]
"""The type of document fields that name a step; anything else is transition-unknown, at its place."""
