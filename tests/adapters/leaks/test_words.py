"""The words of protected sections in every form, the phrases that tell nothing, and the tables they come from."""

from __future__ import annotations

import pytest

from adapters.leaks.folding import fold
from adapters.leaks.inflections import CLASSES, forms_of
from adapters.leaks.wordbook import WordBook, phrases, shipped_book, shipped_phrases
from keys.errors import MalformedError
from keys.words import Language
from tests.adapters.leaks.referrals import told

LANGUAGES: tuple[Language, ...] = ("fr", "en")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Elle est enceinte.", "health"),
        ("Elle n’est pas enceinte.", "health"),
        ("ELLE EST ENCEINTE", "health"),
        ("Deux femmes enceintes", "health"),
        ("Elles ont été hospitalisées.", "health"),
        ("On l’hospitalisera demain.", "health"),
        ("Il est depressif", "health"),
        ("handicapée", "disability"),
        ("HANDICAPE", "disability"),
        ("Elle est handicappée", "disability"),
        ("Son conjoint la frappait.", "violence"),
        ("Elle a été aggressée", "violence"),
        ("Des violences répétées", "violence"),
        ("Aucune violence", "violence"),
        ("réfugiées", "migration-status"),
        ("Sans-papiers depuis mars", "migration-status"),
        ("demandeuses d’asile", "migration-status"),
        ("Un réfugié·e", "migration-status"),
    ],
)
def test_a_word_tells_in_every_form_in_french(text: str, kind: str) -> None:
    """Plural, feminine, tenses, capitals without accents, a slip of the hand, and what is denied."""
    assert [found for found, _ in told(text, language="fr")] == [kind]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("She is pregnant.", "health"),
        ("She is not pregnant.", "health"),
        ("two pregnancies", "health"),
        ("He was hospitalised", "health"),
        ("H.I.V. positive", "health"),
        ("DIABETIC", "health"),
        ("disabilities", "disability"),
        ("a wheelchair user", "disability"),
        ("He stabbed someone", "violence"),
        ("being harrassed daily", "violence"),
        ("an abusive partner", "violence"),
        ("refugees", "migration-status"),
        ("He overstayed", "migration-status"),
        ("no status", "migration-status"),
    ],
)
def test_a_word_tells_in_every_form_in_english(text: str, kind: str) -> None:
    """Plural, tenses, both spellings, dotted abbreviations, a slip of the hand, and what is denied."""
    assert [found for found, _ in told(text, language="en")] == [kind]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Rendez-vous au centre de santé", "fr"),
        ("Besoin : santé mentale", "fr"),
        ("Ligne SOS violence conjugale", "fr"),
        ("Dans l’enceinte de l’école", "fr"),
        ("Malade de rire", "fr"),
        ("Une dépression météo", "fr"),
        ("Un asile de nuit", "fr"),
        ("Permis de conduire, séjour de vacances", "fr"),
        ("Expulsion du logement", "fr"),
        ("Coup de main, coup de fil", "fr"),
        ("Acheter du pain", "fr"),
        ("Please be patient", "en"),
        ("A depressed area", "en"),
        ("Abuse of power", "en"),
        ("Status of the application", "en"),
        ("A stroke of luck", "en"),
        ("Domestic violence hotline", "en"),
        ("Threatened with eviction", "en"),
        ("She turned a blind eye", "en"),
        ("The rest is on the way", "en"),
    ],
)
def test_a_phrase_that_tells_nothing_of_a_person_passes(text: str, language: Language) -> None:
    """Names of services, weather, buildings, idioms and papers of everyday life."""
    assert told(text, language=language) == []


def test_the_same_word_tells_outside_the_phrase() -> None:
    """A clean phrase hides its own word and no other."""
    assert told("Près de l’asile de nuit, il demande l’asile", language="fr") == [
        ("migration-status", "demande l’asile")
    ]
    assert told("Depressed area, depressed man", language="en") == [("health", "depressed")]


def test_words_of_a_phrase_do_not_meet_across_a_sentence() -> None:
    """What ends one sentence and begins the next makes no phrase."""
    assert told("Elle cherche un asile. De nuit, elle marche", language="fr") == [("migration-status", "asile")]


def test_the_language_is_guessed_from_small_words() -> None:
    """Pain is bread in French; a text in both languages, or in neither, is read in both."""
    assert told("Elle a besoin de pain et de lait pour les enfants") == []
    assert told("He is in pain and can not work") == [("health", "in pain")]
    assert {kind for kind, _ in told("Diabétique, deaf")} == {"health", "disability"}
    assert {kind for kind, _ in told("Elle est dans la rue. She is pregnant and it is cold.")} == {"health"}


