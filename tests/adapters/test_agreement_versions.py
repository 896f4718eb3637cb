"""Versions of an agreement on the partner's side: which bind us without a new signature of ours, and which do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.agreements import refresh_agreements, tell_endings
from adapters.routes import newest, route
from consent.agreement import Agreement, AgreementState
from keys.documents import encode, format_time, sha256_hex
from tests.adapters.agreement_versions import NAME, Shelf, first_version, publish_root
from tests.adapters.conftest import Town
from tests.adapters.partners import Partner
from tests.invented import DAY, HEALTH, LINE, NEWCOMERS, PARTIES, SHELTER, root_key
from tests.partnership import FOOD, SCHOOL, amended, joined

EVERYBODY = {*PARTIES, FOOD}


@pytest.fixture
def shelf(laval: Town) -> Shelf:
    """What the shelter reads: the first version in force, signed by all; newcomers whose roots are published."""
    broker = laval[0]
    for address in (FOOD, SCHOOL):
        publish_root(broker, address)
    made = Shelf(SHELTER, broker)
    made.put(first_version(broker), PARTIES)
    return made


@pytest.fixture
def shelter(laval: Town, shelf: Shelf) -> Partner:
    """The shelter, which holds the first version."""
    shelter = laval[2]
    shelter.adapter.read_journal()
    assert refresh_agreements(shelter.adapter.office, shelf) == (f"{NAME}@1",)
    return shelter


def second(shelf: Shelf) -> Agreement:
    """The version by which somebody joins."""
    return joined(shelf.versions[f"{NAME}@1"][0])


def signers(partner: Partner, version: int = 2) -> set[str]:
    """Whom a version binds, as the partner holds it."""
    return set(partner.adapter.agreement(f"{NAME}@{version}").signers)


def test_a_version_by_which_somebody_joined_binds_us_as_before(shelter: Partner, shelf: Shelf) -> None:
    """We did not sign it and may use it, with old partners and with the newcomer."""
    shelf.put(second(shelf), [FOOD, LINE])
    office = shelter.adapter.office
    assert refresh_agreements(office, shelf) == (f"{NAME}@2",)
    assert signers(shelter) == EVERYBODY
    held = shelter.adapter.agreement(f"{NAME}@2")
    assert office.may_use(held, LINE)
    assert office.may_use(held, FOOD)
    found = newest(office, shelter.adapter.agreements(), LINE)
    assert f"{NAME}@2" in [item.document.ref for item in found]
    assert f"{NAME}@1" not in [item.document.ref for item in found]


def test_what_is_known_is_not_fetched_again(shelter: Partner, shelf: Shelf) -> None:
    """A version whose every party is bound is left alone until its state changes."""
    shelf.put(second(shelf), [FOOD, LINE])
    refresh_agreements(shelter.adapter.office, shelf)
    shelf.calls.clear()
    assert refresh_agreements(shelter.adapter.office, shelf) == ()
    assert shelf.calls == []


@pytest.mark.parametrize(
    "changes",
    [
        {"/articles/0/sections/6": "documents"},
        {"/parties/0/root_fingerprint": root_key(LINE, "made up").public.fingerprint},
        {"/retention/copy_days": 700},
        {"/parties/4/roles": ["auditor"]},
        {"/accession": [FOOD]},
    ],
)
def test_an_accession_that_slips_something_in_does_not_bind_us(
    shelter: Partner, shelf: Shelf, changes: dict[str, object]
) -> None:
    """The gateway says that it is in force; without our signature it is not used."""
    shelf.put(amended(second(shelf), changes), [FOOD, LINE])
    refresh_agreements(shelter.adapter.office, shelf)
    held = shelter.adapter.agreement(f"{NAME}@2")
    assert SHELTER not in held.signers
    assert not any(shelter.adapter.office.may_use(held, peer) for peer in (LINE, FOOD))
    usable = newest(shelter.adapter.office, shelter.adapter.agreements(), LINE)
    assert f"{NAME}@1" in [item.document.ref for item in usable]


@pytest.mark.parametrize("signed_by", [[FOOD], [LINE], [FOOD, HEALTH]])
def test_a_newcomer_that_nobody_admitted_is_nobody(shelter: Partner, shelf: Shelf, signed_by: list[str]) -> None:
    """A gateway that adds an organisation of its own needs the root of the one that admits."""
    shelf.put(second(shelf), signed_by)
    refresh_agreements(shelter.adapter.office, shelf)
    held = shelter.adapter.agreement(f"{NAME}@2")
    assert not shelter.adapter.office.may_use(held, FOOD)
    assert signers(shelter) == set(signed_by)


def test_an_admission_by_a_root_that_was_made_up_counts_for_nothing(shelter: Partner, shelf: Shelf) -> None:
    """The signature that admits is verified by the root that the agreement pins."""
    shelf.put(second(shelf), [FOOD, LINE], roots={LINE: root_key(LINE, "made up")})
    refresh_agreements(shelter.adapter.office, shelf)
    assert signers(shelter) == {FOOD}


def test_a_skipped_version_carries_nothing_over(shelter: Partner, shelf: Shelf) -> None:
    """The third names the digest of a second that we were never shown."""
    shelf.put(joined(second(shelf), SCHOOL, "school"), [SCHOOL, LINE])
    refresh_agreements(shelter.adapter.office, shelf)
    assert signers(shelter, 3) == {SCHOOL, LINE}
    shelf.put(amended(joined(second(shelf), SCHOOL, "school"), {"/version": 3}), [SCHOOL, LINE])
    shelf.put(second(shelf), [FOOD, LINE])
    refresh_agreements(shelter.adapter.office, shelf)
    assert signers(shelter, 3) == EVERYBODY | {SCHOOL}


def test_a_version_that_follows_another_text_carries_nothing_over(shelter: Partner, shelf: Shelf) -> None:
    """`prev` must be the digest of what we hold, not of a text under the same number."""
    other = amended(shelf.versions[f"{NAME}@1"][0], {"/phone_fallback": "450 555-0199"})
    shelf.put(joined(other), [FOOD, LINE])
    refresh_agreements(shelter.adapter.office, shelf)
    assert signers(shelter) == {FOOD, LINE}


def test_another_text_under_a_number_that_we_hold_is_an_alarm(shelter: Partner, shelf: Shelf) -> None:
    """A version has one text; ours stays."""
    before = shelter.adapter.agreement(f"{NAME}@1")
    shelf.put(amended(before.document, {"/phone_fallback": "450 555-0199"}), PARTIES)
    assert refresh_agreements(shelter.adapter.office, shelf) == ()
    assert shelter.adapter.agreement(f"{NAME}@1") == before
    assert [(alarm.code, alarm.subject) for alarm in shelter.adapter.alarms()] == [("other-agreement", f"{NAME}@1")]


@pytest.mark.parametrize("state", ["suspended", "ended"])
def test_what_is_suspended_or_ended_hands_nothing_on(shelter: Partner, shelf: Shelf, state: AgreementState) -> None:
    """Nobody joins it without everybody's signature."""
    shelf.put(shelf.versions[f"{NAME}@1"][0], PARTIES, state)
    shelf.put(second(shelf), [FOOD, LINE])
    refresh_agreements(shelter.adapter.office, shelf)
    assert signers(shelter) == {FOOD, LINE}


