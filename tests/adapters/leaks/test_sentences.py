"""What the rules find in the sentences they were written with; the other half is for `benchmarks.leaks` alone."""

from __future__ import annotations

import pytest

from benchmarks.leaks import LANGUAGES, Expected, Score, Sentence, read_sentences, score, table
from keys.words import Language

ENOUGH = 170
TENTHS = 9
"""Of ten leaks, how many are found; of ten finds, how many are right."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("guessed", [False, True])
def test_nine_in_ten_are_found_and_nine_finds_in_ten_are_right(
    language: Language,
    guessed: bool,  # noqa: FBT001 - a table's column
) -> None:
    """In counts, over the development half, told the language or left to guess it."""
    counted = score(read_sentences(language, "development"), None if guessed else language)
    total = counted.overall
    assert total.marked >= ENOUGH // 2
    assert total.met * 10 >= total.marked * TENTHS, table(counted)
    assert total.right * 10 >= total.finds * TENTHS, table(counted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_development_half_is_what_it_says(language: Language) -> None:
    """Enough sentences, none twice, every kind several times, and a good part of them without a leak."""
    sentences = read_sentences(language, "development")
    clean = [sentence for sentence in sentences if not sentence.leaks]
    assert len({sentence.text for sentence in sentences}) == len(sentences) >= ENOUGH
    assert len(sentences) // 4 <= len(clean) <= len(sentences) // 2
    assert all(tally.marked >= 5 for tally in score(sentences, language).by_kind.values())


def test_counts_are_those_of_overlapping_finds() -> None:
    """One found, one missed, one wrong: each is counted once, under its kind."""
    text = "Elle est enceinte et asthmatique, voir la plante rose."
    counted = Score()
    sentence = Sentence(text, (), (Expected("health", 9, 17), Expected("violence", 0, 4)))
    counted.count(sentence, sentence.found("fr"))
    health, violence = counted.by_kind["health"], counted.by_kind["violence"]
    assert (health.marked, health.met, health.finds, health.right) == (1, 1, 2, 1)
    assert (violence.marked, violence.met, violence.finds, violence.recall) == (1, 0, 0, 0.0)
    assert (counted.overall.recall, counted.overall.precision) == (0.5, 0.5)
