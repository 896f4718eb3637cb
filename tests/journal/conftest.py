"""Where an auditor stands: pins at hand, English unless a test chooses, evidence kept in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journal.auditing import folder, pinned_at


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pins of the broker."""
    monkeypatch.setenv("LC_ALL", "en_CA.UTF-8")
    monkeypatch.chdir(folder(tmp_path, "cwd"))
    return pinned_at(tmp_path)
