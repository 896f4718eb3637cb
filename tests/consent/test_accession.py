"""Accession: a newcomer joins without everybody signing again, and nothing else slips in with it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.accession import SignedVersion, bound, signatories, unsigned
from consent.agreement import Agreement
from keys.documents import encode, sha256_hex
from tests.builders import HEALTH, LINE, NEWCOMERS, PARTIES, SHELTER, agreement, root_key
from tests.partnership import FOOD, SCHOOL, amended, founding, joined

EVERYBODY = frozenset({*PARTIES, FOOD})


def version(document: Agreement, signers: Iterable[str]) -> SignedVersion:
    """A version that these parties signed themselves."""
    return SignedVersion(document, sha256_hex(encode(document)), frozenset(signers))


def test_the_first_version_is_signed_by_everybody() -> None:
    """There is nothing that a signature could be carried over from."""
    assert signatories(None, founding()) == frozenset(PARTIES)
    assert unsigned([version(founding(), [LINE, SHELTER])]) == {HEALTH, NEWCOMERS}


def test_a_newcomer_and_those_named_sign_and_the_others_need_not() -> None:
    """The newcomer's root and those that the agreement names for it; the signatures of the others stand."""
    assert signatories(founding(), joined()) == {FOOD, LINE}
    chain = [version(founding(), PARTIES), version(joined(), [FOOD, LINE])]
    assert bound(chain) == EVERYBODY
    assert unsigned(chain) == frozenset()


@pytest.mark.parametrize(("signers", "lacking"), [([], {FOOD, LINE}), ([FOOD], {LINE}), ([LINE, SHELTER], {FOOD})])
def test_until_they_all_signed_nothing_is_carried_over(signers: list[str], lacking: set[str]) -> None:
    """A newcomer whom nobody admitted binds nobody: else the broker could add an organisation of its own."""
    chain = [version(founding(), PARTIES), version(joined(), signers)]
    assert bound(chain) == frozenset(signers)
    assert unsigned(chain) == lacking


def test_signatures_are_carried_over_several_versions() -> None:
    """Who joined by the second version need not sign the third, by which somebody else joins."""
    third = joined(joined(), SCHOOL, "school")
    chain = [version(founding(), PARTIES), version(joined(), [FOOD, LINE]), version(third, [SCHOOL, LINE])]
    assert bound(chain) == EVERYBODY | {SCHOOL}


def test_a_party_that_never_signed_is_not_bound_by_somebody_joining() -> None:
    """What is carried over has to be there."""
    chain = [version(founding(), [LINE, SHELTER, HEALTH]), version(joined(), [FOOD, LINE])]
    assert bound(chain) == {LINE, SHELTER, HEALTH, FOOD}
    assert unsigned(chain) == {NEWCOMERS}


@pytest.mark.parametrize(
    "changes",
    [
        {"/articles/0/sections/6": "documents"},
        {"/articles/0/to/1": "health"},
        {"/articles/0/clear": []},
        {"/articles/0/answer_delays/tonight": "15 minutes"},
        {"/articles/1/text_fr": "Autre chose."},
        {"/articles/1/emergency": True},
        {"/parties/1/root_fingerprint": root_key(SHELTER, "another").public.fingerprint},
        {"/parties/1/roles/1": "health"},
        {"/parties/1/legal_name": "Refuge Autrement Inventé"},
        {"/parties/1/jurisdiction": "FR"},
        {"/accession": [SHELTER]},
        {"/accession": []},
        {"/retention/copy_days": 91},
        {"/quorum": {"threshold": 1, "witnesses": [SHELTER]}},
        {"/broker/journal/0": "journal vkey three"},
        {"/phone_fallback": "450 555-0199"},
        {"/impact_assessment/reference": "EFVP inventée 2026-2"},
        {"/time_zone": "Europe/Paris"},
        {"/not_before": "2026-02-01T05:00:00.001Z"},
        {"/not_after": "2028-02-01T05:00:00.000Z"},
        {"/parties/4/roles": ["food-aid", "auditor"]},
        {"/version": 3},
    ],
)
def test_whatever_else_changes_is_signed_by_everybody(changes: dict[str, object]) -> None:
    """An article, a root, a period, an auditor: slipped in with a newcomer, it binds only those who signed it."""
    document = amended(joined(), changes)
    assert signatories(founding(), document) == EVERYBODY
    chain = [version(founding(), PARTIES), version(document, [FOOD, LINE])]
    assert bound(chain) == {FOOD, LINE}
    assert unsigned(chain) == {SHELTER, HEALTH, NEWCOMERS}


def test_an_agreement_that_names_nobody_provides_for_no_accession() -> None:
    """An empty list does not mean that whoever wants to may join."""
    without = agreement()
    newcomers = joined(without)
    assert newcomers.accession == ()
    assert signatories(without, newcomers) == EVERYBODY


def test_a_party_that_leaves_is_a_change_for_everybody() -> None:
    """One in, one out: those who remain sign."""
    document = joined()
    remaining = [party.model_dump(mode="json") for party in document.parties if party.address != HEALTH]
    swapped = amended(document, {"/parties": remaining})
    assert signatories(founding(), swapped) == EVERYBODY - {HEALTH}
    assert bound([version(founding(), PARTIES), version(swapped, [FOOD, LINE])]) == {FOOD, LINE}


def test_a_version_that_adds_nobody_is_signed_by_everybody() -> None:
    """The same text under the next number is not a way to have fewer signatures."""
    document = amended(founding(), {"/version": 2, "/prev": sha256_hex(encode(founding()))})
    assert signatories(founding(), document) == frozenset(PARTIES)


def test_a_version_hands_on_only_to_the_one_that_names_it() -> None:
    """Another text under the number before, or a version left out, carries nothing over."""
    other = amended(founding(), {"/phone_fallback": "450 555-0199"})
    assert bound([version(other, PARTIES), version(joined(), [FOOD, LINE])]) == {FOOD, LINE}
    third = joined(joined(), SCHOOL, "school")
    assert bound([version(founding(), PARTIES), version(third, [SCHOOL, LINE])]) == {SCHOOL, LINE}
    assert unsigned([version(joined(), [FOOD, LINE])]) == {SHELTER, HEALTH, NEWCOMERS}


def test_a_signature_of_somebody_else_counts_for_nothing() -> None:
    """Only parties of the very version sign it."""
    chain = [version(founding(), [*PARTIES, FOOD]), version(joined(), [LINE, SCHOOL])]
    assert bound(chain) == {LINE}
    assert unsigned(chain) == {FOOD}


@given(
    first=st.frozensets(st.sampled_from(sorted(PARTIES))),
    second=st.frozensets(st.sampled_from(sorted(EVERYBODY))),
    widened=st.booleans(),
)
def test_nobody_is_bound_without_having_signed_what_binds_it(
    first: frozenset[str], second: frozenset[str], *, widened: bool
) -> None:
    """Whoever signed what: a party is bound by its own signature of a version, or of the same terms before."""
    document = amended(joined(), {"/articles/1/sections/2": "housing"}) if widened else joined()
    chain = [version(founding(), first), version(document, second)]
    carried = frozenset() if widened or not {FOOD, LINE} <= second else first
    assert bound(chain) == second | carried
    assert (not unsigned(chain)) == (bound(chain) == EVERYBODY and (not widened or second == EVERYBODY))
