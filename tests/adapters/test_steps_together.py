"""A message or a new referral and the step that says so are put in the outbox together, or neither is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from adapters.outgoing import Queued
from adapters.referral import read_sections
from consent.passage import Refused
from keys import strictjson
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner, arrived, consent_file, referral_file

ADDED = {"sections": {"worker": {"name": "Intervenante Inventée", "team": "Équipe A"}}}


def asked(town: Town) -> str:
    """A referral whose owner asked for more."""
    _, line, shelter = town
    ref = arrived(line, shelter).ref
    shelter.adapter.ask(ref, ["worker"])
    shelter.adapter.sync()
    line.adapter.sync()
    return ref


def declined(town: Town) -> str:
    """A referral that its owner declined."""
    _, line, shelter = town
    ref = arrived(line, shelter).ref
    shelter.adapter.decline(ref, "no-capacity")
    shelter.adapter.sync()
    line.adapter.sync()
    return ref


def interrupted(partner: Partner, ref: str) -> None:
    """Let the second envelope that is put in the outbox meet a failing disk, as a crash between the two would."""
    trigger = (
        "CREATE TRIGGER failing BEFORE INSERT ON outbox WHEN NEW.kind = 'envelope' AND NEW.lane = '{}' "
        "AND EXISTS (SELECT 1 FROM outbox WHERE state = 'pending' AND kind = 'envelope') "
        "BEGIN SELECT RAISE(ABORT, 'invented failure'); END"
    )
    with partner.store.transaction() as tx:
        tx.session.connection().exec_driver_sql(trigger.format(ref))


def mended(partner: Partner) -> None:
    """Let the disk work again."""
    with partner.store.transaction() as tx:
        tx.session.connection().exec_driver_sql("DROP TRIGGER failing")


def test_what_is_provided_and_its_step_are_one(laval: Town) -> None:
    """Interrupted, nothing waits and the contents are as before; repeated, both leave in their order."""
    _, line, shelter = laval
    ref = asked(laval)
    sections, _ = read_sections(strictjson.dumps(ADDED))
    interrupted(line, ref)
    with pytest.raises(IntegrityError):
        line.adapter.provide(ref, sections)
    assert (len(line.adapter.show(ref).contents), line.adapter.show(ref).waiting) == (1, ())
    mended(line)
    queued = line.adapter.provide(ref, sections)
    assert isinstance(queued, Queued)
    assert [item.item for item in line.adapter.show(ref).waiting][1:] == [queued.envelope]
    line.adapter.sync()
    shelter.adapter.sync()
    assert shelter.adapter.show(ref).state.business_status == "info-provided"
    assert len(shelter.adapter.show(ref).contents) == 2


def test_a_referral_to_somebody_else_and_its_step_are_one(laval: Town) -> None:
    """Interrupted, no second referral stays behind; repeated, the duty to follow up ends."""
    _, line, _ = laval
    ref = declined(laval)
    file = referral_file(line.adapter.record_consent(consent_file())[0].record_id)
    interrupted(line, ref)
    with pytest.raises(IntegrityError):
        line.adapter.re_refer(ref, file)
    assert [referral.ref for referral in line.adapter.referrals()] == [ref]
    mended(line)
    assert isinstance(line.adapter.re_refer(ref, file), Queued)
    line.adapter.sync()
    assert line.adapter.show(ref).state.business_status == "re-referred"
    assert "follow-up" not in [duty.kind for duty in line.adapter.duties()]


def test_a_step_that_may_not_be_taken_keeps_the_second_referral_back(laval: Town) -> None:
    """When the first referral no longer has an agreement to answer under, that is told, and nothing is queued."""
    _, line, _ = laval
    ref = declined(laval)
    file = referral_file(line.adapter.record_consent(consent_file())[0].record_id)
    with line.store.transaction() as tx:
        first = tx.dossiers.find(ref)
        assert first is not None
        gone = first.header.model_copy(update={"agreement": f"agr_{'z' * 26}@1"})
        tx.dossiers.save(replace(first, header=gone))
    assert line.adapter.re_refer(ref, file) == Refused("no-agreement-with-recipient", "", "/agreement")
    assert [referral.ref for referral in line.adapter.referrals()] == [ref]
