"""What holds of every decision, whatever the envelope, the evidence and the moment.

Asking for less, knowing less, and coming later: none of them is ever a way around a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from consent.decision import decide
from consent.envelope import MessageHeader, ReferralHeader, SealedHeader
from consent.lifecycle import ReferralState
from consent.passage import Gate, Granted, Passage, Refused
from tests.builders import (
    AT,
    AUDITORS,
    DAY,
    HEALTH,
    LINE,
    SCOPES,
    SHELTER,
    Json,
    changed,
    consent_ended_members,
    emergency_members,
    emergency_message_members,
    emergency_reply_members,
    emergency_terms,
    event_members,
    header,
    justification,
    justification_members,
    message_members,
    notice_members,
    open_emergency,
    open_referral,
    referral_members,
    registered_agreement,
    registered_statement,
    replacing_members,
    reply_members,
    statement_members,
    undelivered,
)

GRANTED = ("identity", "contact", "housing", "worker")
SENT = ("identity", "contact", "housing", "worker", "outcome", "safety")
NECESSARY = ("identity", "contact", "situation", "safety", "worker")
STATES = (
    ReferralState("requested", respond_by=AT + DAY, delay=DAY),
    ReferralState("accepted"),
    ReferralState("cancelled", "undeliverable", "T04", closed_at=AT - DAY),
    ReferralState("completed", closed_at=AT - 13 * DAY),
    ReferralState("rejected", closed_at=AT - 15 * DAY),
)
# Moments on both sides of every end in the scenarios.
MOMENTS = st.sampled_from([AT + days * DAY for days in (0, 0, 0, 1, 2, 6, 6, 7, 20, 89, 120, 337, 430)])


@dataclass(frozen=True)
class Scenario:
    """One question: what `decide` is given."""

    passage: Passage
    scopes: frozenset[str]
    agreement: Any
    statement: Any
    at: datetime

    def decide(self) -> Granted | Refused:
        """The answer."""
        return decide(self.passage, scopes=self.scopes, agreement=self.agreement, statement=self.statement, at=self.at)


def _grants(draw: st.DrawFn) -> list[Json]:
    pattern = statement_members()["grants"][0]
    sections = st.one_of(st.just([*GRANTED]), st.lists(st.sampled_from(GRANTED), min_size=1, unique=True))
    return [
        pattern
        | {
            "gid": f"g{number}",
            "sections": draw(sections),
            "recipient": draw(st.sampled_from([SHELTER, SHELTER, SHELTER, HEALTH])),
            "geo": draw(st.sampled_from([["CA-QC"], ["FR", "CA-QC"], ["FR"]])),
            "max_uses": draw(st.integers(1, 2)),
        }
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]


def _with_slots(members: Json, sections: list[str]) -> Json:
    slots = [{"sid": f"s{n}", "section": name, "schema": f"{name}/1"} for n, name in enumerate(sections, start=1)]
    return members | {"slots": slots}


def _agreement(draw: st.DrawFn, *, urgent: bool) -> Any:  # noqa: ANN401 - as in `Scenario`
    narrow = {"/articles/0/sections": ["identity", "contact"]}
    changes = draw(st.sampled_from([{}, {}, narrow]))
    opened = draw(st.sampled_from([emergency_terms()] * 4 + [{}])) if urgent else {}
    return registered_agreement(opened | changes, state=draw(st.sampled_from(["in-force"] * 5 + ["suspended"])))


def _sections(draw: st.DrawFn, members: Json) -> list[str]:
    usual = ("outcome", "worker") if members["from"] == SHELTER else NECESSARY if "emergency" in members else GRANTED
    likely = st.lists(st.sampled_from(usual), min_size=1, max_size=3, unique=True)
    anything = st.lists(st.sampled_from(SENT), min_size=1, max_size=3, unique=True)
    return draw(st.one_of(likely, likely, likely, anything))


@st.composite
def scenarios(draw: st.DrawFn, kinds: tuple[Callable[[], Json], ...]) -> Scenario:
    """Envelopes and evidence that often fit each other, and often do not quite."""
    members = draw(st.sampled_from(kinds))()
    urgent = "emergency" in members
    agreement = _agreement(draw, urgent=urgent)
    given_uses = {"g1": draw(st.integers(0, 2)), "g2": draw(st.integers(0, 1))}
    statement = registered_statement({"/grants": _grants(draw)}, given_uses)
    if "slots" in members and members["slots"][0]["section"] != "justification":
        members = _with_slots(members, _sections(draw, members))
    if "authority" in members:
        members = changed(members, {"/authority/sha256": statement.sha256})
    made = header(members | {"agreement_sha256": agreement.sha256})
    gate: Gate = draw(st.sampled_from(["deposit", "pickup"]))
    state = draw(st.sampled_from(STATES))
    is_new = isinstance(made, ReferralHeader) and gate == "deposit" and made.replaces is None
    known = open_emergency(state) if urgent else open_referral(state)
    passage = Passage(
        gate,
        made,
        None if is_new else known,
        justification=draw(st.sampled_from([justification()] * 4 + [justification(payload_sha256="00" * 32)])),
        replaces=draw(st.sampled_from([undelivered()] * 4 + [undelivered(stored=True)])),
        worker_barred=draw(st.sampled_from([False] * 4 + [True])),
    )
    scopes = draw(st.sampled_from([SCOPES] * 5 + [frozenset({"envelope:send"}), frozenset[str]()]))
    return Scenario(passage, scopes, agreement, statement, draw(MOMENTS))


CONSENTED = (referral_members, replacing_members, message_members, reply_members)
URGENT = (emergency_members, emergency_message_members, emergency_reply_members, justification_members)
SEALED = (*CONSENTED, *URGENT)
EVERY_KIND = (*SEALED, event_members, notice_members, consent_ended_members)


def _without_slot(scenario: Scenario, position: int) -> Scenario:
    made = scenario.passage.header
    assert isinstance(made, ReferralHeader | MessageHeader)
    fewer = [slot.section for slot in made.slots]
    del fewer[position % len(fewer)]
    members = _with_slots(made.model_dump(mode="json", exclude_none=True), fewer)
    return replace(scenario, passage=replace(scenario.passage, header=header(members)))


@given(scenario=scenarios(SEALED), position=st.integers(0, 3))
def test_asking_for_less_never_turns_yes_into_no(scenario: Scenario, position: int) -> None:
    """Whatever passes with some sections passes with one of them left out."""
    made = scenario.passage.header
    assume(isinstance(made, SealedHeader) and len(made.slots) > 1)
    if isinstance(scenario.decide(), Granted):
        assert isinstance(_without_slot(scenario, position).decide(), Granted)


@given(scenario=scenarios(EVERY_KIND), data=st.data())
def test_knowing_less_never_turns_no_into_yes(scenario: Scenario, data: st.DataObject) -> None:
    """Without some of the scopes, the documents, the referral or the envelopes named, a refusal stays a refusal.

    At deposit a new referral must be unknown, so there its being known is an objection, not evidence for it.
    """
    made = scenario.passage.header
    is_new = isinstance(made, ReferralHeader) and scenario.passage.gate == "deposit" and made.replaces is None
    named = ("justification", "replaces") if is_new else ("referral", "justification", "replaces")
    lost: dict[str, Any] = {name: None for name in named if data.draw(st.booleans(), f"loses the {name}")}
    poorer = Scenario(
        passage=replace(scenario.passage, **lost),
        scopes=frozenset(scope for scope in scenario.scopes if data.draw(st.booleans(), scope)),
        agreement=scenario.agreement if data.draw(st.booleans(), "keeps the agreement") else None,
        statement=scenario.statement if data.draw(st.booleans(), "keeps the statement") else None,
        at=scenario.at,
    )
    if isinstance(poorer.decide(), Granted):
        assert isinstance(scenario.decide(), Granted)


@given(scenario=scenarios(EVERY_KIND), kept=st.sets(st.sampled_from(sorted(SCOPES))))
def test_fewer_scopes_never_help(scenario: Scenario, kept: set[str]) -> None:
    """What is refused is refused under any smaller set of scopes."""
    if isinstance(scenario.decide(), Refused):
        assert isinstance(replace(scenario, scopes=scenario.scopes & kept).decide(), Refused)


@given(scenario=scenarios((*SEALED, event_members)), later=MOMENTS)
def test_coming_later_never_turns_no_into_yes(scenario: Scenario, later: datetime) -> None:
    """Everything having begun, what is refused at one moment is refused at every later one."""
    assume(later >= scenario.at)
    if isinstance(replace(scenario, at=later).decide(), Granted):
        assert isinstance(scenario.decide(), Granted)


@given(scenario=scenarios(EVERY_KIND), after=st.timedeltas(timedelta(0), 400 * DAY))
def test_past_its_end_nothing_passes(scenario: Scenario, after: timedelta) -> None:
    """From the envelope's expiry on, and for what rests on a consent from its end on, the answer is no."""
    exp = scenario.passage.header.exp
    assert isinstance(replace(scenario, at=exp + after).decide(), Refused)
    over = scenario.statement.document.model_copy(update={"not_after": scenario.at - after})
    made = scenario.passage.header
    if isinstance(made, SealedHeader) and made.authority is not None:
        ended = replace(scenario.statement, document=over)
        assert isinstance(replace(scenario, statement=ended).decide(), Refused)


