"""The decision, rule by rule: each rule has a case that it alone refuses first, told by slug, number and place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from consent.decision import RULES, rules_for, verdicts
from consent.envelope import UnverifiedEnvelope
from consent.lifecycle import ReferralState, deposit
from consent.passage import Case, Gate, Granted, Passage, Refused
from keys.documents import format_time
from tests.builders import (
    AT,
    DAY,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARENT,
    SCOPES,
    SHELTER,
    UNDELIVERED_ID,
    consent_ended_members,
    decided,
    emergency_members,
    emergency_message_members,
    emergency_reply_members,
    event_members,
    header,
    justification_members,
    message_members,
    notice_members,
    open_referral,
    referral_members,
    registered_agreement,
    registered_statement,
    replacing_members,
    reply_members,
    sealed_envelope,
    signing_verifier,
    statement_members,
    undelivered,
)
from tests.consent.refusals import REFUSALS
from tests.consent.refusals_by_ground import GONE, REFUSALS_BY_GROUND
from tests.consent.refused_cases import MOMENT, REJECTED, RefusedCase, on_evidence, slot


def _granted(answer: Granted | Refused) -> Granted:
    assert isinstance(answer, Granted), answer
    return answer


GATES: tuple[Gate, ...] = get_args(Gate)
ALL_REFUSALS = (*REFUSALS, *REFUSALS_BY_GROUND)


@pytest.mark.parametrize("case", ALL_REFUSALS, ids=lambda case: f"{case.rule}-{case.members.__name__}-{case.because}")
def test_one_change_is_refused_by_its_own_rule(case: RefusedCase) -> None:
    """An otherwise good envelope with one thing wrong is refused by that rule's number, slug and place."""
    assert case.decide() == Refused(case.because, case.rule, case.pointer)


def test_every_rule_of_every_kind_has_a_case() -> None:
    """No rule could be taken out of any kind of decision without a case of the table failing."""
    tried = {
        (rules_for(header(case.members()), case.evidence.get("gate", "deposit")), case.rule) for case in ALL_REFUSALS
    }
    # The table of the law knows every ground in every place, so R33 refuses none of the headers that can be read.
    every = {(rules, rule.number) for rules in RULES.values() for rule in rules if rule.number != "R33"}
    assert every == tried


def test_a_number_means_one_rule() -> None:
    """The same number is the same check in every kind, and within a kind it is asked once."""
    checks: dict[str, set[object]] = {}
    for rules in RULES.values():
        assert len({rule.number for rule in rules}) == len(rules)
        for rule in rules:
            checks.setdefault(rule.number, set()).add(rule.check)
    assert all(len(found) == 1 for found in checks.values())
    assert sorted(checks) == [f"R{number:02d}" for number in range(1, len(checks) + 1)]


def test_a_good_referral_passes_with_its_evidence() -> None:
    """A granted referral carries its article, its grant, every rule asked, and the state it leads to."""
    envelope = UnverifiedEnvelope.parse(sealed_envelope()).verify(signing_verifier(LINE))
    granted = _granted(decided(referral_members()))
    assert granted.passage.header == envelope.header
    assert granted.article == registered_agreement().document.articles[0]
    assert granted.grant == registered_statement().document.grants[0]
    assert granted.rules == tuple(rule.number for rule in RULES["referral"])
    assert granted.next_state == deposit(AT, AT + timedelta(hours=1))
    assert granted.at == AT


def test_the_requester_may_ask_for_an_answer_by_a_moment() -> None:
    """The moment in the header counts instead of the delay of the article."""
    asked = AT + 3 * DAY
    granted = _granted(decided(referral_members({"/respond_by": format_time(asked)})))
    assert granted.next_state == deposit(AT, asked)


def test_the_other_kinds_pass() -> None:
    """A message moves nothing and spends nothing; an answer needs no grant; events and notices move the referral."""
    message, reply = _granted(decided(message_members())), _granted(decided(reply_members()))
    assert message.grant == registered_statement().document.grants[0]
    assert (message.next_state, reply.next_state, reply.grant) == (None, None, None)
    event, notice = _granted(decided(event_members())), _granted(decided(notice_members()))
    assert event.next_state is not None
    assert notice.next_state is not None
    assert (event.next_state.status, notice.next_state.status) == ("accepted", "cancelled")
    assert event.next_state.last_transition == "T08"


def test_what_a_notice_tells_again_moves_nothing() -> None:
    """The notice to the owner repeats a step that was taken; one about a consent takes none, nor does a closed one."""
    copy = notice_members({"/to": SHELTER, "/notice/copy_of": UNDELIVERED_ID})
    for members in (copy, consent_ended_members()):
        assert _granted(decided(members, referral=open_referral(GONE))).next_state is None


