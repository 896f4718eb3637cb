"""I9: a step that is no row of the table, from elsewhere or by somebody else is found."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from consent.lifecycle import CLOSED
from consent.transitions import TRANSITIONS
from keys.documents import format_time
from tests.builders import BROKER, DAY, HEALTH, LINE, PARENT, REF, SHELTER
from tests.journal.ledgers import START, Ledger, envelope_id
from tests.journal.lives import lived, under_consent


@pytest.fixture
def ledger() -> Ledger:
    """A referral that was accepted by the broker and handed out, and nothing since."""
    made = lived()
    del made.entries[made.index("seen") :]
    return made


def begun_twice() -> Ledger:
    """The same, under a consent of which a use is left."""
    made = under_consent({"/grants/0/max_uses": 2})
    del made.entries[made.index("seen") :]
    return made


def found(ledger: Ledger, tmp_path: Path) -> list[tuple[str, str, str]]:
    """The violations of I9, and no others."""
    violations = ledger.found(tmp_path)
    assert {promise for promise, _, _, _ in violations} <= {"I9"}
    return [(name, code, pointer) for _, name, code, pointer in violations]


@pytest.mark.parametrize(
    ("actor", "transition", "slug", "pointer"),
    [
        (LINE, "T08", "transition-not-yours", "/transition"),
        (SHELTER, "T10", "transition-not-yours", "/transition"),
        (BROKER, "T08", "transition-not-yours", "/transition"),
        (SHELTER, "T04", "transition-not-yours", "/transition"),
        (SHELTER, "T17", "transition-not-from-here", "/transition"),
        (SHELTER, "T16", "transition-not-from-here", "/transition"),
        (LINE, "T07", "info-not-requested", "/transition"),
    ],
)
def test_a_step_by_another_or_from_elsewhere_is_found(
    ledger: Ledger, tmp_path: Path, actor: str, transition: str, slug: str, pointer: str
) -> None:
    """Each step belongs to one side, and starts from where the referral stands."""
    ledger.step("step", actor, transition)
    assert found(ledger, tmp_path) == [("step", slug, pointer)]


def test_a_step_that_is_no_row_of_the_table_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """There are no other steps."""
    ledger.step("step", SHELTER, "T08")["step"]["transition"] = "T99"
    assert ("I9", "step", "transition-unknown", "/transition") in ledger.found(tmp_path)


def test_a_step_that_is_not_told_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """An entry about a step says which."""
    del ledger.step("step", BROKER, "T04")["step"]["transition"]
    assert found(ledger, tmp_path) == [("step", "transition-unknown", "/transition")]


@pytest.mark.parametrize(
    ("transition", "reason", "slug"),
    [
        ("T09", None, "reason-required"),
        ("T09", "undeliverable", "reason-reserved"),
        ("T09", "no-such-reason", "reason-not-allowed"),
        ("T08", "other", "reason-not-allowed"),
    ],
)
def test_a_reason_that_the_step_does_not_take_is_found(
    ledger: Ledger, tmp_path: Path, transition: str, reason: str | None, slug: str
) -> None:
    """A refusal gives one of its reasons, and what needs none gives none."""
    ledger.step("step", SHELTER, transition, reason=reason)
    assert ("I9", "step", slug, "/reason") in ledger.found(tmp_path)


def test_an_illegal_step_moves_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """What follows an illegal step is judged from where the referral really stood."""
    ledger.step("by the requester", LINE, "T08").step("begins", SHELTER, "T14").step("accepts", SHELTER, "T08")
    assert found(ledger, tmp_path) == [
        ("by the requester", "transition-not-yours", "/transition"),
        ("begins", "transition-not-from-here", "/transition"),
    ]


def test_a_step_by_an_outsider_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Only the two parties and the broker act on a referral."""
    ledger.step("step", HEALTH, "T08")
    assert ("I9", "step", "wrong-actor", "/actor") in ledger.found(tmp_path)


def test_a_step_of_a_party_that_came_without_its_envelope_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The broker cannot write a party's step by itself: a party acts by a signed envelope."""
    ledger.step("step", SHELTER, "T08")
    ledger["step"]["from"] = LINE
    assert ("I9", "step", "wrong-actor", "/actor") in ledger.found(tmp_path)


def test_a_step_of_a_referral_that_never_began_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A referral begins with its accepted envelope."""
    ledger.step("step", BROKER, "T04", ref=PARENT)
    assert found(ledger, tmp_path) == [("step", "referral-unknown", "/ref")]


def test_a_referral_that_begins_twice_is_found(tmp_path: Path) -> None:
    """Another envelope with the same referral is no new beginning."""
    ledger = begun_twice()
    ledger.again("accepted", "again", envelope=envelope_id("again"))
    assert found(ledger, tmp_path) == [("again", "referral-exists", "/ref")]


def test_what_is_handed_out_after_the_referral_was_closed_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A referral that its requester withdrew is not handed out any more."""
    ledger.entries.remove(ledger.written("acknowledged"))
    ledger.entries.remove(ledger.written("released"))
    released = lived()["released"]
    ledger.step("withdraws", LINE, "T10")
    ledger.add("released", "envelope.released", SHELTER, **{k: v for k, v in released.items() if k not in _WRITTEN})
    assert found(ledger, tmp_path) == [("released", "referral-closed", "/ref")]


