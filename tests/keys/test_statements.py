"""The chain of an organisation's keys: what extends it, and every statement that must not."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError
from keys.identity import RootPublic, key_id
from keys.signing import SignedDocument, media_type
from keys.statements import KeyPublication, PublishedUse, read_statement, replay
from tests.keys.builders import (
    ADDRESS,
    DAY,
    NOW,
    OTHER,
    ChainBuilder,
    client_key,
    full_chain,
    root,
    sealing_key,
    signing_key,
    statement_of,
)


def _refused(chain: ChainBuilder, *, at: timedelta = timedelta(0)) -> tuple[str, str]:
    """The refusal of the last statement of a chain, the others being taken."""
    *before, last = chain.documents
    taken = replay((signed, NOW, index) for index, signed in enumerate(before))
    with pytest.raises(PasserelleError) as caught:
        taken.extend(last, at=NOW + at, index=len(before))
    return caught.value.code, caught.value.pointer


def _refused_start(signed: SignedDocument) -> tuple[str, str]:
    with pytest.raises(PasserelleError) as caught:
        replay([(signed, NOW, 0)])
    return caught.value.code, caught.value.pointer


def test_a_whole_chain_is_trusted() -> None:
    """Root, signing, sealing, sign-in and witness keys are each found for their use, and for no other."""
    chain = full_chain()
    chain.add(chain.publication("oauth", client_key().public_bytes, days=90))
    keys = chain.replay()
    kid, public = keys.sealing_key(at=NOW)
    assert public == sealing_key().public
    assert kid == key_id(ADDRESS, "sealing", public.data)
    assert keys.root == root().public
    assert keys.trusted(client_key().kid, "oauth", at=NOW).raw == client_key().public_bytes
    signature = signing_key().sign(b"message")
    keys.signature_verifier(signing_key().kid, at=NOW).verify(signature, b"message")
    for use in ("sealing", "oauth", "root", "witness"):
        with pytest.raises(UntrustedKeyError):
            keys.trusted(signing_key().kid, use, at=NOW)


def test_a_statement_reads_as_it_was_written() -> None:
    """Root and plain keys survive writing and reading, and the payload is what the protocol says."""
    chain = full_chain()
    first, second, _ = (read_statement(signed) for signed in chain.documents)
    assert isinstance(first, KeyPublication)
    assert isinstance(second, KeyPublication)
    assert (first.seq, first.prev, first.use) == (0, None, "root")
    assert second.prev == chain.documents[0].sha256
    assert second.public_key == signing_key().public_bytes
    written = json.loads(chain.documents[0].payload)
    assert set(written) == {"v", "org", "seq", "use", "public_key", "not_before", "not_after"}
    assert set(written["public_key"]) == {"ed25519", "mldsa65"}


def test_a_chain_starts_with_a_root_signed_by_itself() -> None:
    """Another use, another seq, a forged prev, a missing half or another's signature does not start a chain."""
    chain = ChainBuilder()
    public = root().public
    assert _refused_start(chain.publication("signing", signing_key().public_bytes)) == (
        "chain-starts-with-root",
        "/use",
    )
    assert _refused_start(chain.publication("root", public, position=(1, None)))[0] == "chain-conflict"
    assert _refused_start(chain.publication("root", public, position=(0, "0" * 64)))[0] == "chain-conflict"
    for signers in (root().signers[:1], root().signers[1:], root("second").signers, (signing_key(),)):
        assert _refused_start(chain.publication("root", public, signers=signers))[0] == "wrong-signers"
    revocation = ChainBuilder().with_root().revocation(root().signers[0].kid)
    assert _refused_start(revocation)[0] == "chain-starts-with-root"


def test_an_empty_chain_vouches_for_nothing() -> None:
    """No statement, no key."""
    with pytest.raises(UntrustedKeyError):
        replay([])


def test_gaps_forks_and_repetitions_are_refused() -> None:
    """A statement follows the last one by number and by digest; 409 otherwise."""
    chain = ChainBuilder().with_root()
    head = chain.documents[0].sha256
    public = signing_key().public_bytes
    for position, pointer in (((2, head), "/seq"), ((0, head), "/seq"), ((1, "0" * 64), "/prev"), ((1, None), "/prev")):
        forked = replace(chain, documents=[*chain.documents, chain.publication("signing", public, position=position)])
        assert _refused(forked) == ("chain-conflict", pointer)
    grown = full_chain()
    fork = grown.publication("sealing", sealing_key("fork").public.data, position=(2, grown.documents[1].sha256))
    assert _refused(grown.add(fork))[0] == "chain-conflict"
    assert _refused(full_chain().add(full_chain().documents[-1]))[0] == "chain-conflict"


def test_a_statement_of_another_organisation_is_refused() -> None:
    """Even signed by the right root, a statement stays in the chain of its own organisation."""
    chain = ChainBuilder().with_root()
    other = chain.publication("signing", signing_key().public_bytes, org=OTHER)
    assert _refused(chain.add(other)) == ("chain-conflict", "/org")


