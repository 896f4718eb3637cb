"""Reads the files of vectors as any other program would: JSON, without the code that wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "Json", "cases", "named", "vectors"]

Json = dict[str, Any]
FOLDER = Path(__file__).parent


def vectors(name: str) -> Json:
    """The content of one file."""
    content: Json = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def cases(name: str, *path: str) -> list[Any]:
    """The list of cases under a path of members of one file; an empty one would prove nothing."""
    found: Any = vectors(name)
    for member in path:
        found = found[member]
    assert isinstance(found, list)
    assert found
    return found


def named(case: Json) -> str:
    """The name of a case, for the report of a test."""
    return str(case.get("name") or f"{case.get('base', '')}-{case.get('because', '')}")
