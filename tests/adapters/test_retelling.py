"""What the broker tells again after a restart, because it lost the first time: no alarm, and nothing else passes so."""

from __future__ import annotations

import pytest

from tests.adapters.broker_double import BrokerDouble
from tests.adapters.case_double import tell
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived
from tests.adapters.restoring import Backup, accept, codes
from tests.invented import LINE, SHELTER

ENDED = {"transition": "T12", "reason": "consent-withdrawn"}
EXPIRED = {"transition": "T12", "reason": "consent-expired"}
UNDELIVERABLE = {"transition": "T04", "reason": "undeliverable"}


def told(broker: BrokerDouble, ref: str, event: dict[str, str], kind: str = "non-delivery") -> None:
    """The broker ends a referral, and says so to both ends."""
    step = tell(broker, ref, LINE, {"kind": kind}, event)
    tell(broker, ref, SHELTER, {"kind": kind, "copy_of": step.id}, event)


def ended(town: Town, *, lost: bool = True) -> tuple[str, Backup]:
    """A referral that the broker ended after a backup was made, or before; both ends heard of it."""
    broker, line, shelter = town
    ref = arrived(line, shelter).ref
    exchanged(line, shelter)
    if not lost:
        told(broker, ref, ENDED)
    backup = Backup(broker)
    if lost:
        told(broker, ref, ENDED)
    exchanged(line, shelter)
    return ref, backup


def exchanged(*partners: Partner) -> None:
    """Each partner exchanges once."""
    for partner in partners:
        assert partner.adapter.sync().troubles == []


def alarms(town: Town) -> list[list[str]]:
    """What each partner has to look at, after it exchanged; its referral is over as it was before."""
    _, line, shelter = town
    exchanged(line, shelter)
    for partner in (line, shelter):
        [referral] = partner.adapter.referrals()
        assert (referral.status, referral.business_status) == ("cancelled", "consent-ended")
    return [codes(partner.adapter.alarms()) for partner in (line, shelter)]


def restarted(town: Town, backup: Backup) -> None:
    """The broker goes on from the backup, and both partners accept it."""
    _, line, shelter = town
    backup.restart(shelter)
    for partner in (line, shelter):
        accept(partner)


def test_an_end_that_was_lost_is_told_again(laval: Town) -> None:
    """Each end knows it already: no alarm, and the referral ends once."""
    ref, backup = ended(laval)
    restarted(laval, backup)
    told(laval[0], ref, ENDED)
    assert alarms(laval) == [[], []]


def test_who_accepts_late_is_rid_of_the_alarm_by_accepting(laval: Town) -> None:
    """Until a restart is accepted nobody knows what it lost; then the alarm that it explains is closed."""
    broker, line, shelter = laval
    ref, backup = ended(laval)
    backup.restart(shelter)
    accept(line)
    told(broker, ref, ENDED)
    assert shelter.adapter.sync().troubles != []
    assert "step-not-legal" in codes(shelter.adapter.alarms())
    accept(shelter)
    assert alarms(laval) == [[], []]


def test_without_a_restart_it_is_the_alarm_it_always_was(laval: Town) -> None:
    """A broker that ends a referral twice is seen by both ends."""
    ref, _ = ended(laval)
    told(laval[0], ref, ENDED)
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]


def test_an_alarm_from_before_the_restart_stays(laval: Town) -> None:
    """Both tellings were lost together: the restart explains nothing of it."""
    ref, backup = ended(laval)
    told(laval[0], ref, ENDED)
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]
    restarted(laval, backup)
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]


def test_what_was_not_lost_is_not_told_again(laval: Town) -> None:
    """The backup held the end of the referral: the broker knows of it, and has nothing to say twice."""
    ref, backup = ended(laval, lost=False)
    restarted(laval, backup)
    told(laval[0], ref, ENDED)
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]


@pytest.mark.parametrize("event", [EXPIRED, UNDELIVERABLE])
def test_another_step_or_reason_is_not_the_same_again(laval: Town, event: dict[str, str]) -> None:
    """Whatever differs from what was lost stays an alarm."""
    ref, backup = ended(laval)
    restarted(laval, backup)
    told(laval[0], ref, event)
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]


def test_another_kind_of_notice_is_not_the_same_again(laval: Town) -> None:
    """The same step under another kind of notice says something else."""
    ref, backup = ended(laval)
    restarted(laval, backup)
    told(laval[0], ref, ENDED, "timer")
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]


def test_a_restart_explains_one_telling_and_no_third(laval: Town) -> None:
    """What was told again after the restart was not lost."""
    ref, backup = ended(laval)
    restarted(laval, backup)
    told(laval[0], ref, ENDED)
    assert alarms(laval) == [[], []]
    told(laval[0], ref, ENDED)
    assert alarms(laval) == [["step-not-legal"], ["step-not-legal"]]


def test_what_nobody_saw_signed_may_stand_behind_its_second_telling(laval: Town) -> None:
    """The places of entries that no checkpoint ever covered are given out again: still the same step, told again."""
    broker, line, shelter = laval
    ref = arrived(line, shelter).ref
    exchanged(line, shelter)
    backup = Backup(broker)
    broker.gateway.bustle(3)
    exchanged(line, shelter)
    broker.gateway.bustle(9)
    told(broker, ref, ENDED)
    for partner in (line, shelter):
        partner.adapter.stream.work()
    restarted(laval, backup)
    told(broker, ref, ENDED)
    assert alarms(laval) == [[], []]
    with line.store.transaction() as tx:
        places = {each.header.id: each.receipt.index for each in tx.dossiers.steps(ref)}
        [first, second] = [each.header.id for each in reversed(tx.notices.of(ref))]
    assert places[second] < places[first]
