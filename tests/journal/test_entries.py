"""Entries say what happened in closed codes, and a leaf binds to exactly one entry at exactly one place."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.entries import (
    ENTRY_TYPES,
    MAX_ENTRY,
    ClearLeaf,
    CommitmentLeaf,
    Entry,
    Opening,
    clear_leaf,
    commitment_leaf,
    must_be_clear,
    open_leaf,
    read_entry,
    read_leaf,
)
from keys.documents import encode, parse
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.strictjson import dumps
from tests.journal.builders import SALT, entry_bytes, entry_members, key_entry_bytes


def opening(**changes: object) -> Opening:
    """The opening of a valid entry."""
    return Opening(entry_bytes(**changes), SALT)


def test_an_entry_comes_back_with_the_same_bytes() -> None:
    """What was written is read, and written again it is the same, byte for byte."""
    data = entry_bytes(index=7)
    entry = read_entry(data, 7)
    assert encode(entry) == data == dumps(entry_members(index=7))
    assert (entry.from_, entry.to, entry.sections) == (
        "ligne-211@laval",
        "refuge-invente@laval",
        ("identity", "contact"),
    )


def test_the_types_are_those_of_the_protocol() -> None:
    """Every group of the protocol is there with its members, and nothing else."""
    groups = {
        "agreement": {"proposed", "signed", "in-force", "suspended", "ended"},
        "key": {"published", "revoked"},
        "client": {"registered", "suspended", "scopes"},
        "consent": {"registered", "withdrawn", "expired", "answered"},
        "envelope": {"accepted", "refused", "released", "acknowledged", "expired", "destroyed"},
        "task": {"transition"},
        "emergency": {"declared", "reviewed"},
        "incident": {"opened", "escalated"},
        "audit": {"read"},
        "admin": {"change"},
        "stats": {"published"},
        "erasure": {""},
        "journal": {"rotated"},
    }
    assert set(ENTRY_TYPES) == {f"{group}.{act}".rstrip(".") for group, acts in groups.items() for act in acts}
    assert {name for name in ENTRY_TYPES if must_be_clear(name)} == {
        name for name in ENTRY_TYPES if name.split(".")[0] in {"agreement", "key", "journal"}
    }


def test_the_members_are_those_of_the_protocol() -> None:
    """An entry has the members of PROTOCOL §7, in its order, under their names on the wire."""
    wire = [field.alias or name for name, field in Entry.model_fields.items()]
    assert " ".join(wire) == (
        "v index time type actor from to ref part_of replaces envelope payload_sha256 signer_kid seal_kid agreement "
        "agreement_sha256 article statement version statement_sha256 state expires purpose sections need territory "
        "transition reason rule justification document"
    )


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"type": "envelope.opened"}, "unknown-code", "/type"),
        ({"type": "erasure.done"}, "unknown-code", "/type"),
        ({"index": True}, "wrong-type", "/index"),
        ({"index": -1}, "out-of-range", "/index"),
        ({"v": 2}, "out-of-range", "/v"),
        ({"time": "2026-03-01T14:05:00Z"}, "bad-time", "/time"),
        ({"time": 0}, "bad-time", "/time"),
        ({"actor": "Inventée Personne-Fictive"}, "wrong-form", "/actor"),
        ({"reason": "Madame Inventée a appelé"}, "wrong-form", "/reason"),
        ({"sections": "identity"}, "wrong-type", "/sections"),
        ({"sections": ["identity", "nom : Inventée"]}, "wrong-form", "/sections/1"),
        ({"sections": ["identity"] * 65}, "too-long", "/sections"),
        ({"ref": "ref_" + "a" * 25}, "wrong-form", "/ref"),
        ({"agreement": "agr_" + "c" * 26}, "wrong-form", "/agreement"),
        ({"agreement_sha256": "AB" * 32}, "wrong-form", "/agreement_sha256"),
        ({"transition": "T2"}, "wrong-form", "/transition"),
        ({"document": "AAE="}, "bad-base64", "/document"),
        ({"justification": {"envelope": "env_" + "b" * 26}}, "missing-field", "/justification/sha256"),
        ({"actor": None}, "missing-field", "/actor"),
        ({"note": "appeler"}, "unknown-field", "/note"),
        ({"type": "agreement.signed", "agreement_sha256": None}, "missing-field", "/agreement_sha256"),
        ({"type": "key.published"}, "missing-field", "/document"),
        ({"type": "key.revoked", "document": ""}, "missing-field", "/document"),
    ],
)
def test_what_is_not_an_entry_is_refused(changes: dict[str, object], code: str, pointer: str) -> None:
    """Anything outside the closed forms is refused, and the error says where."""
    with pytest.raises(MalformedError) as caught:
        read_entry(dumps(entry_members(**changes)), 0)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_an_absent_member_is_never_null() -> None:
    """A null member is refused: one entry has one spelling."""
    with pytest.raises(MalformedError) as caught:
        parse(Entry, dumps(entry_members() | {"need": None}), limit=MAX_ENTRY)
    assert (caught.value.code, caught.value.pointer) == ("null-not-allowed", "/need")


def test_a_member_cannot_be_given_under_its_name_in_the_code() -> None:
    """`from_` is our name for `from`; on the wire it is an unknown member."""
    with pytest.raises(MalformedError) as caught:
        parse(Entry, dumps(entry_members() | {"from_": "ligne-211@laval"}), limit=MAX_ENTRY)
    assert caught.value.code == "unknown-field"


def test_the_commitment_is_the_salted_digest_of_the_protocol() -> None:
    """The leaf is 0x01 and SHA-256 over the domain, the salt and the entry: 33 bytes."""
    shown = opening()
    digest = hashlib.sha256(b"passerelle/leaf/1\x00" + SALT + shown.entry).digest()
    assert commitment_leaf(shown) == b"\x01" + digest
    assert read_leaf(commitment_leaf(shown), 5) == CommitmentLeaf(digest)


def test_a_commitment_opens_with_its_opening_only() -> None:
    """The right entry and salt open a leaf; another salt, or one changed byte of the entry, does not."""
    shown = opening(index=3)
    leaf = commitment_leaf(shown)
    assert open_leaf(leaf, shown, 3) == read_entry(shown.entry, 3)
    for forged in (Opening(shown.entry, bytes(32)), opening(index=3, version=2), opening(index=4)):
        with pytest.raises(ForgedError) as caught:
            open_leaf(leaf, forged, 3)
        assert caught.value.code == "wrong-opening"


def test_the_salt_hides_the_entry() -> None:
    """The same entry under two salts gives two leaves that do not show it is the same."""
    data = entry_bytes()
    assert commitment_leaf(Opening(data, SALT)) != commitment_leaf(Opening(data, SALT[::-1]))
    assert data not in commitment_leaf(Opening(data, SALT))


def test_salt_and_entry_cannot_be_shifted_against_each_other() -> None:
    """A salt of another length is refused, so that no byte of the entry can pass for a byte of the salt."""
    for salt in (SALT[:-1], SALT + b"{", b""):
        with pytest.raises(MalformedError) as caught:
            Opening(entry_bytes(), salt)
        assert caught.value.code == "wrong-salt"


def test_an_entry_moved_to_another_place_is_forged() -> None:
    """An entry read at another index than its own is refused, in clear and in commitment form."""
    with pytest.raises(ForgedError) as caught:
        read_leaf(clear_leaf(key_entry_bytes(index=4)), 5)
    assert caught.value.code == "wrong-index"
    shown = opening(index=4)
    with pytest.raises(ForgedError) as caught:
        open_leaf(commitment_leaf(shown), shown, 5)
    assert caught.value.code == "wrong-index"


def test_a_key_hidden_in_a_commitment_is_refused_when_opened() -> None:
    """A broker cannot keep a key, or an agreement's digest, from those who replay clear leaves only."""
    hidden = [Opening(key_entry_bytes(), SALT), opening(type="agreement.in-force")]
    for shown in hidden:
        with pytest.raises(ForgedError) as caught:
            open_leaf(commitment_leaf(shown), shown, 0)
        assert caught.value.code == "must-be-clear"


