"""Writes the protocol’s test vectors: `make vectors`, then look at what changed and commit it.

Everything comes from fixed seeds and fixed times, so a second run writes the same bytes. What is random by design is
kept in `once.json` and only made anew when the thing it was made of has changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.vectors.cases.key_material import key_material
from tests.vectors.cases.once import Once
from tests.vectors.cases.papers import agreement, statement
from tests.vectors.cases.reading import forms, strict_json
from tests.vectors.cases.sealed import envelope, padding, sealing
from tests.vectors.cases.signed import key_chain, signed_documents
from tests.vectors.cases.tree import checkpoint, leaves, merkle_tree
from tests.vectors.cases.verdicts import decisions
from tests.vectors.cases.witnessing import log_proofs, policies, witnesses

__all__ = ["FOLDER", "made", "main"]

FOLDER: Final = Path(__file__).parent
KEPT: Final = "once.json"

_FIXED: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "strict-json": strict_json,
    "forms": forms,
    "keys": key_material,
    "signed-documents": signed_documents,
    "padding": padding,
    "statement": statement,
    "leaves": leaves,
    "tree": merkle_tree,
    "decisions": decisions,
    "policies": policies,
}
_WITH_CHANCE: Final[Mapping[str, Callable[[Once], dict[str, Any]]]] = {
    "key-chain": key_chain,
    "sealing": sealing,
    "envelope": envelope,
    "agreement": agreement,
    "checkpoint": checkpoint,
    "witnesses": witnesses,
    "log-proofs": log_proofs,
}


def made(once: Once) -> dict[str, bytes]:
    """Every file of vectors by name, made anew but for what `once` keeps."""
    files = {f"{name}.json": _written(build()) for name, build in _FIXED.items()}
    files |= {f"{name}.json": _written(build(once)) for name, build in _WITH_CHANCE.items()}
    return files | {KEPT: _written(dict(sorted(once.used.items())))}


def kept() -> Once:
    """What was made once and is in the repository."""
    path = FOLDER / KEPT
    return Once(json.loads(path.read_text(encoding="utf-8")) if path.exists() else {})


def main() -> None:
    """Write every file of this folder."""
    for name, data in made(kept()).items():
        (FOLDER / name).write_bytes(data)


def _written(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


if __name__ == "__main__":
    main()
