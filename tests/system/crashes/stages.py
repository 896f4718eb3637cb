"""A story played once without any crash; the town as it is after each of its acts is where the crashes begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.invented import AT, LINE, SHELTER
from tests.system.crashes.programs import Running, running
from tests.system.crashes.rest import come_to_rest, until
from tests.system.crashes.towns import Databases, Prepared, found

OLDER: Final = 5.0
"""Seconds by which a town begins after the last thing that happened in it."""
Names = dict[str, str]


def _queued(programs: Running, names: Names) -> Names:
    """The 211 line registered a consent, and a referral is in its outbox."""
    record, statement, code = programs.partner(LINE).ask("consent")
    come_to_rest(programs, leases=False)
    ref, envelope = programs.partner(LINE).ask("refer", record)
    return names | {"record": record, "statement": statement, "code": code, "ref": ref, "envelope": envelope}


def _deposited(programs: Running, names: Names) -> Names:
    """The broker holds it, and the journal's checkpoint covers it."""
    come_to_rest(programs, leases=False)
    return names


def _leased(programs: Running, names: Names) -> Names:
    """The shelter opened and kept it; its acknowledgement is in its outbox."""
    until(lambda: programs.partner(SHELTER).ask("lease") and names["ref"] in programs.partner(SHELTER).ask("standing"))
    return names


def _acknowledged(programs: Running, names: Names) -> Names:
    """The broker has the shelter's word."""
    programs.partner(SHELTER)
    come_to_rest(programs, leases=False)
    return names


def _accepting(programs: Running, names: Names) -> Names:
    """The shelter takes it; that step is in its outbox."""
    _, step = programs.partner(SHELTER).ask("step", names["ref"], {"transition": "T08"})
    return names | {"step": step}


def _accepted(programs: Running, names: Names) -> Names:
    """The broker has the step, which the 211 line has not heard."""
    programs.partner(SHELTER)
    come_to_rest(programs, leases=False)
    return names


def _withdrawable(programs: Running, names: Names) -> Names:
    """A second referral under the same consent waits at the broker."""
    ref, envelope = programs.partner(LINE).ask("refer", names["record"])
    come_to_rest(programs, leases=False)
    return names | {"second": ref, "second_envelope": envelope}


def _withdrawing(programs: Running, names: Names) -> Names:
    """The person took the consent back; the version that says so is in the outbox of the 211 line."""
    programs.partner(LINE).ask("withdraw", names["record"])
    return names


def _completed(programs: Running, names: Names) -> Names:
    """The referral has come to its end."""
    programs.partner(SHELTER).ask("step", names["ref"], {"transition": "T17", "outcome": "served"})
    come_to_rest(programs, leases=False)
    return names


LIFE: Final = (_deposited, _leased, _acknowledged, _accepting, _accepted, _completed)
"""From the deposit of a referral to its end."""
_STORY: Final[Mapping[str, tuple[str, Callable[[Running, Names], Names]]]] = {
    "queued": ("settled", _queued),
    "deposited": ("queued", _deposited),
    "leased": ("deposited", _leased),
    "acknowledged": ("leased", _acknowledged),
    "accepting": ("acknowledged", _accepting),
    "accepted": ("accepting", _accepted),
    "withdrawable": ("acknowledged", _withdrawable),
    "withdrawing": ("withdrawable", _withdrawing),
}
"""Each stage: from which one it follows, and how."""


def play(databases: Databases, folder: Path) -> Mapping[str, Prepared]:
    """The town at every stage, by its name."""
    stages = {"settled": replace(found(databases, folder / "settled"), age=OLDER)}
    for stage, (before, act) in _STORY.items():
        town = stages[before].copy(folder / stage)
        with running(town, folder / stage) as programs:
            if act is _deposited:
                programs.partner(LINE)
            names = act(programs, town.names)
            age = (programs.dial() - AT).total_seconds() + OLDER
        stages[stage] = replace(town, names=names, age=age)
    return stages
