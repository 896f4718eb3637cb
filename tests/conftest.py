"""What all tests share: how long properties explore, and that a test left out counts as a failure."""

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline: on a loaded machine it would measure the neighbours, not the code.
settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("full", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fast")

LEFT_OUT = "left out (skip, xfail or importorskip): a test that does not run proves nothing, so it fails"

SLOW = frozenset(
    {
        "keys/test_cli.py",
        "keys/test_cli_signing.py",
        "keys/test_keystore.py",
        "system/crashes/test_every_point.py",
        "test_left_out.py",
    }
)
"""Modules that start programs, make keystores (which are slow to guess by design), or explore at length."""


SLOW_FOLDERS = ("adapters", "gateway", "journal", "system", "vectors")
"""Folders whose tests ask a whole broker, adapter or journal; the pure cores answer within `make check`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `make check` leaves to `make test`."""
    folder = Path(__file__).parent
    for item in items:
        if not item.path.is_relative_to(folder):
            continue
        place = item.path.relative_to(folder)
        if place.as_posix() in SLOW or place.parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped or marked as expected to fail, whichever way it was done."""
    report = yield
    if report.skipped or hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {LEFT_OUT}"
        vars(report).pop("wasxfail", None)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a whole module that asked to be skipped while it was being collected."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {LEFT_OUT}"
    return report