def test_at_the_edges_it_passes() -> None:
    """120 s of skew, the last moment of each period, and the moment from which each holds."""
    _granted(decided(at=AT - timedelta(seconds=180)))
    _granted(decided(at=AT + 7 * DAY - MOMENT))
    _granted(on_evidence(referral_members(), agreement={"/not_before": format_time(AT)}))
    _granted(on_evidence(referral_members(), agreement={"/not_after": format_time(AT + MOMENT)}))
    _granted(on_evidence(referral_members(), statement={"/not_before": format_time(AT)}))
    _granted(on_evidence(referral_members(), statement={"/not_after": format_time(AT + MOMENT)}))
    _granted(on_evidence(event_members(), state="ended", ended_at=AT - 90 * DAY + MOMENT))
    just_in_time = open_referral(ReferralState("rejected", closed_at=AT - 14 * DAY + MOMENT))
    _granted(decided(reply_members(), referral=just_in_time))


def test_at_pick_up_everything_but_the_use_is_decided_again() -> None:
    """A spent use does not hold the envelope back, newer versions govern, and nothing moves."""
    newer = {"/version": 2, "/prev": "ab" * 32}
    members = referral_members()
    granted = _granted(
        decided(
            members,
            gate="pickup",
            statement=registered_statement(newer, {"g1": 1}),
            agreement=registered_agreement(newer),
        )
    )
    assert granted.next_state is None
    narrowed = registered_statement(newer | {"/grants/0/sections": ["identity", "contact"]})
    refused = decided(members, gate="pickup", statement=narrowed)
    assert refused == Refused("section-not-granted", "R20", "/slots/2/section")
    dropped = registered_agreement(newer | {"/articles/0/sections": ["identity", "contact"]})
    assert decided(members, gate="pickup", agreement=dropped) == Refused("article-section", "R11", "/slots/2/section")


def test_an_owner_answers_under_the_version_it_knows() -> None:
    """The owner is never told of a narrower version: it cites the old one, and the newest one governs."""
    narrowed = {"/version": 2, "/prev": "ab" * 32, "/grants/1/sections": ["identity"]}
    old = {"/authority/version": 1, "/authority/sha256": "00" * 32}
    _granted(on_evidence(reply_members(), old, statement=narrowed))
    refused = on_evidence(message_members(), old, statement=narrowed)
    assert refused == Refused("consent-superseded", "R16", "/authority/version")


@pytest.mark.parametrize("how", ["withdrawn", "revoked", "invalidated", "expired"])
def test_a_consent_that_ended_without_a_version_has_ended(how: Any) -> None:  # noqa: ANN401 - one of the ends
    """Ended by the spoken code or by its period, it lets nothing pass at either gate, in either direction."""
    ended = replace(registered_statement(), ended=how)
    for members in (referral_members(), message_members(), reply_members()):
        for gate in GATES:
            refused = decided(members, gate=gate, statement=ended)
            assert refused == Refused(f"consent-{how}", "R17", "/authority/statement")


@pytest.mark.parametrize("state", [GONE, deposit(AT - DAY, AT + DAY)])
def test_what_was_not_delivered_goes_again_without_another_use(state: ReferralState) -> None:
    """The one use is spent already; the referral restarts with a delay of its own, and is fetched as it is."""
    spent = registered_statement(uses={"g1": 1})
    granted = _granted(decided(replacing_members(), statement=spent, referral=open_referral(state)))
    assert granted.next_state == deposit(AT, AT + timedelta(hours=1))
    assert granted.rules == tuple(rule.number for rule in RULES["referral"])
    _granted(decided(replacing_members(), statement=spent, gate="pickup", replaces=undelivered(replaced=True)))
    _granted(
        decided(message_members({"/replaces": UNDELIVERED_ID}), statement=spent, replaces=undelivered(kind="message"))
    )


def test_a_replacement_is_decided_anew() -> None:
    """It is no way to send more, to somebody else, or after the person changed their mind."""
    members = replacing_members(slot(1, "situation"))
    assert decided(members) == Refused("section-not-granted", "R20", "/slots/1/section")
    ended = replace(registered_statement(), ended="withdrawn")
    assert decided(replacing_members(), statement=ended) == Refused("consent-withdrawn", "R17", "/authority/statement")
    elsewhere = on_evidence(replacing_members({"/to": HEALTH}), statement={"/grants/0/recipient": HEALTH})
    assert elsewhere == Refused("referral-unknown", "R23", "/ref")


def test_an_owner_may_answer_after_closing() -> None:
    """For 14 days after closing, the owner may still send an outcome, and the requester nothing."""
    closed = open_referral(REJECTED)
    _granted(decided(reply_members(slot(0, "outcome")), referral=closed))
    assert decided(message_members(), referral=closed) == Refused("referral-closed", "R29", "/ref")


def test_a_message_does_not_spend_a_use() -> None:
    """The one use was spent by the referral; what is added to it rests on the same consent."""
    _granted(decided(message_members(), statement=registered_statement(uses={"g1": 1})))


