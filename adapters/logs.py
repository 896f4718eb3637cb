"""What this program writes in its log: events and ids, one JSON object a line, and nothing else.

ARCHITECTURE §6. A field that is not in the list is dropped, so that nothing of a person can slip into a log.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

__all__ = ["ALLOWED", "log_to_stderr", "only_allowed"]

ALLOWED: Final = frozenset(
    {"event", "level", "timestamp", "envelope", "ref", "item", "code", "result", "count", "kind", "size"}
)
"""The only fields that are ever written; each is an id, a code, a number or a moment."""


def log_to_stderr() -> None:
    """Write JSON lines on standard error, as services are expected to."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def only_allowed(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not in the list."""
    return {name: value for name, value in fields.items() if name in ALLOWED}
