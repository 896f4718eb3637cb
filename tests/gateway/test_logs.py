"""The broker's log: JSON of known fields, and nothing that anybody sent."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.logs import FIELDS, configure_logs
from tests.gateway.first_day import CANARY


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; afterwards everything is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    configure_logs("info", out)
    yield out
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_level_and_time(stream: io.StringIO) -> None:
    """One object a line, in UTC."""
    structlog.get_logger("gateway").info("broker.started", port=8440)
    [line] = _lines(stream)
    assert (line["event"], line["level"], line["port"]) == ("broker.started", "info", 8440)
    assert line["time"].endswith("Z")


def test_an_unknown_field_is_dropped(stream: io.StringIO) -> None:
    """Whoever writes a name, an address or an identifier into a line finds it gone."""
    structlog.get_logger("gateway").error("request.failed", kind="ValueError", name=CANARY, url=CANARY, address=CANARY)
    assert CANARY not in stream.getvalue()
    assert set(_lines(stream)[0]) <= FIELDS


def test_what_is_below_the_level_is_not_written(stream: io.StringIO) -> None:
    """Debugging is off unless it was asked for."""
    structlog.get_logger("gateway").debug("broker.started")
    logging.getLogger("library").info("words")
    assert stream.getvalue() == ""


def test_a_library_is_heard_without_its_words(stream: io.StringIO) -> None:
    """A warning or an error of a library says where and of which kind; never its message, arguments or exception."""
    logging.getLogger("uvicorn.error").warning("refused %s", CANARY)
    try:
        int(CANARY)  # its message repeats what it was given
    except ValueError:
        logging.getLogger("sqlalchemy").exception("failed with %s", CANARY)
    assert CANARY not in stream.getvalue()
    warning, error = _lines(stream)
    assert (warning["event"], warning["library"], warning["level"]) == ("library.reported", "uvicorn.error", "warning")
    assert (error["library"], error["kind"], error["level"]) == ("sqlalchemy", "ValueError", "error")
    assert __name__ in error["where"]
