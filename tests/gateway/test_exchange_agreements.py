"""Agreements over the network: a party reads the exact bytes, signs with its root, and nobody signs for it."""

from datetime import datetime

import pytest
from httpx2 import Response

from consent.agreement import Agreement
from gateway import protocols
from gateway.problems import ProblemError
from gateway.store.transaction import Transaction
from keys.documents import encode, from_b64url, sha256_hex
from keys.signing import SignedDocument
from tests.builders import (
    AGREEMENT_ID,
    LINE,
    NEWCOMERS,
    PARTIES,
    SHELTER,
    agreement,
    agreement_signature,
    root_key,
)
from tests.gateway.first_day import broker_keys, the_agreement
from tests.gateway.world import World, refusal_of

PATH = f"/v1/agreements/{AGREEMENT_ID}/2"


def _second(**changes: object) -> Agreement:
    """The second version of the agreement in force."""
    return agreement(
        {
            "/broker/journal": [str(vkey) for vkey in broker_keys().signer(1).vkeys],
            "/version": 2,
            "/prev": sha256_hex(encode(the_agreement())),
            **changes,
        }
    )


def _proposed(world: World, **changes: object) -> Agreement:
    document = _second(**changes)
    world.act(lambda tx, at: protocols.propose(world.broker, tx, encode(document), at))
    return document


def _sign(world: World, address: str, signed: SignedDocument) -> Response:
    return world.partners[address].post(f"{PATH}/signatures", signed.encode(), "agreement-signature")


def test_a_party_reads_the_exact_bytes_and_every_signature(world: World) -> None:
    """The payload hashes to the digest, and each signature verifies as it stands."""
    body = world.shelter.get(f"/v1/agreements/{AGREEMENT_ID}/1").json()
    payload = from_b64url(body["payload"])
    assert payload == encode(the_agreement())
    assert (body["sha256"], body["state"]) == (sha256_hex(payload), "in-force")
    assert len(body["signatures"]) == len(PARTIES)
    for value in body["signatures"]:
        SignedDocument.from_json(value, "agreement-signature")


def test_agreements_are_listed_to_their_parties(world: World) -> None:
    """Each with its version, digest and state."""
    _proposed(world)
    listed = world.line.get("/v1/agreements").json()["agreements"]
    assert [(item["agreement"], item["state"]) for item in listed] == [
        (f"{AGREEMENT_ID}@1", "in-force"),
        (f"{AGREEMENT_ID}@2", "signing"),
    ]


def test_an_agreement_of_others_is_as_if_it_did_not_exist(world: World) -> None:
    """A partner that is not a party gets 404, and no line in its list."""
    document = _proposed(world, **_without_newcomers())
    assert document.party(NEWCOMERS) is None
    outsider = world.partners[NEWCOMERS]
    assert refusal_of(outsider.get(PATH)) == (404, "agreement-unknown")
    assert [item["agreement"] for item in outsider.get("/v1/agreements").json()["agreements"]] == [f"{AGREEMENT_ID}@1"]
    signed = agreement_signature(document, NEWCOMERS)
    assert refusal_of(_sign(world, NEWCOMERS, signed)) == (404, "agreement-unknown")


def _without_newcomers() -> dict[str, object]:
    parties = [party.model_dump(mode="json") for party in the_agreement().parties if party.address != NEWCOMERS]
    return {"/parties": parties, "/articles/0/to": [SHELTER, "mental-health"], "/articles/1/from": ["shelter"]}


@pytest.mark.parametrize("version", ["0", "3", "01x", "-1", "9999999", "%C2%B2"])
def test_a_version_that_is_not_there_is_not_found(world: World, version: str) -> None:
    """Whatever stands for the version in the path, the answer is 404."""
    assert refusal_of(world.line.get(f"/v1/agreements/{AGREEMENT_ID}/{version}")) == (404, "agreement-unknown")


def test_it_comes_into_force_once_everybody_has_signed(world: World) -> None:
    """Each signature says who is missing; the last one allows the operator to put the version in force."""
    document = _proposed(world)
    missing = sorted(PARTIES)
    for address in sorted(PARTIES):
        answer = _sign(world, address, agreement_signature(document, address))
        missing.remove(address)
        assert (answer.status_code, answer.json()["missing"]) == (201, missing)
    _put_in_force(world)
    with world.broker.store.reading() as tx:
        newest = tx.agreements.newest(AGREEMENT_ID)
    assert newest is not None
    assert newest.document.version == 2
    assert world.types() == ["agreement.proposed", *["agreement.signed"] * 4, "agreement.in-force"]


def _put_in_force(world: World) -> None:
    def change(tx: Transaction, at: datetime) -> None:
        found = tx.agreements.get(AGREEMENT_ID, 2)
        assert found is not None
        protocols.change_state(world.broker, tx, found[0], "in-force", at)

    world.act(change)


def test_one_missing_signature_keeps_it_from_force(world: World) -> None:
    """The operator cannot put in force what somebody has not signed."""
    document = _proposed(world)
    for address in sorted(PARTIES)[1:]:
        _sign(world, address, agreement_signature(document, address))
    with pytest.raises(ProblemError) as refused:
        _put_in_force(world)
    assert refused.value.code == "signature-missing"


def test_a_repeated_signature_changes_nothing(world: World) -> None:
    """200 instead of 201, and one entry in the journal."""
    document = _proposed(world)
    signed = agreement_signature(document, LINE)
    assert [_sign(world, LINE, signed).status_code for _ in range(2)] == [201, 200]
    assert world.types().count("agreement.signed") == 1


def test_a_signature_counts_only_from_the_pinned_root(world: World) -> None:
    """Another root of the same address, another party's root, or another agreement's signature is forged."""
    document = _proposed(world)
    other_root = agreement_signature(document, LINE, root=root_key(LINE, "other"))
    borrowed = agreement_signature(document, LINE, root=root_key(SHELTER))
    first_version = agreement_signature(the_agreement(), LINE)
    other_digest = agreement_signature(document, LINE, changes={"/agreement_sha256": "ab" * 32})
    for signed, code in (
        (other_root, "wrong-signers"),
        (borrowed, "wrong-signers"),
        (first_version, "other-agreement"),
        (other_digest, "other-agreement"),
    ):
        assert refusal_of(_sign(world, LINE, signed)) == (403, code)
    assert world.types() == ["agreement.proposed"]


def test_a_party_cannot_bring_the_signature_of_another(world: World) -> None:
    """Each signature comes from its own organisation, so that nobody's consent to terms is forwarded unseen."""
    document = _proposed(world)
    assert refusal_of(_sign(world, LINE, agreement_signature(document, SHELTER))) == (403, "other-root")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"/broker/journal": ["journal vkey one", "journal vkey two"]}, "fingerprint-differs"),
        ({"/parties/0/root_fingerprint": "A" * 26}, "fingerprint-differs"),
        ({"/prev": "ab" * 32}, "version-chain"),
        ({"/version": 3}, "version-chain"),
    ],
)
def test_a_proposal_must_fit_what_the_broker_knows(world: World, changes: dict[str, object], code: str) -> None:
    """Other journal keys, another root than the one the operator heard, a gap or a fork: nothing is kept."""
    with pytest.raises(ProblemError) as refused:
        _proposed(world, **changes)
    assert refused.value.code == code
    assert world.types() == []
