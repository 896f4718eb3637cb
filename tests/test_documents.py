"""What keeps words and documents true: both languages, slugs, promises, help screens, lists of packages."""

import subprocess

import pytest

from tests import house_rules, house_words
from tests.repository import CODE, CORES, FILES, PROGRAMS, SOURCES, WORDED, catalogue


def test_every_catalogue_is_complete_in_both_languages() -> None:
    """French and English say the same things, with the same placeholders, and French is typeset as French."""
    assert set(CORES) <= set(WORDED)
    for package in WORDED:
        french, english = catalogue(package, "fr"), catalogue(package, "en")
        assert (package, house_words.untranslated(french, english)) == (package, [])
        assert (package, house_words.loosely_typeset(french)) == (package, [])


def test_an_incomplete_catalogue_is_found() -> None:
    """The check on catalogues sees a missing sentence, an empty one, and a lonely placeholder."""
    french: dict[str, object] = {"error": {"a": {"title": "À {place}"}, "b": {"title": "b"}, "d": {"title": " "}}}
    english: dict[str, object] = {"error": {"a": {"title": "At"}, "c": {"title": "c"}, "d": {"title": "d"}}}
    assert house_words.untranslated(french, english) == [
        "error.a.title: other placeholders in French and in English",
        "error.b.title: only in French",
        "error.c.title: only in English",
        "error.d.title: empty",
    ]


@pytest.mark.parametrize("sentence", ["Vraiment?", "Vraiment ?", "Voici: un", "l'état", "«ici\u00a0»", "ici ; là"])
def test_loose_french_typography_is_found(sentence: str) -> None:
    """The check on typography sees a missing or breakable space and a straight apostrophe."""
    assert len(house_words.loosely_typeset({"x": sentence})) == 1
    assert house_words.loosely_typeset({"x": "L’état\u00a0: « à 10:30\u00a0» ; {a} `b'c: d`\u00a0!"}) != []
    assert house_words.loosely_typeset({"x": "L’état\u00a0: à 10:30\u00a0; {a} `b'c: d`\u00a0!"}) == []


def test_every_slug_has_its_words() -> None:
    """Each refusal and error that the code can utter has a title and a remedy in a catalogue."""
    errors = house_rules.error_names(CODE)
    words = {key for package in WORDED for key in house_words.flattened(catalogue(package, "en"))}
    uttered = [(path, *use) for path, text in CODE.items() for use in house_rules.slugs_used(text, errors)]
    wordless = [use for use in uttered if not {f"error.{use[2]}.title", f"error.{use[2]}.remedy"} <= words]
    assert uttered
    assert wordless == []


def test_slugs_are_read_from_the_code() -> None:
    """The reading of slugs follows derived classes, keywords and conditional expressions, nothing else."""
    source = (
        "class LostError(errors.PasserelleError): ...\nclass DeepError(LostError): ...\n"
        "class Other(ValueError): ...\n"
        "DeepError('a')\nkeys.Fault(code='b')\nRefused('c' if x else 'd')\nOther('no')\nLostError(slug)\n"
    )
    errors = house_rules.error_names({"m": source})
    assert errors == {"PasserelleError", "LostError", "DeepError"}
    assert house_rules.slugs_used(source, errors) == [(4, "a"), (5, "b"), (6, "c"), (6, "d")]


def _missing_tests(document: str) -> list[str]:
    named = house_words.tests_named(document)
    return [
        f"{path}::{name}"
        for path, name in named
        if path not in SOURCES or name not in house_rules.tests_defined(SOURCES[path])
    ]


def test_every_promise_names_a_test_that_exists() -> None:
    """SECURITY.md points each promise to a test; the test is there."""
    assert house_words.tests_named(FILES["SECURITY.md"])
    assert _missing_tests(FILES["SECURITY.md"]) == []


def test_a_promise_without_its_test_is_found() -> None:
    """The check on promises sees an absent file and an absent test."""
    here = "tests/test_documents.py"
    kept = f"`{here}::test_a_promise_without_its_test_is_found`"
    assert _missing_tests(f"{kept} `{here}::test_gone` `tests/gone.py::test_x`") == [
        f"{here}::test_gone",
        "tests/gone.py::test_x",
    ]


@pytest.mark.parametrize(("document", "locale"), [("README.md", "en_CA.UTF-8"), ("README.fr.md", "fr_CA.UTF-8")])
def test_the_readme_shows_what_the_programs_print(document: str, locale: str) -> None:
    """Each help screen in the README is the one the program prints, 100 columns wide, in that language."""
    blocks = house_words.help_blocks(FILES[document])
    assert blocks
    for command, shown in blocks:
        environment = {"PATH": str(PROGRAMS), "LC_ALL": locale, "COLUMNS": "100", "TERMINAL_WIDTH": "100"}
        run = subprocess.run(
            [PROGRAMS / command[0], *command[1:]],
            env=environment | {"NO_COLOR": "1", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        assert house_words.same_screen(shown, run.stdout), f"{document}: {' '.join(command)}\n{run.stdout}"


def test_a_stale_help_screen_is_found() -> None:
    """The check on help screens finds the blocks and sees a changed line."""
    document = "Text\n\n```console\n$ passerelle-audit verify --help\n Usage: x  \n\n a\n```\n"
    [(command, shown)] = house_words.help_blocks(document)
    assert command == ["passerelle-audit", "verify", "--help"]
    assert house_words.same_screen(shown, "\n Usage: x\n\n a\n\n")
    assert not house_words.same_screen(shown, " Usage: x\n\n b\n")


def test_the_lists_of_packages_hold_nothing_but_names_and_hashes() -> None:
    """Each pinned package carries hashes, and no list gives an index, a link or an address."""
    for path in ("requirements/run.txt", "requirements/dev.txt"):
        lines = [line.strip() for line in FILES[path].splitlines()]
        pinned = [line for line in lines if "==" in line and not line.startswith("#")]
        hashes = [line for line in lines if line.startswith("--hash=sha256:")]
        assert len(hashes) >= len(pinned) > 0
        assert all(line.endswith("\\") for line in pinned)
        assert not [line for line in lines if "://" in line or line.startswith(("-i", "-f", "-e", "--index"))]
