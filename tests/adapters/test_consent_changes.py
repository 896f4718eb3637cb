"""Taking back, restricting, renewing: the record grows, the statements narrow, the receipt is written anew."""

from __future__ import annotations

from datetime import datetime

import pytest

from adapters.consent_changes import Change, Ended, Withdrawal
from adapters.outgoing import Queued
from adapters.store.tables import ConsentRow
from consent.envelope import NoticeHeader
from consent.passage import Refused
from consent.record import record_commitment
from consent.withdrawal_code import shown
from keys.documents import encode, format_time, validate
from keys.errors import MalformedError
from tests.adapters.conftest import Town
from tests.adapters.consenting import GIVEN_HEALTH, MINUTE, PERSON, change, granted, recorded, restricted
from tests.adapters.partners import Partner, consent_file, consent_members, referral_file
from tests.envelopes import consent_ended_members
from tests.invented import ABSENT, AT, HEALTH, LINE, SHELTER

# Taking back.


def test_withdrawing_everything_ends_the_statement_at_the_broker(laval: Town) -> None:
    """The next version is signed, sent and registered; the record it commits to is kept beside it."""
    broker, line, _ = laval
    first = recorded(line, GIVEN_HEALTH)
    ended = change(line, first.record_id, Withdrawal())
    held = broker.statements[first.statement.id]
    assert (held.document, held.document.state, held.document.version) == (ended.statement, "withdrawn", 2)
    with line.store.transaction() as tx:
        record = tx.papers.record(first.record_id)
        [kept] = tx.papers.statements_of(first.record_id)
    assert record is not None
    assert kept.document.record_commitment == record_commitment(encode(record), record.salt)
    assert kept.registered
    assert (ended.receipt.agreed, len(ended.receipt.ended)) == ((), 2)


def test_withdrawing_one_purpose_or_recipient_leaves_the_rest(laval: Town) -> None:
    """Refusing one thing never blocks the rest, and what was taken back is refused here before anything leaves."""
    broker, line, _ = laval
    first = recorded(line, GIVEN_HEALTH)
    change(line, first.record_id, Withdrawal(purposes=("referral-health",)))
    assert granted(broker.statements[first.statement.id].document) == [("referral-shelter", SHELTER)]
    other = recorded(line, GIVEN_HEALTH)
    change(line, other.record_id, Withdrawal(recipients=(SHELTER,)))
    assert granted(broker.statements[other.statement.id].document) == [("referral-health", HEALTH)]
    refused = line.adapter.send(referral_file(other.record_id))
    assert isinstance(refused, Refused)
    assert refused.because == "purpose-not-granted"


def test_withdrawing_again_changes_nothing_and_is_no_error(laval: Town) -> None:
    """The person says it twice: there is no third version, and they get their receipt."""
    broker, line, _ = laval
    first = recorded(line)
    change(line, first.record_id, Withdrawal())
    again = change(line, first.record_id, Withdrawal())
    assert again.statements == ()
    assert broker.statements[first.statement.id].document.version == 2
    assert len(again.receipt.ended) == 1


def test_what_was_not_sent_yet_is_withdrawn_in_order(laval: Town) -> None:
    """Both versions wait in one lane: the broker never sees the ending before what it ends."""
    broker, line, _ = laval
    line.client.cut_off("register_statement")
    made, _ = line.adapter.record_consent(consent_file())
    line.adapter.outbox.flush()
    line.adapter.consents.change(made.record_id, Withdrawal())
    broker.clock.forward(hours=1)
    line.adapter.outbox.flush()
    assert broker.statements[made.statement.id].document.state == "withdrawn"


@pytest.mark.parametrize(("by", "state"), [("organisation", "revoked"), ("authority", "invalidated")])
def test_the_organisation_and_an_authority_can_end_it(laval: Town, by: str, state: str) -> None:
    """Each ending is told as what it is."""
    broker, line, _ = laval
    first = recorded(line)
    change(line, first.record_id, Ended(by))  # type: ignore[arg-type]  # one of the two
    assert broker.statements[first.statement.id].document.state == state


