"""Only the recipient opens, everything or nothing, and only what was sealed where it was sealed."""

import base64
import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from hypothesis import given
from hypothesis import strategies as st

from keys.documents import b64url
from keys.errors import CannotOpenError, MalformedError
from keys.profiles import PQ1
from keys.sealing import MAX_KEY_BLOCK, SealedParts, Slot, open_sections, seal_sections
from keys.sealing_keys import SealingKey
from tests.keys.builders import sealing_key

PROTECTED = b64url(b'{"v":1}')
KID = "refuge-invente@laval#sealing-00"
IDENTITY = Slot("s1", "identity")
HOUSING = Slot("s2", "housing")
SECTIONS = {IDENTITY: b"Inventee Personne-Fictive", HOUSING: b"x" * 3000}
VECTORS = Path(cryptography_vectors.__file__).parent


def _sealed(sections: Mapping[Slot, bytes] = SECTIONS) -> SealedParts:
    return seal_sections(PROTECTED, KID, sealing_key().public, sections)


SEALED = _sealed()


def _opened(
    parts: SealedParts = SEALED,
    *,
    protected: str = PROTECTED,
    kid: str = KID,
    key: SealingKey | None = None,
    slots: tuple[Slot, ...] = (IDENTITY, HOUSING),
) -> dict[str, bytes]:
    return open_sections(protected, kid, key or sealing_key(), parts, slots)


def _refused(parts: SealedParts = SEALED, **changes: Any) -> str:  # noqa: ANN401 - any argument of `_opened`
    with pytest.raises(CannotOpenError) as caught:
        _opened(parts, **changes)
    return caught.value.code


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def _hpke_vectors() -> Iterator[dict[str, Any]]:
    for vector in json.loads((VECTORS / "HPKE/hpke-pq-test-vectors.json").read_text()):
        if (vector["mode"], vector["kem_id"], vector["kdf_id"], vector["aead_id"]) == (0, 0x647A, 1, 3):
            yield vector


def test_the_suite_opens_the_published_hpke_vectors() -> None:
    """Our profile and our seeds open what other programs sealed with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305."""
    vectors = list(_hpke_vectors())
    assert vectors
    for vector in vectors:
        key = SealingKey(bytes.fromhex(vector["skRm"]))
        assert key.public.data.hex() == vector["pkRm"]
        first = vector["encryptions"][0]
        sealed, aad = bytes.fromhex(vector["enc"] + first["ct"]), bytes.fromhex(first["aad"])
        info = bytes.fromhex(vector["info"])
        # The vectors carry associated data, which our single shot never has: only the library's own entry takes it.
        opened = openssl.hpke._decrypt_with_aad(PQ1.suite(), sealed, key.private, info, aad)  # noqa: SLF001 - see above
        assert opened.hex() == first["pt"]
        with pytest.raises(InvalidTag):
            PQ1.suite().decrypt(sealed, key.private, info)


def test_what_is_bound_is_what_the_protocol_says() -> None:
    """PROTOCOL §4, computed here once more: a section and a key block open under exactly these contexts."""
    bound = hashlib.sha256(PROTECTED.encode()).digest()
    info = b"passerelle/key/1\x00" + bound + struct.pack(">I", len(KID)) + KID.encode()
    keys = json.loads(PQ1.suite().decrypt(SEALED.key, sealing_key().private, info))
    assert list(keys) == ["s1", "s2"]
    context = b"passerelle/section/1\x00" + bound + b"\x00\x00\x00\x02s1" + b"\x00\x00\x00\x08identity"
    decryptor = Cobblestone256Decryptor(base64.urlsafe_b64decode(keys["s1"] + "="), context)
    padded = decryptor.update(SEALED.sections["s1"]) + decryptor.finalize()
    text = SECTIONS[IDENTITY]
    assert padded == struct.pack(">I", len(text)) + text + bytes(1024 - 4 - len(text))


CODES = st.text(min_size=1, max_size=20)


