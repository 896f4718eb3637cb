"""Emergencies between real programs: justified first, kept to what the law lets pass, and never without a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.dead_letters import drop, find_item
from adapters.emergencies import REVIEW_ITEM
from adapters.inbox import is_for_auditors
from adapters.outgoing import Queued
from adapters.own_keys import import_statement, request_revocation
from adapters.referral import ReferralFile, read_sections
from adapters.sections import OutcomeSection
from consent.emergency_review import EmergencyReview
from consent.envelope import MessageHeader, ReferralHeader, UnverifiedEnvelope
from consent.passage import Refused
from keys import strictjson
from keys.documents import parse
from keys.signing import MAX_DOCUMENT, SignedDocument
from tests.adapters.partners import referral_file
from tests.invented import ABSENT, AUDITORS, root_key
from tests.system.case_town import EMERGENCY, CaseTown
from tests.system.test_partnership import audited, key_in_use

pytestmark = pytest.mark.slow


@pytest.fixture
def town(tmp_path: Path) -> Iterator[CaseTown]:
    """A broker, the 211 line, the shelter and the auditors."""
    made = CaseTown(tmp_path)
    try:
        yield made
    finally:
        made.close()


def emergency_file(changes: Mapping[str, object] | None = None) -> ReferralFile:
    """A referral that rests on an emergency."""
    usual = {"/consent": ABSENT, "/emergency": EMERGENCY, "/sections/housing": ABSENT}
    return referral_file("rec_" + "a" * 26, {**usual, **(changes or {})})


def declared(town: CaseTown) -> Queued:
    """An emergency in the outbox of the 211 line."""
    queued = town.line.send(emergency_file(), author="int-9")
    assert isinstance(queued, Queued), queued
    return queued


def test_the_justification_leaves_first_and_lives_a_day_at_most(town: CaseTown) -> None:
    """Two envelopes in one lane: the message to the auditors, then the referral that names it by its digest."""
    queued = declared(town)
    with town.line.office.store.transaction() as tx:
        first, second = (UnverifiedEnvelope.parse(item.body) for item in tx.traffic.waiting(queued.ref))
    assert isinstance(first.header, MessageHeader)
    assert isinstance(second.header, ReferralHeader)
    assert (first.header.to, first.header.justifies, first.header.seq, second.header.seq) == (AUDITORS, True, 0, 1)
    assert second.header.emergency is not None
    assert second.header.emergency.worker == "int-9"
    named = second.header.emergency.justification
    assert named is not None
    assert (named.envelope, named.sha256) == (first.header.id, first.signed.sha256)
    assert second.header.exp - second.header.iat <= timedelta(hours=24)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"/sections/housing": {"tonight": "street"}}, "emergency-section"),
        ({"/to": "inconnu@laval"}, "no-agreement-with-recipient"),
        ({"/purpose": "referral-violence"}, "article-purpose"),
    ],
)
def test_what_the_law_or_the_agreement_does_not_let_pass_is_refused_here(
    town: CaseTown, changes: Mapping[str, object], because: str
) -> None:
    """Before anything is sealed: nothing is in the outbox, not even the justification."""
    refused = town.line.send(emergency_file(changes), author="int-9")
    assert isinstance(refused, Refused)
    assert refused.because == because
    with town.line.office.store.transaction() as tx:
        assert tx.traffic.waiting() == []


def test_a_justification_sealed_to_a_key_that_ended_is_made_anew_with_its_referral(
    town: CaseTown, tmp_path: Path
) -> None:
    """The auditors revoke their key while both wait: the referral names the message that really left."""
    queued = declared(town)
    office = town.auditors.office
    kid = key_in_use(town.auditors, "sealing")
    import_statement(office, request_revocation(office, kid, "compromised").sign(root_key(AUDITORS)))
    assert town.auditors.outbox.flush().refused == []
    town.publish()
    assert town.line.sync().sent.refused == []
    town.round()
    town.round()
    assert town.shelter.show(queued.ref).contents
    assert len(town.auditors.justifications()) == 1
    audited(town, tmp_path)


def test_a_justification_that_was_lost_is_told_again_and_replaces_nothing(town: CaseTown, tmp_path: Path) -> None:
    """The auditors revoke their key after the gateway took it: it is sealed anew to them, as a message of its own."""
    declared(town)
    assert town.line.outbox.flush().refused == []
    office = town.auditors.office
    kid = key_in_use(town.auditors, "sealing")
    import_statement(office, request_revocation(office, kid, "compromised").sign(root_key(AUDITORS)))
    assert town.auditors.outbox.flush().refused == []
    town.publish()
    for _ in range(3):
        town.round()
    [told] = town.auditors.justifications()
    assert (told.header.justifies, told.header.replaces) == (True, None)
    audited(town, tmp_path)


def test_messages_of_an_emergency_rest_on_it_in_both_directions(town: CaseTown, tmp_path: Path) -> None:
    """The owner asks, the requester provides, the owner answers: each names the same justification."""
    queued = declared(town)
    town.round()
    town.round()
    assert isinstance(town.shelter.ask(queued.ref, ["safety"]), Queued)
    town.round()
    town.round()
    sections, _ = read_sections(strictjson.dumps({"sections": {"safety": {"violence": "no", "danger": "none"}}}))
    assert isinstance(town.line.provide(queued.ref, sections), Queued)
    assert isinstance(town.shelter.answer(queued.ref, OutcomeSection(note="Place trouvée.")), Queued)
    town.round()
    town.round()
    assert [list(content.sections) for content in town.shelter.show(queued.ref).contents][-1] == ["safety"]
    assert "outcome" in town.line.show(queued.ref).contents[-1].sections
    audited(town, tmp_path)


def test_an_emergency_that_nobody_reviews_is_told_every_day(town: CaseTown) -> None:
    """To those who declared it and to the auditors; a duty stands until a second person signs."""
    queued = declared(town)
    town.round()
    town.round()
    assert [duty.kind for duty in town.line.duties()] == ["emergency"]
    for _ in range(2):
        town.clock.move(hours=73)
        town.tick()
    town.quietly(town.line)
    town.quietly(town.auditors)
    kinds = [notice.header.notice.kind for notice in town.line.notices()]
    assert kinds.count("emergency-unreviewed") >= 1
    assert {notice.header.ref for notice in town.auditors.notices()} == {queued.ref}
    assert not isinstance(town.line.review_emergency(queued.ref, "int-2", "not-justified"), Refused)
    assert town.line.review_emergency(queued.ref, "int-3", "justified") == Refused(
        "emergency-reviewed", "", "/envelope"
    )
    assert town.line.outbox.flush().refused == []
    assert "emergency" not in [duty.kind for duty in town.line.duties()]


def test_only_who_declared_an_emergency_reviews_it(town: CaseTown) -> None:
    """Neither its recipient, nor about a referral that rests on a consent, nor before the broker has it."""
    unknown = Refused("emergency-unknown", "", "/envelope")
    queued = declared(town)
    assert town.line.review_emergency(queued.ref, "int-2", "justified") == unknown
    town.round()
    town.round()
    assert town.shelter.review_emergency(queued.ref, "int-2", "justified") == unknown
    other = town.arrived()
    assert town.line.review_emergency(other.ref, "int-2", "justified") == unknown


def test_a_justification_to_who_does_not_audit_is_not_opened(town: CaseTown) -> None:
    """The shelter is no auditor: a message that claims to justify something is not expected there."""
    queued = declared(town)
    with town.line.office.store.transaction() as tx:
        header = UnverifiedEnvelope.parse(tx.traffic.waiting(queued.ref)[0].body).header
        agreement = tx.papers.agreements()[0]
    assert isinstance(header, MessageHeader)
    assert is_for_auditors(header, agreement)
    assert not is_for_auditors(header.model_copy(update={"to": town.shelter.office.address}), agreement)
    assert not is_for_auditors(header, None)


def test_an_error_leaves_the_justification_for_the_review(town: CaseTown) -> None:
    """What the referral said is erased on both sides; why it was declared stays, and can still be reviewed."""
    queued = declared(town)
    town.round()
    town.round()
    assert isinstance(town.line.erase_error(queued.ref), Queued)
    town.round()
    town.round()
    assert town.shelter.show(queued.ref).contents == ()
    assert [list(content.sections) for content in town.line.show(queued.ref).contents] == [["justification"]]
    assert not isinstance(town.line.review_emergency(queued.ref, "int-2", "justified"), Refused)
    assert town.line.outbox.flush().refused == []


def test_a_review_after_a_refused_one_says_what_the_second_person_found(town: CaseTown) -> None:
    """Neither the first reviewer's name nor the first verdict leaves; one that was dropped gives way as well."""
    queued = declared(town)
    town.round()
    town.round()
    item, office = REVIEW_ITEM + queued.envelope, town.line.office
    for reviewer, dropped in (("int-2", False), ("int-3", True)):
        assert not isinstance(town.line.review_emergency(queued.ref, reviewer, "justified"), Refused)
        with office.store.transaction() as tx:
            tx.traffic.settle(item, "refused", problem="key-revoked")
        found = find_item(office, item)
        assert not isinstance(found, Refused)
        if dropped:
            drop(office, found)
    assert not isinstance(town.line.review_emergency(queued.ref, "int-4", "not-justified"), Refused)
    with office.store.transaction() as tx:
        waiting = tx.traffic.shipment(item)
    assert waiting is not None
    told = parse(EmergencyReview, SignedDocument.parse(waiting.body, "emergency-review").payload, limit=MAX_DOCUMENT)
    assert (waiting.state, told.reviewer, told.verdict) == ("pending", "int-4", "not-justified")
    assert town.line.outbox.flush().refused == []
