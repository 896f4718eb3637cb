"""The pages of decisions are complete, numbered, and name rules that exist; the list of libraries is the real one."""

import re
import tomllib

from tests import house_rules, house_words
from tests.repository import FILES, SOURCES

FOLDER = "docs/decisions/"
PAGES = {path.removeprefix(FOLDER): text for path, text in FILES.items() if path.startswith(FOLDER)}
RECORDS = {name: text for name, text in PAGES.items() if name != "README.md"}
HEADINGS = ["## Context", "## Decision", "## Consequence", "## Kept by"]
NAME = re.compile(r"^[A-Za-z0-9-]+")


def test_pages_are_numbered_and_listed() -> None:
    """Numbers have no gap, each page is headed by its own, and the list links to every page."""
    assert [name[:4] for name in sorted(RECORDS)] == [f"{number:04d}" for number in range(1, len(RECORDS) + 1)]
    assert [name for name, text in RECORDS.items() if not text.startswith(f"# {name[:4]} ")] == []
    assert re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", PAGES["README.md"]) == sorted(RECORDS)


def test_each_page_says_why_what_and_what_follows() -> None:
    """Context, decision, consequence, and what keeps it, in this order."""
    for name, text in RECORDS.items():
        assert (name, re.findall(r"^## .+$", text, re.MULTILINE)) == (name, HEADINGS)


def test_what_keeps_a_decision_exists() -> None:
    """Each test and each file that a page names is there."""
    for name, text in RECORDS.items():
        kept_by = text.partition("## Kept by")[2]
        named = house_words.tests_named(kept_by)
        missing = [test for path, test in named if test not in house_rules.tests_defined(SOURCES[path])]
        files = [path for path in re.findall(r"`([a-z/_]+\.py)`", kept_by) if path not in SOURCES]
        assert (name, missing, files) == (name, [], [])
        assert named or "`" in kept_by


def test_every_dependency_has_its_reason() -> None:
    """The table of libraries is that of pyproject.toml, each where it is installed."""
    project = tomllib.loads(FILES["pyproject.toml"])
    declared: dict[str, set[str]] = {}
    places = {
        "core": project["project"]["dependencies"],
        **project["project"]["optional-dependencies"],
        "build": project["dependency-groups"]["build"],
        "development": project["dependency-groups"]["dev"],
    }
    for place, wanted in places.items():
        for requirement in wanted:
            found = NAME.match(requirement)
            assert found is not None
            declared.setdefault(found[0], set()).add(place)
    rows = re.findall(r"^\| ([a-z0-9-]+) \| ([a-z, ]+) \| \S.* \|$", RECORDS["0001-dependencies.md"], re.MULTILINE)
    told = {name: set(where.split(", ")) for name, where in rows if name != "library"}
    assert told == declared