def test_a_change_happens_whole_or_not_at_all(laval: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """When signing fails half-way, neither the record nor the outbox has changed."""
    _, line, _ = laval
    first = recorded(line)
    office = line.adapter.office
    with line.store.transaction() as tx:
        before = tx.papers.record(first.record_id)
    monkeypatch.setattr("adapters.issuing.sign", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        line.adapter.consents.change(first.record_id, Withdrawal())
    with office.store.transaction() as tx:
        assert tx.papers.record(first.record_id) == before
        assert tx.traffic.waiting() == []


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (Withdrawal(purposes=("referral-food",)), "purpose-not-in-record"),
        (Withdrawal(recipients=("canari@laval",)), "recipient-not-in-record"),
    ],
)
def test_a_slip_withdraws_nothing_in_silence(laval: Town, what: Change, code: str) -> None:
    """What the record does not have is told, and its value is not repeated."""
    _, line, _ = laval
    first = recorded(line)
    with pytest.raises(MalformedError) as caught:
        line.adapter.consents.change(first.record_id, what)
    assert caught.value.code == code
    assert "canari" not in repr(caught.value)
    with pytest.raises(MalformedError, match="record-unknown"):
        line.adapter.consents.change("rec_" + "z" * 26, Withdrawal())


def told_of_the_code(line: Partner, statement: str, at: datetime = AT) -> bool:
    """What a partner makes of the broker's word that a consent ended."""
    with line.store.transaction() as tx:
        known = line.adapter.consents.withdrawn_by_code(tx, statement, at)
    line.adapter.outbox.flush()
    return known


def test_the_broker_tells_that_the_code_was_used(laval: Town) -> None:
    """The record says so too, and our own signed word follows, once; what came from another partner is not ours."""
    broker, line, shelter = laval
    first = recorded(line, GIVEN_HEALTH)
    code = first.receipt.withdrawal_code
    assert code is not None
    shelter.client.withdraw_by_code(code)
    assert not told_of_the_code(shelter, first.statement.id)
    assert told_of_the_code(line, first.statement.id)
    assert told_of_the_code(line, first.statement.id)
    document = broker.statements[first.statement.id].document
    assert (document.state, document.version) == ("withdrawn", 2)
    with line.store.transaction() as tx:
        record = tx.papers.record(first.record_id)
    assert record is not None
    assert [event.event_state for event in record.events[3:]] == ["dpv:ConsentWithdrawn"] * 2
    refused = line.adapter.send(referral_file(first.record_id))
    assert isinstance(refused, Refused)
    assert refused.because == "consent-withdrawn"
    written = sorted(path.name for path in line.adapter.settings.receipts.glob("*.fr.txt"))
    assert written == [f"{first.record_id}.2.fr.txt", f"{first.record_id}.fr.txt"]


def test_a_consent_that_ran_out_was_not_withdrawn(laval: Town) -> None:
    """The broker tells the end of a period in the same words; nobody is said to have taken anything back."""
    broker, line, _ = laval
    first = recorded(line)
    assert not told_of_the_code(line, first.statement.id, first.statement.not_after)
    assert broker.statements[first.statement.id].document.version == 1


def test_news_that_a_consent_ended_is_written_down(laval: Town) -> None:
    """The notice comes by the stream of events, signed by the gateway, about a referral under that consent."""
    broker, line, _ = laval
    first = recorded(line)
    queued = line.adapter.send(referral_file(first.record_id))
    assert isinstance(queued, Queued)
    line.adapter.sync()
    told = {"/ref": queued.ref, "/to": LINE, "/notice/statement": first.statement.id, "/notice/envelopes": ABSENT}
    notice = validate(NoticeHeader, consent_ended_members(told))
    broker.tell(notice, lambda: broker.gateway.receipts)
    line.adapter.sync()
    with line.store.transaction() as tx:
        [held] = tx.papers.statements_of(first.record_id)
    assert held.document.state == "withdrawn"


# Restrictions.


def test_a_restriction_narrows_every_statement_of_the_person(laval: Town) -> None:
    """Two consents of one person lose the section; somebody else's does not."""
    broker, line, _ = laval
    first, second = recorded(line), recorded(line, GIVEN_HEALTH)
    other = recorded(line, {"/person": "personne-fictive-2"})
    made = restricted(line, sections=["contact"])
    assert {each.record_id for each in made} == {first.record_id, second.record_id}
    for each, version in ((first, 2), (second, 2), (other, 1)):
        document = broker.statements[each.statement.id].document
        assert document.version == version
        assert ("contact" in document.grants[0].sections) is (each is other)