_WRITTEN = {"v", "index", "time", "type", "actor"}


def test_a_message_after_the_referral_was_closed_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing more goes to the owner of a closed referral."""
    message = {k: v for k, v in lived()["message"].items() if k not in _WRITTEN}
    ledger.step("withdraws", LINE, "T10").add("message", "envelope.accepted", LINE, **message)
    assert found(ledger, tmp_path) == [("message", "referral-closed", "/ref")]


def test_a_correction_comes_within_a_day(ledger: Ledger, tmp_path: Path) -> None:
    """A slip is corrected within 24 hours of closing, counted by the journal's own times."""
    ledger.step("declines", SHELTER, "T09").step("corrects", SHELTER, "T21")
    assert found(ledger, tmp_path) == []
    ledger["corrects"]["time"] = format_time(START + 2 * DAY)
    assert found(ledger, tmp_path) == [("corrects", "correction-too-late", "/transition")]


def test_the_broker_notes_silence_only_while_the_owner_has_to_answer(ledger: Ledger, tmp_path: Path) -> None:
    """While information is asked for, the clock stands still and silence cannot be noted."""
    ledger.step("asks", SHELTER, "T06").step("silence", BROKER, "T11")
    assert found(ledger, tmp_path) == [("silence", "deadline-not-reached", "/transition")]
    ledger.entries.remove(ledger.written("asks"))
    assert found(ledger, tmp_path) == []


def test_a_new_referral_continues_one_that_was_declined(tmp_path: Path) -> None:
    """T23 says that another referral took over; it must be there, or in an entry that is not shown."""
    ledger = begun_twice()
    ledger.step("declines", SHELTER, "T09")
    changes = {"ref": PARENT, "part_of": REF, "envelope": envelope_id("next")}
    ledger.again("accepted", "next", **changes).step("takes over", LINE, "T23")
    assert found(ledger, tmp_path) == []
    ledger.entries.remove(ledger.written("next"))
    assert found(ledger, tmp_path) == [("takes over", "re-referral-missing", "/transition")]
    ledger.add("hidden", "audit.read", LINE, before="takes over").written("hidden").shown = False
    assert ledger.audit(tmp_path).unjudged == {"re-referral-missing": 1}


def test_every_row_of_the_table_can_be_replayed(tmp_path: Path) -> None:
    """Each step that the table allows, taken where it starts from, is accepted although its details are not told."""
    ways = {
        "accepted": ["T08"],
        "in-progress": ["T08", "T14"],
        "on-hold": ["T08", "T15"],
        "rejected": ["T09"],
        "cancelled": ["T10"],
        "failed": ["T08", "T18"],
        "completed": ["T08", "T17"],
        "requested": [],
    }
    begun = begun_twice()
    for transition in TRANSITIONS.values():
        for source in set(transition.sources) & ways.keys() - {"draft"}:
            ledger = Ledger(list(begun.entries), begun.agreements, begun.statements)
            for number, code in enumerate([*ways[source], *_first(transition.requires)]):
                ledger.step(f"way {number}", _actor(code), code)
            if "re-referral" in transition.requires:
                ledger.again("accepted", "next", ref=PARENT, part_of=REF, envelope=envelope_id("next"))
            for actor in transition.actors:
                side = {"requester": LINE, "owner": SHELTER, "broker": BROKER}[actor]
                taken = Ledger(list(ledger.entries), ledger.agreements, ledger.statements)
                taken.step("step", side, transition.code)
                assert found(taken, tmp_path) == [], (transition.code, source, actor)


def _first(requires: tuple[str, ...]) -> list[str]:
    return ["T06"] if "info-requested" in requires else []


def _actor(code: str) -> str:
    return SHELTER if "owner" in TRANSITIONS[code].actors else LINE


def test_an_answer_long_after_the_end_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """The owner may still answer for fourteen days after it closed the referral."""
    answer = {k: v for k, v in lived()["answer"].items() if k not in _WRITTEN}
    ledger.step("accepts", SHELTER, "T08").step("completes", SHELTER, "T17")
    ledger.add("answer", "envelope.accepted", SHELTER, **answer)
    closed = START + timedelta(seconds=ledger.index("completes"))
    assert "completed" in CLOSED
    ledger["answer"]["time"] = format_time(closed + 14 * DAY)
    ledger["answer"]["expires"] = format_time(closed + 20 * DAY)
    assert ("I9", "answer", "reply-too-late", "/ref") in ledger.found(tmp_path)
