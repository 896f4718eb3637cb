"""How a language is chosen, and how an error reads in it."""

import pytest

from keys.errors import Fault, MalformedError, PasserelleError, about
from keys.words import Language, Words, language_of_environment, language_of_header

WORDS = Words("keys")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "fr"),
        ("", "fr"),
        ("*", "fr"),
        ("en", "en"),
        ("en-CA,en;q=0.9,fr;q=0.8", "en"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.5, fr;q=0.5", "fr"),
        ("en;q=0, fr;q=0", "fr"),
        ("EN-gb", "en"),
        ("de, en;q=0.3", "en"),
        ("en;q=abc", "fr"),
        ("x" * 100_000 + ",en", "fr"),
    ],
)
def test_the_header_chooses_and_french_is_the_default(header: str | None, expected: Language) -> None:
    """English needs a greater weight than French; nonsense counts for nothing."""
    assert language_of_header(header) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "fr_CA.UTF-8"}, "fr"),
        ({"LANG": "fr_CA.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_CA.UTF-8", "LC_MESSAGES": "fr_FR"}, "fr"),
        ({"LANG": "de_DE", "LC_ALL": ""}, "en"),
    ],
)
def test_the_environment_chooses_as_posix_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: Language
) -> None:
    """LC_ALL goes before LC_MESSAGES, and that before LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language_of_environment() == expected


def test_an_unknown_key_is_a_fault_of_ours() -> None:
    """A sentence that is in no catalogue raises, and `find` says None; a table is not a sentence."""
    with pytest.raises(KeyError, match=r"error\.nowhere\.title"):
        WORDS("error.nowhere.title", "fr")
    assert WORDS.find("error.too-large", "fr") is None
    assert WORDS.find("error.too-large.title.more", "fr") is None


def test_the_first_package_that_knows_a_key_speaks() -> None:
    """Packages are asked in order, and those after the first fill in."""
    both = Words("consent", "keys")
    assert both("error.too-large.title", "en") == WORDS("error.too-large.title", "en")


@pytest.mark.parametrize(("language", "colon"), [("fr", "\u00a0: "), ("en", ": ")])
def test_an_error_reads_as_what_where_and_remedy(language: Language, colon: str) -> None:
    """An explanation has the title, the remedy, then a line for each place with what is wrong there."""
    faults = (Fault("missing-field", "/a", 3, 7), Fault("too-long", "/b/0"))
    lines = WORDS.explain(MalformedError("missing-field", faults=faults), language).split("\n")
    title, remedy = WORDS("error.missing-field.title", language), WORDS("error.missing-field.remedy", language)
    place = WORDS("place.line", language, line=3, column=7)
    assert lines == [
        f"{title} {remedy}",
        f"  - {place}, /a{colon}{title}",
        f"  - /b/0{colon}{WORDS('error.too-long.title', language)}",
    ]


def test_a_whole_document_needs_no_place() -> None:
    """A fault of the document as a whole is told in one line."""
    assert "\n" not in WORDS.explain(MalformedError("too-large"), "fr")


def test_an_error_keeps_the_name_of_its_file_beside_itself() -> None:
    """What an error is about is noted from the inside out, and only on errors of ours."""
    with pytest.raises(PasserelleError) as caught, about("folder"), about("file"):
        raise MalformedError("too-large")
    assert caught.value.__notes__ == ["file", "folder"]
    with pytest.raises(ValueError, match="x") as other, about("file"):
        raise ValueError("x")
    assert not hasattr(other.value, "__notes__")
