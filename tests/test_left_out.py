"""A test that does not run must not look as if it had passed."""

import subprocess
import sys
from pathlib import Path

from tests.repository import ROOT


def _marked(mark: str, statement: str) -> str:
    return f"import pytest\n@pytest.mark.{mark}\ndef test_marked():\n    {statement}\n"


SAMPLES = {
    "test_called.py": "from pytest import skip\ndef test_called():\n    skip('for now')\n",
    "test_marked.py": _marked("skip(reason='for now')", "pass"),
    "test_expected.py": _marked("xfail", "assert False"),
    "test_surprising.py": _marked("xfail", "pass"),
    "test_absent.py": "from pytest import importorskip\nimportorskip('no_such_module')\ndef test_absent(): ...\n",
    "test_kept.py": "def test_kept(): ...\n",
}


def test_a_test_left_out_fails_the_run(tmp_path: Path) -> None:
    """Skipped, expected to fail, or in a module that cannot be imported: each counts as a failure."""
    for name, source in SAMPLES.items():
        (tmp_path / name).write_text(source)
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    run = subprocess.run([*command, tmp_path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "3 failed, 1 passed, 2 errors" in run.stdout
    assert "skipped" not in run.stdout.splitlines()[-1]
