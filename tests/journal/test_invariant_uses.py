"""I7: one use too many is found, whatever way it was hidden; what spends none is not counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.statement import read_statement
from tests.builders import SHELTER, agreement, referral_members, statement
from tests.consent.refused_cases import Changes
from tests.journal.ledgers import Ledger, envelope_id
from tests.journal.lives import accept, begun, lived, replaced, under_consent

EXHAUSTED = ("I7", "again", "uses-exhausted", "/statement")
_BOTH = {"recipient": SHELTER, "purpose": "referral-shelter", "sections": ["identity", "contact", "housing"]}


def referral_id(number: int) -> str:
    """The id of the referral of this number."""
    return "ref_" + "z" * 25 + "abcdefghijklmnopqrstuvwxyz"[number]


def referred(ledger: Ledger, number: int, *sections: str, name: str = "") -> Ledger:
    """Accept one more referral under the newest version of the consent."""
    slots = [{"sid": f"s{place}", "section": code, "schema": f"{code}/1"} for place, code in enumerate(sections, 1)]
    name = name or f"referral {number}"
    header = referral_members({"/ref": referral_id(number), "/id": envelope_id(name), "/slots": slots})
    accept(ledger, name, header, f"{number:02x}" * 32)
    newest = next(entry.members for entry in reversed(ledger.entries) if entry.members["type"] == "consent.registered")
    ledger[name].update({member: newest[member] for member in ("version", "statement_sha256")})
    return ledger


def consented(grants: list[Changes]) -> Ledger:
    """An agreement and a consent in force, with these grants to the shelter."""
    usual = statement().model_dump(mode="json", by_alias=True)["grants"][0]
    made = [{**usual, **_BOTH, "gid": f"g{number}", **grant} for number, grant in enumerate(grants, 1)]
    return begun(agreement()).consent("consent", statement({"/grants": made}))


def test_the_last_use_is_not_one_too_many(tmp_path: Path) -> None:
    """As many referrals as the person allowed pass; the next one is found."""
    ledger = consented([{"max_uses": 3}])
    for number in range(3):
        referred(ledger, number, "identity")
    assert ledger.found(tmp_path) == []
    referred(ledger, 3, "identity", name="again")
    assert ledger.found(tmp_path) == [EXHAUSTED]


def test_a_second_referral_under_one_use_is_found(tmp_path: Path) -> None:
    """The use that the first referral spent is spent, whatever became of it."""
    ledger = lived()
    ledger.again("accepted", "again", before="withdrawn", ref=referral_id(1), envelope=envelope_id("again"))
    assert EXHAUSTED in ledger.found(tmp_path)


def test_a_use_of_an_earlier_version_stays_spent(tmp_path: Path) -> None:
    """A new version of a consent narrows it; it does not give uses back, and may take some."""
    ledger = consented([{"max_uses": 3}])
    referred(referred(ledger, 0, "identity"), 1, "identity")
    narrowed = {**_grant(ledger), "max_uses": 2}
    ledger.consent("narrowed", statement({"/version": 2, "/prev": ledger.statements[0].sha256, "/grants": [narrowed]}))
    assert ledger.found(tmp_path) == []
    referred(ledger, 2, "identity", name="again")
    assert ledger.found(tmp_path) == [EXHAUSTED]


def test_each_referral_spends_the_first_grant_that_allows_it(tmp_path: Path) -> None:
    """Of two grants the first that allows all of it is spent first, then the other; the broker chose in this order."""
    ledger = consented([{"max_uses": 1}, {"max_uses": 1, "sections": ["identity"]}])
    referred(referred(ledger, 0, "identity"), 1, "identity")
    assert ledger.found(tmp_path) == []
    referred(ledger, 2, "identity", name="again")
    assert ledger.found(tmp_path) == [EXHAUSTED]


def test_a_grant_that_allows_less_does_not_lend_its_use(tmp_path: Path) -> None:
    """Once the wide grant is spent the narrow one carries only what it allows."""
    ledger = consented([{"max_uses": 1}, {"max_uses": 1, "sections": ["identity"]}])
    referred(ledger, 0, "identity", "housing")
    referred(ledger, 1, "identity", "housing", name="again")
    assert ledger.found(tmp_path) == [EXHAUSTED]


def test_what_takes_the_place_of_another_spends_no_use(tmp_path: Path) -> None:
    """A referral that could not be delivered is sent once more under the same use."""
    assert replaced().found(tmp_path) == []
    ledger = replaced()
    del ledger["again"]["replaces"]
    assert EXHAUSTED in ledger.found(tmp_path)


def test_messages_and_answers_spend_no_use(tmp_path: Path) -> None:
    """A use is one referral, however much is written about it."""
    ledger = lived()
    for number in range(5):
        ledger.again("message", f"more {number}", before="answer", envelope=envelope_id(f"more {number}"))
    assert ledger.found(tmp_path) == []


def test_an_envelope_accepted_without_any_grant_spends_none(tmp_path: Path) -> None:
    """What no grant allows breaks I2 and is not counted: the use is left for what it allows."""
    ledger = under_consent({"/grants/0/max_uses": 1})
    again = {"ref": referral_id(1), "envelope": envelope_id("never"), "sections": ["health-note"]}
    ledger.again("accepted", "never", before="accepted", **again)
    found = ledger.found(tmp_path)
    assert ("I2", "never", "section-not-granted", "/sections/0") in found
    assert not any(promise == "I7" for promise, *_ in found)


def test_without_the_statement_nothing_is_counted_and_it_is_told(tmp_path: Path) -> None:
    """Who is not shown what the consent allows cannot say how often, and says so."""
    ledger = consented([{"max_uses": 1}])
    referred(referred(ledger, 0, "identity"), 1, "identity", name="again")
    ledger.statements.clear()
    report = ledger.audit(tmp_path)
    assert (report.violations, report.unjudged) == ((), {"statement-not-shown": 2})


@given(
    limits=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    wide=st.lists(st.booleans(), min_size=6, max_size=6),
    hidden=st.sets(st.integers(0, 5)),
)
def test_what_is_not_shown_makes_no_honest_journal_look_false(
    tmp_path_factory: pytest.TempPathFactory, limits: list[int], wide: list[bool], hidden: set[int]
) -> None:
    """A broker that grants in order, any of whose referrals are hidden, is never found to have granted too much."""
    sections = [["identity", "contact"], ["identity"], ["identity", "contact"]]
    ledger = consented([{"max_uses": limit, "sections": sections[place]} for place, limit in enumerate(limits)])
    left = list(limits)
    for number, is_wide in enumerate(wide):
        asked = ["identity", "contact"] if is_wide else ["identity"]
        fits = [place for place, uses in enumerate(left) if uses and set(asked) <= set(sections[place])]
        if fits:
            left[fits[0]] -= 1
            referred(ledger, number, *asked)
            ledger.written(f"referral {number}").shown = number not in hidden
    assert ledger.audit(tmp_path_factory.mktemp("uses")).violations == ()


def test_no_grant_is_lent_to_somebody_else(tmp_path: Path) -> None:
    """Uses are counted for each consent apart: another person's referral spends none of this one's."""
    ledger = consented([{"max_uses": 1}])
    other = statement({"/id": "cs_" + "y" * 26, "/grants": [_grant(ledger)]})
    ledger.consent("of another", other)
    referred(ledger, 0, "identity")
    referred(ledger, 1, "identity", name="theirs")
    cited = {"statement": other.id, "version": 1, "statement_sha256": ledger["of another"]["statement_sha256"]}
    ledger["theirs"].update(cited)
    ledger["referral 0"].update(statement_sha256=ledger["consent"]["statement_sha256"])
    assert ledger.found(tmp_path) == []


def _grant(ledger: Ledger) -> dict[str, object]:
    """The first grant of the consent that was registered first."""
    return dict(read_statement(ledger.statements[0]).model_dump(mode="json", by_alias=True)["grants"][0])
