"""Whatever the text: nothing is raised, nothing is cut wrongly, and the time grows as the text does."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.leaks import Leak, find_in_text
from adapters.leaks.folding import fold

PIECES = (
    *(
        "Zélie",
        "enceinte",
        "450 555-0123",
        "z@example.invalid",
        "12, rue Inventée",
        "née le",
        "12/03/1987",
        "a peur de",
    ),
    *(
        "son ex",
        "\u00ad",
        "\u200b",
        "e\u0301",
        "ß",
        "İ",
        "№",
        "½",
        "ﬁ",
        "\n",
        " ",
        ".",
        "-",
        "'",
        "@",
        "+",
        "(",
        "1",
        "0",
    ),
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
ADVERSARIES = (
    *("1", "1 ", "12-", "0", "(1)", "+1", "a.", "a@", "A. ", "d'", "-", "e\u0301", "\u200b", "née le ", "née    "),
    *("12 rue ", "12 a b ", "habite ", "lives on lives at ", "tel ", "dossier : : ", "FR76 1234 ", "a at b dot "),
    *("elle a peur de son ", "ligne sos d aide aux victimes de ", "Zélie ", "Z. I. ", "12 " + "a" * 25 + " "),
)


@given(TEXTS, st.lists(st.one_of(st.text(max_size=20), st.sampled_from(PIECES)), max_size=4))
def test_no_text_and_no_name_raises(text: str, names: list[str]) -> None:
    """Places lie inside the text, in order, and none overlaps another."""
    leaks = find_in_text(text, names=names)
    edges = [edge for leak in leaks for edge in (leak.start, leak.end)]
    assert edges == sorted(edges)
    assert all(0 <= leak.start < leak.end <= len(text) for leak in leaks)


@given(TEXTS)
def test_folding_keeps_a_sign_for_each_offset(text: str) -> None:
    """Both foldings are of one length, and each of their signs comes from a character of the text, in order."""
    folded = fold(text)
    assert len(folded.lower) == len(folded.cased) == len(folded.origins)
    assert list(folded.origins) == sorted(folded.origins)
    assert all(0 <= origin < len(text) for origin in folded.origins)


@given(TEXTS, TEXTS)
def test_another_line_takes_nothing_away(first: str, second: str) -> None:
    """A leak of one sentence is still found when an unrelated sentence follows."""
    alone = find_in_text("Elle est enceinte.", language="fr")
    longer = find_in_text(f"Elle est enceinte.\n\n{first}\n{second}", language="fr")
    assert set(alone) <= set(longer)


@given(st.text(alphabet=st.characters(categories=["Cf", "Mn"]), max_size=3))
def test_invisible_characters_hide_no_word(hidden: str) -> None:
    """Whatever is not seen between two letters does not part them."""
    text = hidden.join("enceinte")
    assert [(leak.kind, leak.start) for leak in find_in_text(text, language="fr")] == [("health", 0)]


def _seconds(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        find_in_text(text, names=["Zélie", "Imaginé"])
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("piece", ADVERSARIES)
def test_time_grows_as_the_text_does(piece: str) -> None:
    """Eight times the text costs far less than the 64 times of a quadratic search, measured side by side."""
    long = (piece * 4000)[:4000]
    assert _seconds(long) < 24 * max(_seconds(long[:500]), 0.0002)


def test_the_same_text_gives_the_same_leaks() -> None:
    """Pure: nothing is kept from one reading to the next."""
    text = "Zélie est enceinte, 450 555-0123."
    first = find_in_text(text, names=["Zélie"])
    assert find_in_text("Autre texte, autre nom", names=["Autre"]) != first
    assert (
        find_in_text(text, names=["Zélie"])
        == first
        == (
            Leak("", 0, 5, "name", "identity"),
            Leak("", 10, 18, "health", "health-note"),
            Leak("", 20, 32, "phone", "contact"),
        )
    )
