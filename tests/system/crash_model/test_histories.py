"""Histories by chance, with programs killed and calls lost at random instants: two minutes of them, on both engines."""

import pytest

from tests.system.crash_model.__main__ import Engine, explore
from tests.system.crash_model.plan import plan

SECONDS = 50.0
"""For each engine, besides what it takes to found a town."""
ENGINES = [pytest.param(name, marks=pytest.mark.xdist_group(f"crashes-{name}")) for name in ("sqlite", "postgresql")]
"""One worker for each engine, the one that kills its programs at every point too."""


def test_a_seed_gives_the_same_history_again() -> None:
    """The same acts, faults and victims; another seed gives others."""
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


@pytest.mark.parametrize("engine", ENGINES)
def test_whatever_dies_and_whatever_is_lost_every_word_that_was_given_holds(engine: Engine) -> None:
    """Nothing acknowledged is lost, done twice or released after a withdrawal; the journal and both ends agree."""
    assert explore(engine, 1, SECONDS) > 0
