"""Our code against the vectors of the journal: leaves, tree, tiles and checkpoints."""

import hashlib

import pytest

from journal.entries import ClearLeaf, Opening, clear_leaf, commitment_leaf, open_leaf, read_leaf
from journal.notes import open_note, parse_checkpoint
from journal.tiles import parse_path
from journal.tree import consistency_proof, inclusion_proof, leaf_hash, root_of, verify_consistency, verify_inclusion
from keys.documents import from_b64url, parse_time
from keys.errors import ForgedError, MalformedError, PasserelleError
from keys.vkeys import parse_vkey
from tests.journal.builders import Files
from tests.vectors.vector_files import Json, cases, named, vectors

LARGEST = max(case["size"] for case in cases("tree", "roots"))
LEAVES = [number.to_bytes(4) for number in range(LARGEST)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


def _proof(case: Json) -> list[bytes]:
    return [from_b64url(each) for each in case["proof"]]


def test_a_commitment_hides_its_entry_until_it_is_opened() -> None:
    """The leaf is the salted digest of the entry, and the opening shows that entry at that index."""
    case = vectors("leaves")["commitment"]
    opening = Opening(from_b64url(case["entry"]), from_b64url(case["salt"]))
    assert commitment_leaf(opening) == from_b64url(case["leaf"])
    assert open_leaf(from_b64url(case["leaf"]), opening, case["index"]).type == "envelope.released"


def test_a_clear_leaf_shows_its_entry() -> None:
    """The leaf is one byte and the entry."""
    case = vectors("leaves")["clear"]
    read = read_leaf(from_b64url(case["leaf"]), case["index"])
    assert isinstance(read, ClearLeaf)
    assert read.data == from_b64url(case["entry"])
    assert clear_leaf(read.data) == from_b64url(case["leaf"])


@pytest.mark.parametrize("case", cases("leaves", "refused"), ids=named)
def test_a_leaf_of_another_form_is_refused(case: Json) -> None:
    """Unknown forms, other places and incomplete entries are refused."""
    with pytest.raises(PasserelleError) as caught:
        read_leaf(from_b64url(case["leaf"]), case["index"])
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", cases("leaves", "unopened"), ids=named)
def test_nothing_else_opens_a_commitment(case: Json) -> None:
    """Another salt or entry opens nothing, and what must be in clear may not hide."""
    with pytest.raises(ForgedError) as caught:
        open_leaf(from_b64url(case["leaf"]), Opening(from_b64url(case["entry"]), from_b64url(case["salt"])), 7)
    assert caught.value.code == case["code"]


def test_roots_are_those_of_the_recursive_definition() -> None:
    """The growing tree and the definition of RFC 9162 agree at every size."""
    for case in cases("tree", "roots"):
        assert root_of(HASHES[: case["size"]]) == from_b64url(case["root"])


def test_inclusion_proofs_are_those_of_the_definition() -> None:
    """Ours are the same hashes in the same order, and they verify."""
    for case in cases("tree", "inclusion"):
        size, index = case["size"], case["index"]
        reader = Files(LEAVES[:size]).reader()
        assert inclusion_proof(index, size, reader) == _proof(case)
        verify_inclusion(HASHES[index], index, size, _proof(case), root_of(HASHES[:size]))


def test_consistency_proofs_are_those_of_the_definition() -> None:
    """Ours are the same hashes in the same order, and they verify."""
    for case in cases("tree", "consistency"):
        old, new = case["old"], case["new"]
        reader = Files(LEAVES[:new]).reader()
        assert consistency_proof(old, new, reader) == _proof(case)
        verify_consistency(old, root_of(HASHES[:old]), new, root_of(HASHES[:new]), _proof(case))


def test_a_proof_with_one_hash_changed_fails() -> None:
    """Each proof of the vectors is needed whole."""
    for case in cases("tree", "inclusion"):
        for position in range(len(case["proof"])):
            proof = _proof(case)
            proof[position] = bytes(32)
            with pytest.raises(ForgedError):
                verify_inclusion(
                    HASHES[case["index"]], case["index"], case["size"], proof, root_of(HASHES[: case["size"]])
                )


def test_tiles_are_the_files_of_the_format() -> None:
    """The files of a journal of 300 leaves have the expected names and bytes."""
    files = Files(LEAVES)
    for case in cases("tree", "tiles"):
        assert (case["path"], hashlib.sha256(files[case["path"]]).hexdigest()) == (case["path"], case["sha256"])


def test_a_tile_has_one_path() -> None:
    """Accepted paths are read and written back the same; every other spelling is refused."""
    for text in cases("tree", "paths", "accepted"):
        assert str(parse_path(text)) == text
    for text in cases("tree", "paths", "refused"):
        with pytest.raises(MalformedError):
            parse_path(text)


@pytest.mark.parametrize("position", [0, 1])
def test_a_checkpoint_verifies_by_both_keys(position: int) -> None:
    """Origin, size, root and time are read from a note that both keys of the journal signed."""
    content = vectors("checkpoint")
    vkeys = [parse_vkey(text) for text in content["vkeys"]]
    opened = open_note(content["accepted"][position].encode(), vkeys)
    assert opened.checkpoint == parse_checkpoint(content["text"])
    assert (opened.checkpoint.origin, opened.checkpoint.size) == (content["origin"], content["size"])
    assert opened.checkpoint.root == from_b64url(content["root"])
    assert {signature.at for signature in opened.signatures} == {None, parse_time(content["signed_at"])}
    assert [str(vkey) for vkey in vkeys] == content["vkeys"]


@pytest.mark.parametrize("case", cases("checkpoint", "refused"), ids=named)
def test_a_changed_checkpoint_is_refused(case: Json) -> None:
    """A missing signature, another text, another form: nothing of it is believed."""
    with pytest.raises((ForgedError, MalformedError)) as caught:
        open_note(case["note"].encode(), [parse_vkey(text) for text in vectors("checkpoint")["vkeys"]])
    assert caught.value.code == case["code"]
