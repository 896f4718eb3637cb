"""The files of this repository, read once for the tests that look at all of them."""

import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORES = ("keys", "consent", "journal")
PACKAGES = (*CORES, "gateway", "adapters", "sandbox")
PROGRAMS = Path(sys.executable).parent
MADE_BY_TOOLS = frozenset({"__pycache__", "build", "dist"})
NOT_TEXT = frozenset({".bin", ".db", ".key", ".pdf", ".png", ".pyc", ".sqlite", ".sqlite3"})


def read_tree(root: Path) -> dict[str, str]:
    """Every text file under a folder, by its path from there; hidden folders are left to the tools."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name == ".ci" or not name.startswith(".")]
        folders[:] = sorted(set(folders) - MADE_BY_TOOLS)
        for path in (Path(folder, name) for name in names if Path(name).suffix not in NOT_TEXT):
            found[path.relative_to(root).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return found


FILES = read_tree(ROOT)
SOURCES = {path: text for path, text in FILES.items() if path.endswith(".py")}
CODE = {path: text for path, text in SOURCES.items() if path.split("/")[0] in PACKAGES}
HAND_WRITTEN = {path: text for path, text in SOURCES.items() if "/migrations/" not in path}
PURE = {
    path: text
    for path, text in CODE.items()
    if path.split("/")[0] in CORES and not path.endswith(("/cli.py", "/keystore.py"))
}
WORDED = tuple(name for name in PACKAGES if f"{name}/labels/en.toml" in FILES or f"{name}/labels/fr.toml" in FILES)


def catalogue(package: str, language: str) -> dict[str, object]:
    """The words of one package in one language, as its file nests them."""
    return tomllib.loads(FILES[f"{package}/labels/{language}.toml"])
