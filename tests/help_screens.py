"""Writes the help screens in the READMEs again, as the programs print them: `make docs`.

Each document shows them in its own language, 100 columns wide; `tests/test_documents.py` compares.
"""

from __future__ import annotations

import subprocess
from typing import Final

from tests.house_words import CONSOLE_BLOCK
from tests.repository import PROGRAMS, ROOT

__all__ = ["DOCUMENTS", "main", "refreshed", "screen"]

DOCUMENTS: Final = {"README.md": "en_CA.UTF-8", "README.fr.md": "fr_CA.UTF-8"}
"""The documents that show help screens, and the locale of each."""


def screen(command: list[str], locale: str) -> str:
    """What a program prints, in a locale, on a terminal of 100 columns without colours."""
    environment = {"PATH": str(PROGRAMS), "LC_ALL": locale, "COLUMNS": "100", "TERMINAL_WIDTH": "100"}
    run = subprocess.run(
        [PROGRAMS / command[0], *command[1:]],
        env=environment | {"NO_COLOR": "1", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout


def refreshed(document: str, locale: str) -> str:
    """The document with every help screen as its program prints it now."""
    for block in CONSOLE_BLOCK.finditer(document):
        lines = [line.rstrip() for line in screen(block[1].split(), locale).strip("\n").splitlines()]
        document = document.replace(block[0], f"```console\n$ {block[1]}\n" + "\n".join(lines) + "\n```")
    return document


def main() -> None:
    """Write each document."""
    for name, locale in DOCUMENTS.items():
        path = ROOT / name
        path.write_text(refreshed(path.read_text(encoding="utf-8"), locale), encoding="utf-8")


if __name__ == "__main__":
    main()