@pytest.mark.parametrize(
    ("language", "inflection", "word", "forms"),
    [
        ("fr", "noun", "drogue", {"drogue", "drogues"}),
        ("fr", "noun", "mal", {"mal", "maux"}),
        ("fr", "adj", "handicapé", {"handicapé", "handicapée", "handicapés", "handicapées"}),
        ("fr", "adj", "anxieux", {"anxieux", "anxieuse", "anxieuses"}),
        ("fr", "adj", "dépressif", {"dépressif", "dépressifs", "dépressive", "dépressives"}),
        ("fr", "adj", "malade", {"malade", "malades"}),
        ("fr", "er", "menacer", {"menacer", "menace", "menaçant", "menacées", "menaceront", "menaçait"} - {"menaçait"}),
        ("fr", "ir", "subir", {"subir", "subit", "subissait", "subi", "subies"}),
        ("en", "noun", "pregnancy", {"pregnancy", "pregnancies"}),
        ("en", "noun", "illness", {"illness", "illnesses"}),
        ("en", "verb", "abuse", {"abuse", "abuses", "abused", "abusing"}),
        ("en", "verb", "bully", {"bully", "bullies", "bullied", "bullying"}),
        ("en", "doubling", "stab", {"stab", "stabs", "stabbed", "stabbing"}),
        ("en", "=", "deaf", {"deaf"}),
    ],
)
def test_forms_are_made_from_the_class(language: Language, inflection: str, word: str, forms: set[str]) -> None:
    """Each class makes at least these forms of its word."""
    folded = {fold(form).lower for form in forms_of(word, language, inflection)}
    assert {fold(form).lower for form in forms} <= folded


def test_every_class_is_used() -> None:
    """A class that no row of the tables names would be dead weight."""
    names = {(phrase.language, inflection) for phrase in shipped_phrases() for inflection in phrase.classes}
    assert names == set(CLASSES)


def test_no_row_stands_twice() -> None:
    """A table in which a row is repeated is one that nobody has read."""
    rows = [(phrase.kind, phrase.language, phrase.steps, phrase.capitals) for phrase in shipped_phrases()]
    assert len(rows) == len(set(rows))


def test_every_clean_phrase_has_two_words() -> None:
    """A single word that tells nothing would silence the table of words; it is not in it in the first place."""
    clean = [phrase for phrase in shipped_phrases() if phrase.kind is None]
    assert clean
    assert [phrase for phrase in clean if phrase.may_be_one_word] == []


@pytest.mark.parametrize(
    ("row", "code", "pointer"),
    [
        ("health,fr,malade,verb", "unknown-code", "/leak_words/class"),
        ("health,fr,malade de rire,adj =", "unknown-code", "/leak_words/class"),
        ("wealth,fr,malade,adj", "unknown-code", "/leak_words/kind"),
        ("health,de,krank,adj", "unknown-code", "/leak_words/language"),
        ("health,fr,@nobody,=", "unknown-code", "/leak_words/pattern"),
        ("health,fr,,adj", "missing-field", "/leak_words/pattern"),
        ("health,fr,malade", "table-columns", "/leak_words"),
    ],
)
def test_a_slip_in_a_table_is_told_by_its_line(row: str, code: str, pointer: str) -> None:
    """Whoever reviews the words is told the line and the column."""
    with pytest.raises(MalformedError) as caught:
        phrases("leak_words", f"kind,language,pattern,class\n{row}\n")
    assert (caught.value.code, caught.value.pointer, caught.value.faults[0].line) == (code, pointer, 2)


def test_the_longest_phrase_wins_and_a_clean_one_wins_a_tie() -> None:
    """`a b c` is read before `a b`; the same words in both tables are clean."""
    words = "kind,language,pattern,class\nhealth,en,red|blue stone,=\nviolence,en,red stone wall?,=\n"
    clean = "language,pattern,class\nen,blue stone,=\n"
    book = WordBook([*phrases("leak_words", words), *phrases("leak_clean", clean)])
    folded = fold("red stone wall, blue stone, blue stones")
    assert [(folded.lower[a:b], kind) for a, b, kind in book.read(folded, folded.tokens(), LANGUAGES)] == [
        ("red stone wall", "violence")
    ]


def test_an_abbreviation_that_is_a_word_counts_in_capitals_only() -> None:
    """AIDS is an illness, and aids are devices."""
    assert told("He has AIDS", language="en") == [("health", "AIDS")]
    assert told("She aids her sister", language="en") == []


def test_the_shipped_words_are_read_once() -> None:
    """A second text costs no second reading of the tables."""
    assert shipped_book() is shipped_book()
