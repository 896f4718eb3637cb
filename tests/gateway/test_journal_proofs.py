"""Proofs to keep: given to whoever may know of an entry, and under a checkpoint that somebody has seen."""

import pytest

from journal.proofs import parse_proof
from keys.errors import ForgedError
from tests.builders import AUDITORS, LINE, NEWCOMERS, SHELTER
from tests.gateway.first_day import broker_keys
from tests.gateway.witnessing import bring, checkpoint_of, publish_witness_key, request, witness_vkey
from tests.gateway.world import World, refusal_of

VKEYS = broker_keys().signer(1).vkeys


def test_an_entry_is_proven_to_its_parties_and_auditors(audited: World) -> None:
    """The proof holds for the leaf under the published checkpoint, and for no other leaf."""
    audited.integrate()
    accepted = next(entry for entry in audited.entries() if entry.type == "envelope.accepted")
    with audited.broker.store.reading() as tx:
        [leaf, other] = tx.journal.leaves(accepted.index, accepted.index + 2)
    for address in (LINE, SHELTER, AUDITORS):
        answer = audited.partners[address].get(f"/v1/journal/proof/{accepted.index}")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        proof = parse_proof(answer.content)
        assert proof.verify(leaf, VKEYS).checkpoint == checkpoint_of(audited)
        with pytest.raises(ForgedError):
            proof.verify(other, VKEYS)


def test_what_is_in_clear_is_proven_to_anybody_who_signs_in(audited: World) -> None:
    """Keys and agreements are everybody's business."""
    audited.integrate()
    clear = [entry.index for entry in audited.entries() if entry.type == "agreement.signed"]
    assert audited.partners[NEWCOMERS].get(f"/v1/journal/proof/{clear[0]}").status_code == 200


def test_what_one_may_not_see_is_as_unknown_as_what_is_not_there(audited: World) -> None:
    """Somebody else's entry, one past the end, one not published yet, every odd spelling: 404, in the same words."""
    audited.integrate()
    accepted = next(entry.index for entry in audited.entries() if entry.type == "envelope.accepted")
    end = len(audited.entries())
    assert audited.line.post("/v1/services/search", b"{}").status_code == 200
    for place in (accepted, end, 2**53 - 1, 2**53, 10**30, -1, "007", "+1", "x", "1.0", "%00"):
        answer = audited.partners[NEWCOMERS].get(f"/v1/journal/proof/{place}")
        assert refusal_of(answer) == (404, "entry-unknown"), place
    audited.shelter.deposit(audited.event("T08", 3))
    fresh = len(audited.entries()) - 1
    assert fresh >= end
    assert refusal_of(audited.line.get(f"/v1/journal/proof/{fresh}")) == (404, "entry-unknown")
    audited.integrate()
    assert audited.line.get(f"/v1/journal/proof/{fresh}").status_code == 200


def test_a_proof_is_under_a_confirmed_checkpoint_where_there_is_one(audited: World) -> None:
    """A cosigned checkpoint that covers the entry is preferred to a newer one that nobody has seen yet."""
    publish_witness_key(audited)
    confirmed = checkpoint_of(audited)
    assert bring(audited, request(confirmed)).status_code == 201
    audited.shelter.deposit(audited.event("T08", 3))
    audited.integrate()
    newest = checkpoint_of(audited)
    assert newest.size > confirmed.size
    accepted = next(entry.index for entry in audited.entries() if entry.type == "envelope.accepted")
    witnesses = [witness_vkey(SHELTER)]
    with audited.broker.store.reading() as tx:
        leaves = tx.journal.leaves(0, newest.size)
    for index, checkpoint, signed in ((accepted, confirmed, 3), (newest.size - 1, newest, 2)):
        proof = parse_proof(audited.line.get(f"/v1/journal/proof/{index}").content)
        opened = proof.verify(leaves[index], VKEYS, witnesses=witnesses)
        assert (opened.checkpoint, len(opened.signatures)) == (checkpoint, signed)
