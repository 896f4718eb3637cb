"""The spoken code: easy to say, hard to get wrong, impossible to guess."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.withdrawal_code import ALPHABET, CODE_LENGTH, check_code, new_code, shown
from keys.errors import MalformedError
from tests.codes import completed

TWINS = {"0", "Z"}
"""The two characters that modulo 31 cannot tell apart."""


codes = st.text(ALPHABET, min_size=15, max_size=15).map(completed)


def reads(text: str) -> bool:
    """Whether a text reads as a code."""
    try:
        check_code(text)
    except MalformedError:
        return False
    return True


@given(codes)
def test_a_fresh_code_reads_back(code: str) -> None:
    """Sixteen characters of Crockford's alphabet, shown in four groups of four."""
    assert len(code) == CODE_LENGTH
    assert set(code) <= set(ALPHABET)
    assert [len(group) for group in shown(code).split(" ")] == [4, 4, 4, 4]
    assert check_code(shown(code)) == check_code(code) == code


def test_codes_are_not_made_twice() -> None:
    """Seventy-five random bits: a thousand codes are a thousand codes, and every character comes up."""
    made = {new_code() for _ in range(1000)}
    assert len(made) == 1000
    assert {sign for code in made for sign in code[:-1]} == set(ALPHABET)


@given(codes, st.data())
def test_a_code_is_read_as_people_write_it(code: str, data: st.DataObject) -> None:
    """Lower case, O for 0, I or L for 1, spaces and hyphens anywhere."""
    looks = {"0": "0Oo", "1": "1IiLl"}
    written = [data.draw(st.sampled_from(looks.get(sign, sign + sign.lower()))) for sign in code]
    gaps = data.draw(st.lists(st.sampled_from(["", " ", "-", "\u00a0", "–", ". "]), min_size=16, max_size=16))
    assert check_code("".join(itertools.chain.from_iterable(zip(gaps, written, strict=True)))) == code


def test_every_wrong_character_is_caught_but_one_pair() -> None:
    """Each of the 16 places with each of the 31 other characters: only 0 for Z and Z for 0 go by unseen."""
    for code in (completed("0Z" * 7 + "0"), new_code(), new_code()):
        unseen = {
            (code[place], other)
            for place in range(CODE_LENGTH)
            for other in ALPHABET
            if other != code[place] and reads(code[:place] + other + code[place + 1 :])
        }
        assert all(set(pair) == TWINS for pair in unseen)
        assert len(unseen) == len(TWINS & set(code[:-1]))


def test_every_exchange_of_two_characters_is_caught_but_one_pair() -> None:
    """All pairs of places with all pairs of characters, neighbours or not; the check character's place as well."""
    background = new_code()[:-1]
    for first, second in itertools.combinations(range(CODE_LENGTH - 1), 2):
        for one, other in itertools.combinations(ALPHABET, 2):
            signs = list(background)
            signs[first], signs[second] = one, other
            code = list(completed("".join(signs)))
            code[first], code[second] = code[second], code[first]
            assert reads("".join(code)) is ({one, other} == TWINS)
    for place, sign in itertools.product(range(CODE_LENGTH - 1), ALPHABET):
        code = list(completed(background[:place] + sign + background[place + 1 :]))
        exchanged = [*code]
        exchanged[place], exchanged[-1] = code[-1], code[place]
        assert reads("".join(exchanged)) is (code[place] == code[-1])


def test_exactly_one_check_character_fits() -> None:
    """Whatever was drawn, one character of 31 ends it, never Z."""
    for drawn in ("0" * 15, "Z" * 15, new_code()[:-1]):
        assert [last for last in ALPHABET if reads(drawn + last)] in [[sign] for sign in ALPHABET[:31]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABCD",
        "0" * 15,
        "0" * 17,
        "U" + "0" * 15,
        "0" * 15 + "Z",
        "\u0660" * 16,
        "\uff10" * 16,
        "\u017f" * 16,
        "ß" * 8,
        "0" * 15 + "\x00",
        "0 " * 2000,
        "_" * 16,
    ],
)
def test_what_is_no_code_is_refused_without_repeating_it(text: str) -> None:
    """Too short, too long, another alphabet, a check that does not fit: one slug, and never the text."""
    with pytest.raises(MalformedError) as caught:
        check_code(text, pointer="/code")
    assert (caught.value.code, caught.value.pointer) == ("withdrawal-code-wrong", "/code")
    assert not text or text not in repr(caught.value)


def test_guessing_gets_nowhere() -> None:
    """Of random texts of the right form one in 31 reads as a code, and those that do are spread over 2^75."""
    drawn = new_code()[:-1]
    assert sum(reads(drawn + last) for last in ALPHABET) == 1
    assert len(ALPHABET) ** (CODE_LENGTH - 1) == 2**75