@given(scenario=scenarios(URGENT))
def test_whatever_passes_in_an_emergency_was_necessary(scenario: Scenario) -> None:
    """It is among the sections of the law and of the article, for a day, by a worker who may; the auditors know why."""
    answer, made = scenario.decide(), scenario.passage.header
    if not isinstance(answer, Granted):
        return
    assert isinstance(made, SealedHeader)
    assert answer.grant is None
    deposited = scenario.passage.gate == "deposit"
    if made.to == AUDITORS and not deposited:
        return  # what the auditors have to read reaches them, whatever changed since it was accepted
    assert answer.article is not None
    assert answer.article.emergency
    sent = {slot.section for slot in made.slots}
    if made.to == AUDITORS:
        assert sent == {"justification"}
    elif made.from_ == LINE:
        assert sent <= set(NECESSARY) & set(answer.article.sections)
    else:
        assert sent <= {"outcome", "worker"}
    if isinstance(made, ReferralHeader):
        known = scenario.passage.justification
        assert not deposited or known == justification()
    assert made.to == AUDITORS or made.exp - made.iat <= DAY
    # A worker is barred from the next deposit on: what was declared before is fetched all the same.
    assert not (deposited and scenario.passage.worker_barred and isinstance(made, ReferralHeader))


@given(scenario=scenarios(CONSENTED))
def test_whatever_passes_was_allowed(scenario: Scenario) -> None:
    """What goes to the owner lies within one grant and one article; what comes back is an answer."""
    answer, made = scenario.decide(), scenario.passage.header
    if not isinstance(answer, Granted):
        return
    assert isinstance(made, SealedHeader)
    sent = {slot.section for slot in made.slots}
    if made.from_ == LINE:
        assert answer.grant is not None
        assert answer.article is not None
        assert sent <= set(answer.grant.sections) & set(answer.article.sections)
        assert (answer.grant.recipient, "CA-QC" in answer.grant.geo) == (made.to, True)
    else:
        assert sent <= {"outcome", "worker"}


@given(scenario=scenarios(EVERY_KIND))
def test_the_same_question_has_the_same_answer(scenario: Scenario) -> None:
    """The decision depends on nothing but what it is given, so that an auditor can ask it again."""
    assert scenario.decide() == scenario.decide()