def test_an_amendment_is_used_once_we_signed_it_and_it_is_in_force(shelter: Partner, shelf: Shelf) -> None:
    """Until then the first version is; afterwards it is not any more."""
    office, first = shelter.adapter.office, shelf.versions[f"{NAME}@1"][0]
    changes = {"/version": 2, "/prev": sha256_hex(encode(first)), "/articles/1/purposes/1": "referral-shelter"}
    amendment = amended(first, changes)

    def used() -> str:
        refresh_agreements(office, shelf)
        agreements = [item for item in shelter.adapter.agreements() if item.document.id == NAME]
        found = route(office, agreements, LINE, "referral-rights", ["identity"], "consent")
        return found.agreement.document.ref if found else ""

    shelf.put(amendment, [], "signing")
    assert used() == f"{NAME}@1"
    shelf.put(amendment, PARTIES, "signing")
    assert used() == f"{NAME}@1"
    shelf.put(amendment, PARTIES)
    assert used() == f"{NAME}@2"


def test_a_newcomer_verifies_those_who_did_not_sign_again(laval: Town) -> None:
    """It fetches the first version, which does not name it, for the signatures that its own rests on."""
    broker, line, _ = laval
    without = [party for party in first_version(broker).parties if party.address != LINE]
    changes = {
        "/parties": [party.model_dump(mode="json") for party in without],
        "/articles/1/to": ["line-211"],
        "/accession": [SHELTER],
    }
    first = first_version(broker, changes)
    shelf = Shelf(LINE, broker)
    shelf.put(first, [SHELTER, HEALTH, NEWCOMERS])
    shelf.put(joined(first, LINE, "line-211"), [LINE, SHELTER])
    line.adapter.read_journal()
    refresh_agreements(line.adapter.office, shelf)
    assert signers(line) == {LINE, SHELTER}
    shelf.shown.add(first.ref)
    refresh_agreements(line.adapter.office, shelf)
    assert signers(line) == set(PARTIES)
    assert not line.adapter.office.may_use(line.adapter.agreement(first.ref), SHELTER)


@pytest.fixture
def ending(shelter: Partner, shelf: Shelf) -> Callable[[float], list[tuple[str, str]]]:
    """The warnings told at so many days before the end of the first version."""

    def told(days: float) -> list[tuple[str, str]]:
        shelf.broker.clock.now = shelter.adapter.agreement(f"{NAME}@1").document.not_after - days * DAY
        return [(item.ref, item.code) for item in tell_endings(shelter.adapter.office) if item.ref.startswith(NAME)]

    return told


def test_the_end_is_told_three_times_and_each_once(ending: Callable[[float], list[tuple[str, str]]]) -> None:
    """At 60, 30 and 7 days; nothing before, nothing again, nothing after."""
    ref = f"{NAME}@1"
    told = [ending(days) for days in (61, 60, 45, 30, 29.5, 7, 1, 0, -5)]
    assert told == [
        [],
        [(ref, "agreement-ends-60")],
        [],
        [(ref, "agreement-ends-30")],
        [],
        [(ref, "agreement-ends-7")],
        *[[]] * 3,
    ]


def test_who_was_away_is_told_what_is_true_now(ending: Callable[[float], list[tuple[str, str]]]) -> None:
    """Six days before the end, the two earlier warnings are not told any more."""
    assert ending(6) == [(f"{NAME}@1", "agreement-ends-7")]
    assert ending(5) == []


def test_an_agreement_that_was_renewed_or_ended_warns_nobody(
    shelter: Partner, shelf: Shelf, ending: Callable[[float], list[tuple[str, str]]]
) -> None:
    """The version that governs counts, whatever the date of the one before."""
    first = shelf.versions[f"{NAME}@1"][0]
    later = {"/version": 2, "/prev": sha256_hex(encode(first)), "/not_after": format_time(first.not_after + 300 * DAY)}
    shelf.put(amended(first, later), PARTIES)
    refresh_agreements(shelter.adapter.office, shelf)
    assert ending(5) == []
    shelf.put(amended(first, later), PARTIES, "ended")
    shelter.adapter.read_journal()
    refresh_agreements(shelter.adapter.office, shelf)
    assert ending(-299) == []
