"""What all tests share: how long properties explore, and that a test left out counts as a failure."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# No deadline: on a loaded machine it would measure the neighbours, not the code.
settings.register_profile("fast", max_examples=25, deadline=None)
settings.register_profile("full", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fast")

LEFT_OUT = "left out (skip, xfail or importorskip): a test that does not run proves nothing, so it fails"


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
