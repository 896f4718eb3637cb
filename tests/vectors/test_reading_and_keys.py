"""Our code against the vectors of reading, keys, signed documents and key chains."""

import pytest
from pydantic import TypeAdapter, ValidationError

from consent.identifiers import AgreementId, EnvelopeId, ReferralId, StatementId
from keys import strictjson
from keys.documents import Address, Base64Url, Time, from_b64url, parse_time
from keys.errors import ForgedError, MalformedError, PasserelleError, UntrustedKeyError, WeakKeyError
from keys.identity import (
    ClientKey,
    RootKey,
    RootPublic,
    SigningKey,
    fingerprint_digits,
    key_id,
    root_fingerprint,
    verifier,
)
from keys.sealing_keys import SealingKey
from keys.signing import SignedDocument, pae, sign
from keys.statements import KIND, replay
from keys.strictjson import MAX_INTEGER
from keys.weakness import check_public_key
from tests.vectors.vector_files import Json, cases, named, vectors

AS_JSON = {"json": True}


def _bytes(case: Json) -> bytes:
    return from_b64url(case["bytes"]) if "bytes" in case else case["text"].encode()


@pytest.mark.parametrize("case", cases("strict-json", "accepted"), ids=named)
def test_accepted_json_is_read(case: Json) -> None:
    """What the vectors accept is read, and written back it is read again as the same."""
    value = strictjson.loads(_bytes(case), limit=MAX_INTEGER)
    assert strictjson.loads(strictjson.dumps(value), limit=MAX_INTEGER) == value


@pytest.mark.parametrize("case", cases("strict-json", "refused"), ids=named)
def test_refused_json_is_refused_in_its_place(case: Json) -> None:
    """What the vectors refuse is refused with that slug at that pointer."""
    with pytest.raises(MalformedError) as caught:
        strictjson.loads(_bytes(case), limit=case.get("limit", MAX_INTEGER))
    assert (caught.value.code, caught.value.faults[0].pointer) == (case["code"], case["pointer"])


FORMS = {
    "time": [TypeAdapter[object](Time)],
    "base64url": [TypeAdapter[object](Base64Url)],
    "address": [TypeAdapter[object](Address)],
    "identifier": [TypeAdapter[object](kind) for kind in (EnvelopeId, ReferralId, StatementId, AgreementId)],
}


def _reads(form: str, text: str) -> bool:
    for reader in FORMS[form]:
        try:
            reader.validate_python(text, context=AS_JSON, strict=True)
        except ValidationError:
            continue
        return True
    return False


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_exactly(form: str) -> None:
    """Texts of a form are read, and every other spelling is refused."""
    accepted = [case if isinstance(case, str) else case["text"] for case in cases("forms", form, "accepted")]
    assert [text for text in accepted if not _reads(form, text)] == []
    assert [text for text in cases("forms", form, "refused") if _reads(form, text)] == []


def test_base64url_reads_to_its_bytes() -> None:
    """Each accepted text stands for its bytes."""
    for case in cases("forms", "base64url", "accepted"):
        assert from_b64url(case["text"]).hex() == case["hex"]


def test_keys_come_from_their_seeds() -> None:
    """From each seed comes its public key, and from that its key id."""
    content = vectors("keys")
    address = content["address"]
    made = {
        "signing": lambda key: SigningKey(address, "signing", from_b64url(key["seed"])).public_bytes,
        "oauth": lambda key: ClientKey(address, from_b64url(key["scalar"])).public_bytes,
        "sealing": lambda key: SealingKey(from_b64url(key["seed"])).public.data,
    }
    assert {key["use"] for key in content["keys"]} == set(made)
    for key in content["keys"]:
        public = made[key["use"]](key)
        assert public == from_b64url(key["public_key"])
        assert key_id(address, key["use"], public) == key["kid"]
        check_public_key(key["use"], public)


def test_a_root_has_two_halves_and_one_fingerprint() -> None:
    """From both seeds come both halves, their key ids, and the fingerprint in letters and in digits."""
    content = vectors("keys")
    expected = content["root"]
    root = RootKey(content["address"], from_b64url(expected["ed25519_seed"]), from_b64url(expected["mldsa65_seed"]))
    assert root.public == RootPublic(from_b64url(expected["ed25519"]), from_b64url(expected["mldsa65"]))
    assert [signer.kid for signer in root.signers] == expected["kids"]
    assert root_fingerprint(root.public) == expected["fingerprint"]
    assert fingerprint_digits(root.public) == expected["digits"]


@pytest.mark.parametrize("case", cases("keys", "refused"), ids=named)
def test_a_weak_key_is_refused(case: Json) -> None:
    """Nobody may register a key that would verify anything or open nothing."""
    with pytest.raises(WeakKeyError) as caught:
        check_public_key(case["use"], from_b64url(case["public_key"]))
    assert caught.value.code == case["code"]


def test_what_is_signed_is_the_encoding_of_dsse() -> None:
    """The signature covers the kind and the exact payload, and is the one that Ed25519 always makes."""
    content = vectors("signed-documents")
    for case in content["encodings"]:
        assert pae(case["payload_type"], from_b64url(case["payload"])) == from_b64url(case["encoding"])
    document = SignedDocument.from_json(content["valid"], content["kind"])
    assert pae(document.payload_type, document.payload) == from_b64url(content["signed_bytes"])
    signer = SigningKey("refuge-lavoie@laval", "signing", from_b64url(content["seed"]))
    assert sign(content["kind"], document.payload, (signer,)) == document


def _verify(document: Json) -> None:
    content = vectors("signed-documents")
    public = from_b64url(content["signer"]["public_key"])
    address = content["signer"]["kid"].partition("#")[0]
    SignedDocument.from_json(document, content["kind"]).verify((verifier(address, "signing", public),))


def test_the_valid_document_verifies() -> None:
    """The document that every other case changes is a valid one."""
    _verify(vectors("signed-documents")["valid"])


@pytest.mark.parametrize("case", cases("signed-documents", "refused"), ids=named)
def test_a_changed_document_does_not_verify(case: Json) -> None:
    """Anything changed in a signed document, or added to it, is refused."""
    with pytest.raises((ForgedError, MalformedError)) as caught:
        _verify(case["document"])
    assert caught.value.code == case["code"]


def test_the_chain_of_keys_is_replayed() -> None:
    """The statements follow one another and vouch for the expected keys, each where and when it may be used."""
    content = vectors("key-chain")
    chain = replay(
        (SignedDocument.from_json(item["document"], KIND), parse_time(item["time"]), item["index"])
        for item in content["statements"]
    )
    assert (chain.org, chain.head, chain.seq) == (content["org"], content["head"], len(content["statements"]))
    for question in content["trusted"]:
        code = None
        try:
            chain.trusted(question["kid"], question["use"], at=parse_time(question["at"]), index=question["index"])
        except UntrustedKeyError as error:
            code = error.code
        assert (question, code) == (question, question["code"])


@pytest.mark.parametrize("case", cases("key-chain", "refused"), ids=named)
def test_a_statement_that_may_not_follow_is_refused(case: Json) -> None:
    """Forks, gaps, wrong signers, weak and long-lived keys never enter a chain."""
    content = vectors("key-chain")
    chain = replay(
        (SignedDocument.from_json(item["document"], KIND), parse_time(item["time"]), item["index"])
        for item in content["statements"]
    )
    following = content["next"]
    with pytest.raises(PasserelleError) as caught:
        chain.extend(
            SignedDocument.from_json(case["document"], KIND), at=parse_time(following["time"]), index=following["index"]
        )
    assert caught.value.code == case["code"]
