"""An erasure says exactly which entries it took, in one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.entries import MAX_ENTRY
from journal.erasures import MAX_RANGES, Erasure, read_erasure
from keys.documents import encode
from keys.errors import MalformedError, PasserelleError
from keys.strictjson import MAX_INTEGER, dumps

MEMBERS: dict[str, object] = {"v": 1, "indices": [[3, 3], [5, 9]], "by": "operator", "ground": "retention-over"}


def code_of(changes: dict[str, object]) -> tuple[str, str]:
    """The slug with which an erasure is refused, and where."""
    members = {name: value for name, value in (MEMBERS | changes).items() if value is not None}
    with pytest.raises(MalformedError) as caught:
        read_erasure(dumps(members))
    return caught.value.code, caught.value.pointer


def test_an_erasure_comes_back() -> None:
    """What is written is what is read, and each index is in it or not."""
    read = read_erasure(dumps(MEMBERS))
    assert encode(read) == dumps(MEMBERS)
    assert (read.ranges, read.by, read.ground) == (((3, 3), (5, 9)), "operator", "retention-over")
    assert [index for index in range(-1, 12) if index in read] == [3, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"indices": []}, "too-short", "/indices"),
        ({"indices": [[1, 2, 3]]}, "too-long", "/indices/0"),
        ({"indices": [[1]]}, "too-short", "/indices/0"),
        ({"indices": [1, 2]}, "wrong-type", "/indices/0"),
        ({"indices": [[2, 1]]}, "indices-out-of-order", "/indices/0"),
        ({"indices": [[5, 9], [3, 3]]}, "indices-out-of-order", "/indices/1"),
        ({"indices": [[3, 5], [5, 9]]}, "indices-out-of-order", "/indices/1"),
        ({"indices": [[3, 4], [5, 9]]}, "indices-out-of-order", "/indices/1"),
        ({"indices": [[-1, 4]]}, "out-of-range", "/indices/0/0"),
        ({"indices": [[0, MAX_INTEGER + 1]]}, "number-not-allowed", "/indices/0/1"),
        ({"indices": [[True, 4]]}, "wrong-type", "/indices/0/0"),
        ({"indices": [["1", 4]]}, "wrong-type", "/indices/0/0"),
        ({"indices": [[2 * n, 2 * n] for n in range(MAX_RANGES + 1)]}, "too-long", "/indices"),
        ({"by": None}, "missing-field", "/by"),
        ({"ground": None}, "missing-field", "/ground"),
        ({"by": "une phrase"}, "wrong-form", "/by"),
        ({"ground": ""}, "wrong-form", "/ground"),
        ({"v": 2}, "out-of-range", "/v"),
        ({"note": "x"}, "unknown-field", "/note"),
    ],
)
def test_any_other_form_is_refused(changes: dict[str, object], code: str, pointer: str) -> None:
    """Ranges ascend and do not touch; codes are codes."""
    assert code_of(changes) == (code, pointer)


def test_the_largest_erasure_fits_into_an_entry() -> None:
    """As many ranges as it may hold, of the largest indices, as base64url in a member of an entry."""
    last = MAX_INTEGER - 3 * MAX_RANGES
    ranges = tuple((last + 3 * n, last + 3 * n + 1) for n in range(MAX_RANGES))
    data = encode(Erasure(v=1, indices=ranges, by="c" * 64, ground="g" * 64))
    assert len(data) * 4 / 3 < MAX_ENTRY - 1024
    assert read_erasure(data).ranges == ranges


@given(st.sets(st.integers(0, 300), min_size=1))
def test_an_index_is_in_it_exactly_when_a_range_holds_it(indices: set[int]) -> None:
    """Whatever the ranges."""
    starts = sorted(index for index in indices if index - 1 not in indices)
    ranges = tuple((start, next(end for end in range(start, 302) if end + 1 not in indices)) for start in starts)
    erasure = Erasure(v=1, indices=ranges, by="c", ground="g")
    assert {index for index in range(302) if index in erasure} == indices


@given(st.binary(max_size=200))
def test_garbage_raises_our_errors_only(data: bytes) -> None:
    """Whatever the bytes, reading them refuses with an error that callers handle."""
    with pytest.raises(PasserelleError):
        read_erasure(data)