def _second_grant(**changes: object) -> dict[str, object]:
    return {"/grants/2": statement_members()["grants"][0] | {"gid": "g3"} | changes}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"/grants/0/sections": ["identity"]}, {}),
        ({"/grants/0/geo": ["FR"]}, {}),
        ({}, {"max_uses": 5}),
        ({"/grants/0/agreement": "agr_" + "z" * 26}, {}),
    ],
)
def test_a_grant_that_does_not_fit_hides_no_other(first: dict[str, object], second: dict[str, object]) -> None:
    """Of two grants for one purpose and recipient, the one that allows it all counts, even when it stands second."""
    answer = on_evidence(referral_members(), statement=first | _second_grant(**second), uses={"g1": 1})
    grant = _granted(answer).grant
    assert grant is not None
    assert grant.gid == "g3"


def test_two_grants_are_never_added_together() -> None:
    """Identity under one grant and contact under another do not make both under one."""
    halves = {"/grants/0/sections": ["identity", "housing"]} | _second_grant(sections=["identity", "contact"])
    answer = on_evidence(referral_members(), statement=halves)
    assert answer == Refused("section-not-granted", "R20", "/slots/1/section")


def test_a_referral_may_continue_one_of_the_senders_own() -> None:
    """Both parties of a referral may continue it by another one; nobody else may."""
    members = referral_members({"/part_of": PARENT})
    for parent in (open_referral(ref=PARENT), open_referral(ref=PARENT, requester=HEALTH, owner=LINE)):
        _granted(decided(members, part_of=parent))
    stranger = open_referral(ref=PARENT, requester=HEALTH, owner=SHELTER)
    assert decided(members, part_of=stranger) == Refused("referral-unknown", "R31", "/part_of")


def test_an_agreement_to_the_end_of_time_does_not_break_the_decision() -> None:
    """Dates at the edge of what can be written are decided, not stumbled over."""
    forever = {"/not_after": "9999-12-31T23:59:59.999Z"}
    for members in (referral_members(), message_members(), event_members()):
        _granted(on_evidence(members, agreement=forever))
    far = format_time(datetime(9999, 12, 31, tzinfo=UTC))
    on_hold = event_members({"/event": {"transition": "T15", "reason": "waitlisted", "review_by": far}})
    _granted(decided(on_hold, referral=open_referral(ReferralState("accepted"))))


def test_explaining_tells_nothing_about_the_consent_of_others() -> None:
    """Every rule about somebody else's statement answers as if it did not exist."""
    mine = referral_members({"/from": NEWCOMERS, "/to": LINE, "/article": "2", "/purpose": "referral-rights"})
    passage = Passage("deposit", header(mine))
    cases = [
        Case(passage, SCOPES, registered_agreement(), theirs, AT)
        for theirs in (None, registered_statement(), registered_statement({"/state": "withdrawn", "/grants": []}))
    ]
    answers = [[(rule.number, fault) for rule, fault in verdicts(case)] for case in cases]
    assert answers[0] == answers[1] == answers[2]
    assert ("R17", ("consent-unknown", "/authority/statement")) in answers[0]


def test_explaining_tells_nothing_about_the_referrals_of_others() -> None:
    """An event about somebody else's referral is answered as one about a referral that does not exist."""
    theirs = event_members({"/from": HEALTH, "/to": NEWCOMERS})
    passages = [Passage("deposit", header(theirs), known) for known in (None, open_referral(), open_referral(REJECTED))]
    cases = [Case(passage, SCOPES, registered_agreement(), None, AT) for passage in passages]
    answers = [[(rule.number, fault) for rule, fault in verdicts(case)] for case in cases]
    assert answers[0] == answers[1] == answers[2]
    assert ("R27", ("referral-unknown", "/ref")) in answers[0]


def test_explaining_tells_strangers_nothing_about_the_terms() -> None:
    """To somebody who is not a party, every article of an agreement is as unknown as one that does not exist."""
    answers = []
    for article in ("1", "2", "9"):
        passage = Passage("deposit", header(referral_members({"/from": "intrus@laval", "/article": article})))
        case = Case(passage, SCOPES, registered_agreement(), None, AT)
        answers.append([(rule.number, fault) for rule, fault in verdicts(case)])
    assert answers[0] == answers[1] == answers[2]


def test_without_any_evidence_every_rule_still_answers() -> None:
    """With nothing known at all no rule stumbles, and most of them refuse."""
    consented = (referral_members(), replacing_members(), message_members(), reply_members())
    urgent = (emergency_members(), emergency_message_members(), emergency_reply_members(), justification_members())
    for members in (*consented, *urgent, event_members(), notice_members(), consent_ended_members()):
        for gate in GATES:
            case = Case(Passage(gate, header(members)), (), None, None, AT)
            assert [fault for _, fault in verdicts(case) if fault is not None]
