"""The widened exchange between real adapters and the real broker: nothing lost, nothing kept that was withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.consent_changes import Withdrawal
from adapters.outgoing import Queued
from adapters.referral import read_sections
from adapters.store.records import Shipment
from consent.passage import Refused
from keys import strictjson
from tests.adapters.partners import referral_file
from tests.invented import ABSENT, HEALTH, SHELTER
from tests.system.case_town import EMERGENCY, PAPER, CaseTown

pytestmark = pytest.mark.slow


@pytest.fixture
def town(tmp_path: Path) -> Iterator[CaseTown]:
    """A broker, the 211 line, the shelter and the auditors."""
    made = CaseTown(tmp_path)
    try:
        yield made
    finally:
        made.close()


def withdrawn(town: CaseTown, ref: str) -> None:
    """The person takes the consent of a referral back."""
    statement = town.statement_of(ref).document.id
    with town.line.office.store.transaction() as tx:
        record = tx.papers.record_of(statement)
    assert record is not None
    town.line.consents.change(record, Withdrawal((), ()))
    assert town.line.outbox.flush().refused == []


def test_papers_go_with_a_referral_and_are_read_by_its_recipient_alone(town: CaseTown) -> None:
    """Sealed before the envelope leaves, fetched once it is opened, byte for byte; the broker has nothing in clear."""
    queued = town.arrived((PAPER,))
    [paper] = town.shelter.show(queued.ref).attachments
    assert (paper.state, paper.data, paper.key, paper.name) == ("held", PAPER.data, None, "lease.pdf")
    said = town.shelter.show(queued.ref).contents[0].sections["documents"]
    assert paper.sealed_sha256 not in str(said)
    assert "lease.pdf" in str(said)
    assert b"Canari" not in (town.folder / "gateway.sqlite3").read_bytes()


def test_a_key_revoked_while_a_referral_waits_ends_in_delivery_by_itself(town: CaseTown) -> None:
    """Rotation loses nothing: the broker tells both ends, and the same content goes out under the fresh key."""
    queued = town.referred(papers=(PAPER,))
    assert town.line.outbox.flush().refused == []
    town.revoke_sealing_key()
    town.round()
    town.round()
    town.round()
    dossier = town.shelter.show(queued.ref)
    assert dossier.contents[0].sections["identity"]["given_name"] == "Canari"
    assert dossier.referral.header.replaces == queued.envelope
    assert [paper.data for paper in dossier.attachments] == [PAPER.data]
    assert town.line.show(queued.ref).undelivered == ()
    for partner in (town.line, town.shelter):
        assert partner.show(queued.ref).state.status == "requested"
    assert sum(town.statement_of(queued.ref).uses.values()) == 1


def test_a_withdrawal_after_delivery_is_answered_and_the_content_is_gone(town: CaseTown) -> None:
    """What was received is erased in the act of saying so; the issuer reads the answer; the steps stay."""
    queued = town.arrived((PAPER,))
    withdrawn(town, queued.ref)
    town.round()
    [notice] = town.shelter.withdrawals()
    assert notice.header.ref == queued.ref
    items = town.shelter.answer_withdrawal(queued.ref, "deleted")
    assert not isinstance(items, Refused)
    town.round()
    town.round()
    dossier = town.shelter.show(queued.ref)
    assert (dossier.contents, dossier.attachments, dossier.referral.erased_at is not None) == ((), (), True)
    kept = (town.folder / SHELTER).glob("adapter.sqlite*")
    assert [path.name for path in kept if b"Canari" in path.read_bytes()] == []
    assert town.shelter.withdrawals() == []
    assert [item.header.notice.answer for item in town.line.show(queued.ref).notices][-1] == "deleted"


def test_what_waits_while_the_person_takes_it_back_never_reaches_the_gateway(town: CaseTown) -> None:
    """The gateway was out of reach meanwhile: neither the envelope nor its paper leaves, and the withdrawal does."""
    queued = town.referred(papers=(PAPER,))
    cited = town.line.show(queued.ref).referral.header.authority
    assert cited is not None
    with town.line.office.store.transaction() as tx:
        record = tx.papers.record_of(cited.statement)
    assert record is not None
    town.line.consents.change(record, Withdrawal((), ()))
    assert town.line.outbox.flush().refused == []
    with town.broker.store.reading() as tx:
        assert tx.envelopes.get(queued.envelope) is None
    assert town.statement_of(queued.ref).state == "withdrawn"
    with town.line.office.store.transaction() as own:
        kept = {(item.kind, item.problem, item.body) for item in own.traffic.settled("dropped")}
    assert kept == {("envelope", "consent-withdrawn", b""), ("attachment", "consent-withdrawn", b"")}


def test_an_emergency_declared_in_error_is_erased_before_anybody_hears_of_it(town: CaseTown) -> None:
    """Neither the shelter nor the auditors are told; what was written, why as well, is gone."""
    changes = {"/consent": ABSENT, "/emergency": EMERGENCY, "/sections/housing": ABSENT}
    queued = town.line.send(referral_file("rec_" + "a" * 26, changes), author="int-9")
    assert isinstance(queued, Queued), queued
    assert isinstance(town.line.erase_error(queued.ref), Queued)
    town.round()
    town.round()
    assert town.auditors.justifications() == []
    with town.broker.store.reading() as tx:
        assert tx.envelopes.get(queued.envelope) is None
    dossier = town.line.show(queued.ref)
    assert (dossier.state.status, dossier.contents) == ("entered-in-error", ())


def test_an_emergency_is_justified_first_reviewed_and_read_by_the_auditors(town: CaseTown) -> None:
    """The auditors read why, the shelter reads the referral, a second person signs what they found."""
    changes = {"/consent": ABSENT, "/emergency": EMERGENCY, "/sections/housing": ABSENT}
    file = referral_file("rec_" + "a" * 26, changes)
    assert town.line.send(file) == Refused("emergency-without-author", "", "/author")
    queued = town.line.send(file, author="int-9")
    assert isinstance(queued, Queued), queued
    town.round()
    town.round()
    assert town.shelter.show(queued.ref).contents[0].sections["identity"]["given_name"] == "Canari"
    [justification] = town.auditors.justifications()
    assert justification.sections["justification"]["text"] == EMERGENCY["justification"]
    assert town.line.review_emergency(queued.ref, "int-9", "justified") == Refused(
        "reviewer-is-worker", "", "/reviewer"
    )
    review = town.line.review_emergency(queued.ref, "int-2", "justified")
    assert isinstance(review, Shipment)
    assert town.line.outbox.flush().refused == []
    assert [item.state for item in town.line.emergencies()] == ["reviewed"]
    assert isinstance(town.shelter.accept(queued.ref), Queued)
    town.round()
    town.round()
    assert town.line.show(queued.ref).state.status == "accepted"


def test_what_was_entered_in_error_is_erased_on_both_sides(town: CaseTown) -> None:
    """The requester says so once; neither side has the content any more, and both keep the steps."""
    queued = town.arrived((PAPER,))
    assert isinstance(town.line.erase_error(queued.ref), Queued)
    town.round()
    town.round()
    for partner in (town.line, town.shelter):
        dossier = partner.show(queued.ref)
        assert (dossier.state.status, dossier.contents, dossier.attachments) == ("entered-in-error", (), ())
        assert [step.event.transition for step in dossier.steps][-1] == "T22"


def test_information_is_asked_for_and_given(town: CaseTown) -> None:
    """The clock stands still while the owner waits, and goes on with the answer."""
    queued = town.arrived()
    assert isinstance(town.shelter.ask(queued.ref, ["lease"]), Queued)
    town.round()
    town.round()
    assert [duty.kind for duty in town.line.duties()][:1] == ["information"]
    added = {"sections": {"documents": [{"type": "lease", "path": "bail.pdf"}]}}
    sections, _ = read_sections(strictjson.dumps(added))
    assert isinstance(town.line.provide(queued.ref, sections, papers=(PAPER,)), Queued)
    town.round()
    town.round()
    dossier = town.shelter.show(queued.ref)
    assert dossier.state.business_status == "info-provided"
    assert [paper.data for paper in dossier.attachments] == [PAPER.data]


def test_after_a_refusal_the_consent_tells_who_else_may_be_asked(town: CaseTown) -> None:
    """The shelter declines; the first referral is re-referred, and the duty to follow up ends."""
    queued = town.arrived()
    assert isinstance(town.shelter.decline(queued.ref, "no-capacity"), Queued)
    town.round()
    town.round()
    assert "follow-up" in [duty.kind for duty in town.line.duties()]
    assert town.line.show(queued.ref).alternatives == ()
    again = town.line.re_refer(queued.ref, referral_file(town.consented()))
    assert isinstance(again, Queued), again
    town.round()
    town.round()
    assert town.line.show(queued.ref).state.business_status == "re-referred"
    assert town.line.show(again.ref).referral.header.part_of == queued.ref


def test_another_recipient_of_the_same_consent_is_offered_until_it_was_asked(town: CaseTown) -> None:
    """The person said yes to two from the start: after the refusal of one the other is named, with what it may have."""
    record = town.consented({"/processing/purposes/0/recipients/1": HEALTH})
    queued = town.line.send(referral_file(record))
    assert isinstance(queued, Queued), queued
    town.round()
    assert town.line.show(queued.ref).alternatives == ()
    town.shelter.decline(queued.ref, "no-capacity")
    town.round()
    town.round()
    [other] = town.line.show(queued.ref).alternatives
    assert (other.recipient, "identity" in other.sections) == (HEALTH, True)
    again = town.line.re_refer(queued.ref, referral_file(record, {"/to": HEALTH}))
    assert isinstance(again, Queued), again
    assert town.line.show(queued.ref).alternatives == ()


def test_a_recipient_reports_what_was_not_announced(town: CaseTown) -> None:
    """By codes, once; the sender is told that an incident was opened."""
    queued = town.arrived()
    report = town.shelter.report_mismatch(queued.ref, "free-text-leak", "situation")
    assert isinstance(report, Shipment), report
    assert town.shelter.outbox.flush().refused == []
    town.round()
    assert [notice.header.notice.kind for notice in town.line.show(queued.ref).notices] == ["incident"]


def test_somebody_asks_why_before_sending(town: CaseTown) -> None:
    """Every rule with its verdict, from the gateway; nothing leaves, nothing is kept."""
    record = town.consented()
    town.round()
    answer = town.line.explain(referral_file(record))
    assert not isinstance(answer, Refused)
    assert answer.decision == "granted"
    refused = town.line.explain(referral_file(record, {"/to": HEALTH, "/purpose": "referral-health"}))
    assert not isinstance(refused, Refused)
    assert [rule.rule for rule in refused.rules if rule.verdict == "refused"]
    assert town.line.referrals() == []
