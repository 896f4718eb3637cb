"""How long a published key is trusted: periods, revocations, and one life for each key."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import ChainConflictError, PasserelleError, UntrustedKeyError
from keys.identity import RootPublic, SigningKey, key_id
from keys.profiles import KEY_LIVES
from keys.statements import PublishedUse, replay
from tests.keys.builders import (
    ADDRESS,
    DAY,
    NOW,
    ChainBuilder,
    client_key,
    full_chain,
    root,
    sealing_key,
    signing_key,
)


def _refused(chain: ChainBuilder, *, at: timedelta = timedelta(0)) -> tuple[str, str]:
    """The refusal of the last statement of a chain, the others being taken."""
    *before, last = chain.documents
    taken = replay((signed, NOW, index) for index, signed in enumerate(before))
    with pytest.raises(PasserelleError) as caught:
        taken.extend(last, at=NOW + at, index=len(before))
    return caught.value.code, caught.value.pointer


@pytest.mark.parametrize("use", ["root", "signing", "sealing", "oauth"])
def test_a_period_is_no_longer_than_the_use_allows(use: PublishedUse) -> None:
    """The longest life is taken and a millisecond more is not; nor is an empty or a past period."""
    keys: dict[str, bytes | RootPublic] = {
        "root": root("second").public,
        "signing": signing_key("new").public_bytes,
        "sealing": sealing_key("new").public.data,
        "oauth": client_key().public_bytes,
    }
    longest = KEY_LIVES[use] / DAY
    for days, start, taken in (
        (longest, NOW, True),
        (longest + 1 / 86_400_000, NOW, False),
        (0, NOW, False),
        (-1, NOW, False),
        (1, NOW - DAY, False),
        (2, NOW - DAY, True),
    ):
        chain = full_chain()
        chain.add(chain.publication(use, keys[use], days=days, start=start))
        if taken:
            assert len(chain.replay().keys) == 4
        else:
            assert _refused(chain) == ("key-period", "/not_after")


def test_a_period_begins_on_its_first_moment_and_ends_before_its_last() -> None:
    """PROTOCOL §0: not_before ≤ t < not_after."""
    keys = full_chain().replay()
    kid = keys.keys[2].kid
    keys.trusted(kid, "sealing", at=NOW)
    keys.trusted(kid, "sealing", at=NOW + 5 * DAY - timedelta(milliseconds=1))
    for moment in (NOW - timedelta(milliseconds=1), NOW + 5 * DAY):
        with pytest.raises(UntrustedKeyError) as caught:
            keys.trusted(kid, "sealing", at=moment)
        assert caught.value.code == "key-not-in-period"
        with pytest.raises(UntrustedKeyError):
            keys.sealing_key(at=moment)


def test_a_revocation_acts_from_its_index_on() -> None:
    """A signature judged at an earlier index stays good; at the index of the revocation and after it does not."""
    chain = full_chain()
    keys = chain.add(chain.revocation(signing_key().kid, reason="compromised")).replay()
    for index in (1, 2):
        keys.signature_verifier(signing_key().kid, at=NOW, index=index)
    for later in (3, 4, None):
        with pytest.raises(UntrustedKeyError) as caught:
            keys.signature_verifier(signing_key().kid, at=NOW, index=later)
        assert caught.value.code == "key-revoked"


def test_a_key_is_unknown_before_its_index() -> None:
    """The journal is judged as it stood: a key that comes later vouches for nothing earlier."""
    keys = full_chain().replay()
    with pytest.raises(UntrustedKeyError) as caught:
        keys.signature_verifier(signing_key().kid, at=NOW, index=0)
    assert caught.value.code == "key-unknown"


def test_a_revoked_signing_key_publishes_nothing_more() -> None:
    """After its revocation a stolen signing key cannot publish a sealing key to read with."""
    chain = full_chain()
    chain.add(chain.revocation(signing_key().kid))
    chain.add(chain.publication("sealing", sealing_key("stolen").public.data))
    assert _refused(chain)[0] == "key-revoked"


def test_only_the_root_revokes_and_only_what_is_there() -> None:
    """A signing key cannot revoke; an unknown key, or one revoked before, cannot be revoked."""
    chain = full_chain()
    assert _refused(chain.add(chain.revocation(signing_key().kid, signers=(signing_key(),))))[0] == "wrong-signers"
    chain = full_chain()
    assert _refused(chain.add(chain.revocation(f"{ADDRESS}#signing-0"))) == ("key-unknown", "/revokes")
    chain = full_chain()
    chain.add(chain.revocation(signing_key().kid))
    assert _refused(chain.add(chain.revocation(signing_key().kid))) == ("key-unknown", "/revokes")


def test_the_newest_sealing_key_in_force_is_used() -> None:
    """Epochs published ahead wait for their turn, and a revoked one is passed over."""
    chain = full_chain()
    chain.add(chain.publication("sealing", sealing_key("next").public.data, start=NOW + 4 * DAY))
    keys = chain.replay()
    assert keys.sealing_key(at=NOW)[1] == sealing_key().public
    assert keys.sealing_key(at=NOW + 4 * DAY)[1] == sealing_key("next").public
    kid = key_id(ADDRESS, "sealing", sealing_key("next").public.data)
    keys = chain.add(chain.revocation(kid)).replay()
    assert keys.sealing_key(at=NOW + 4 * DAY)[1] == sealing_key().public


def test_a_root_hands_over_to_the_next() -> None:
    """The new root, vouched for by the old one, signs from then on; the fingerprint of agreements stays the first."""
    chain = ChainBuilder().with_root()
    chain.add(chain.publication("root", root("second").public, days=3000))
    chain.add(chain.publication("signing", signing_key().public_bytes, signers=root("second").signers))
    assert chain.replay().root == root().public
    chain.add(chain.revocation(root().signers[0].kid, signers=root().signers))
    assert _refused(chain)[0] == "wrong-signers"


def test_a_revoked_root_signs_nothing_more() -> None:
    """A root may end itself; then nobody can extend the chain."""
    chain = ChainBuilder().with_root()
    chain.add(chain.revocation(root().signers[0].kid, reason="ceased"))
    chain.add(chain.publication("signing", signing_key().public_bytes))
    assert _refused(chain)[0] == "key-unknown"


def test_a_key_has_one_use_and_one_life() -> None:
    """No key, nor either half of a root, comes back: not for another use, not inside another root."""
    first, second = root().public, root("second").public
    reused_root = SigningKey(ADDRESS, "signing", root().ed25519_seed)
    for use, public in (
        ("signing", signing_key().public_bytes),
        ("oauth", signing_key().public_bytes),
        ("sealing", sealing_key().public.data),
        ("signing", reused_root.public_bytes),
        ("root", first),
        ("root", RootPublic(first.ed25519, second.mldsa65)),
        ("root", RootPublic(second.ed25519, first.mldsa65)),
    ):
        chain = full_chain()
        chain.add(chain.publication(use, public, days=1))  # type: ignore[arg-type]  # a use, widened by the loop
        assert _refused(chain) == ("key-already-published", "/public_key")


@given(st.lists(st.sampled_from(["sealing", "revoke-last", "root"]), max_size=5))
def test_replay_is_deterministic_and_the_same_one_by_one(steps: list[str]) -> None:
    """Replaying a chain, or extending it a statement at a time, gives the same keys every time."""
    chain = ChainBuilder().with_root().with_signing()
    for number, step in enumerate(steps):
        if step == "sealing":
            chain.with_sealing(f"step {number}")
        elif step == "root":
            chain.add(chain.publication("root", root(f"step {number}").public, days=100))
            chain = replace(chain, root=root(f"step {number}"))
        else:
            last = chain.replay().keys[-1]
            if last.use == "sealing" and last.revoked_index is None:
                chain.add(chain.revocation(last.kid))
    grown = replay([(chain.documents[0], NOW, 0)])
    for index, signed in enumerate(chain.documents[1:], start=1):
        grown = grown.extend(signed, at=NOW, index=index)
    assert chain.replay() == chain.replay() == grown
    assert grown.seq == len(chain.documents)


def test_a_refused_statement_leaves_the_chain_as_it_was() -> None:
    """Extending gives a new chain; the old one, and what it trusts, never changes."""
    chain = full_chain()
    before = chain.replay()
    with pytest.raises(ChainConflictError):
        before.extend(chain.documents[0], at=NOW, index=3)
    assert before == chain.replay()
