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
        "adapters/test_agreements.py",
        "adapters/test_cli.py",
        "adapters/test_cli_organisation.py",
        "adapters/test_enrolment.py",
        "adapters/test_epochs.py",
        "adapters/test_events.py",
        "adapters/test_inbox.py",
        "adapters/test_outbox.py",
        "adapters/test_outgoing.py",
        "adapters/test_own_keys.py",
        "adapters/test_vertical.py",
        "adapters/test_worker.py",
        "gateway/store/test_outages.py",
        "gateway/test_attachments.py",
        "gateway/test_audit_bundles.py",
        "gateway/test_cli.py",
        "gateway/test_cli_cases.py",
        "gateway/test_cli_partners.py",
        "gateway/test_cli_serving.py",
        "gateway/test_contract_exploration.py",
        "gateway/test_exchange_bodies.py",
        "gateway/test_exchange_events.py",
        "gateway/test_exchange_inbox.py",
        "gateway/test_founding.py",
        "gateway/test_oauth_endpoint.py",
        "gateway/test_oauth_forms.py",
        "gateway/test_oauth_garbage.py",
        "gateway/test_oauth_independent.py",
        "journal/test_bundle_attacks.py",
        "journal/test_invariant_consents.py",
        "journal/test_invariant_envelopes.py",
        "journal/test_invariant_referrals.py",
        "journal/test_replay_robustness.py",
        "keys/test_cli.py",
        "keys/test_cli_signing.py",
        "keys/test_keystore.py",
        "test_left_out.py",
    }
)
"""Modules that start programs, make keystores (which are slow to guess by design), or explore at length."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what `make check` leaves to `make test`."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder) and item.path.relative_to(folder).as_posix() in SLOW:
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
