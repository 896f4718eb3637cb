"""A chain carried in a file is checked as strictly as in the journal, only without its times."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.chainfile import MAX_CHAIN_FILE, read_chain
from keys.errors import MalformedError, PasserelleError
from tests.keys.builders import DAY, NOW, ChainBuilder, full_chain, root, sealing_key, signing_key


def _refused(data: bytes) -> tuple[str, list[str]]:
    with pytest.raises(PasserelleError) as caught:
        read_chain(data)
    return caught.value.code, getattr(caught.value, "__notes__", [])


def test_a_chain_file_gives_the_chain_of_the_journal() -> None:
    """The same keys, revocations and head as a replay with the journal's times."""
    chain = full_chain()
    chain.add(chain.revocation(signing_key().kid))
    assert read_chain(chain.file()) == chain.replay()


def test_years_of_statements_are_read_at_their_own_times() -> None:
    """Expired keys, keys published ahead and handed-over roots pass: each statement is judged when it was signed."""
    chain = ChainBuilder().with_root().with_signing()
    for week in range(3):
        chain.add(chain.publication("sealing", sealing_key(f"week {week}").public.data, start=NOW + 5 * week * DAY))
    chain = replace(chain, at=NOW + 299 * DAY, signing=signing_key("next year")).with_signing()
    chain.add(chain.publication("sealing", sealing_key("next year").public.data))
    chain.add(chain.publication("root", root("next").public, days=3000))
    chain = replace(chain, root=root("next"))
    chain.add(chain.revocation(signing_key().kid))
    keys = read_chain(chain.file())
    assert keys.seq == len(chain.documents)
    assert keys.root == root().public
    assert [key.revoked_index for key in keys.keys if key.kid == signing_key().kid] == [8]


@given(st.integers(0, 2), st.integers(0, 2))
def test_statements_out_of_order_are_refused(one: int, other: int) -> None:
    """Exchanging two statements, or leaving one out before the end, breaks the chain at that place."""
    documents = full_chain().documents
    swapped = list(documents)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    if one != other:
        assert _refused(replace(full_chain(), documents=swapped).file())[1] == [f"#{min(one, other)}"]
    if one < 2:
        left_out = documents[:one] + documents[one + 1 :]
        assert _refused(replace(full_chain(), documents=left_out).file())[1] == [f"#{one}"]


def test_a_statement_by_the_wrong_signer_is_named_by_its_number() -> None:
    """The number of the first statement that does not hold is told."""
    chain = full_chain()
    chain.add(chain.publication("sealing", sealing_key("x").public.data, signers=(signing_key("other"),)))
    assert _refused(chain.file()) == ("key-unknown", ["#3"])
    chain = ChainBuilder().with_root()
    chain.add(chain.publication("signing", signing_key().public_bytes, signers=root("second").signers))
    assert _refused(chain.file()) == ("wrong-signers", ["#1"])


def test_a_signer_that_was_over_cannot_be_dated_back() -> None:
    """A statement that follows one of a later time is not judged at an earlier one."""
    chain = full_chain()
    later = chain.publication("signing", signing_key("later").public_bytes, start=NOW + 400 * DAY, days=300)
    chain.add(later)
    by_later = replace(chain, signing=signing_key("later"))
    chain.add(by_later.publication("sealing", sealing_key("a").public.data, start=NOW + 400 * DAY))
    chain.add(chain.publication("sealing", sealing_key("b").public.data, start=NOW + 400 * DAY))
    assert _refused(chain.file()) == ("key-not-in-period", ["#5"])


@pytest.mark.parametrize("data", [b"[]", b"{}", b"null", b'"x"', b"1"])
def test_what_is_no_list_is_no_chain(data: bytes) -> None:
    """An empty array or another JSON value is refused."""
    assert _refused(data) == ("not-a-chain", [])


def test_a_chain_does_not_begin_with_a_revocation() -> None:
    """The first statement publishes the root."""
    chain = full_chain()
    revocation = chain.revocation(signing_key().kid)
    assert _refused(json.dumps([revocation.to_json()]).encode()) == ("not-a-chain", ["#0"])


def test_a_malformed_statement_says_where_it_stands() -> None:
    """The place starts from the array."""
    broken = [*json.loads(full_chain().file()), {"payload": 1}]
    with pytest.raises(MalformedError) as caught:
        read_chain(json.dumps(broken).encode())
    assert "/3/payloadType" in {fault.pointer for fault in caught.value.faults}


def test_an_endless_file_is_not_read() -> None:
    """A file over the limit is refused before it is parsed."""
    assert _refused(b" " * (MAX_CHAIN_FILE + 1))[0] == "too-large"
