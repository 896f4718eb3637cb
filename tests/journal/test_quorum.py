"""An entry is confirmed once enough witnesses have seen it, each counted once, and the journal itself never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.quorum import Quorum
from journal.notes import Checkpoint, NoteSignature, OpenedNote, VerifiedSignature, open_note, with_cosignatures
from journal.quorum import Confirmation, Group, Member, QuorumPolicy, Witness, agreed_policy
from keys.documents import validate
from keys.errors import MalformedError
from keys.vkeys import ED25519_COSIGNATURE, MLDSA44, Vkey
from tests.journal.builders import AT, ORIGIN, journal_signer
from tests.journal.witnesses import Signer, classic, lasting

JOURNAL = journal_signer()
CHECKPOINT = Checkpoint(ORIGIN, 70_000, bytes(range(32)))
NOTE = JOURNAL.sign(CHECKPOINT, AT)
SHELTER, CLINIC, PUBLIC = lasting("refuge-invente@laval", 1), lasting("clinique-inventee@laval", 2), classic()
ALL = (SHELTER, CLINIC, PUBLIC)


def opened(policy: QuorumPolicy, *signatures: NoteSignature) -> OpenedNote:
    """The note with these cosignatures, opened by a reader of the policy."""
    return open_note(with_cosignatures(NOTE, signatures), JOURNAL.vkeys, witnesses=policy.vkeys)


def policy_of(threshold: int, *signers: Signer) -> QuorumPolicy:
    """So many of these."""
    return QuorumPolicy(threshold, tuple(signer.witness for signer in signers))


@pytest.mark.parametrize("threshold", [0, 1, 2, 3])
@pytest.mark.parametrize("signers", [group for size in range(4) for group in combinations(ALL, size)])
def test_enough_witnesses_confirm_and_the_others_are_named(threshold: int, signers: tuple[Signer, ...]) -> None:
    """Any of them, in any number; whoever has not signed yet is missing, also once there are enough."""
    policy = policy_of(threshold, *ALL)
    found = policy.confirmation(opened(policy, *(each.sign(CHECKPOINT) for each in signers)))
    seen = tuple(each.name for each in ALL if each in signers)
    missing = tuple(each.name for each in ALL if each not in signers)
    assert found == Confirmation(len(signers) >= threshold, seen, missing)


def test_nobody_is_asked_when_the_journals_word_is_enough() -> None:
    """A quorum of nobody is always there."""
    assert QuorumPolicy(0, ()).confirmation(opened(QuorumPolicy(0, ()))) == Confirmation(
        confirmed=True, seen_by=(), missing=()
    )


def test_a_stranger_does_not_count() -> None:
    """Only keys that the policy names do."""
    policy = policy_of(1, PUBLIC)
    stranger = classic("temoin-inconnu.example", 9).sign(CHECKPOINT)
    assert not policy.confirmation(opened(policy, stranger)).confirmed
    wide = open_note(
        with_cosignatures(NOTE, [stranger]), JOURNAL.vkeys, witnesses=[classic("temoin-inconnu.example", 9).vkey]
    )
    assert not policy.confirmation(wide).confirmed


def test_a_witness_that_signs_twice_counts_once() -> None:
    """Two lines by one key, at two moments, are one witness."""
    policy = policy_of(2, *ALL)
    note = OpenedNote(
        CHECKPOINT, (VerifiedSignature(PUBLIC.vkey, AT), VerifiedSignature(PUBLIC.vkey, AT + timedelta(1)))
    )
    assert policy.confirmation(note) == Confirmation(
        confirmed=False, seen_by=(PUBLIC.name,), missing=(SHELTER.name, CLINIC.name)
    )


@pytest.mark.parametrize("key", [classic().key, lasting().key])
def test_one_key_under_two_names_counts_once(key: object) -> None:
    """A quorum of two is not reached by one key, although both names signed."""
    assert isinstance(key, type(classic().key) | type(lasting().key))
    names = [Signer("un-nom.example", key), Signer("un-autre-nom.example", key)]
    policy = policy_of(2, *names)
    found = policy.confirmation(opened(policy, *(each.sign(CHECKPOINT) for each in names)))
    assert (found.confirmed, len(found.seen_by), len(found.missing)) == (False, 1, 1)
    grouped = QuorumPolicy(2, (Group("g", 1, (names[0].witness,)), names[1].witness))
    assert not grouped.confirmation(opened(grouped, *(each.sign(CHECKPOINT) for each in names))).confirmed


def test_a_witness_with_several_keys_counts_once() -> None:
    """An organisation whose key was just replaced signs with either, and is one witness all the same."""
    new = lasting(SHELTER.name, 3)
    both = Witness(SHELTER.name, (SHELTER.vkey, new.vkey))
    for signers in ((SHELTER,), (new,), (SHELTER, new)):
        for threshold in (1, 2):
            policy = QuorumPolicy(threshold, (both, PUBLIC.witness))
            found = policy.confirmation(opened(policy, *(each.sign(CHECKPOINT) for each in signers)))
            assert found == Confirmation(threshold == 1, (SHELTER.name,), (PUBLIC.name,))


def test_an_undated_signature_does_not_count() -> None:
    """It does not say that nothing larger had been seen."""
    policy = policy_of(1, PUBLIC)
    undated = OpenedNote(CHECKPOINT, (VerifiedSignature(PUBLIC.vkey, None),))
    assert policy.confirmation(undated) == Confirmation(confirmed=False, seen_by=(), missing=(PUBLIC.name,))


@pytest.mark.parametrize(
    "impostor",
    [
        Vkey(ORIGIN, MLDSA44, lasting().vkey.public_key),
        Vkey("temoin.example", MLDSA44, JOURNAL.vkeys[1].public_key),
        Vkey("temoin.example", ED25519_COSIGNATURE, JOURNAL.vkeys[0].public_key),
    ],
)
def test_the_journal_never_confirms_itself(impostor: Vkey) -> None:
    """Neither under its name nor by its keys, even where the note was opened without that check."""
    policy = QuorumPolicy(1, (Witness("temoin", (impostor,)),))
    with pytest.raises(MalformedError, match="witness-is-the-journal"):
        opened(policy)
    own = tuple(VerifiedSignature(vkey, AT) for vkey in JOURNAL.vkeys)
    unchecked = OpenedNote(CHECKPOINT, (*own, VerifiedSignature(impostor, AT)))
    assert not policy.confirmation(unchecked).confirmed


def test_groups_count_as_one_each() -> None:
    """Two of three here and any of two there: the rule of each group holds on its own."""
    here = [classic(f"ici-{number}.example", 10 + number) for number in range(3)]
    there = [classic(f"la-{number}.example", 20 + number) for number in range(2)]
    groups = (
        Group("ici", 2, tuple(each.witness for each in here)),
        Group("la", 1, tuple(each.witness for each in there)),
    )
    policy = QuorumPolicy(2, groups)

    def confirmed(*signers: Signer) -> bool:
        return policy.confirmation(opened(policy, *(each.sign(CHECKPOINT) for each in signers))).confirmed

    assert confirmed(here[0], here[2], there[1])
    assert confirmed(*here, *there)
    assert not confirmed(*here)
    assert not confirmed(here[0], *there)
    assert not confirmed(*there)
    assert [vkey.name for vkey in policy.vkeys] == [each.name for each in (*here, *there)]


@pytest.mark.parametrize(
    ("threshold", "members", "code"),
    [
        (-1, (), "out-of-range"),
        (1, (), "out-of-range"),
        (2, (PUBLIC.witness,), "out-of-range"),
        (1, (Group("g", 0, (PUBLIC.witness,)),), "out-of-range"),
        (1, (Group("g", 2, (PUBLIC.witness,)),), "out-of-range"),
        (1, (Group("g", 1, ()),), "out-of-range"),
        (1, (PUBLIC.witness, replace(SHELTER.witness, name=PUBLIC.name)), "duplicate-entry"),
        (1, (PUBLIC.witness, Group("g", 1, (PUBLIC.witness,))), "duplicate-entry"),
        (1, (Group("g", 1, (replace(PUBLIC.witness, name="g"),)),), "duplicate-entry"),
        (1, (replace(PUBLIC.witness, name="none"),), "wrong-name"),
        (1, (replace(PUBLIC.witness, name=""),), "wrong-name"),
        (1, (replace(PUBLIC.witness, name="a b"),), "wrong-name"),
        (1, (replace(PUBLIC.witness, name="a\x00"),), "wrong-name"),
    ],
)
def test_a_quorum_that_means_nothing_cannot_be_made(threshold: int, members: tuple[Member, ...], code: str) -> None:
    """Out of reach, of nobody, or with names that could be two things."""
    with pytest.raises(MalformedError, match=code):
        QuorumPolicy(threshold, members)


def test_an_agreed_quorum_takes_the_keys_that_organisations_published() -> None:
    """An address counts by any of the organisation's keys, a vkey by itself, and who published none is missing."""
    quorum = validate(Quorum, {"threshold": 2, "witnesses": [SHELTER.name, CLINIC.name, str(PUBLIC.vkey)]})
    published = {SHELTER.name: [SHELTER.vkey.public_key, lasting("x", 3).vkey.public_key], CLINIC.name: []}
    policy = agreed_policy(quorum, published.__getitem__, JOURNAL.vkeys)
    assert policy.logs == JOURNAL.vkeys
    assert [vkey.name for vkey in policy.vkeys] == [SHELTER.name, SHELTER.name, PUBLIC.name]
    both = opened(policy, lasting(SHELTER.name, 3).sign(CHECKPOINT), PUBLIC.sign(CHECKPOINT))
    seen = (SHELTER.name, PUBLIC.name)
    assert policy.confirmation(both) == Confirmation(confirmed=True, seen_by=seen, missing=(CLINIC.name,))
    assert not policy.confirmation(opened(policy, CLINIC.sign(CHECKPOINT), PUBLIC.sign(CHECKPOINT))).confirmed


