"""Makes every form of a word: plural, feminine, and the tenses of a regular verb, in French and in English.

The tables hold one line a word, which people can review; the forms are made here. Irregular forms stand in the
table itself. Accents decide in French (`handicapé` has a feminine where `malade` has none), so forms are made from
the word with its accents, and folded afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from keys.words import Language

__all__ = ["CLASSES", "forms_of"]

_FEMININES: Final = (
    ("teur", ("trice", "teuse")),
    ("eur", ("euse",)),
    ("eux", ("euse",)),
    ("if", ("ive",)),
    ("er", ("ère",)),
    ("el", ("elle",)),
    ("ien", ("ienne",)),
    ("on", ("onne",)),
    ("c", ("que",)),
    ("e", ("e",)),
)
_ER_ENDINGS: Final = (
    *("er", "e", "es", "ons", "ez", "ent", "ais", "ait", "ions", "iez", "aient", "ant"),
    *("ai", "as", "a", "âmes", "âtes", "èrent"),
    *("erai", "eras", "era", "erons", "erez", "eront", "erais", "erait", "erions", "eriez", "eraient"),
    *("é", "és", "ée", "ées"),
)
_IR_ENDINGS: Final = (
    *("ir", "is", "it", "issons", "issez", "issent", "issais", "issait", "issions", "issiez", "issaient", "issant"),
    *("isse", "isses", "irent", "irai", "iras", "ira", "irons", "irez", "iront"),
    *("irais", "irait", "irions", "iriez", "iraient", "i", "ie", "ies"),
)


def _french_noun(word: str) -> tuple[str, ...]:
    if word.endswith(("s", "x", "z")):
        return (word,)
    if word.endswith(("eau", "eu")):
        return word, f"{word}x"
    if word.endswith("al"):
        return word, f"{word[:-2]}aux", f"{word}s"
    return word, f"{word}s"


def _french_adjective(word: str) -> tuple[str, ...]:
    for ending, feminines in _FEMININES:
        if word.endswith(ending):
            feminine = [word.removesuffix(ending) + other for other in feminines]
            break
    else:
        feminine = [f"{word}e"]
    # Who types fast writes the infinitive for the participle, which sounds the same.
    slips = (f"{word[:-1]}er",) if word.endswith("é") else ()
    return (*_french_noun(word), *(form for one in feminine for form in (one, f"{one}s")), *slips)


def _french_er(word: str) -> tuple[str, ...]:
    stem = word.removesuffix("er")
    # Before a, o: c and g keep their sound (menaçait, allongeait); folded, ç is c again.
    soft = f"{stem}e" if stem.endswith("g") else stem
    return tuple((soft if ending[0] in "aâo" else stem) + ending for ending in _ER_ENDINGS)


def _french_ir(word: str) -> tuple[str, ...]:
    stem = word.removesuffix("ir")
    return tuple(stem + ending for ending in _IR_ENDINGS)


def _english_noun(word: str) -> tuple[str, ...]:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word, f"{word}es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word, f"{word[:-1]}ies"
    return word, f"{word}s"


def _english_verb(word: str) -> tuple[str, ...]:
    singular, third = _english_noun(word)
    if word.endswith("e"):
        return singular, third, f"{word}d", f"{word[:-1]}ing"
    if word.endswith("y") and word[-2] not in "aeiou":
        return singular, third, f"{word[:-1]}ied", f"{word}ing"
    return singular, third, f"{word}ed", f"{word}ing"


def _english_doubling_verb(word: str) -> tuple[str, ...]:
    return *_english_noun(word), f"{word}{word[-1]}ed", f"{word}{word[-1]}ing"


def _invariable(word: str) -> tuple[str, ...]:
    return (word,)


CLASSES: Final[Mapping[tuple[Language, str], Callable[[str], tuple[str, ...]]]] = MappingProxyType(
    {
        ("fr", "="): _invariable,
        ("fr", "acronym"): _invariable,
        ("fr", "noun"): _french_noun,
        ("fr", "adj"): _french_adjective,
        ("fr", "er"): _french_er,
        ("fr", "ir"): _french_ir,
        ("en", "="): _invariable,
        ("en", "acronym"): _invariable,
        ("en", "noun"): _english_noun,
        ("en", "verb"): _english_verb,
        ("en", "doubling"): _english_doubling_verb,
    }
)
"""How the words of a class are inflected, by language; `acronym` counts only when typed in capitals."""


def forms_of(word: str, language: Language, inflection: str) -> tuple[str, ...]:
    """Every form of a word of that class, with its accents; `KeyError` for a class the language does not have."""
    return CLASSES[language, inflection](word)
