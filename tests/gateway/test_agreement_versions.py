"""Versions of an agreement at the broker: somebody joins, everybody amends, and each acts at the next request."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent.agreement import AgreementState
from gateway.audit_bundles import export_bundle
from gateway.problems import ProblemError
from journal.bundle import Bundle
from journal.replay import verify
from keys.documents import encode, sha256_hex
from tests.builders import (
    ENVELOPE_ID,
    HEALTH,
    LINE,
    NEWCOMERS,
    PARTIES,
    SHELTER,
    registered_statement,
)
from tests.gateway.first_day import broker_keys
from tests.gateway.growing import CONSENTED, NAME, Growing, first_version, under
from tests.gateway.world import World, refusal_of
from tests.partnership import FOOD, SCHOOL, amended, joined

OTHERS = sorted([HEALTH, NEWCOMERS, SHELTER])


@pytest.fixture
def growing(world: World) -> Growing:
    """The agreement, with a newcomer enrolled that is not a party yet."""
    made = Growing(world)
    made.enrolled(FOOD)
    return made


def test_a_newcomer_joins_by_its_signature_and_those_named(growing: Growing, tmp_path: Path) -> None:
    """Two signatures instead of five; then the version is in force for all five, and the auditor agrees."""
    world = growing.world
    first = growing.in_force(first_version())
    second = growing.proposed(joined(first))
    assert growing.missing(second) == sorted([FOOD, LINE])
    assert growing.signed(second, [FOOD]) == [LINE]
    with pytest.raises(ProblemError, match="signature-missing"):
        growing.change(second, "in-force")
    assert growing.signed(second, [LINE]) == []
    growing.change(second, "in-force")
    growing.enrolled(SCHOOL)
    third = growing.proposed(joined(second, SCHOOL, "school"))
    assert growing.signed(third, [SCHOOL, LINE]) == []
    growing.change(third, "in-force")
    with world.broker.store.reading() as tx:
        newest = tx.agreements.newest(NAME)
    assert newest is not None
    assert newest.document == third
    path = tmp_path / "journal.zip"
    with path.open("wb") as out:
        export_bundle(world.broker, out, world.clock())
    with Bundle.open(path) as bundle:
        report = verify(bundle, broker_keys().signer(1).vkeys)
    assert (report.violations, report.complete) == ((), True)


@pytest.mark.parametrize(
    "changes",
    [
        {"/articles/0/sections/6": "documents"},
        {"/parties/0/roles/1": "health"},
        {"/accession": []},
        {"/parties/4/roles": ["auditor"]},
    ],
)
def test_an_accession_that_slips_something_in_needs_everybody(growing: Growing, changes: dict[str, object]) -> None:
    """A section more, a role more, a shorter list, an auditor: the newcomer and the 211 line do not suffice."""
    first = growing.in_force(first_version())
    second = growing.proposed(amended(joined(first), changes))
    assert growing.signed(second, [FOOD, LINE]) == OTHERS
    with pytest.raises(ProblemError, match="signature-missing"):
        growing.change(second, "in-force")


@pytest.mark.parametrize("stop", ["suspended", "ended"])
def test_nobody_joins_what_is_suspended_or_ended(growing: Growing, stop: AgreementState) -> None:
    """An accession takes back neither: everybody would have to sign."""
    first = growing.in_force(first_version())
    second = growing.proposed(joined(first))
    assert growing.signed(second, [FOOD, LINE]) == []
    growing.change(first, stop)
    assert growing.missing(second) == OTHERS
    with pytest.raises(ProblemError, match="signature-missing"):
        growing.change(second, "in-force")
    growing.signed(second, OTHERS)
    growing.change(second, "in-force")


def test_an_unsigned_version_hands_nothing_on(growing: Growing) -> None:
    """What a party never signed does not bind it because somebody joined."""
    first = growing.proposed(first_version())
    growing.signed(first, [LINE, HEALTH])
    second = growing.proposed(joined(first))
    assert growing.signed(second, [FOOD, LINE]) == [NEWCOMERS, SHELTER]


def test_a_version_cannot_be_skipped_or_forked(growing: Growing) -> None:
    """The third follows the second, and there is one second."""
    first = growing.in_force(first_version())
    second = growing.proposed(joined(first))
    growing.enrolled(SCHOOL)
    third = amended(joined(second, SCHOOL, "school"), {"/prev": sha256_hex(encode(first))})
    fork = joined(first, SCHOOL, "school")
    for document in (third, fork):
        with pytest.raises(ProblemError, match="version-chain"):
            growing.proposed(document)


def test_a_newcomer_reads_the_signatures_that_its_own_rests_on(growing: Growing) -> None:
    """The first version is shown to who joined by the second; to who joined other terms it is not."""
    first = growing.in_force(first_version())
    food = growing.world.partners[FOOD]
    path = f"/v1/agreements/{NAME}/1"
    assert refusal_of(food.get(path)) == (404, "agreement-unknown")
    second = growing.proposed(joined(first))
    body = food.get(path).json()
    assert (body["sha256"], len(body["signatures"])) == (sha256_hex(encode(first)), len(PARTIES))
    assert [item["agreement"] for item in food.get("/v1/agreements").json()["agreements"]] == [second.ref]
    school = growing.enrolled(SCHOOL)
    growing.proposed(amended(joined(second, SCHOOL, "school"), {"/phone_fallback": "450 555-0199"}))
    assert refusal_of(school.get(path)) == (404, "agreement-unknown")
    assert refusal_of(growing.sign(first, FOOD)) == (403, "not-a-party")


def test_a_version_that_was_replaced_has_no_state_to_change(growing: Growing) -> None:
    """Neither ended nor resumed: the operator acts on the version that governs."""
    first = growing.in_force(first_version())
    growing.in_force(joined(first), [FOOD, LINE])
    states: tuple[AgreementState, ...] = ("suspended", "ended", "in-force")
    for state in states:
        with pytest.raises(ProblemError, match="agreement-superseded"):
            growing.change(first, state)


def test_the_old_version_governs_until_the_new_one_does(growing: Growing) -> None:
    """While the amendment is being signed the first version counts; from its coming into force on, only the second."""
    world = growing.world
    first = growing.in_force(first_version())
    second = growing.proposed(
        amended(first, {"/version": 2, "/prev": sha256_hex(encode(first)), "/retention/copy_days": 60})
    )
    assert growing.missing(second) == sorted(PARTIES)
    assert world.line.register(CONSENTED).status_code == 201
    cited = {"/authority/sha256": registered_statement(CONSENTED).sha256}
    referral = world.referral({**under(first), **cited})
    early = world.referral({**under(second), **cited})
    assert refusal_of(world.line.deposit(early)) == (409, "agreement-superseded")
    assert world.line.deposit(referral).status_code == 201
    growing.signed(second, PARTIES)
    growing.change(second, "in-force")
    later = {**cited, "/id": ENVELOPE_ID[:-1] + "z", "/seq": 1}
    assert refusal_of(world.line.deposit(world.message({**under(first), **later}))) == (409, "agreement-superseded")
    assert world.line.deposit(world.message({**under(second), **later})).status_code == 201
    assert len(world.shelter.lease()) == 2


def test_a_suspension_and_its_lifting_act_at_the_next_request(growing: Growing) -> None:
    """Nothing new passes, nothing waiting is handed out, and both go on once it is lifted."""
    world = growing.world
    first = growing.in_force(first_version())
    assert world.line.register(CONSENTED).status_code == 201
    cited = {"/authority/sha256": registered_statement(CONSENTED).sha256}
    growing.change(first, "suspended")
    referral = world.referral({**under(first), **cited})
    assert refusal_of(world.line.deposit(referral)) == (403, "agreement-suspended")
    growing.change(first, "in-force")
    assert world.line.deposit(referral).status_code == 201
    assert world.shelter.deposit(growing.step(first, "T03", 1)).status_code == 201
    growing.change(first, "suspended")
    assert refusal_of(world.shelter.deposit(growing.step(first, "T08", 2))) == (403, "agreement-suspended")
    growing.change(first, "in-force")
    assert world.shelter.deposit(growing.step(first, "T08", 2)).status_code == 201
