"""What keeps the design true in the source; each check is also shown a sample that breaks it."""

import subprocess
from pathlib import Path

import pytest

from tests import house_rules
from tests.repository import CORES, FILES, HAND_WRITTEN, PROGRAMS, PURE, ROOT, SOURCES


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / "lint-imports", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_imports_go_the_way_of_the_design() -> None:
    """Every import contract of pyproject.toml holds."""
    run = _lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("keys/chain.py", "import consent", "Imports go one way"),
        ("consent/rules.py", "import journal.entries", "Imports go one way"),
        ("gateway/app.py", "import adapters.client", "Imports go one way"),
        ("adapters/app.py", "import gateway.store", "Imports go one way"),
        ("gateway/app.py", "import sandbox", "Imports go one way"),
        ("gateway/app.py", "import keys.sealing", "The broker can neither"),
        ("gateway/app.py", "import consent.statement", "The broker can neither"),
        ("journal/tree.py", "import sqlite3", "The cores know no network"),
        ("keys/chain.py", "import logging", "The cores know no network"),
        ("journal/cli.py", "import journal.reach", "The offline auditor"),
    ],
)
def test_an_import_against_the_design_breaks_its_contract(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    """A repository with one wrong import, direct or through another module, breaks the contract on it."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for path in (
        *("keys/sealing.py", "keys/chain.py", "consent/answers.py", "consent/record.py", "consent/receipt.py"),
        "consent/rules.py",
        *("journal/entries.py", "journal/tree.py", "journal/cli.py", "gateway/app.py", "gateway/store.py"),
        *("adapters/app.py", "adapters/client.py", "sandbox/faults.py", "journal/audit/download.py"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).parent.joinpath("__init__.py").touch()
        (tmp_path / path).touch()
    (tmp_path / "consent/statement.py").write_text("import consent.receipt\n")
    (tmp_path / "journal/audit/download.py").write_text("import httpx2\n")
    (tmp_path / "journal/reach.py").write_text("import gateway.store\n")
    (tmp_path / module).write_text(f"{line}\n")
    run = _lint_imports(tmp_path)
    assert run.returncode == 1
    assert any(shown.startswith(contract) and " BROKEN" in shown for shown in run.stdout.splitlines())


def test_modules_and_functions_are_short() -> None:
    """A module has at most 300 lines and a function at most 40."""
    assert [(path, found) for path, text in HAND_WRITTEN.items() for found in house_rules.oversized(text)] == []


def test_a_long_module_and_a_long_function_are_found() -> None:
    """The check on length sees one line too many and accepts the last one allowed."""
    body = '    """Long."""\n' + "    print()\n" * 38
    assert house_rules.oversized(f"def f():\n{body}") == []
    assert house_rules.oversized(f"def f():\n{body}    print()\n") == ["1: function f of 41 lines"]
    assert house_rules.oversized("x = 1\n" * 300) == []
    assert house_rules.oversized("x = 1\n" * 301) == ["1: module of 301 lines"]


def test_everything_public_is_documented() -> None:
    """Every module, public class, function and method has a docstring."""
    assert [(path, found) for path, text in HAND_WRITTEN.items() for found in house_rules.undocumented(text)] == []


def test_a_missing_docstring_is_found() -> None:
    """The check on docstrings looks at modules, classes, functions and methods, not at private names."""
    sample = "class A:\n  def m(self): ...\n  def _p(self): ...\nasync def f(): ...\ndef _g(): ...\n"
    assert house_rules.undocumented(sample) == [
        "1: module without a docstring",
        "1: A has no docstring",
        "2: m has no docstring",
        "4: f has no docstring",
    ]


def test_modules_are_named_after_what_they_hold() -> None:
    """No module has a name under which anything could be put."""
    assert [found for path in SOURCES for found in house_rules.vaguely_named(path)] == []
    assert house_rules.vaguely_named("gateway/utils.py") == ["1: a module named utils"]


def test_the_cores_are_given_the_time() -> None:
    """No core module reads a clock; the command lines and the keystore file are the only exceptions."""
    assert [(path, found) for path, text in PURE.items() for found in house_rules.clock_reads(text)] == []
    assert {path.split("/")[0] for path in PURE} == set(CORES)


@pytest.mark.parametrize(
    "sample",
    [
        "at = datetime.now(tz=UTC)",
        "at = datetime.datetime.now()",
        "at = date.today()",
        "at = time.time()",
        "clock = time.monotonic",
        "from time import time_ns",
    ],
)
def test_a_clock_read_is_found(sample: str) -> None:
    """The check on clocks sees a reading however the module was imported."""
    assert len(house_rules.clock_reads(sample)) == 1


def test_exemptions_carry_a_code_and_a_reason() -> None:
    """Whoever silences the linter or the type checker says which rule and why."""
    found = [(path, line) for path, text in SOURCES.items() for line in house_rules.unreasoned_exemptions(text)]
    assert found == []


@pytest.mark.parametrize(
    ("comment", "accepted"),
    [
        ("# noqa: S603 the program is ours", True),
        ("# noqa: S603, S607 - the program is ours", True),
        ("# noqa: S603 - `run` is ours", True),
        ("# noqa: S603", False),
        ("# noqa: S603, S607, S101", False),
        ("# noqa", False),
        ("# ruff: noqa", False),
        ("# type: ignore[arg-type]  # authlib has no types", True),
        ("# type: ignore[arg-type]", False),
        ("# type: ignore", False),
    ],
)
def test_an_unreasoned_exemption_is_found(comment: str, accepted: bool) -> None:  # noqa: FBT001 a table's column
    """The check on exemptions wants the code and at least two words of reason."""
    assert (house_rules.unreasoned_exemptions(f"x = 1  {comment}\n") == []) is accepted


def test_the_repository_names_no_machine() -> None:
    """No file names a machine's paths or a registry's host, nor tells how it was written."""
    assert [(path, found) for path, text in FILES.items() for found in house_rules.forbidden_words(text)] == []


def test_only_tests_look_outside_the_repository() -> None:
    """The product and its documents stand alone; a folder beside the repository may only be read by tests."""
    beside = "../" + "shared"
    assert [path for path, text in FILES.items() if beside in text and not path.startswith("tests/")] == []


@pytest.mark.parametrize(
    "parts",
    [
        ("/wo", "rk/main"),
        ("/ro", "ot/x"),
        ("/tm", "p/x"),
        ("files.pyth", "onhosted.org"),
        ("an AI ag", "ent wrote"),
    ],
)
def test_a_forbidden_word_is_found(parts: tuple[str, str]) -> None:
    """The check on words sees each kind, and its own list does not trip it."""
    assert len(house_rules.forbidden_words("first line\n" + "".join(parts))) == 1