@given(st.dictionaries(CODES, st.binary(max_size=5000), max_size=11))
def test_what_is_sealed_opens_equal(contents: dict[str, bytes]) -> None:
    """Any sections of any content come back as they were, each under its own place."""
    sections = {Slot(f"s{number}", code): text for number, (code, text) in enumerate(contents.items(), 1)}
    opened = _opened(_sealed(sections), slots=tuple(sections))
    assert opened == {slot.sid: text for slot, text in sections.items()}


def test_the_largest_referral_opens() -> None:
    """A section of two mebibytes, which no single chunk holds, comes back as it was."""
    text = bytes(range(256)) * 8192
    assert _opened(_sealed({IDENTITY: text}), slots=(IDENTITY,)) == {"s1": text}


@given(st.integers(0, len(SEALED.key) * 8 - 1))
def test_any_flipped_bit_of_the_key_block_is_refused(bit: int) -> None:
    """Not one bit of the sealed keys can change."""
    assert _refused(replace(SEALED, key=_flipped(SEALED.key, bit))) == "key-block-does-not-open"


@given(st.sampled_from(["s1", "s2"]), st.integers(0, len(SEALED.sections["s2"]) * 8 - 1))
def test_any_flipped_bit_of_a_section_is_refused(sid: str, bit: int) -> None:
    """Not one bit of a section can change, and then the other sections are not released either."""
    changed = {**SEALED.sections, sid: _flipped(SEALED.sections[sid], bit)}
    assert _refused(replace(SEALED, sections=changed)) == "section-does-not-open"


@given(st.integers(0, len(PROTECTED) - 1), st.characters(codec="ascii"))
def test_any_change_of_the_header_is_refused(place: int, character: str) -> None:
    """A header with one other character opens nothing."""
    other = PROTECTED[:place] + character + PROTECTED[place + 1 :]
    if other != PROTECTED:
        assert _refused(protected=other) == "key-block-does-not-open"


def test_a_header_that_no_document_can_hold_is_malformed() -> None:
    """Text that is not ASCII cannot be the protected header, whichever way it goes."""
    for attempt in (lambda: _opened(protected="é"), lambda: seal_sections("é", KID, sealing_key().public, {})):
        with pytest.raises(MalformedError) as caught:
            attempt()
        assert (caught.value.code, caught.value.pointer) == ("bad-base64", "/protected")


def test_another_recipient_or_name_of_key_opens_nothing() -> None:
    """Neither another private key, nor the right one under another name, opens."""
    assert _refused(key=sealing_key("second")) == "key-block-does-not-open"
    assert _refused(kid=KID[:-1] + "1") == "key-block-does-not-open"


@pytest.mark.parametrize(
    "slots",
    [
        (IDENTITY, replace(HOUSING, section="health")),
        (replace(IDENTITY, section="housing"), replace(HOUSING, section="identity")),
        (IDENTITY, replace(HOUSING, section="housing ")),
    ],
)
def test_a_section_under_another_name_is_refused(slots: tuple[Slot, ...]) -> None:
    """A section cannot be passed off as another one."""
    assert _refused(slots=slots) == "section-does-not-open"


def test_the_boundary_between_place_and_name_holds() -> None:
    """The lengths are part of the context: `s1`+`1x` is not `s11`+`x`."""
    assert _refused(_sealed({Slot("s1", "1x"): b""}), slots=(Slot("s11", "x"),)) == "sections-do-not-match"
    sealed = _sealed({Slot("a", "bc"): b"", Slot("ab", "c"): b""})
    swapped = replace(sealed, sections={"a": sealed.sections["ab"], "ab": sealed.sections["a"]})
    assert _refused(swapped, slots=(Slot("a", "bc"), Slot("ab", "c"))) == "section-does-not-open"


def test_sections_cannot_be_exchanged_within_an_envelope() -> None:
    """Two sections under each other's place do not open."""
    exchanged = {"s1": SEALED.sections["s2"], "s2": SEALED.sections["s1"]}
    assert _refused(replace(SEALED, sections=exchanged)) == "section-does-not-open"


