"""What the broker writes about itself while it runs: one JSON object a line, of known fields only.

ARCHITECTURE §6. An event is named `noun.verb`; a field that is not in the list below is dropped, whoever wrote it, so
that nothing anybody sent can end in a log by accident. Of what libraries report, only the place in their code and the
kind of error are kept: their sentences may quote what they were given.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

__all__ = ["FIELDS", "configure_logs"]

FIELDS: Final = frozenset(
    {
        "code",
        "correlation",
        "count",
        "event",
        "kind",
        "level",
        "library",
        "port",
        "signal",
        "size",
        "time",
        "where",
    }
)
"""Every field a line may have; none of them can hold a sentence, an address or an identifier of anybody."""
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: str, stream: TextIO | None = None) -> None:
    """Write events of `level` and above to `stream` (standard error by default), and libraries' from warnings up."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _keep_known_fields,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_LibraryHandler(logging.WARNING)], level=logging.WARNING, force=True)


def _keep_known_fields(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in FIELDS}


class _LibraryHandler(logging.Handler):
    """Tells that a library reported something and where, without its words."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line for a record; its message and arguments are never read."""
        about = {"library": record.name, "where": f"{record.module}:{record.lineno}"}
        if record.exc_info and record.exc_info[0] is not None:
            about |= {"kind": record.exc_info[0].__name__, "where": _innermost(record.exc_info[2])}
        log = structlog.get_logger("libraries")
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write("library.reported", **about)


def _innermost(traceback: TracebackType | None) -> str:
    """Where an error was raised, as module and line."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}" if traceback else "unknown"
