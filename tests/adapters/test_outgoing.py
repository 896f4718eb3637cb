"""What is refused here before it leaves, and what every envelope that leaves carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.outgoing import Queued, Supplement, send_message
from adapters.sections import IdentitySection, OutcomeSection
from consent.envelope import ReferralHeader, UnverifiedEnvelope
from consent.passage import Refused
from keys.documents import encode
from keys.errors import UntrustedKeyError
from tests.adapters.conftest import Town
from tests.adapters.partners import arrived, consent_file, referral_file, sent
from tests.invented import ABSENT, HEALTH, LINE, NEWCOMERS, SHELTER


def test_the_header_tells_what_the_broker_needs_and_no_more(laval: Town) -> None:
    """Parties, agreement, article, consent by digest, purpose, sections by name; the first `seq` is 0."""
    broker, line, _ = laval
    queued = sent(line)
    line.adapter.sync()
    header = UnverifiedEnvelope.parse(broker.wires[queued.envelope]).header
    assert isinstance(header, ReferralHeader)
    assert (header.from_, header.to, header.seq, header.author, header.article) == (LINE, SHELTER, 0, "int-7", "1")
    assert [slot.section for slot in header.slots] == ["identity", "contact", "situation", "housing", "worker"]
    assert header.exp - header.iat == timedelta(days=14)
    assert header.agreement == broker.agreement.ref


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"/to": HEALTH}, ("recipient-not-granted", "R19", "/to")),
        ({"/to": NEWCOMERS}, ("recipient-not-granted", "R19", "/to")),
        ({"/to": "inconnu@laval"}, ("no-agreement-with-recipient", "", "/to")),
        ({"/consent": "rec_" + "z" * 26}, ("consent-unknown", "", "/consent")),
        ({"/purpose": "referral-health"}, ("purpose-not-granted", "R18", "/purpose")),
        ({"/purpose": "referral-food"}, ("article-purpose", "R10", "/purpose")),
        (
            {"/sections/health-note": {"note": "Inventé."}},
            ("section-not-granted", "R20", "/sections/health-note"),
        ),
        (
            {"/sections/income-rights": {"benefits": ["none"]}},
            ("article-section", "R11", "/sections/income-rights"),
        ),
        ({"/respond_by": "2026-03-02T14:00:00.000Z"}, ("respond-by-past", "R24", "/respond_by")),
    ],
)
def test_the_decision_is_taken_here_first(
    laval: Town, changes: Mapping[str, object], expected: tuple[str, str, str]
) -> None:
    """The broker's own rules refuse at once, with the place in the person's file; nothing is kept or sent."""
    broker, line, _ = laval
    for partner in (HEALTH, NEWCOMERS):
        assert partner in broker.signatures
    recorded, _ = line.adapter.record_consent(consent_file())
    line.adapter.sync()
    answer = line.adapter.send(referral_file(recorded.record_id, changes))
    assert isinstance(answer, Refused)
    assert (answer.because, answer.rule, answer.pointer) == expected
    assert line.adapter.referrals() == []
    assert broker.deposits == []


def test_a_need_travels_in_clear_only_where_the_article_says_so(laval: Town) -> None:
    """The need of an article that keeps it sealed is refused at its place."""
    _, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    with line.store.transaction() as tx:
        [held] = tx.papers.agreements()
    sealed = held.document.articles[0].model_copy(update={"clear": ()})
    document = held.document.model_copy(update={"articles": (sealed, *held.document.articles[1:])})
    with line.store.transaction() as tx:
        tx.papers.save_agreement(replace(held, document=document, payload=encode(document)), [])
    refused = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(refused, Refused)
    assert (refused.because, refused.pointer) == ("clear-not-allowed", "/need")
    assert isinstance(line.adapter.send(referral_file(recorded.record_id, {"/need": ABSENT})), Queued)


def test_an_expired_consent_sends_nothing(laval: Town) -> None:
    """The day after its end, the record is still here and lets nothing pass."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    broker.clock.now = recorded.statement.not_after
    line.adapter.sync()
    refused = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(refused, Refused)
    assert refused.because == "consent-expired"


def test_keys_that_were_not_read_for_a_day_are_not_relied_on(laval: Town) -> None:
    """PROTOCOL §2: a sender trusts a checkpoint of at most 24 hours; then it must hear from the journal again."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    broker.clock.forward(hours=25)
    with pytest.raises(UntrustedKeyError, match="checkpoint-stale"):
        line.adapter.send(referral_file(recorded.record_id))
    assert line.adapter.referrals() == []
    line.adapter.read_journal()
    assert isinstance(line.adapter.send(referral_file(recorded.record_id)), Queued)


def test_a_suspended_agreement_sends_nothing(laval: Town) -> None:
    """A suspension told by the broker is known at the next exchange."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    broker.state = "suspended"
    assert line.adapter.sync().agreements == (broker.agreement.ref,)
    refused = line.adapter.send(referral_file(recorded.record_id))
    assert isinstance(refused, Refused)
    assert refused.because == "agreement-suspended"


def test_an_agreement_that_the_recipient_did_not_sign_counts_for_nothing(laval: Town) -> None:
    """The broker's word that it is in force is not enough: both signatures are verified here."""
    broker, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    broker.signatures.pop(SHELTER)
    broker.state = "suspended"
    line.adapter.refresh_agreements()
    broker.state = "in-force"
    line.adapter.refresh_agreements()
    assert line.adapter.send(referral_file(recorded.record_id)) == Refused("no-agreement-with-recipient", "", "/to")


def test_a_referral_may_go_on_from_one_of_ours_only(laval: Town) -> None:
    """`part_of` names a referral we are a party to; anybody else's is refused."""
    broker, line, shelter = laval
    first = arrived(line, shelter)
    recorded, _ = line.adapter.record_consent(consent_file())
    stranger = line.adapter.send(referral_file(recorded.record_id, {"/part_of": "ref_" + "z" * 26}))
    assert isinstance(stranger, Refused)
    assert stranger.pointer == "/part_of"
    queued = line.adapter.send(referral_file(recorded.record_id, {"/part_of": first.ref}))
    assert isinstance(queued, Queued)
    line.adapter.sync()
    assert queued.ref in broker.referrals


def test_the_owner_answers_only_with_what_answers_are_for(laval: Town) -> None:
    """An outcome may return without a grant; anything else about the person may not."""
    _, line, shelter = laval
    ref = arrived(line, shelter).ref
    identity = IdentitySection(alias="Canari", age_band="25-54")
    office = shelter.adapter.office
    assert send_message(office, ref, Supplement({"identity": identity})) == Refused(
        "section-not-granted", "", "/sections"
    )
    assert send_message(office, "ref_" + "z" * 26, Supplement({})) == Refused("referral-unknown", "", "/ref")
    assert isinstance(shelter.adapter.answer(ref, OutcomeSection(outcome="served")), Queued)


def test_another_author_may_be_named(laval: Town) -> None:
    """A worker's pseudonym in the file outranks the organisation's usual one."""
    _, line, _ = laval
    recorded, _ = line.adapter.record_consent(consent_file())
    queued = line.adapter.send(referral_file(recorded.record_id, {"/author": "int-9"}))
    assert isinstance(queued, Queued)
    assert line.adapter.show(queued.ref).referral.header.author == "int-9"
