"""Answers that come later: a new statement for what widens, and only what ran out is asked again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from adapters.consent_changes import NewAnswers, Withdrawal
from adapters.outgoing import Queued
from keys.errors import MalformedError
from tests.adapters.conftest import Town
from tests.adapters.consenting import GIVEN_HEALTH, MINUTE, answers, change, granted, recorded
from tests.adapters.partners import referral_file
from tests.invented import ABSENT, AT, HEALTH, NEWCOMERS, SHELTER


def test_an_answer_to_what_was_put_off_is_a_statement_of_its_own(laval: Town) -> None:
    """It widens nothing that was registered: another id, another code, one receipt for both."""
    broker, line, _ = laval
    first = recorded(line)
    broker.clock.forward(hours=2)
    later = change(line, first.record_id, NewAnswers("answer", answers("ConsentGiven", "p3", broker.clock())))
    assert later.statement.id != first.statement.id
    assert granted(later.statement) == [("referral-newcomer", NEWCOMERS)]
    assert later.receipt.withdrawal_code not in {None, first.receipt.withdrawal_code}
    assert [item.purpose for item in later.receipt.agreed] == ["referral-shelter", "referral-newcomer"]
    assert broker.statements[first.statement.id].document == first.statement
    assert isinstance(line.adapter.send(referral_file(first.record_id)), Queued)


def test_an_answer_after_a_day_of_thinking_is_not_taken(laval: Town) -> None:
    """The request lapsed: the question has to be put again."""
    broker, line, _ = laval
    first = recorded(line)
    broker.clock.forward(hours=24)
    with pytest.raises(MalformedError, match="consent-lapsed"):
        change(line, first.record_id, NewAnswers("answer", answers("ConsentGiven", "p3", broker.clock())))


def test_a_renewal_asks_for_what_ran_out_and_carries_the_rest(laval: Town) -> None:
    """After 30 days health is asked again; shelter, given for 90, comes along with the uses it has left."""
    broker, line, _ = laval
    first = recorded(line, GIVEN_HEALTH | {"/events/1/validity_duration": "P30D"})
    assert isinstance(line.adapter.send(referral_file(first.record_id)), Queued)
    broker.clock.now = first.statement.not_after
    assert line.adapter.consents.show(first.record_id).ask == (("p2", HEALTH),)
    new = NewAnswers("renew", answers("RenewedConsentGiven", "p2", broker.clock()))
    renewed = change(line, first.record_id, new)
    assert [(grant.recipient, grant.max_uses) for grant in renewed.statement.grants] == [(SHELTER, 2), (HEALTH, 3)]
    assert renewed.statement.id != first.statement.id
    assert renewed.statement.not_after == AT - 5 * MINUTE + timedelta(days=90)
    with line.store.transaction() as tx:
        cited = tx.papers.statement_of(first.record_id, purpose="referral-shelter", recipient=SHELTER)
    assert cited is not None
    assert cited.document == renewed.statement


def test_a_withdrawal_reaches_every_statement_of_a_record(laval: Town) -> None:
    """The first one and the renewed one both end."""
    broker, line, _ = laval
    first = recorded(line)
    broker.clock.forward(days=80)
    new = NewAnswers("renew", answers("RenewedConsentGiven", "p1", broker.clock()))
    renewed = change(line, first.record_id, new)
    change(line, first.record_id, Withdrawal())
    for each in (first, renewed):
        assert broker.statements[each.statement.id].document.state == "withdrawn"


def test_what_was_taken_back_cannot_be_renewed(laval: Town) -> None:
    """No door leads back to a withdrawn consent but asking for a new one."""
    broker, line, _ = laval
    first = recorded(line)
    change(line, first.record_id, Withdrawal())
    broker.clock.forward(days=90)
    for how, state, code in (
        ("renew", "RenewedConsentGiven", "renewal-not-asked"),
        ("answer", "ConsentGiven", "question-not-open"),
    ):
        with pytest.raises(MalformedError, match=code):
            change(line, first.record_id, NewAnswers(how, answers(state, "p1", broker.clock())))  # type: ignore[arg-type]  # a door
    assert broker.statements[first.statement.id].document.state == "withdrawn"


def test_a_parent_cannot_renew_for_a_minor_who_turned_fourteen(laval: Town) -> None:
    """Who answers is asked each time: the parent's renewal has no effect, the minor's own has."""
    broker, line, _ = laval
    first = recorded(line, {"/circumstances/given_by": "parent", "/circumstances/age": "under-14"})
    broker.clock.now = first.statement.not_after
    turned: dict[str, object] = {"/circumstances/age": "14-to-17", "/circumstances/given_by": "parent"}
    new = answers("RenewedConsentGiven", "p1", broker.clock(), turned)
    with pytest.raises(MalformedError, match="consent-by-wrong-person"):
        change(line, first.record_id, NewAnswers("renew", new))
    own = answers("RenewedConsentGiven", "p1", broker.clock(), turned | {"/circumstances/given_by": "person"})
    renewed = change(line, first.record_id, NewAnswers("renew", own))
    assert (renewed.statement.authority.kind, renewed.statement.authority.given_by) == ("consent", "person")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/person": "Canari"}, ("unknown-field", "/person")),
        ({"/events": []}, ("too-short", "/events")),
        ({"/circumstances": ABSENT}, ("missing-field", "/circumstances")),
    ],
)
def test_a_file_of_answers_is_refused_at_its_place(changes: Mapping[str, object], expected: tuple[str, str]) -> None:
    """Each slip with its pointer, none with its value."""
    with pytest.raises(MalformedError) as caught:
        answers("ConsentGiven", "p3", AT, changes)
    assert (caught.value.code, caught.value.pointer) == expected
    assert "Canari" not in repr(caught.value)
