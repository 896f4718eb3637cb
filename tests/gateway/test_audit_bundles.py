"""What the broker did, replayed from its own bundle by the auditor's code: every promise holds, or is seen broken."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import enrolments, protocols
from gateway.audit_bundles import export_bundle
from gateway.store.transaction import Transaction
from journal.bundle import Bundle
from journal.replay import verify
from journal.report import AuditReport
from tests.builders import AGREEMENT_ID, SHELTER
from tests.gateway.first_day import CANARY, SETTINGS, broker_keys
from tests.gateway.world import World


def _exported(world: World, path: Path) -> AuditReport:
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(path) as bundle:
        return verify(bundle, broker_keys().signer(1).vkeys)


def _busy_day(world: World) -> None:
    """Everything that can happen: refusals, a whole referral, a suspension, a withdrawal, a destroyed envelope."""
    world.line.register()
    assert world.line.deposit(world.referral({"/article": "9"})).status_code == 403
    wire = world.referral()
    assert world.line.deposit(wire).status_code == 201
    world.clock.move(seconds=5)
    assert len(world.shelter.lease()) == 1
    world.shelter.post("/v1/acks", world.shelter.ack(wire), "ack")
    for number, step in enumerate(("T03", "T08", "T14"), start=1):
        world.clock.move(seconds=1)
        assert world.shelter.deposit(world.event(step, number)).status_code == 201
    for active in (False, True):
        world.act(lambda tx, at, active=active: enrolments.set_active(SETTINGS, tx, SHELTER, active=active, at=at))
    assert world.line.deposit(world.message({"/id": "env_" + "m" * 26})).status_code == 201
    assert world.line.withdraw().status_code == 201
    assert world.shelter.lease() == []
    assert world.shelter.deposit(world.event("T17", 4, outcome="place-given")).status_code == 201
    world.act(lambda tx, at: protocols.change_state(world.broker, tx, tx.agreements.newest(AGREEMENT_ID), "ended", at))


def test_a_busy_day_verifies(world: World, tmp_path: Path) -> None:
    """The auditor reads every entry, judges all of them, and finds nothing broken."""
    _busy_day(world)
    report = _exported(world, tmp_path / "journal.zip")
    assert report.violations == ()
    assert report.holds
    assert report.complete
    assert report.checkpoint.size == len(world.entries())
    assert world.types()[-1] == "audit.read"


def test_a_bundle_of_several_hundred_entries_verifies(world: World, tmp_path: Path) -> None:
    """Full tiles, partial ones and those above them are all in it."""

    def fill(tx: Transaction, at: datetime) -> None:
        for _ in range(600):
            tx.journal.append(at, type="audit.read", actor=SETTINGS.address)

    world.act(fill)
    report = _exported(world, tmp_path / "journal.zip")
    assert (report.holds, report.checkpoint.size) == (True, len(world.entries()))


def test_nothing_sealed_is_in_a_bundle(world: World, tmp_path: Path) -> None:
    """Whoever takes the bundle learns who referred to whom, and not one name."""
    _busy_day(world)
    path = tmp_path / "journal.zip"
    _exported(world, path)
    with Bundle.open(path) as bundle:
        openings = b"".join(opening.entry for _, opening in bundle.openings())
    assert CANARY.encode() not in openings
    assert b"ciphertext" not in openings


@pytest.mark.parametrize(
    ("harm", "is_complete"),
    [
        ("UPDATE statement_use SET uses = 0", True),
        ("DELETE FROM statement", False),
        ("DELETE FROM journal_opening WHERE position = 28", False),
    ],
)
def test_what_the_operator_takes_away_is_missed(
    world: World,
    tmp_path: Path,
    harm: str,
    is_complete: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Rows outside the journal prove nothing and break nothing; missing evidence makes the audit incomplete."""
    _busy_day(world)
    with world.broker.store.connected("BEGIN IMMEDIATE") as connection:
        connection.execute(text(harm))
    report = _exported(world, tmp_path / "journal.zip")
    assert report.complete is is_complete
