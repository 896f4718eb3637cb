"""Our reviewed tables beside the drafts they come from: no code and no fact was lost on the way."""

import csv
import json

from consent.transitions import TRANSITIONS
from consent.vocabulary import EMERGENCY_RULES, NEEDS, NON_TAKE_UP, OUTCOMES, PRIORITIES, PURPOSES, REASONS
from tests.repository import ROOT

DRAFTS = ROOT.parent / "shared" / "domain"
TABLES = {
    "purposes": PURPOSES,
    "needs": NEEDS,
    "reasons": REASONS,
    "priorities": PRIORITIES,
    "outcomes": OUTCOMES,
    "non_take_up": NON_TAKE_UP,
    "transitions": TRANSITIONS,
}
# Written down once by hand, so that a code that goes or comes is a decision and not a slip.
CODES = {
    "purposes": """referral-shelter referral-housing referral-food referral-health referral-mental-health
        referral-violence referral-rights referral-newcomer referral-school referral-work follow-up evaluation""",
    "needs": """shelter-tonight housing-loss-risk rent-arrears housing-quality food clothing money debt rights
        paperwork language childcare parenting violence caregiver mental-health addiction care-access isolation
        transport digital-access digital-skills job training release energy""",
    "reasons": """info-needed no-capacity waitlisted no-compatible-place no-funds service-closed out-of-hours
        language-gap assessment-needed not-eligible missing-document out-of-area wrong-service duplicate
        already-served unreachable no-show person-declined barrier not-mobile solved-otherwise deceased
        consent-withdrawn consent-expired category-not-consented safety-risk no-response undeliverable
        entered-in-error other""",
    "priorities": "routine urgent tonight danger",
    "outcomes": """served place-given appointment-kept partly-served information-given handed-over not-served""",
    "non_take_up": """line-unreachable gave-up-waiting unaware refused-conditions unsafe separated-household
        animal too-far fear-of-authorities previous-refusals no-phone no-offer known-full renounces no-consent""",
    "transitions": " ".join(f"T{number:02d}" for number in range(1, 26)),
}


def _draft(name: str) -> list[dict[str, str]]:
    """A working draft of a table where this machine has it, otherwise nothing."""
    path = DRAFTS / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _split(cell: str, mark: str = ";") -> tuple[str, ...]:
    return tuple(cell.split(mark)) if cell else ()


def test_codes_agree_with_the_working_drafts() -> None:
    """Our copies hold the codes that were decided, and every fact of the drafts where those are at hand."""
    drafts = {"need_crosswalk": "needs"} | {name: name for name in CODES if name != "needs"}
    assert {name: list(TABLES[name]) for name in CODES} == {name: listed.split() for name, listed in CODES.items()}
    for draft, name in drafts.items():
        for row, code in zip(_draft(draft), CODES[name].split(), strict=bool(_draft(draft))):
            assert next(iter(row.values())) == code
    for row in _draft("purposes"):
        purpose = PURPOSES[row["code"]]
        assert _split(row["default_sections"]) == purpose.default_sections
        assert (row["dpv_broader"], row["sensitive"] == "yes") == (purpose.dpv_broader, purpose.sensitive)
    for row in _draft("need_crosswalk"):
        need = NEEDS[row["need"]]
        assert (row["gravity"], row["data_inclusion"]) == (need.gravity, need.data_inclusion)
    for row in _draft("priorities"):
        assert row["default_answer_delay"] == str(PRIORITIES[row["code"]].default_answer_delay)
    for row in _draft("outcomes"):
        assert row["counts_as_met"] == OUTCOMES[row["code"]].counts_as_met
    for row in _draft("emergency_sections"):
        rule = EMERGENCY_RULES[row["ground"], row["jurisdiction"]]
        assert (_split(row["sections"]), int(row["max_hours"])) == (rule.sections, rule.max_hours)
        assert (row["reviewed_by"] or None) == rule.reviewed_by


def test_reasons_agree_with_the_working_drafts() -> None:
    """Each reason keeps its group, its statuses and its codes elsewhere; les-emplois knows those mapped to it."""
    for row in _draft("reasons"):
        reason = REASONS[row["code"]]
        assert (row["group"], _split(row["allowed_on"])) == (reason.group, reason.allowed_on)
        assert (row["unmet_need"], _split(row["les_emplois"], "|")) == (reason.unmet_need, reason.les_emplois)
        assert (row["primero"] or None, row["gravity"] or None) == (reason.primero, reason.gravity)
    mapped = {code for reason in REASONS.values() for code in reason.les_emplois}
    known = {
        *("not_reachable", "did_not_come_to_interview", "hired_elsewhere", "training", "not_eligible"),
        *("not_mobile", "not_interested", "incompatible", "session_full", "duplicate", "other"),
    }
    facts = DRAFTS.joinpath("les_emplois_orientation.json")
    if facts.exists():
        assert set(json.loads(facts.read_text(encoding="utf-8"))["refusal_reasons"]) == known
    assert mapped == known


def test_steps_agree_with_the_working_drafts() -> None:
    """Each step keeps where it starts and leads, who takes it, its reasons and what it does to the clock."""
    for row in _draft("transitions"):
        step = TRANSITIONS[row["id"]]
        assert (_split(row["from"]), row["to"] or None) == (step.sources, step.target)
        assert (row["business_status"] or None, _split(row["actor"])) == (step.business_status, step.actors)
        assert (row["respond_by"] or "none", row["in_gravity"] == "yes") == (step.respond_by, step.in_gravity)
        if row["reason"] != "any":
            assert _split(row["reason"], "|") == step.reasons
        assert bool(row["reason"]) == bool(step.reasons)
    unknown_to_gravity = {code for code, step in TRANSITIONS.items() if not step.in_gravity}
    assert unknown_to_gravity == {"T01", "T03", "T05", "T06", "T07", "T20", "T21", "T23", "T24", "T25"}