def test_a_new_consent_does_not_get_around_a_restriction(laval: Town) -> None:
    """What the person had restricted stays out of what they agree to later; all of it restricted gives nothing."""
    _, line, _ = laval
    restricted(line, sections=["contact", "housing"])
    later = recorded(line)
    assert later.statement.grants[0].sections == ("identity", "situation", "worker")
    assert len(later.receipt.restricted) == 1
    restricted(line, recipients=[SHELTER])
    with pytest.raises(MalformedError) as caught:
        line.adapter.record_consent(consent_file())
    assert ("consent-restricted", "/processing/purposes/0") in [(f.code, f.pointer) for f in caught.value.faults]


def test_a_restriction_that_ran_out_gives_nothing_back(laval: Town) -> None:
    """A statement that was narrowed stays narrow; a consent given afterwards is whole."""
    broker, line, _ = laval
    first = recorded(line)
    restricted(line, sections=["contact"], until=format_time(AT + MINUTE))
    broker.clock.forward(hours=1)
    change(line, first.record_id, Withdrawal(recipients=(HEALTH,)))
    assert "contact" not in broker.statements[first.statement.id].document.grants[0].sections
    assert "contact" in recorded(line).statement.grants[0].sections


def test_a_refusal_in_one_record_narrows_the_others(laval: Town) -> None:
    """Given on one day and refused on the next: nothing is left of it anywhere, and what else was given stays."""
    broker, line, _ = laval
    first = recorded(line, GIVEN_HEALTH)
    broker.clock.forward(days=1)
    refusal = consent_members({"/events/0/event_state": "dpv:ConsentRefused"})["events"][:1]
    refusal[0]["event_time"] = format_time(broker.clock())
    line.adapter.record_consent(consent_file({"/events": refusal}))
    line.adapter.outbox.flush()
    assert granted(broker.statements[first.statement.id].document) == [("referral-health", HEALTH)]


def test_a_consent_dated_before_a_refusal_does_not_undo_it(laval: Town) -> None:
    """A yes that was said first and typed last gives way to the no that came in between."""
    broker, line, _ = laval
    broker.clock.forward(days=1)
    refusal = consent_members({"/events/0/event_state": "dpv:ConsentRefused"})["events"][:1]
    refusal[0]["event_time"] = format_time(broker.clock())
    recorded(line, {"/events": refusal})
    early = recorded(line)
    assert early.statements == ()
    assert "referral-shelter" in [item.purpose for item in early.receipt.refused]
    broker.clock.forward(hours=1)
    again = {f"/events/{number}/event_time": format_time(broker.clock()) for number in range(3)}
    assert granted(recorded(line, again).statement) == [("referral-shelter", SHELTER)]


def test_receipts_follow_each_change_and_the_first_one_stays(laval: Town) -> None:
    """The code is on the printed text of the first receipt and nowhere else: later receipts are files of their own."""
    _, line, _ = laval
    made, paths = line.adapter.record_consent(consent_file())
    _, later = line.adapter.consents.change(made.record_id, Withdrawal())
    assert [path.name for path in later] == [f"{made.record_id}.2{end}" for end in (".json", ".fr.txt", ".en.txt")]
    code = made.receipt.withdrawal_code
    assert code is not None
    texts = {path: path.read_text(encoding="utf-8") for path in (*paths, *later)}
    assert [path for path, text in texts.items() if shown(code) in text or code in text] == list(paths[1:])


def test_the_file_number_stays_in_its_own_columns(laval: Town) -> None:
    """The person's number is in the record and the restrictions; nothing that leaves has it."""
    _, line, _ = laval
    first = recorded(line)
    restricted(line, sections=["contact"])
    with line.store.transaction() as tx:
        row = tx.session.get_one(ConsentRow, first.record_id)
        assert row.person == PERSON
        bodies = [tx.traffic.shipment(f"{first.statement.id}@{version}") for version in (1, 2)]
    assert all(body is not None and PERSON.encode() not in body.body for body in bodies)
