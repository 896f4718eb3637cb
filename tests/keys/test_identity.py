"""Key pairs, their names and fingerprints, and that private halves are never shown."""

import base64
import hashlib
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from keys.errors import ForgedError, WeakKeyError
from keys.identity import (
    ClientKey,
    RootKey,
    RootPublic,
    SigningKey,
    fingerprint_digits,
    key_id,
    root_verifiers,
    verifier,
)
from keys.sealing_keys import XWING_PUBLIC_BYTES, SealingKey
from tests.keys.builders import ADDRESS, client_key, root, sealing_key, signing_key


def test_a_key_id_is_a_digest_under_an_address() -> None:
    """PROTOCOL §1: the address, the use, and 32 hexadecimal digits of SHA-256."""
    assert key_id("a@b", "signing", b"x") == f"a@b#signing-{hashlib.sha256(b'x').hexdigest()[:32]}"


def test_keys_are_made_of_their_seeds() -> None:
    """The vector of RFC 8032 §7.1, and sizes of the other kinds."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey(ADDRESS, "signing", seed)
    assert key.public_bytes.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    assert (len(root().public.ed25519), len(root().public.mldsa65)) == (32, 1952)
    assert len(sealing_key().public.data) == XWING_PUBLIC_BYTES == 1216
    assert len(client_key().public_bytes) == 65


def test_no_two_generated_keys_are_the_same() -> None:
    """Randomness comes from the system for each key and each half."""
    assert len({SigningKey.generate(ADDRESS).seed for _ in range(20)}) == 20
    fresh = RootKey.generate(ADDRESS)
    assert fresh.ed25519_seed != fresh.mldsa65_seed


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_another_size_makes_no_key(size: int) -> None:
    """A cut or doubled seed is refused for each kind of key, never stretched."""
    seed = b"\x01" * size
    with pytest.raises(ValueError, match=r".*"):
        _ = SigningKey(ADDRESS, "signing", seed).public_bytes
    with pytest.raises(ValueError, match=r".*"):
        SealingKey(seed)
    with pytest.raises(ValueError, match=r".*"):
        _ = RootKey(ADDRESS, b"\x01" * 32, seed).public


def test_secrets_are_not_printed() -> None:
    """Neither `repr` nor `str` of a key, or of its signers, shows the private half in any writing."""
    for key, secret in (
        (signing_key(), signing_key().seed),
        (root(), root().ed25519_seed),
        (root(), root().mldsa65_seed),
        (root().signers, root().ed25519_seed),
        (root().signers, root().mldsa65_seed),
        (sealing_key(), sealing_key().seed),
        (client_key(), client_key().scalar),
    ):
        shown = f"{key!r} {key}"
        assert repr(secret) not in shown
        assert secret.hex() not in shown
        assert base64.b64encode(secret).decode() not in shown


def test_the_fingerprint_is_computed_from_both_halves() -> None:
    """PROTOCOL §2, computed here once more; exchanging either half changes it."""
    public = root().public
    digest = hashlib.sha256(b"passerelle/root/1\x00" + public.ed25519 + public.mldsa65).digest()
    assert public.fingerprint == base64.b32encode(digest).decode()[:26]
    digits = fingerprint_digits(public)
    assert int(digits.replace(" ", "")) == int.from_bytes(digest, "big") % 10**60
    other = root("second").public
    for mixed in (RootPublic(other.ed25519, public.mldsa65), RootPublic(public.ed25519, other.mldsa65)):
        assert mixed.fingerprint != public.fingerprint
        assert fingerprint_digits(mixed) != digits


def test_the_digits_are_always_twelve_groups_of_five() -> None:
    """Leading zeros are kept, so that what is read aloud has one length."""
    for number in range(200):
        groups = fingerprint_digits(RootPublic(number.to_bytes(32), b"")).split(" ")
        assert [len(group) for group in groups] == [5] * 12
        assert "".join(groups).isdecimal()


def test_a_client_key_survives_its_scalar() -> None:
    """A sign-in key made again from its 32 bytes is the same key, on the curve."""
    again = ClientKey(ADDRESS, client_key().scalar)
    assert again.public_bytes == client_key().public_bytes
    assert again.kid == client_key().kid == key_id(ADDRESS, "oauth", client_key().public_bytes)


def test_a_verifier_raises_and_answers_nothing() -> None:
    """Verification returns None when it holds: there is no boolean to forget."""
    signature = signing_key().sign(b"message")
    check = verifier(ADDRESS, "signing", signing_key().public_bytes)
    check.verify(signature, b"message")
    with pytest.raises(ForgedError):
        check.verify(signature, b"massage")


def test_a_root_needs_two_sound_halves() -> None:
    """Neither half of a root may be weak or of another size."""
    public = root().public
    with pytest.raises(WeakKeyError):
        root_verifiers(ADDRESS, RootPublic(b"\x01" + bytes(31), public.mldsa65))
    with pytest.raises(WeakKeyError):
        root_verifiers(ADDRESS, RootPublic(public.ed25519, public.mldsa65[:-1]))


def test_our_signatures_verify_elsewhere() -> None:
    """Both halves of a root sign as the library's own classes verify, the ML-DSA context being empty."""
    classic, lattice = (signer.sign(b"message") for signer in root().signers)
    ed25519.Ed25519PublicKey.from_public_bytes(root().public.ed25519).verify(classic, b"message")
    mldsa.MLDSA65PublicKey.from_public_bytes(root().public.mldsa65).verify(lattice, b"message")


def test_a_loaded_private_key_does_not_follow_a_copy() -> None:
    """The library's key objects cannot be pickled, so a used key does not leave its process by accident."""
    _ = signing_key().kid
    with pytest.raises(TypeError):
        pickle.dumps(signing_key())
