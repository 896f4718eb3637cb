"""Lets the programs of a town go on, and starts those that died, until nothing moves any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tests.system.crashes.acts import Exchanged
from tests.system.crashes.programs import DiedError, Running

ROUNDS: Final = 100
"""Rounds of exchange within which a town comes to rest."""
LEASE: Final = 130.0
"""Seconds after which what was leased comes again, and what was postponed is tried again."""
CHECKPOINT: Final = 0.1
"""Real seconds between two looks at what the broker has published."""


def come_to_rest(programs: Running, *, leases: bool = True) -> None:
    """Exchange until every partner is quiet, and again once all leases ran out; raises `AssertionError` if never."""
    quiet, last = 0, dict[str, Exchanged | None]()
    for _ in range(ROUNDS):
        last = {address: exchange(programs, address) for address in tuple(programs.partners)}
        quiet = quiet + 1 if all(done is not None and done.is_quiet for done in last.values()) else 0
        if quiet > leases:
            return
        if quiet == 1 or _is_stuck(last):
            programs.dial.forward(LEASE)  # what a program took before it was killed comes again only now
        if quiet == 0:
            time.sleep(CHECKPOINT)
    raise AssertionError(last)


def exchange(programs: Running, address: str) -> Exchanged | None:
    """One round of a partner; None when its program had died and was started anew instead."""
    if not programs.broker.is_alive:
        programs.revive_broker()
    try:
        done = programs.partner(address).ask("sync")
    except DiedError:
        programs.start(address)
        return None
    assert isinstance(done, Exchanged), done
    return done


def until(happened: Callable[[], object]) -> None:
    """Look again until something happened; raises `AssertionError` when it never does."""
    for _ in range(ROUNDS):
        if happened():
            return
        time.sleep(CHECKPOINT)
    raise AssertionError


def _is_stuck(last: dict[str, Exchanged | None]) -> bool:
    """Whether somebody waits for a lease to end or for the time of another try."""
    return any(done is None or done.troubles or done.waits for done in last.values())