def test_sections_cannot_be_moved_between_envelopes() -> None:
    """A section of another envelope, even of the same header and content, does not open here; nor its keys."""
    other = _sealed()
    mixed = {**SEALED.sections, "s1": other.sections["s1"]}
    assert _refused(replace(SEALED, sections=mixed)) == "section-does-not-open"
    assert _refused(replace(SEALED, key=other.key)) == "section-does-not-open"


@pytest.mark.parametrize(
    ("present", "slots"),
    [
        (("s1",), (IDENTITY, HOUSING)),
        (("s1", "s2"), (IDENTITY,)),
        (("s1", "s2"), (IDENTITY, HOUSING, Slot("s3", "health"))),
        (("s1", "s2"), (IDENTITY, HOUSING, HOUSING)),
        ((), ()),
    ],
)
def test_sections_are_neither_dropped_nor_added(present: tuple[str, ...], slots: tuple[Slot, ...]) -> None:
    """The header, the key block and the sections must name the same places, each once."""
    parts = replace(SEALED, sections={sid: SEALED.sections[sid] for sid in present})
    assert _refused(parts, slots=slots) == "sections-do-not-match"


@pytest.mark.parametrize("length", [0, 1, 1119, 1120, 1136, MAX_KEY_BLOCK + 1])
def test_a_cut_or_swollen_key_block_is_refused(length: int) -> None:
    """A key block of any other length is refused, and never handed to the cipher when it is too long."""
    assert _refused(replace(SEALED, key=bytes(length))).startswith("key-block")


def test_a_cut_section_is_refused() -> None:
    """A section cut anywhere, at the end of a chunk too, gives nothing."""
    parts = _sealed({IDENTITY: b"x" * 40_000})
    whole = parts.sections["s1"]
    for length in (0, 1, 56, 16_384, 32_768 + 56, len(whole) - 16, len(whole) - 1):
        cut = replace(parts, sections={"s1": whole[:length]})
        assert _refused(cut, slots=(IDENTITY,)) == "section-does-not-open"
    assert _refused(replace(parts, sections={"s1": whole + b"\x00"}), slots=(IDENTITY,))


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"[]",
        b'{"s1":1,"s2":2}',
        b'{"s1":"AA","s2":"AA"}',
        b'{"s1":null,"s2":null}',
        b'{"s1":"' + b"A" * 43 + b'","s1":"' + b"A" * 43 + b'"}',
        b'{"s1":"' + b"A" * 43 + b'","s2":"' + b"A" * 43 + b'="}',
        b'\xff{"s1":"x"}',
    ],
)
def test_a_key_block_of_another_form_is_refused(block: bytes) -> None:
    """A sender that seals anything but one key of 32 bytes for each place is refused, and repeats nothing."""
    info = b"passerelle/key/1\x00" + hashlib.sha256(PROTECTED.encode()).digest()
    info += struct.pack(">I", len(KID)) + KID.encode()
    key = PQ1.suite().encrypt(block, sealing_key().public.load(), info)
    assert _refused(replace(SEALED, key=key)) == "key-block-malformed"


def test_nothing_is_sealed_that_could_not_be_opened() -> None:
    """Two sections in one place, or more sections than a key block holds, are refused before sealing."""
    twice = {IDENTITY: b"", replace(IDENTITY, section="health"): b""}
    many = {Slot(f"s{number}", "identity"): b"" for number in range(100)}
    for sections, code in ((twice, "duplicate-slot"), (many, "too-long")):
        with pytest.raises(MalformedError) as caught:
            _sealed(sections)
        assert (caught.value.code, caught.value.pointer) == (code, "/slots")


def test_sealing_twice_shares_nothing() -> None:
    """The same sections sealed again give other keys and other bytes."""
    other = _sealed()
    assert other.key != SEALED.key
    assert not set(other.sections.values()) & set(SEALED.sections.values())
