"""Whatever is taken back, and in whatever order: a revision never widens."""

import random
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from consent.answers import ConsentEvent
from consent.record import ConsentRecord
from consent.revision import Ending, chosen, endings, extended, narrowed
from consent.statement import succession_fault
from keys.documents import validate
from tests.builders import DAY, HEALTH, NEWCOMERS, SHELTER, record
from tests.revisions import BOTH, LATER, MINUTE, WORKER, first, registered, restriction

# What people may do to a record after it was registered: any of these, in any order.
PAIRS = [("referral-shelter", SHELTER), ("referral-shelter", NEWCOMERS), ("referral-health", HEALTH)]
STATES: list[Ending] = ["dpv:ConsentWithdrawn", "dpv:ConsentRevoked", "dpv:ConsentInvalidated"]
Act = tuple[str | None, tuple[str, str], Ending]
"""A section to restrict, or else a pair to end and how."""
SECTIONS = st.sampled_from([None, None, "identity", "contact", "health-note", "worker"])
acts = st.tuples(SECTIONS, st.sampled_from(PAIRS), st.sampled_from(STATES))


def done(kept: ConsentRecord, act: Act, at: datetime) -> ConsentRecord:
    """The record after one act."""
    section, (purpose, recipient), state = act
    if section is not None:
        return extended(kept, (), [restriction(sections=[section])])
    return extended(kept, endings(kept, state, at, WORKER, chosen(kept, [purpose], [recipient])))


@given(st.lists(acts, max_size=6))
def test_a_revision_never_widens(story: list[Act]) -> None:
    """Whatever happens, each version follows the one before by the broker's own rule, or there is none."""
    kept, newest = record(BOTH), first()
    for number, act in enumerate(story):
        kept = done(kept, act, LATER + number * MINUTE)
        made = narrowed(kept, newest, LATER + number * MINUTE)
        if made is not None:
            assert succession_fault(newest, made) is None
            assert len(made.grants) <= len(newest.document.grants)
            newest = registered(made)
        assert narrowed(kept, newest, LATER + number * MINUTE) is None


@given(st.lists(acts, max_size=5, unique_by=repr), st.randoms(use_true_random=False))
def test_the_order_of_what_is_taken_back_changes_nothing(story: list[Act], chance: random.Random) -> None:
    """One after the other, all at once, or in another order: the same grants are left."""

    def left(acted: list[Act], *, each: bool) -> tuple[object, ...]:
        kept, newest = record(BOTH), first()
        for number, act in enumerate(acted):
            kept = done(kept, act, LATER + number * MINUTE)
            made = narrowed(kept, newest, LATER + DAY) if each or number == len(acted) - 1 else None
            newest = registered(made) if made is not None else newest
        return newest.document.grants

    shuffled = list(story)
    chance.shuffle(shuffled)
    assert left(story, each=True) == left(story, each=False) == left(shuffled, each=True)


@given(st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["Given", "Withdrawn", "Refused"]))))
def test_no_later_answer_widens_an_old_statement(answers: list[tuple[str, str]]) -> None:
    """Even with consents given again in between, what the old statement grants only shrinks."""
    kept, newest = record(BOTH), first()
    usual = record(BOTH).events[0]
    for number, (pid, word) in enumerate(answers, start=1):
        at = LATER + number * MINUTE
        event = usual.model_copy(update={"purpose": pid, "event_state": f"dpv:Consent{word}", "event_time": at})
        kept = extended(kept, [validate(ConsentEvent, event.model_dump(mode="json", exclude_none=True))])
        made = narrowed(kept, newest, at)
        if made is not None:
            assert succession_fault(newest, made) is None
            newest = registered(made)