@pytest.mark.parametrize(
    ("use", "public"),
    [("signing", signing_key("new").public_bytes), ("root", root("second").public)],
    ids=["signing", "root"],
)
def test_root_business_needs_both_halves_of_the_root(use: PublishedUse, public: bytes | RootPublic) -> None:
    """A signing key, one half, another root or the new root itself cannot publish roots and signing keys."""
    for signers in (
        (signing_key(),),
        root().signers[:1],
        root().signers[1:],
        root("second").signers,
        (*root().signers[:1], *root("second").signers[1:]),
    ):
        chain = full_chain()
        assert _refused(chain.add(chain.publication(use, public, signers=signers)))[0] == "wrong-signers"


def test_everyday_keys_are_signed_by_one_trusted_signing_key() -> None:
    """The root, an unknown key, a key not in force or two keys at once cannot publish a sealing key."""
    public = sealing_key("new").public.data
    for signers, code in (
        (root().signers, "wrong-signers"),
        ((signing_key("unknown"),), "key-unknown"),
        ((signing_key(), signing_key("unknown")), "wrong-signers"),
        (root().signers[:1], "key-unknown"),
    ):
        chain = full_chain()
        assert _refused(chain.add(chain.publication("sealing", public, signers=signers)))[0] == code
    late = full_chain()
    late.add(late.publication("sealing", public, start=NOW + 301 * DAY))
    assert _refused(late, at=301 * DAY)[0] == "key-not-in-period"


def test_a_forged_signature_is_not_a_conflict() -> None:
    """A statement in the right place whose signature fails raises as forged."""
    chain = ChainBuilder().with_root()
    signed = chain.publication("signing", signing_key().public_bytes)
    forged = replace(signed, payload=signed.payload.replace(b'"v":1', b'"v": 1'))
    with pytest.raises(ForgedError) as caught:
        chain.replay().extend(forged, at=NOW, index=1)
    assert caught.value.code == "bad-signature"


def test_weak_keys_do_not_enter_a_chain() -> None:
    """A small-order signing key, a root with a weak half and a damaged sealing key are refused."""
    damaged = sealing_key().public.data[:-1] + b"\xff"
    weak_root = RootPublic(b"\x01" + bytes(31), root().public.mldsa65)
    for use, public in (("signing", bytes(32)), ("root", weak_root), ("sealing", damaged), ("witness", b"short")):
        chain = full_chain()
        chain.add(chain.publication(use, public, days=1))  # type: ignore[arg-type]  # a use, widened by the loop
        assert _refused(chain)[0] in {"key-small-order", "key-not-canonical", "key-wrong-size"}


def test_the_form_of_a_key_follows_its_use() -> None:
    """A root of one part, or another key of two, is refused."""
    for use, public in (("root", signing_key("new").public_bytes), ("signing", root("second").public)):
        chain = full_chain()
        chain.add(chain.publication(use, public, days=1))  # type: ignore[arg-type]  # a use, widened by the loop
        assert _refused(chain) == ("wrong-type", "/public_key")


def test_a_key_of_one_form_is_not_read_as_the_other() -> None:
    """Asking a root for its only part, or another key for its halves, raises."""
    chain = full_chain().replay()
    with pytest.raises(UntrustedKeyError):
        _ = chain.keys[0].raw
    with pytest.raises(UntrustedKeyError):
        _ = chain.keys[1].root


def _payload(**changes: object) -> bytes:
    chain = ChainBuilder().with_root()
    content = json.loads(chain.publication("signing", signing_key().public_bytes).payload)
    return json.dumps({key: value for key, value in {**content, **changes}.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"use": "tokens"}, "unknown-code", "/use"),
        ({"use": ...}, "missing-field", "/use"),
        ({"seq": "1"}, "wrong-type", "/seq"),
        ({"seq": -1}, "out-of-range", "/seq"),
        ({"prev": "0"}, "wrong-form", "/prev"),
        ({"public_key": "AB"}, "bad-base64", "/public_key"),
        ({"public_key": 1}, "bad-base64", "/public_key"),
        ({"public_key": ["AA"]}, "bad-base64", "/public_key"),
        ({"public_key": {"ed25519": "AA"}}, "missing-field", "/public_key/mldsa65"),
        ({"public_key": {"ed25519": "AA", "mldsa65": "AA", "x": 1}}, "unknown-field", "/public_key/x"),
        ({"alg": "Ed25519"}, "unknown-field", "/alg"),
        ({"revokes": "x", "reason": "lost"}, "unknown-field", "/use"),
        ({"v": 2}, "out-of-range", "/v"),
    ],
)
def test_a_statement_of_another_form_is_malformed(changes: dict[str, object], code: str, pointer: str) -> None:
    """Each member is of its type and form, and neither kind of statement takes the other's members."""
    with pytest.raises(MalformedError) as caught:
        read_statement(statement_of(_payload(**changes), root().signers))
    assert (code, pointer) in {(fault.code, fault.pointer) for fault in caught.value.faults}


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'"x"', b'{"revokes":1}'])
def test_a_payload_that_is_no_statement_is_malformed(payload: bytes) -> None:
    """Whatever JSON was signed, it is refused without an accident."""
    with pytest.raises(MalformedError):
        read_statement(statement_of(payload, root().signers))


def test_another_kind_of_document_is_no_key_statement() -> None:
    """The same payload signed as a consent statement publishes no key."""
    chain = ChainBuilder().with_root()
    relabelled = replace(chain.documents[0], payload_type=media_type("statement"))
    assert _refused_start(relabelled) == ("wrong-payload-type", "/payloadType")
