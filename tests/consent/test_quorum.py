"""Only a witness that the broker neither is nor could make up counts, and nobody counts for two."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from consent.agreement import read_agreement
from consent.quorum import Quorum
from keys import strictjson
from keys.documents import encode, validate
from keys.errors import MalformedError
from keys.vkeys import ED25519, ED25519_COSIGNATURE, MLDSA44, Vkey
from tests.invented import LINE, SHELTER, agreement_members

CLASSIC = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key().public_bytes_raw()
ANOTHER = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
LASTING = MLDSA44PrivateKey.from_seed_bytes(bytes(range(32))).public_key().public_bytes_raw()
WITNESS = str(Vkey("temoin-invente.example/t1", ED25519_COSIGNATURE, CLASSIC))
OTHER = str(Vkey("autre-temoin.example", MLDSA44, LASTING))
ORIGIN = "passerelle.example/laval/journal/2026"


def quorum(*witnesses: str, threshold: int = 1) -> Quorum:
    """A quorum of these witnesses, read as it comes on the wire."""
    return validate(Quorum, {"threshold": threshold, "witnesses": list(witnesses)})


def code_of(*witnesses: str, threshold: int = 1) -> tuple[str, str]:
    """The slug with which a quorum is refused, and where."""
    with pytest.raises(MalformedError) as caught:
        quorum(*witnesses, threshold=threshold)
    return caught.value.code, caught.value.pointer


def test_a_witness_is_a_party_by_its_address_or_a_key() -> None:
    """Both spellings are read, written back the same, and told apart."""
    read = quorum(SHELTER, WITNESS, OTHER, threshold=3)
    assert read.witnesses == (SHELTER, WITNESS, OTHER)
    assert read.addresses == (SHELTER,)
    assert validate(Quorum, strictjson.loads(encode(read), limit=10_000)) == read
    assert quorum(threshold=0).addresses == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("witness one", "wrong-vkey"),
        (f"{WITNESS} ", "wrong-vkey"),
        (WITNESS.replace("temoin", "Temoin"), "wrong-vkey"),
        (f"{SHELTER}\n", "wrong-vkey"),
        (SHELTER.upper(), "wrong-vkey"),
        (str(Vkey("temoin.example", ED25519, CLASSIC)), "not-a-witness-key"),
        (str(Vkey("temoin.example", ED25519_COSIGNATURE, bytes(32))), "key-small-order"),
        ("a", "too-short"),
        ("a" * 5000, "too-long"),
    ],
)
def test_whatever_else_names_a_witness_is_refused(text: str, code: str) -> None:
    """A text that no two programs would read the same, a key of a journal, a key under which anybody signs."""
    assert code_of(text) == (code, "/witnesses/0")


@pytest.mark.parametrize(
    "again",
    [
        WITNESS,
        str(Vkey("un-autre-nom.example", ED25519_COSIGNATURE, CLASSIC)),
        str(Vkey("temoin-invente.example/t1", MLDSA44, LASTING)),
    ],
)
def test_nobody_counts_for_two(again: str) -> None:
    """The same text, the same key under another name, another key under the same name: one witness, listed twice."""
    assert code_of(WITNESS, SHELTER, again) == ("duplicate-entry", "/witnesses/2")


def test_an_organisation_does_not_count_again_by_its_key() -> None:
    """Its address already stands for every witness key it publishes."""
    assert code_of(SHELTER, str(Vkey(SHELTER, MLDSA44, LASTING))) == ("duplicate-entry", "/witnesses/1")


def test_a_quorum_can_be_reached() -> None:
    """No more witnesses are asked for than there are."""
    assert code_of(WITNESS, threshold=2) == ("out-of-range", "/threshold")
    assert code_of(threshold=1) == ("out-of-range", "/threshold")
    assert code_of(WITNESS, threshold=-1) == ("out-of-range", "/threshold")


@pytest.mark.parametrize(
    "own",
    [
        str(Vkey(ORIGIN, ED25519_COSIGNATURE, ANOTHER)),
        str(Vkey("tout-autre-nom.example", ED25519_COSIGNATURE, CLASSIC)),
        str(Vkey("tout-autre-nom.example", MLDSA44, LASTING)),
    ],
    ids=["its-name", "its-ed25519-key", "its-ml-dsa-key"],
)
def test_a_journal_does_not_confirm_itself(own: str) -> None:
    """A witness under the journal's name, or with a key of the journal under any name, is refused in an agreement."""
    changes = {
        "/broker/journal": [str(Vkey(ORIGIN, ED25519, CLASSIC)), str(Vkey(ORIGIN, MLDSA44, LASTING))],
        "/quorum": {"threshold": 1, "witnesses": [LINE, own]},
    }
    with pytest.raises(MalformedError) as caught:
        read_agreement(strictjson.dumps(agreement_members(changes)))
    assert (caught.value.code, caught.value.pointer) == ("witness-is-the-journal", "/quorum/witnesses/1")


def test_a_witness_named_as_nobody_is_refused() -> None:
    """In a policy that name stands for a quorum that asks for nobody: an agreement with it could be read by none."""
    assert code_of(str(Vkey("none", ED25519_COSIGNATURE, ANOTHER))) == ("wrong-name", "/witnesses/0")
