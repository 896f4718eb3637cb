"""Plays histories by chance for as long as is wished: `python -m tests.system.crash_model --seconds 60 --seed 1`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from tests.databases import running_server
from tests.system.crash_model.history import history
from tests.system.crash_model.model import Outcome, judge
from tests.system.crash_model.plan import plan
from tests.system.crashes.stages import OLDER
from tests.system.crashes.towns import Databases, Prepared, found

Engine = Literal["sqlite", "postgresql"]


@contextmanager
def settled(engine: Engine) -> Iterator[Prepared]:
    """A town on one engine in which nothing has happened yet."""
    with tempfile.TemporaryDirectory() as name, running_server() if engine == "postgresql" else nullcontext() as server:
        folder = Path(name)
        yield replace(found(Databases(folder, server), folder / "settled"), age=OLDER)


def play(town: Prepared, seed: int) -> Outcome:
    """One history and its judgement; raises `AssertionError` with what the programs said."""
    with (
        tempfile.TemporaryDirectory() as name,
        town.copied(Path(name) / "town") as copy,
        history(copy, Path(name)) as played,
    ):
        try:
            played.play(plan(seed))
            return judge(played, Path(name))
        except BaseException as error:
            if isinstance(error, TimeoutError):
                played.players.ask_where()
            error.add_note(played.players.said())
            raise


def explore(engine: Engine, seed: int, seconds: float, tell: Callable[[str], object] = sys.stdout.write) -> int:
    """Play one history after the other until the time is over, at least one; how many. A failure names its seed."""
    deadline, played = time.monotonic() + seconds, 0
    with settled(engine) as town:
        while played == 0 or time.monotonic() < deadline:
            begun = time.monotonic()
            try:
                outcome = play(town, seed + played)
            except BaseException:
                command = f"python -m tests.system.crash_model --seconds 0 --seed {seed + played} --engine {engine}"
                sys.stderr.write(f"\nfailed; to play it again: {command}\n")
                raise
            figures = " ".join(f"{name}={value}" for name, value in asdict(outcome).items())
            tell(f"{engine} seed={seed + played} {figures} seconds={time.monotonic() - begun:.1f}\n")
            played += 1
    return played


def main() -> None:
    """Read the command line and explore."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.system.crash_model",
        description=__doc__,
        epilog="A seed gives the same acts, faults and victims again, not the same timing: that is the operating"
        " system's. Where two programs race, play a failing seed several times.",
    )
    asked.add_argument("--seconds", type=float, default=60.0, help="how long to go on; a history is played to its end")
    asked.add_argument("--seed", type=int, default=1, help="of the first history; each next one has the next seed")
    asked.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite", help="the broker's database")
    given = asked.parse_args()
    explore(given.engine, given.seed, given.seconds)


if __name__ == "__main__":
    main()