def test_a_clear_leaf_shows_its_exact_bytes() -> None:
    """A clear leaf is 0x02 and the entry, read at once; there is nothing to open."""
    data = key_entry_bytes(index=2)
    read = read_leaf(clear_leaf(data), 2)
    assert isinstance(read, ClearLeaf)
    assert (read.data, read.entry.document) == (data, b"\x00\x01\x02")
    with pytest.raises(MalformedError) as caught:
        open_leaf(clear_leaf(data), Opening(data, SALT), 2)
    assert caught.value.code == "leaf-already-clear"


@pytest.mark.parametrize(
    ("leaf", "code"),
    [
        (b"", "unknown-leaf"),
        (b"\x00" + bytes(32), "unknown-leaf"),
        (b"\x03" + bytes(32), "unknown-leaf"),
        (b"\x01" + bytes(31), "wrong-leaf-size"),
        (b"\x01" + bytes(33), "wrong-leaf-size"),
        (b"\x02", "not-json"),
        (b"\x02{}", "missing-field"),
        (b"\x02" + entry_bytes() + b" {}", "not-json"),
        (b"\x01" + bytes(0xFFFF), "too-large"),
    ],
)
def test_what_is_not_a_leaf_is_refused(leaf: bytes, code: str) -> None:
    """Unknown forms, wrong lengths and malformed entries are refused."""
    with pytest.raises(MalformedError) as caught:
        read_leaf(leaf, 0)
    assert caught.value.code == code


def test_an_entry_too_large_for_a_leaf_is_refused_in_both_forms() -> None:
    """65,534 bytes fit; one more fits neither a clear leaf nor an opening."""
    assert len(clear_leaf(bytes(MAX_ENTRY))) == 65_535
    assert Opening(bytes(MAX_ENTRY), SALT).salt == SALT
    with pytest.raises(MalformedError) as clear:
        clear_leaf(bytes(MAX_ENTRY + 1))
    with pytest.raises(MalformedError) as committed:
        Opening(bytes(MAX_ENTRY + 1), SALT)
    assert clear.value.code == committed.value.code == "too-large"


def test_an_opening_never_prints_its_entry() -> None:
    """An opening that ends in a log or a trace says nothing of who refers to whom."""
    assert "refuge-invente" not in repr(opening())


@given(st.binary(max_size=200), st.integers(min_value=-5, max_value=10))
def test_garbage_leaves_raise_our_errors_only(data: bytes, index: int) -> None:
    """Whatever the bytes, reading them refuses with an error that callers handle, or reads a commitment."""
    for leaf in (data, b"\x01" + data, b"\x02" + data, b"\x02" + entry_bytes()[: len(data)]):
        try:
            read = read_leaf(leaf, index)
        except PasserelleError:
            continue
        assert isinstance(read, CommitmentLeaf)


@given(st.data())
def test_any_flipped_bit_of_a_commitment_or_its_opening_is_found(data: st.DataObject) -> None:
    """No bit of the leaf, of the salt or of the entry can change unnoticed."""
    shown = opening()
    parts = [commitment_leaf(shown), shown.entry, shown.salt]
    which = data.draw(st.integers(0, 2))
    bit = data.draw(st.integers(0, len(parts[which]) * 8 - 1))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)
    with pytest.raises(PasserelleError):
        open_leaf(parts[0], Opening(parts[1], parts[2]), 0)