@pytest.mark.parametrize("text", [SHELTER.name, str(Vkey("temoin.example", MLDSA44, JOURNAL.vkeys[1].public_key))])
def test_a_party_that_gives_out_the_journals_key_as_its_own_stops_nobody(text: str) -> None:
    """It is missing, and the others read and confirm the journal as before."""
    quorum = validate(Quorum, {"threshold": 1, "witnesses": [text, str(PUBLIC.vkey)]})
    policy = agreed_policy(quorum, lambda _: [JOURNAL.vkeys[1].public_key], JOURNAL.vkeys)
    found = policy.confirmation(opened(policy, PUBLIC.sign(CHECKPOINT)))
    assert (found.confirmed, found.seen_by, len(found.missing)) == (True, (PUBLIC.name,), 1)


@given(st.lists(st.integers(1, 6), max_size=8), st.integers(0, 6))
def test_adding_a_signature_never_unconfirms(numbers: list[int], threshold: int) -> None:
    """What is confirmed stays so, and as many witnesses have seen it as different keys signed."""
    signers = [classic(f"t{number}.example", 30 + number) for number in range(1, 7)]
    policy = policy_of(threshold, *signers)
    before: Confirmation | None = None
    for count in range(len(numbers) + 1):
        signed = tuple(VerifiedSignature(signers[number - 1].vkey, AT) for number in numbers[:count])
        found = policy.confirmation(OpenedNote(CHECKPOINT, signed))
        assert len(found.seen_by) == len(set(numbers[:count]))
        assert found.confirmed == (len(found.seen_by) >= threshold)
        assert before is None or set(before.seen_by) <= set(found.seen_by)
        before = found
